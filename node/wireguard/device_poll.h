// DevicePoll: asks an interface again and again what it holds, and says cheaply whether anything changed.
//
// WireGuard tells nobody when its peers change, neither in the kernel nor in user space, so it is asked (docs/decisions/0009). The kernel
// is asked first; if it has no WireGuard interface of that name, the program behind the socket of user-space
// implementations is: /var/run/wireguard/NAME.sock, or the one that is named, which then is the only one asked.
//
//     DevicePoll poll("wg0", "");
//     each second: poll.start(), and while the last step said `waiting`: watch poll.fd() for reading, then poll.step()
//     changed: AllowedIps(poll.device().allowed)
//
// E1321: no such interface, or it has no WireGuard state. E1322: no usable answer. E1323: no key is set. After an error device()
// is empty, nothing is bound by it, and the next good answer counts as `changed`.
//
// That socket is root's (its listener must be root or this process's user), but names of interfaces are of a network namespace and the
// socket's folder mostly is not: with interfaces of one name in two namespaces, name the socket.
//
// Owns its sockets and buffers, which it keeps. Order does not count: what an answer holds is compared by a sum of keyed hashes (SipHash,
// 128 bits, key drawn at the start), since user-space implementations list peers in no order. Nothing throws but for lack of memory.
#pragma once

#include <sys/types.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/net/diagnostic.h"
#include "node/wireguard/device.h"
#include "node/wireguard/uapi.h"

namespace acl::node {

class DevicePoll {
 public:
  // `userspace_socket`: empty, or a path.
  DevicePoll(std::string interface, std::string userspace_socket);
  DevicePoll(const DevicePoll&) = delete;
  DevicePoll& operator=(const DevicePoll&) = delete;
  ~DevicePoll();

  enum class Step : std::uint8_t { waiting, unchanged, changed };
  // Asks. The kernel's answer is there at once; a program's is waited for. A question still open is dropped.
  Expected<Step> start();
  // Reads what is there, without waiting.
  Expected<Step> step();
  // To be watched for reading while a question is open; otherwise -1.
  [[nodiscard]] int fd() const noexcept { return program_; }
  // Gives an open question up as unanswered (the caller's clock ran out).
  Diagnostic give_up();

  // start() and step() until it is known, at most `patience`.
  Expected<Step> ask(std::chrono::milliseconds patience);

  // What the last answer held.
  [[nodiscard]] const Device& device() const noexcept { return device_; }

 private:
  struct Fingerprint {
    std::array<std::uint64_t, 2> sum{};
    std::size_t peers = 0;
    std::size_t allowed = 0;
    std::uint32_t ifindex = 0;
    Key own{};
    friend bool operator==(const Fingerprint&, const Fingerprint&) = default;
  };
  [[nodiscard]] Fingerprint fingerprint(std::uint32_t ifindex) const noexcept;
  Expected<Step> start_kernel(bool& there);
  Expected<Step> start_program();
  Expected<Step> finish();
  tl::unexpected<Diagnostic> failed(Diagnostic why);
  [[nodiscard]] std::string socket_path() const;
  void close_program() noexcept;

  std::string interface_;
  std::string userspace_socket_;
  int netlink_ = -1;
  int program_ = -1;
  std::uint32_t ifindex_ = 0;  // of the question
  std::size_t received_ = 0;
  std::optional<UapiParser> parser_;
  std::vector<char> buffer_;
  Reading reading_;
  std::array<std::uint8_t, 16> hash_key_{};
  std::optional<Fingerprint> last_;
  Device device_;
};

// Once: for a login, where a second is too old.
Expected<Device> read_device(const std::string& interface, const std::string& userspace_socket,
                             std::chrono::milliseconds patience);

}  // namespace acl::node
