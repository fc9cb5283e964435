#include "node/wireguard/device_poll.h"

#include <fmt/format.h>
#include <net/if.h>
#include <poll.h>
#include <sodium.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "node/wireguard/netlink.h"
#include "node/wireguard/shown.h"

namespace acl::node {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t buffer_size = std::size_t{64} * 1024;
// A peer takes some 300 bytes of an answer.
constexpr std::size_t most_answer_bytes = std::size_t{512} << 20;
constexpr std::chrono::milliseconds kernel_patience{1000};

Diagnostic no_interface(const std::string& name) {
  return make_diagnostic(
      Code::E1321, fmt::format("there is no interface \"{}\"", shown(name)),
      "make it (wg-quick up, networkd) or name another with `interface`; until then nothing is bound");
}

// Nothing but root, or who runs this process, may say whose address is whose.
Expected<void> check_listener(int socket, const std::string& path) {
  ucred who{};
  socklen_t size = sizeof who;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) {
    return fail(Code::E1322, fmt::format("\"{}\": {}", shown(path), std::strerror(errno)), "");
  }
  if (who.uid == 0 || who.uid == ::geteuid()) return {};
  return fail(Code::E1322, fmt::format("\"{}\" is answered by a process of user {}", shown(path), who.uid),
              "who answers there says whose addresses are whose: only root may");
}

// Sum in two 64-bit halves: the order of what is added does not count.
void add(std::array<std::uint64_t, 2>& sum, const AllowedIp& entry, const std::array<std::uint8_t, 16>& key) noexcept {
  std::array<unsigned char, 32 + 16 + 2> bytes;
  const net::Address first = entry.prefix.first();
  const std::uint64_t high = first.high();
  const std::uint64_t low = first.low();
  std::memcpy(bytes.data(), entry.peer.data(), 32);
  std::memcpy(bytes.data() + 32, &high, 8);
  std::memcpy(bytes.data() + 40, &low, 8);
  bytes[48] = first.is_v4() ? 4 : 6;
  bytes[49] = static_cast<unsigned char>(entry.prefix.length());
  std::array<std::uint64_t, 2> hash;
  static_assert(sizeof hash == crypto_shorthash_siphashx24_BYTES && sizeof key == crypto_shorthash_siphashx24_KEYBYTES);
  crypto_shorthash_siphashx24(reinterpret_cast<unsigned char*>(hash.data()), bytes.data(), bytes.size(), key.data());
  sum[0] += hash[0];
  sum[1] += hash[1];
}

}  // namespace

DevicePoll::DevicePoll(std::string interface, std::string userspace_socket)
    : interface_(std::move(interface)), userspace_socket_(std::move(userspace_socket)) {
  if (sodium_init() < 0) std::abort();  // no randomness: nothing of this could be trusted
  randombytes_buf(hash_key_.data(), hash_key_.size());
}

DevicePoll::~DevicePoll() {
  close_program();
  if (netlink_ >= 0) ::close(netlink_);
}

void DevicePoll::close_program() noexcept {
  if (program_ >= 0) ::close(program_);
  program_ = -1;
  parser_.reset();
  if (!buffer_.empty()) sodium_memzero(buffer_.data(), buffer_.size());
}

tl::unexpected<Diagnostic> DevicePoll::failed(Diagnostic why) {
  close_program();
  last_.reset();
  device_ = {};
  return tl::unexpected(std::move(why));
}

std::string DevicePoll::socket_path() const {
  return userspace_socket_.empty() ? fmt::format("/var/run/wireguard/{}.sock", interface_) : userspace_socket_;
}

Expected<DevicePoll::Step> DevicePoll::start() {
  close_program();
  reading_.clear();
  const bool name_fits =
      !interface_.empty() && interface_.size() < IFNAMSIZ && interface_.find('/') == std::string::npos;
  ifindex_ = name_fits ? ::if_nametoindex(interface_.c_str()) : 0;
  if (ifindex_ == 0) return failed(no_interface(interface_));
  if (userspace_socket_.empty()) {
    bool there = false;
    auto known = start_kernel(there);
    if (!known || there) return known;
    reading_.clear();
  }
  return start_program();
}

Expected<DevicePoll::Step> DevicePoll::start_kernel(bool& there) {
  if (netlink_ < 0) {
    const auto opened = open_generic_netlink();
    if (!opened) return failed(opened.error());
    netlink_ = *opened;
  }
  const auto kernel = read_kernel_device(netlink_, interface_, reading_, kernel_patience);
  if (!kernel) return failed(kernel.error());
  there = kernel->there;
  if (!there) return Step::waiting;
  ifindex_ = kernel->ifindex;
  return finish();
}

Expected<DevicePoll::Step> DevicePoll::start_program() {
  const std::string path = socket_path();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return failed(make_diagnostic(Code::E1321, fmt::format("\"{}\" is too long for a socket's path", shown(path))));
  }
  std::copy(path.begin(), path.end(), address.sun_path);
  program_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (program_ < 0 || ::connect(program_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const int error = errno;
    return failed(make_diagnostic(
        Code::E1321,
        fmt::format("\"{}\" has no WireGuard state: {}\"{}\": {}", shown(interface_),
                    userspace_socket_.empty() ? "the kernel has no WireGuard interface of that name, and " : "",
                    shown(path), std::strerror(error)),
        "only WireGuard proves who sent a packet: name a WireGuard interface, or where its program's socket is "
        "(`wireguard_socket`)"));
  }
  if (auto trusted = check_listener(program_, path); !trusted) return failed(trusted.error());
  constexpr std::string_view question = "get=1\n\n";
  if (::send(program_, question.data(), question.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(question.size())) {
    return failed(make_diagnostic(Code::E1322, fmt::format("\"{}\": {}", shown(path), std::strerror(errno))));
  }
  if (buffer_.empty()) buffer_.resize(buffer_size);
  received_ = 0;
  parser_.emplace(reading_);
  return Step::waiting;
}

Expected<DevicePoll::Step> DevicePoll::step() {
  if (program_ < 0) {
    return failed(make_diagnostic(Code::E1322, fmt::format("\"{}\" was not asked", shown(interface_))));
  }
  for (;;) {
    const ssize_t got = ::recv(program_, buffer_.data(), buffer_.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return Step::waiting;
    if (got <= 0) {
      return failed(make_diagnostic(
          Code::E1322,
          fmt::format("\"{}\": {}", shown(socket_path()), got < 0 ? std::strerror(errno) : "the answer is cut off")));
    }
    received_ += static_cast<std::size_t>(got);
    if (received_ > most_answer_bytes) {
      return failed(make_diagnostic(Code::E1322, fmt::format("\"{}\": an answer without end", shown(socket_path()))));
    }
    const auto whole = parser_->feed({buffer_.data(), static_cast<std::size_t>(got)});
    if (!whole) return failed(whole.error());
    if (!*whole) continue;
    close_program();
    // The program's interface is the one that was there when it was asked, unless that was replaced meanwhile.
    if (::if_nametoindex(interface_.c_str()) != ifindex_) return failed(no_interface(interface_));
    return finish();
  }
}

Diagnostic DevicePoll::give_up() {
  return failed(make_diagnostic(Code::E1322, fmt::format("\"{}\" does not answer", shown(socket_path())),
                                "the WireGuard program hangs; until it answers nothing is bound"))
      .value();
}

DevicePoll::Fingerprint DevicePoll::fingerprint(std::uint32_t ifindex) const noexcept {
  Fingerprint print;
  for (const AllowedIp& entry : reading_.allowed) add(print.sum, entry, hash_key_);
  print.peers = reading_.peers;
  print.allowed = reading_.allowed.size();
  print.ifindex = ifindex;
  print.own = *reading_.own;
  return print;
}

Expected<DevicePoll::Step> DevicePoll::finish() {
  if (!reading_.own) {
    return failed(make_diagnostic(Code::E1323, fmt::format("\"{}\" has no key yet", shown(interface_)),
                                  "set one: wg set NAME private-key FILE; a node finds its table by its public key"));
  }
  const Fingerprint now = fingerprint(ifindex_);
  if (last_ == now) return Step::unchanged;
  std::sort(reading_.allowed.begin(), reading_.allowed.end());
  const auto twice = std::adjacent_find(reading_.allowed.begin(), reading_.allowed.end(),
                                        [](const AllowedIp& a, const AllowedIp& b) { return a.prefix == b.prefix; });
  if (twice != reading_.allowed.end()) {
    return failed(make_diagnostic(Code::E1322,
                                  fmt::format("\"{}\" changed while it was read: {} appears twice", shown(interface_),
                                              twice->prefix.text_with_length()),
                                  "read again; it is nobody's until then"));
  }
  device_.ifindex = ifindex_;
  device_.public_key = *reading_.own;
  device_.peers = reading_.peers;
  device_.allowed.assign(reading_.allowed.begin(), reading_.allowed.end());
  last_ = now;
  return Step::changed;
}

Expected<DevicePoll::Step> DevicePoll::ask(std::chrono::milliseconds patience) {
  const Clock::time_point deadline = Clock::now() + patience;
  auto known = start();
  while (known && *known == Step::waiting) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd waiting{program_, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, left > 0 ? static_cast<int>(left) : 0);
    if (ready == 0) return tl::unexpected(give_up());
    known = step();
  }
  return known;
}

Expected<Device> read_device(const std::string& interface, const std::string& userspace_socket,
                             std::chrono::milliseconds patience) {
  DevicePoll poll(interface, userspace_socket);
  const auto known = poll.ask(patience);
  if (!known) return tl::unexpected(known.error());
  return poll.device();
}

}  // namespace acl::node
