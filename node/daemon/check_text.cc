#include "node/daemon/check_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/release/base64.h"
#include "engine/release/text.h"
#include "node/protocol/session_message.h"

namespace acl::node {

using release::quoted;

namespace {

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  std::string out;
  for (const char c : text) {
    if (plain.find(c) != std::string_view::npos)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
  }
  return out;
}

std::string cut(std::string text, std::size_t most) {
  if (text.size() > most) text.resize(most);
  return text;
}

// Clients show an instruction as one record of their log, of which OpenSSH's has room for 1023 bytes; a backslash it shows twice. xargs makes one
// line of several, as a terminal gives no more to a prompt.
std::string instruction_of(const CheckShown& shown) {
  std::string out;
  if (!shown.reason.empty()) out += fmt::format("{}\n", shown.reason);
  out += fmt::format("Sign with a security key of {}, where it is plugged in:\n\n", protocol::shown(shown.person));
  out += fmt::format("printf %s '{}' | ssh-keygen -Y sign -n {} -f ~/.ssh/id_ed25519_sk | xargs\n\n", shown.to_sign,
                     shown.name_space);
  out += "Paste the one line that it prints";
  out += shown.address.empty() ? ".\n" : ", or press Enter once you have logged in at the address above.\n";
  return out;
}

}  // namespace

std::string text_to_sign(const CheckBinding& binding) {
  return fmt::format("aclnode-check-1 node={} source={} user={} connection={} nonce={}",
                     release::encode_base64(binding.node), release::encode_base64(binding.source),
                     percent_encoded(binding.account), binding.connection, release::hex(binding.nonce));
}

std::string check_name_space(std::string_view tailnet) { return "aclnode-check@" + percent_encoded(tailnet); }

protocol::Challenge challenge_of(const CheckShown& shown, bool first) {
  protocol::Challenge out;
  if (first) {
    out.text = fmt::format("Policy asks that {} proves anew who logs in as {} here, within {} s.\n",
                           protocol::shown(shown.person), quoted(shown.account), shown.wait_s);
    if (!shown.address.empty()) {
      out.text += fmt::format("Open {} and enter the code {}\n", shown.address, shown.code);
      const std::string at_once = fmt::format("or open {}\n", shown.complete_address);
      if (!shown.complete_address.empty() && out.text.size() + at_once.size() < protocol::longest_instruction)
        out.text += at_once;
    } else {
      out.text += "A client that cannot ask you cannot log in now: do it once from a terminal.\n";
    }
  }
  out.asks = !shown.to_sign.empty();
  if (out.asks) {
    out.instruction = cut(instruction_of(shown), protocol::longest_instruction);
    out.prompt = shown.address.empty() ? "Signature: " : "Signature, or Enter: ";
  } else if (!shown.reason.empty()) {
    out.text += shown.reason + "\n";
  }
  out.text = cut(std::move(out.text), protocol::longest_instruction);
  return out;
}

}  // namespace acl::node
