// What people and files say to aclnode: a question on the control socket, a target of `why`, a configuration, an approval; and what a daemon
// answers to the command. Any bytes.
//
// Nothing crashes or overreads; what is accepted is written and read back alike; a text for people has no control characters but line
// ends.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "node/daemon/answers.h"
#include "node/daemon/check_approval.h"
#include "node/daemon/config.h"
#include "node/daemon/control.h"
#include "node/daemon/questions.h"

namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "control_fuzz: %s\n", what);
  std::abort();
}

void require_plain(const std::string& text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    require(byte == '\n' || (byte >= 0x20 && byte != 0x7f), "a control character reaches the terminal");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto ask = acl::node::parse_ask(text)) {
    const std::string line = acl::node::print_ask(*ask);
    const auto again = acl::node::parse_ask(std::string_view(line).substr(0, line.size() - 1));
    require(again && acl::node::print_ask(*again) == line, "a question does not read back");
  }
  if (const auto target = acl::node::parse_target(text)) {
    require(!target->name.empty() && target->first_port <= target->last_port, "an odd target");
  }
  if (const auto config = acl::node::parse_config(text, "aclnode.toml")) {
    const std::string printed = acl::node::print_config(*config);
    const auto again = acl::node::parse_config(printed, "aclnode.toml");
    require(again && acl::node::print_config(*again) == printed, "a configuration does not read back");
  }
  if (const auto approval = acl::node::parse_approval(text))
    require(acl::node::print_approval(*approval) == text, "an approval does not read back");
  if (const auto checks = acl::node::parse_checks(text, "checks"))
    require(acl::node::parse_checks(acl::node::print_checks(*checks), "checks").has_value(), "checks do not read back");
  require_plain(acl::node::status_text(text));
  require_plain(acl::node::whois_text(text));
  require_plain(acl::node::checks_text(text));
  require_plain(acl::node::why_text(text));
  return 0;
}
