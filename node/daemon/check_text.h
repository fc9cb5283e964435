// The texts of a check: what a person signs, and what is shown. Pure.
//
// What is signed has one form, of one line without an end, docs/protocol.md "What is signed for a check":
//
//   aclnode-check-1 node=<key> source=<key> user=<account> connection=<number> nonce=<64 hexadecimal digits>
//
// It names this node, the person's node, the account and the connection, and holds 32 random bytes, so that no signature is good for anything but
// the question that it was made for; whoever looks at it sees what he signs. Everything of it can stand between apostrophes of a shell: of the
// account every byte but letters, digits and "._-" is %XX.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "node/daemon/checks.h"
#include "node/protocol/login_message.h"

namespace acl::node {

struct CheckBinding {
  Key node{}, source{};
  std::string account;
  std::uint64_t connection = 0;
  std::array<std::uint8_t, 32> nonce{};
};

std::string text_to_sign(const CheckBinding& binding);

// "aclnode-check@example.com"; odd bytes of the name as above.
std::string check_name_space(std::string_view tailnet);

// What there is to do, as the person sees it.
struct CheckShown {
  std::string person, account;
  std::uint32_t wait_s = 0;
  std::string reason;  // why the last answer was not enough; empty: it is the first time
  // By OpenID Connect; no address: not that way.
  std::string address, complete_address, code;
  // By a security key; nothing to sign: not that way.
  std::string to_sign, name_space;
};

// Within the bounds of the message. `first`: the text for everybody goes along, as it has not been shown yet.
protocol::Challenge challenge_of(const CheckShown& shown, bool first);

}  // namespace acl::node
