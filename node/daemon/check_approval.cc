#include "node/daemon/check_approval.h"

#include <fmt/format.h>

#include "engine/release/base64.h"
#include "engine/release/text.h"

namespace acl::node {
namespace {

constexpr std::string_view format_line = "aclnode check approval 1";
constexpr std::string_view name = "approval";

Key take_key(release::Lines& lines, std::string_view word) {
  Key key{};
  if (!release::decode_base64(lines.value(word), key)) lines.fault("no WireGuard key");
  return key;
}

}  // namespace

std::string print_approval(const CheckApprovalText& approval) {
  return fmt::format("{}\nnode {}\nsource {}\nuser {}\nnot-before {}\nexpires {}\n", format_line,
                     release::encode_base64(approval.node), release::encode_base64(approval.subject.source),
                     approval.subject.person, release::print_time(approval.from), release::print_time(approval.until));
}

Expected<CheckApprovalText> parse_approval(std::string_view text) {
  if (text.size() > approval_limit) return fail(Code::E1424, "the approval is too long");
  release::Lines lines(text, name, Code::E1424);
  lines.literal(format_line);
  CheckApprovalText out;
  out.node = take_key(lines, "node");
  out.subject.source = take_key(lines, "source");
  out.subject.person = lines.value("user");
  if (!Checks::can_keep(out.subject)) lines.fault("no login of a person");
  out.from = lines.time("not-before");
  out.until = lines.time("expires");
  if (auto fault = lines.finish()) return tl::unexpected(std::move(*fault));
  return out;
}

Expected<SignedApproval> read_approval(std::string_view text, std::string_view signature,
                                       const release::TrustSet& trust, const Key& node, release::Time now) {
  const auto refuse = [](std::string why, std::string help = {}) {
    return fail(Code::E1424, "the approval does not count: " + std::move(why), std::move(help));
  };
  const auto parsed = release::parse_signature(signature, "signature");
  if (!parsed) return refuse(parsed.error().message, "sign it with `minisign -S -s KEY -m FILE`");
  const release::TrustedKey* key = trust.find(parsed->id);
  if (key == nullptr)
    return refuse(fmt::format("the key {} is none of the trust set", parsed->id.text()),
                  "`aclnode status` shows whose trust set this node has");
  // Before anything of the text is read.
  if (!release::verify(*parsed, key->key, release::as_bytes(text)))
    return refuse("the signature is of another text, or damaged");
  const auto approval = parse_approval(text);
  if (!approval) return refuse(approval.error().message);
  if (approval->node != node) return refuse("it is for another node");
  if (approval->until <= approval->from || approval->until - approval->from > Checks::longest_period)
    return refuse("it lasts longer than 168 h, or not at all");
  if (now < approval->from)
    return refuse(fmt::format("it begins at {}", release::print_time(approval->from)),
                  "wait until then, or compare clocks");
  if (now >= approval->until) return refuse(fmt::format("it ended at {}", release::print_time(approval->until)));
  return SignedApproval{approval->subject, {approval->from, approval->until, parsed->id.text()}};
}

}  // namespace acl::node
