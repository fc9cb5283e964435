// The seams into libssh 0.10.6, whose static archive is linked with --wrap for each function here: __wrap_NAME is called in the place
// of NAME, __real_NAME is libssh's own. docs/decisions/0011-libssh.md has the list, why each is there, and what to look at when
// libssh changes. None of them reads or writes the inside of a structure of libssh; send_question stands in for one.
#include "node/ssh/transport_seams.h"

#include <libssh/server.h>

#include <cstdarg>
#include <cstdint>
#include <utility>

// Names and types are libssh's own.
// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl50-cpp,cert-dcl51-cpp)
extern "C" {

struct ssh_signature_struct;
struct ssh_socket_struct;
using ssh_socket = ssh_socket_struct*;
enum ssh_digest_e : int;

int __real__ssh_buffer_pack(ssh_buffer buffer, const char* format, std::size_t count, ...);
int ssh_buffer_pack_va(ssh_buffer buffer, const char* format, std::size_t count, va_list values);
int ssh_packet_send_unimplemented(ssh_session session, std::uint32_t sequence);
int ssh_pki_import_signature_blob(ssh_string blob, ssh_key key, ssh_signature_struct** signature);
void __real_ssh_socket_set_callbacks(ssh_socket socket, ssh_socket_callbacks callbacks);
int __real_ssh_send_kex(ssh_session session);
int __real_ssh_send_rekex(ssh_session session);
int __real_ssh_packet_send_newkeys(ssh_session session);

// Of every packet that libssh sends, encrypted. Its own writes to the socket, and waits there.
int __wrap_ssh_socket_write(ssh_socket, const void* bytes, std::uint32_t size) {
  const auto& now = acl::node::ssh::seams();
  if (now.write != nullptr) now.write(now.transport, {static_cast<const std::uint8_t*>(bytes), size});
  return SSH_OK;
}

void __wrap_ssh_socket_set_callbacks(ssh_socket socket, ssh_socket_callbacks callbacks) {
  const auto& now = acl::node::ssh::seams();
  if (now.callbacks != nullptr) now.callbacks(now.transport, callbacks);
  __real_ssh_socket_set_callbacks(socket, callbacks);
}

// ssh_handle_key_exchange waits here for packets until the exchange is over; feed() brings them instead.
int __wrap_ssh_handle_packets_termination(ssh_session, int, int (*)(void*), void*) { return SSH_AGAIN; }

// Puts a payload of ours where libssh would put its UNIMPLEMENTED (send_payload).
int __wrap__ssh_buffer_pack(ssh_buffer buffer, const char* format, std::size_t count, ...) {
  auto& now = acl::node::ssh::seams();
  if (now.payload != nullptr) {
    const acl::node::ssh::ByteView* const parts = now.payload;
    now.payload = nullptr;
    for (int part = 0; part < 2; ++part) {
      if (parts[part].empty()) continue;
      const auto size = static_cast<std::uint32_t>(parts[part].size());
      if (ssh_buffer_add_data(buffer, parts[part].data(), size) != 0) return SSH_ERROR;
    }
    return SSH_OK;
  }
  va_list values;
  va_start(values, count);
  const int done = ssh_buffer_pack_va(buffer, format, count, values);
  va_end(values);
  return done;
}

// The private half is not here.
ssh_signature_struct* __wrap_pki_sign_data(ssh_key key, ssh_digest_e, const unsigned char* hash, std::size_t size) {
  const auto& now = acl::node::ssh::seams();
  if (now.sign == nullptr) return nullptr;
  const acl::node::ssh::Bytes blob = now.sign(now.transport, key, {hash, size});
  if (blob.empty()) return nullptr;
  ssh_string text = ssh_string_new(blob.size());
  if (text == nullptr) return nullptr;
  ssh_signature_struct* signature = nullptr;
  if (ssh_string_fill(text, blob.data(), blob.size()) != 0 ||
      ssh_pki_import_signature_blob(text, key, &signature) != SSH_OK)
    signature = nullptr;
  ssh_string_free(text);
  return signature;
}

// KEXINIT is sent by one of these two, whoever began.
int __wrap_ssh_send_kex(ssh_session session) {
  const auto& now = acl::node::ssh::seams();
  if (now.rekeying != nullptr) now.rekeying(now.transport, true);
  return __real_ssh_send_kex(session);
}
int __wrap_ssh_send_rekex(ssh_session session) {
  const auto& now = acl::node::ssh::seams();
  if (now.rekeying != nullptr) now.rekeying(now.transport, true);
  return __real_ssh_send_rekex(session);
}

// From NEWKEYS on packets go out again, those first that waited; they may make yet another exchange begin.
int __wrap_ssh_packet_send_newkeys(ssh_session session) {
  const auto& now = acl::node::ssh::seams();
  if (now.rekeying != nullptr) now.rekeying(now.transport, false);
  return __real_ssh_packet_send_newkeys(session);
}

}  // extern "C"
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl50-cpp,cert-dcl51-cpp)

namespace acl::node::ssh {

Seams& seams() noexcept {
  static Seams now;
  return now;
}

// libssh asks in the name of a message, of which it looks at the session alone, its first member. Without prompts it builds the packet by one
// call, as an UNIMPLEMENTED.
int send_question(ssh_session session, ByteView payload) {
  struct {
    ssh_session session;
  } message{session};
  const ByteView parts[2] = {payload, {}};
  seams().payload = parts;
  const int sent =
      ssh_message_auth_interactive_request(reinterpret_cast<ssh_message>(&message), "", "", 0, nullptr, nullptr);
  if (std::exchange(seams().payload, nullptr) != nullptr) return SSH_ERROR;
  return sent;
}

int send_payload(ssh_session session, ByteView head, ByteView tail) {
  const ByteView parts[2] = {head, tail};
  seams().payload = parts;
  const int sent = ssh_packet_send_unimplemented(session, 0);
  if (seams().payload != nullptr) {  // libssh no longer builds packets as this file expects
    seams().payload = nullptr;
    return SSH_ERROR;
  }
  return sent;
}

}  // namespace acl::node::ssh
