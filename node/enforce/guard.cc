#include "node/enforce/guard.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <nftables/libnftables.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

namespace acl::node {
namespace {

using Json = nlohmann::json;

tl::unexpected<Diagnostic> unavailable(std::string_view what) {
  return fail(Code::E1324, fmt::format("the guard: {}", what),
              "it needs CAP_NET_ADMIN and a kernel with nf_tables (CONFIG_NF_TABLES, CONFIG_NF_TABLES_INET)");
}

tl::unexpected<Diagnostic> missing(const std::string& table) {
  return fail(Code::E1325, fmt::format("nftables has no table \"inet {}\"", table),
              "it is put back; who took it away?");
}

tl::unexpected<Diagnostic> altered(const std::string& table) {
  return fail(Code::E1325, fmt::format("somebody changed nftables' table \"inet {}\"", table),
              fmt::format("it is put back; compare `nft list table inet {}` with docs/decisions/0009", table));
}

bool is_word(std::string_view text, std::string_view more) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           more.find(c) != std::string_view::npos;
  });
}

// One command or more, as a transaction; what it prints.
Expected<std::string> run(const std::string& commands, unsigned output_flags) {
  const std::unique_ptr<nft_ctx, decltype(&nft_ctx_free)> context(nft_ctx_new(NFT_CTX_DEFAULT), nft_ctx_free);
  if (!context || nft_ctx_buffer_output(context.get()) != 0 || nft_ctx_buffer_error(context.get()) != 0) {
    return unavailable("no memory for nftables");
  }
  nft_ctx_output_set_flags(context.get(), output_flags);
  const int failed = nft_run_cmd_from_buffer(context.get(), commands.c_str());
  if (failed == 0) return std::string(nft_ctx_get_output_buffer(context.get()));
  std::string_view why = nft_ctx_get_error_buffer(context.get());
  why = why.substr(0, why.find('\n'));  // the rest repeats the command
  return unavailable(why.empty() ? "refused without a reason" : why);
}

constexpr unsigned listing_flags = NFT_CTX_OUTPUT_JSON | NFT_CTX_OUTPUT_HANDLE | NFT_CTX_OUTPUT_NUMERIC_ALL;

// The table, as libnftables-json(5) has it; check_table() was content with it. What cannot be read is not as it should be.
Expected<Json> list(const std::string& table) {
  const auto listed = run(fmt::format("list table inet {}\n", table), listing_flags);
  if (!listed) {
    const bool gone = listed.error().message.find("No such file or directory") != std::string::npos;
    return gone ? missing(table) : tl::unexpected(listed.error());
  }
  Json json = Json::parse(*listed, nullptr, false);
  if (json.is_discarded() || !json.contains("nftables") || !json["nftables"].is_array()) return altered(table);
  return json;
}

Json match(Json left, Json right) {
  return {{"match", {{"op", "=="}, {"left", std::move(left)}, {"right", std::move(right)}}}};
}

// What list() gives if all is as it should be, less what differs every time: handles, counts, versions.
Json expected(const GuardOptions& options) {
  Json objects = Json::array();
  objects.push_back({{"table", {{"family", "inet"}, {"name", options.table}}}});
  objects.push_back({{"chain",
                      {{"family", "inet"},
                       {"table", options.table},
                       {"name", "prerouting"},
                       {"type", "filter"},
                       {"hook", "prerouting"},
                       {"prio", guard_priority},
                       {"policy", "accept"}}}});
  const Json counter = {{"counter", nullptr}};
  const Json drop = {{"drop", nullptr}};
  for (const std::string& interface : options.interfaces) {
    const Json mark = {{"&", {{{"meta", {{"key", "mark"}}}}, options.mark_bit}}};
    const Json statements = {match({{"meta", {{"key", "iifname"}}}}, interface), match(mark, 0), counter, drop};
    objects.push_back(
        {{"rule", {{"family", "inet"}, {"table", options.table}, {"chain", "prerouting"}, {"expr", statements}}}});
  }
  return objects;
}

Json comparable(const Json& listed) {
  Json objects = Json::array();
  for (Json object : listed["nftables"]) {
    if (object.contains("metainfo")) continue;
    for (Json& inner : object) {
      if (!inner.is_object()) continue;
      inner.erase("handle");
      if (!inner.contains("expr") || !inner["expr"].is_array()) continue;
      for (Json& statement : inner["expr"]) {
        if (statement.is_object() && statement.contains("counter")) statement["counter"] = nullptr;
      }
    }
    objects.push_back(std::move(object));
  }
  return objects;
}

}  // namespace

Expected<Guard> Guard::make(GuardOptions options) {
  if (!is_word(options.table, "_")) return unavailable(fmt::format("\"{}\" is no name for a table", options.table));
  if (options.interfaces.empty()) return unavailable("no interface is named");
  for (const std::string& interface : options.interfaces) {
    // nft(8) reads a "*" at the end as "whatever begins so".
    if (interface.size() >= IFNAMSIZ || !is_word(interface, "_-.@")) {
      return unavailable(fmt::format("\"{}\" is no interface's name", interface));
    }
  }
  if (!std::has_single_bit(options.mark_bit)) {
    return unavailable(fmt::format("mark {:#x} is not one bit", options.mark_bit));
  }
  return Guard(std::move(options));
}

Guard::Guard(Guard&& other) noexcept
    : options_(std::move(other.options_)),
      netlink_(std::exchange(other.netlink_, -1)),
      sequence_(other.sequence_),
      checked_(other.checked_) {}

Guard::~Guard() {
  if (netlink_ >= 0) ::close(netlink_);
}

std::string Guard::text() const {
  std::string text = fmt::format(
      "table inet {} {{\n  chain prerouting {{\n    type filter hook prerouting priority {}; policy accept;\n",
      options_.table, guard_priority);
  for (const std::string& interface : options_.interfaces) {
    text += fmt::format("    iifname \"{}\" meta mark & {:#010x} == 0 counter drop\n", interface, options_.mark_bit);
  }
  return text + "  }\n}\n";
}

Expected<void> Guard::install() {
  auto there = check();
  if (there || there.error().code != Code::E1325) return there;
  // Made if it is not there, so that it can be deleted; one transaction, so that between the old and the new there is nothing.
  const auto loaded = run(fmt::format("table inet {0}\ndelete table inet {0}\n{1}", options_.table, text()), 0);
  if (!loaded) return tl::unexpected(loaded.error());
  return check();
}

Expected<void> Guard::remove() {
  checked_.reset();
  // Asked first, since the library says some things on standard error only.
  if (auto reachable = generation(); !reachable) return tl::unexpected(reachable.error());
  const auto removed = run(fmt::format("table inet {0}\ndelete table inet {0}\n", options_.table), 0);
  if (!removed) return tl::unexpected(removed.error());
  return {};
}

Expected<void> Guard::check() {
  const auto now = generation();
  if (!now) return tl::unexpected(now.error());
  if (checked_ == *now) return {};
  checked_.reset();
  if (auto plain = check_table(); !plain) return plain;
  const auto listed = list(options_.table);
  if (!listed) return tl::unexpected(listed.error());
  if (comparable(*listed) != expected(options_)) return altered(options_.table);
  checked_ = *now;
  return {};
}

Expected<std::uint64_t> Guard::dropped() {
  if (auto plain = check_table(); !plain) return tl::unexpected(plain.error());
  const auto listed = list(options_.table);
  if (!listed) return tl::unexpected(listed.error());
  std::uint64_t packets = 0;
  for (const Json& object : (*listed)["nftables"]) {
    if (!object.contains("rule") || !object["rule"].contains("expr")) continue;
    for (const Json& statement : object["rule"]["expr"]) {
      if (statement.contains("counter") && statement["counter"].is_object()) {
        packets += statement["counter"].value("packets", std::uint64_t{0});
      }
    }
  }
  return packets;
}

// One question to nf_tables. Head, family, then attributes of four bytes and a value each, in what is asked as in what is answered.
Expected<Guard::Answer> Guard::ask(std::uint16_t type, std::uint8_t family, std::span<const std::uint8_t> attributes) {
  if (netlink_ < 0) {
    netlink_ = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    if (netlink_ < 0) return unavailable(fmt::format("no netlink socket: {}", std::strerror(errno)));
  }
  constexpr std::size_t before_attributes = sizeof(nlmsghdr) + sizeof(nfgenmsg);
  nlmsghdr head{};
  head.nlmsg_len = static_cast<std::uint32_t>(before_attributes + attributes.size());
  head.nlmsg_type = static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | type);
  head.nlmsg_flags = NLM_F_REQUEST;
  head.nlmsg_seq = ++sequence_;
  const nfgenmsg generic{family, NFNETLINK_V0, 0};
  std::vector<std::uint8_t> request(head.nlmsg_len);
  std::memcpy(request.data(), &head, sizeof head);
  std::memcpy(request.data() + sizeof head, &generic, sizeof generic);
  std::copy(attributes.begin(), attributes.end(), request.begin() + before_attributes);
  if (::send(netlink_, request.data(), request.size(), 0) != static_cast<ssize_t>(request.size())) {
    return unavailable(std::strerror(errno));
  }
  // The kernel has answered by now.
  std::array<std::uint8_t, 8192> bytes;
  for (;;) {
    const ssize_t got = ::recv(netlink_, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unavailable(fmt::format("no answer: {}", std::strerror(errno)));
    if (static_cast<std::size_t>(got) < before_attributes) return unavailable("half an answer");
    std::memcpy(&head, bytes.data(), sizeof head);
    if (head.nlmsg_seq != sequence_) continue;  // of a question that failed
    Answer answer;
    if (head.nlmsg_type == NLMSG_ERROR) {
      std::memcpy(&answer.error, bytes.data() + sizeof head, sizeof answer.error);
      answer.error = -answer.error;
      return answer;
    }
    const auto end = std::min<std::size_t>(static_cast<std::size_t>(got), head.nlmsg_len);
    if (end > before_attributes)
      answer.attributes.assign(bytes.begin() + before_attributes, bytes.begin() + static_cast<std::ptrdiff_t>(end));
    return answer;
  }
}

namespace {

// The attribute of that type, a number in network byte order.
std::optional<std::uint32_t> number(std::span<const std::uint8_t> attributes, int type) {
  while (attributes.size() >= sizeof(nlattr)) {
    nlattr head{};
    std::memcpy(&head, attributes.data(), sizeof head);
    if (head.nla_len < sizeof head || head.nla_len > attributes.size()) break;
    if ((head.nla_type & NLA_TYPE_MASK) == type && head.nla_len == sizeof head + 4) {
      std::uint32_t value = 0;
      std::memcpy(&value, attributes.data() + sizeof head, sizeof value);
      return ntohl(value);
    }
    attributes = attributes.subspan(std::min<std::size_t>((head.nla_len + 3U) & ~3U, attributes.size()));
  }
  return std::nullopt;
}

}  // namespace

// Every change of any table, by anybody, gives the rules of this network namespace another generation number.
Expected<std::uint32_t> Guard::generation() {
  const auto answer = ask(NFT_MSG_GETGEN, AF_UNSPEC, {});
  if (!answer) return tl::unexpected(answer.error());
  if (answer->error != 0) return unavailable(std::strerror(answer->error));
  const auto id = number(answer->attributes, NFTA_GEN_ID);
  if (!id) return unavailable("no generation number");
  return *id;
}

// E1325 unless the table is there and without flags. Asked before libnftables is: what its 1.0.6 prints as JSON of a table with
// flags ends in the middle, or does not, from run to run.
Expected<void> Guard::check_table() {
  nlattr head{};
  head.nla_len = static_cast<std::uint16_t>(sizeof head + options_.table.size() + 1);
  head.nla_type = NFTA_TABLE_NAME;
  std::vector<std::uint8_t> name((head.nla_len + 3U) & ~3U);
  std::memcpy(name.data(), &head, sizeof head);
  std::memcpy(name.data() + sizeof head, options_.table.data(), options_.table.size());
  const auto answer = ask(NFT_MSG_GETTABLE, NFPROTO_INET, name);
  if (!answer) return tl::unexpected(answer.error());
  if (answer->error == ENOENT) return missing(options_.table);
  if (answer->error != 0) return unavailable(std::strerror(answer->error));
  if (number(answer->attributes, NFTA_TABLE_FLAGS).value_or(0) != 0) return altered(options_.table);
  return {};
}

}  // namespace acl::node
