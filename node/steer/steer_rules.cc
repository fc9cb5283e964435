#include "node/steer/steer_rules.h"

#include <fmt/format.h>
#include <nftables/libnftables.h>

#include <memory>

namespace acl::node {
namespace {

Expected<std::string> run(const std::string& commands) {
  const std::unique_ptr<nft_ctx, decltype(&nft_ctx_free)> context(nft_ctx_new(NFT_CTX_DEFAULT), nft_ctx_free);
  if (!context || nft_ctx_buffer_output(context.get()) != 0 || nft_ctx_buffer_error(context.get()) != 0)
    return fail(Code::E1401, "no memory for nftables");
  if (nft_run_cmd_from_buffer(context.get(), commands.c_str()) == 0)
    return std::string(nft_ctx_get_output_buffer(context.get()));
  std::string_view why = nft_ctx_get_error_buffer(context.get());
  why = why.substr(0, why.find('\n'));  // the rest repeats the command
  return fail(Code::E1401, fmt::format("the steering rules: {}", why),
              "they need a kernel with nf_tables and tproxy (CONFIG_NFT_TPROXY)");
}

Expected<void> told(const Expected<std::string>& output) {
  return output ? Expected<void>() : tl::unexpected(output.error());
}

std::size_t count_rules(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t at = text.find("iifname"); at != text.npos; at = text.find("iifname", at + 1)) ++count;
  return count;
}

}  // namespace

std::string steer_rules_text(const SteerRules& rules) {
  // The first line makes sure that the second has something to delete.
  std::string out = fmt::format("table inet {0}\ndelete table inet {0}\ntable inet {0} {{\n", rules.table);
  out += "  chain prerouting {\n    type filter hook prerouting priority mangle; policy accept;\n";
  for (const net::Address& own : rules.own) {
    const std::uint16_t to = own.is_v4() ? rules.listener_v4 : rules.listener_v6;
    for (const std::string* interface : {&rules.interface, &rules.master}) {
      if (interface->empty()) continue;
      const std::string match =
          fmt::format("    iifname \"{}\" {} daddr {} tcp dport {} tcp flags & (syn | ack) == syn", *interface,
                      own.is_v4() ? "ip" : "ip6", own.text(), rules.port);
      if (to != 0)
        out += fmt::format("{} tproxy {} to {}:{} accept\n", match, own.is_v4() ? "ip" : "ip6",
                           own.is_v4() ? "127.0.0.1" : "[::1]", to);
      out += match + " drop\n";
    }
  }
  return out + "  }\n}\n";
}

Expected<void> put_steer_rules(const SteerRules& rules) { return told(run(steer_rules_text(rules))); }

Expected<bool> has_steer_rules(const SteerRules& rules) {
  const auto there = run(fmt::format("list chain inet {} prerouting\n", rules.table));
  if (there) return count_rules(*there) == count_rules(steer_rules_text(rules));
  if (there.error().message.find("No such file") != std::string::npos) return false;
  return tl::unexpected(there.error());
}

Expected<void> remove_steer_rules(const std::string& table) {
  return told(run(fmt::format("table inet {0}\ndelete table inet {0}\n", table)));
}

}  // namespace acl::node
