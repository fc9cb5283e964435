#include "node/ssh/transport.h"

#include <fmt/format.h>
#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <libssh/server.h>

#include <algorithm>
#include <array>
#include <utility>

#include "node/ssh/host_key.h"
#include "node/ssh/transport_seams.h"

extern "C" {
// Of libssh's inside; no header of its package declares them.
void ssh_packet_set_callbacks(ssh_session session, ssh_packet_callbacks callbacks);
int ssh_auth_reply_success(ssh_session session, int partial);
}

namespace acl::node::ssh {
namespace {

// OpenSSH's client says what the person no longer reads (eow@openssh.com), so that `ssh host yes | head` ends, only to servers whose
// software's name begins like its own. A hyphen may not be in it (RFC 4253 section 4.2).
constexpr const char* identification = "OpenSSH_aclnode";
// To whoever does not say who it is in the form of RFC 4253 section 4.2; OpenSSH's words, as scripts look for them.
constexpr std::string_view no_identification = "Invalid SSH identification string.\r\n";
// No group exchange (RFC 4419): it reads a file of primes, and nobody who has it lacks the others.
constexpr const char* key_exchanges =
    "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,"
    "diffie-hellman-group16-sha512,diffie-hellman-group14-sha256";
constexpr const char* ciphers =
    "chacha20-poly1305@openssh.com,aes128-gcm@openssh.com,aes256-gcm@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr";
constexpr const char* macs = "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512";
// Never before the login: what a stranger sends is not unpacked.
constexpr const char* compressions = "none,zlib@openssh.com";

struct FreeBind {
  void operator()(ssh_bind bind) const noexcept { ssh_bind_free(bind); }
};
struct FreeSession {
  void operator()(ssh_session session) const noexcept { ssh_free(session); }
};

}  // namespace

struct Transport::State {
  struct HostKey {
    std::string type;
    Key key;
  };

  Above above;
  std::vector<HostKey> keys;
  std::unique_ptr<ssh_bind_struct, FreeBind> bind;
  std::unique_ptr<ssh_session_struct, FreeSession> session;
  ssh_socket_callbacks wants = nullptr;
  ssh_callback_data takes_identification = nullptr;  // what libssh wants bytes with, before it wants packets
  std::array<ssh_packet_callback, 101> handlers{};
  ssh_packet_callbacks_struct packets{};
  ByteQueue output;
  bool rekeying = false;
  std::size_t held = 0;  // since the exchange began
  std::string fault;
  bool complained = false;

  Expected<void> configure(std::uint64_t rekey_bytes);
  void let_in(ssh_packet_callback callback);
  static int hear(ssh_session, std::uint8_t type, ssh_buffer packet, void* self);
  Bytes sign(ssh_key key, ByteView hash);
  void fail_with(std::string words) {
    if (fault.empty()) fault = std::move(words);
  }
};

int Transport::State::hear(ssh_session, std::uint8_t type, ssh_buffer packet, void* self) {
  auto* const state = static_cast<State*>(self);
  const auto* const payload = static_cast<const std::uint8_t*>(ssh_buffer_get(packet));
  if (state->fault.empty()) state->above.packet(type, {payload, ssh_buffer_get_len(packet)});
  return SSH_PACKET_USED;
}

Bytes Transport::State::sign(ssh_key key, ByteView hash) {
  for (std::size_t place = 0; place < keys.size(); ++place) {
    if (ssh_key_cmp(keys[place].key.get(), key, SSH_KEY_CMP_PUBLIC) != 0) continue;
    const auto made = above.sign(place, hash);
    if (!made) break;
    if (auto blob = signature_blob(keys[place].type, *made)) return std::move(*blob);
    break;
  }
  fail_with("the host key did not sign");
  return {};
}

// Our packets pass libssh's own handlers by: those of services, authentication, requests and channels. It still judges by its
// states which may come when.
void Transport::State::let_in(ssh_packet_callback callback) {
  handlers[msg_disconnect] = callback;
  handlers[msg_service_request] = callback;
  for (std::size_t type = msg_userauth_request; type < handlers.size(); ++type) handlers[type] = callback;
  packets.start = 0;
  packets.n_callbacks = static_cast<std::uint8_t>(handlers.size());
  packets.callbacks = handlers.data();
  packets.user = this;
  ssh_packet_set_callbacks(session.get(), &packets);
}

Expected<void> Transport::State::configure(std::uint64_t rekey_bytes) {
  bind.reset(ssh_bind_new());
  session.reset(ssh_new());
  if (!bind || !session) return fail(Code::E1404, "libssh has no memory");
  // Not the machine's file of settings for servers.
  const bool no_files = false;
  bool set = ssh_bind_options_set(bind.get(), SSH_BIND_OPTIONS_PROCESS_CONFIG, &no_files) == SSH_OK;
  set = set && ssh_bind_options_set(bind.get(), SSH_BIND_OPTIONS_BANNER, identification) == SSH_OK;
  for (const HostKey& one : keys) {
    ssh_key copy = ssh_key_dup(one.key.get());  // the bind owns it
    set = set && copy != nullptr && ssh_bind_options_set(bind.get(), SSH_BIND_OPTIONS_IMPORT_KEY, copy) == SSH_OK;
  }
  const std::pair<ssh_options_e, const char*> methods[] = {
      {SSH_OPTIONS_KEY_EXCHANGE, key_exchanges},
      {SSH_OPTIONS_CIPHERS_C_S, ciphers},
      {SSH_OPTIONS_CIPHERS_S_C, ciphers},
      {SSH_OPTIONS_HMAC_C_S, macs},
      {SSH_OPTIONS_HMAC_S_C, macs},
      {SSH_OPTIONS_COMPRESSION_C_S, compressions},
      {SSH_OPTIONS_COMPRESSION_S_C, compressions},
  };
  for (const auto& [option, value] : methods) set = set && ssh_options_set(session.get(), option, value) == SSH_OK;
  if (rekey_bytes != 0) set = set && ssh_options_set(session.get(), SSH_OPTIONS_REKEY_DATA, &rekey_bytes) == SSH_OK;
  // No descriptor: bytes go through feed() and output().
  set = set && ssh_bind_accept_fd(bind.get(), session.get(), SSH_INVALID_SOCKET) == SSH_OK;
  if (!set)
    return fail(Code::E1404,
                fmt::format("libssh cannot be set up: {} {}", ssh_get_error(bind.get()), ssh_get_error(session.get())));
  ssh_set_blocking(session.get(), 0);
  let_in(&hear);
  return {};
}

Expected<std::unique_ptr<Transport>> Transport::make(const std::vector<protocol::Welcome::HostKey>& keys,
                                                     std::uint64_t rekey_bytes, Above above) {
  auto state = std::make_unique<State>();
  state->above = std::move(above);
  for (const auto& key : keys) {
    auto made = stand_in(key);
    if (!made) return tl::unexpected(made.error());
    state->keys.push_back({key.type, std::move(*made)});
  }
  if (keys.empty()) return fail(Code::E1402, "there is no host key");
  State* const self = state.get();
  seams() = Seams{};
  seams().transport = self;
  seams().write = [](void* to, ByteView bytes) { static_cast<State*>(to)->output.append(bytes); };
  seams().sign = [](void* to, ssh_key key, ByteView hash) { return static_cast<State*>(to)->sign(key, hash); };
  seams().callbacks = [](void* to, ssh_socket_callbacks wants) { static_cast<State*>(to)->wants = wants; };
  seams().rekeying = [](void* to, bool on) {
    static_cast<State*>(to)->rekeying = on;
    static_cast<State*>(to)->held = 0;
  };
  auto transport = std::unique_ptr<Transport>(new Transport(std::move(state)));
  if (auto done = self->configure(rekey_bytes); !done) return tl::unexpected(done.error());
  return transport;
}

Transport::Transport(std::unique_ptr<State> state) : state_(std::move(state)) {}
Transport::~Transport() {
  state_->session.reset();
  seams() = Seams{};
}

bool Transport::start() {
  // Sends the identification and returns at the seam, as nothing has come yet.
  const int began = ssh_handle_key_exchange(state_->session.get());
  if (began != SSH_AGAIN || state_->wants == nullptr)
    state_->fail_with("the key exchange does not begin");
  else
    state_->takes_identification = state_->wants->data;
  return !failed();
}

std::size_t Transport::feed(std::span<std::uint8_t> bytes) {
  std::size_t taken = 0;
  while (taken < bytes.size() && !failed()) {
    const std::size_t now = state_->wants->data(bytes.data() + taken, bytes.size() - taken, state_->wants->userdata);
    if (now == 0) break;
    taken += std::min(now, bytes.size() - taken);
  }
  if (failed() && state_->wants->data == state_->takes_identification && !std::exchange(state_->complained, true))
    state_->output.append(view(no_identification));
  return taken;
}

void Transport::send(ByteView head, ByteView tail) {
  if (failed()) return;
  if (state_->rekeying && (state_->held += head.size() + tail.size()) > most_held)
    return state_->fail_with("the client asks and asks and does not finish the exchange of keys");
  if (send_payload(state_->session.get(), head, tail) != SSH_OK) state_->fail_with("a packet cannot be sent");
}

void Transport::send_question(ByteView payload) {
  if (!failed() && acl::node::ssh::send_question(state_->session.get(), payload) != SSH_OK)
    state_->fail_with("a packet cannot be sent");
}

void Transport::send_success() {
  if (!failed() && ssh_auth_reply_success(state_->session.get(), 0) != SSH_OK)
    state_->fail_with("a packet cannot be sent");
}

bool Transport::rekeying() const noexcept { return state_->rekeying; }

bool Transport::failed() const noexcept {
  return !state_->fault.empty() || (ssh_get_status(state_->session.get()) & SSH_CLOSED_ERROR) != 0;
}

std::string Transport::why() const {
  if (!state_->fault.empty()) return state_->fault;
  const std::string words = ssh_get_error(state_->session.get());
  return words.empty() ? "what the client sends is no SSH" : words;
}

std::string Transport::client() const {
  const char* const banner = ssh_get_clientbanner(state_->session.get());
  return banner == nullptr ? std::string() : std::string(banner);
}

ByteQueue& Transport::output() noexcept { return state_->output; }

}  // namespace acl::node::ssh
