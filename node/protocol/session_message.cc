#include "node/protocol/session_message.h"

#include "node/protocol/coding.h"

namespace acl::node::protocol {
namespace {

constexpr std::size_t longest_address = 16;

template <class Io, class M>
void fields_of_endpoint(Io& io, M& m) {
  io.blob(m.address, longest_address, "address");
  io.number(m.port);
}

template <class Io, class M>
void fields_of_begin(Io& io, M& m) {
  io.number(m.number);
  fields_of_endpoint(io, m.source);
  fields_of_endpoint(io, m.own);
  io.number(m.grace_s);
  io.number(m.keepalive_s);
  io.number(m.keepalive_count);
  io.number(m.rekey_bytes);
  io.flag(m.formality);
  io.text(m.ssh_program, longest_path, "program");
  io.text(m.ssh_user, longest_user, "program's user");
  io.text(m.key_folder, longest_path, "folder of host keys");
  io.text(m.pam_service, longest_name, "PAM service");
  io.text(m.sftp_server, longest_path, "sftp server");
  io.text(m.resume_socket, longest_path, "socket");
}

template <class Io, class M>
void fields_of_decision(Io& io, M& m) {
  io.number(m.request);
  io.flag(m.accept);
  io.flag(m.agent_forwarding);
  io.flag(m.local_forwarding);
  io.flag(m.remote_forwarding);
  io.flag(m.x11_forwarding);
  io.number(m.narrowed);
  io.text(m.tell, longest_text, "line for the person");
  io.list(m.patterns, most_patterns, "patterns",
          [](auto& each, auto& pattern) { each.text(pattern, longest_pattern, "pattern"); });
  io.text(m.checked, longest_person, "person who was checked");
}

template <class Io, class M>
void fields_of_challenge(Io& io, M& m) {
  io.number(m.wait_s);
  io.number(m.challenge.request);
  io.text(m.challenge.text, longest_instruction, "text of a check");
  io.flag(m.challenge.asks);
  io.text(m.challenge.instruction, longest_instruction, "instruction of a check");
  io.text(m.challenge.prompt, longest_prompt, "prompt of a check");
}

struct ToSessionFields {
  template <class Io, class M>
  static void walk(Io& io, M& m) {
    using T = std::remove_const_t<M>;
    if constexpr (std::is_same_v<T, Begin>) {
      fields_of_begin(io, m);
    } else if constexpr (std::is_same_v<T, Decision>) {
      fields_of_decision(io, m);
    } else if constexpr (std::is_same_v<T, EndSession>) {
      io.text(m.words, longest_text, "words");
    } else if constexpr (std::is_same_v<T, KillLogin>) {
      io.number(m.number);
    } else if constexpr (std::is_same_v<T, SessionChallenge>) {
      fields_of_challenge(io, m);
    } else if constexpr (std::is_same_v<T, Record>) {
      io.flag(m.enforce);
      io.text(m.folder, longest_path, "folder of recordings");
      io.text(m.user, longest_user, "recorder's user");
      io.number(m.keep_free);
    } else {
      static_assert(std::is_same_v<T, GoOn>);
    }
  }
};

struct FromSessionFields {
  template <class Io, class M>
  static void walk(Io& io, M& m) {
    using T = std::remove_const_t<M>;
    if constexpr (std::is_same_v<T, May>) {
      io.number(m.request);
      io.text(m.user, longest_account, "user");
      io.flag(m.exists);
      io.flag(m.is_root);
      wire_enum(io, m.method, Method::none, Method::keyboard_interactive);
    } else if constexpr (std::is_same_v<T, LoggedIn>) {
      io.text(m.user, longest_account, "user");
    } else if constexpr (std::is_same_v<T, Resume>) {
      io.number(m.number);
      fields_of_endpoint(io, m.source);
      fields_of_endpoint(io, m.own);
      io.text(m.user, longest_account, "user");
      io.flag(m.is_root);
      io.number(m.since);
      io.flag(m.agent_forwarding);
      io.flag(m.local_forwarding);
      io.flag(m.remote_forwarding);
      io.flag(m.x11_forwarding);
      io.text(m.checked, longest_person, "person who was checked");
      io.flag(m.recorded);
    } else if constexpr (std::is_same_v<T, SessionAnswer>) {
      io.number(m.request);
      io.text(m.text, longest_check_answer, "answer to a check");
    } else if constexpr (std::is_same_v<T, Recording>) {
      io.text(m.file, longest_path, "file");
    } else if constexpr (std::is_same_v<T, NotRecorded>) {
      io.text(m.words, longest_text, "words");
    } else {
      static_assert(std::is_same_v<T, SessionOver>);
      io.text(m.words, longest_text, "words");
    }
  }
};

constexpr std::uint8_t first_to_session = 64, first_from_session = 80;

bool is_address(const Endpoint& endpoint) { return endpoint.address.size() == 4 || endpoint.address.size() == 16; }

}  // namespace

Expected<Bytes> encode(const ToSession& message) { return encode_variant<ToSessionFields>(message, first_to_session); }

Expected<ToSession> decode_to_session(ByteView bytes) {
  auto message = decode_variant<ToSession, ToSessionFields>(bytes, first_to_session);
  if (!message) return message;
  const auto* begin = std::get_if<Begin>(&*message);
  if (begin != nullptr && !(is_address(begin->source) && is_address(begin->own))) return malformed(bytes);
  return message;
}

Expected<Bytes> encode(const FromSession& message) {
  return encode_variant<FromSessionFields>(message, first_from_session);
}

Expected<FromSession> decode_from_session(ByteView bytes) {
  auto message = decode_variant<FromSession, FromSessionFields>(bytes, first_from_session);
  if (!message) return message;
  const auto* resume = std::get_if<Resume>(&*message);
  if (resume != nullptr && !(is_address(resume->source) && is_address(resume->own))) return malformed(bytes);
  return message;
}

}  // namespace acl::node::protocol
