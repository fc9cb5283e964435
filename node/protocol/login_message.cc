#include "node/protocol/login_message.h"

#include "node/protocol/coding.h"
#include "node/protocol/forward_fields.h"

namespace acl::node::protocol {
namespace {

// One list of fields for each message, for writing (Put, const) and for reading (Take) alike.

template <class Io, class M>
void fields_of_welcome(Io& io, M& m) {
  io.list(m.host_keys, most_host_keys, "list of host keys", [](auto& each, auto& key) {
    each.text(key.type, longest_name, "type of a host key");
    each.blob(key.blob, longest_key_blob, "host key");
  });
  io.number(m.keepalive_s);
  io.number(m.keepalive_count);
  io.number(m.rekey_bytes);
  io.flag(m.formality);
}

template <class Io, class M>
void fields_of_verdict(Io& io, M& m) {
  io.number(m.request);
  io.flag(m.accept);
  io.flag(m.agent_forwarding);
  io.flag(m.local_forwarding);
  io.flag(m.remote_forwarding);
  io.text(m.tell, longest_text, "line for the person");
}

template <class Io, class M>
void fields_of_exited(Io& io, M& m) {
  io.number(m.channel);
  io.flag(m.signalled);
  io.number(m.status);
  io.text(m.signal, longest_name, "signal");
  io.flag(m.core);
}

// A flag, and if it is set the number.
void fields_of_listener(wire::Put& io, const std::optional<std::uint32_t>& listener) {
  io.flag(listener.has_value());
  if (listener) io.number(*listener);
}
void fields_of_listener(wire::Take& io, std::optional<std::uint32_t>& listener) {
  bool there = false;
  io.flag(there);
  if (there) io.number(listener.emplace());
}

template <class Io, class M>
void fields_of_open(Io& io, M& m) {
  io.number(m.channel);
  wire_enum(io, m.kind, OpenKind::shell, OpenKind::subsystem);
  io.flag(m.has_terminal);
  io.text(m.terminal.name, longest_terminal, "terminal's name");
  io.number(m.terminal.columns);
  io.number(m.terminal.rows);
  io.number(m.terminal.width);
  io.number(m.terminal.height);
  io.blob(m.terminal.modes, longest_modes, "terminal's modes");
  fields_of_listener(io, m.agent);
  fields_of_listener(io, m.display);
  io.list(m.environment, most_variables, "environment", [](auto& each, auto& variable) {
    each.text(variable.first, longest_variable_name, "variable's name");
    each.text(variable.second, longest_variable, "variable");
  });
  io.long_text(m.command, longest_command, "command");
}

struct ToSshFields {
  template <class Io, class M>
  static void walk(Io& io, M& m) {
    using T = std::remove_const_t<M>;
    if constexpr (std::is_same_v<T, Welcome>) {
      fields_of_welcome(io, m);
    } else if constexpr (std::is_same_v<T, Signature>) {
      io.number(m.request);
      io.blob(m.bytes, longest_signature, "signature");
    } else if constexpr (std::is_same_v<T, LoginVerdict>) {
      fields_of_verdict(io, m);
    } else if constexpr (std::is_same_v<T, Opened>) {
      io.number(m.channel);
      wire_enum(io, m.kind, ChannelKind::terminal, ChannelKind::socket);
    } else if constexpr (std::is_same_v<T, Refused>) {
      io.number(m.channel);
      io.text(m.words, longest_text, "words");
    } else if constexpr (std::is_same_v<T, Exited>) {
      fields_of_exited(io, m);
    } else if constexpr (std::is_same_v<T, Challenge>) {
      io.number(m.request);
      io.text(m.text, longest_instruction, "text of a check");
      io.flag(m.asks);
      io.text(m.instruction, longest_instruction, "instruction of a check");
      io.text(m.prompt, longest_prompt, "prompt of a check");
    } else if constexpr (is_of_forwarding<T>) {
      fields_of_forwarding(io, m);
    } else {
      static_assert(std::is_same_v<T, End>);
      io.text(m.words, longest_text, "words");
    }
  }
};

struct FromSshFields {
  template <class Io, class M>
  static void walk(Io& io, M& m) {
    using T = std::remove_const_t<M>;
    if constexpr (std::is_same_v<T, Sign>) {
      io.number(m.request);
      io.number(m.key);
      io.blob(m.data, longest_to_sign, "data to sign");
    } else if constexpr (std::is_same_v<T, Login>) {
      io.number(m.request);
      io.text(m.user, longest_account, "user");
      wire_enum(io, m.method, Method::none, Method::keyboard_interactive);
    } else if constexpr (std::is_same_v<T, OpenChannel>) {
      fields_of_open(io, m);
    } else if constexpr (std::is_same_v<T, Signal>) {
      io.number(m.channel);
      io.text(m.name, longest_name, "signal");
    } else if constexpr (std::is_same_v<T, Closed>) {
      io.number(m.channel);
    } else if constexpr (std::is_same_v<T, Connect>) {
      io.number(m.channel);
      io.text(m.host, longest_host, "host");
      io.number(m.port);
    } else if constexpr (std::is_same_v<T, ChallengeAnswer>) {
      io.number(m.request);
      io.text(m.text, longest_check_answer, "answer to a check");
    } else if constexpr (std::is_same_v<T, Resize>) {
      io.number(m.channel);
      io.number(m.columns);
      io.number(m.rows);
      io.number(m.width);
      io.number(m.height);
    } else if constexpr (is_of_forwarding<T>) {
      fields_of_forwarding(io, m);
    } else {
      static_assert(std::is_same_v<T, Over>);
      io.text(m.words, longest_text, "words");
    }
  }
};

// The kinds of messages, by their place in the variants.
constexpr std::uint8_t first_to_ssh = 32, first_from_ssh = 48;

// What no single field bounds.
bool within_bounds(const FromSsh& message) {
  const auto* open = std::get_if<OpenChannel>(&message);
  if (open == nullptr) return true;
  std::size_t all = 0;
  for (const auto& [name, value] : open->environment) all += name.size() + value.size();
  return all <= longest_environment;
}

}  // namespace

Expected<Bytes> encode(const ToSsh& message) { return encode_variant<ToSshFields>(message, first_to_ssh); }

Expected<ToSsh> decode_to_ssh(ByteView bytes) { return decode_variant<ToSsh, ToSshFields>(bytes, first_to_ssh); }

Expected<Bytes> encode(const FromSsh& message) {
  if (!within_bounds(message)) return fail(Code::E1361, "the environment is longer than may be sent");
  return encode_variant<FromSshFields>(message, first_from_ssh);
}

Expected<FromSsh> decode_from_ssh(ByteView bytes) {
  auto message = decode_variant<FromSsh, FromSshFields>(bytes, first_from_ssh);
  if (message && !within_bounds(*message)) return malformed(bytes);
  return message;
}

}  // namespace acl::node::protocol
