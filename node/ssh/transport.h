// SSH's transport layer (RFC 4253), by libssh: identification, key exchange, encryption, rekeying. Everything above it, from the first
// SERVICE_REQUEST on, is ours (login.h, channels.h).
//
// Without input and output: bytes from the client go in by feed(), bytes for it come out by output(); whoever calls moves them.
// libssh's own sockets, poll loop and channels are never used. docs/decisions/0011-libssh.md says how, and which of its functions are
// wrapped for it (transport_seams.cc). One at a time in a process, as a seam cannot tell two apart.
//
// Any bytes of a stranger may go in. After failed() nothing does any more.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/net/diagnostic.h"
#include "node/protocol/login_message.h"
#include "node/ssh/byte_queue.h"
#include "node/ssh/wire.h"

namespace acl::node::ssh {

class Transport {
 public:
  struct Above {
    // A packet of the layers above, or DISCONNECT: its number, and the rest of its payload, which lives as long as the call.
    std::function<void(std::uint8_t type, ByteView payload)> packet;
    // The signature of `data` by the host key of that place, as OpenSSL gives it. Waits for it. Nothing: refused.
    std::function<std::optional<Bytes>(std::size_t key, ByteView data)> sign;
  };

  // E1402: no key that can be used. rekey_bytes 0: the client asks for new keys, or the cipher's own limit does.
  static Expected<std::unique_ptr<Transport>> make(const std::vector<protocol::Welcome::HostKey>& keys,
                                                   std::uint64_t rekey_bytes, Above above);
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  ~Transport();

  // Says who we are. Once, before anything else; false where that failed.
  bool start();

  // How many of the bytes were taken: whole packets. What is left is to come again, with more behind it. May write into them.
  std::size_t feed(std::span<std::uint8_t> bytes);

  // A packet for the client, in two parts to spare a copy. While keys are exchanged it waits in libssh: send nothing large then.
  void send(ByteView head, ByteView tail = {});
  // USERAUTH_INFO_REQUEST; from here on its answers are let in.
  void send_question(ByteView payload);
  // USERAUTH_SUCCESS; from here on packets of channels are let in.
  void send_success();

  [[nodiscard]] bool rekeying() const noexcept;
  [[nodiscard]] bool failed() const noexcept;
  // Of the first failure, in words.
  [[nodiscard]] std::string why() const;
  // The client's identification, "SSH-2.0-OpenSSH_9.2"; empty before it came.
  [[nodiscard]] std::string client() const;

  ByteQueue& output() noexcept;

  // A packet that libssh holds back is at most that long, and all of them together.
  static constexpr std::size_t most_held = std::size_t{1} << 20;

 private:
  struct State;
  explicit Transport(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace acl::node::ssh
