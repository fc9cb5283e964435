// For the tests of this folder: a network namespace with a TUN interface, through which packets come in as they would from WireGuard;
// what the filter lets in arrives at a UDP socket.
#pragma once

#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "engine/net/address.h"
#include "engine/net/fd.h"
#include "node/enforce/kernel_testing.h"
#include "tests/generate/packet_bytes.h"

namespace acl::node {

inline bool run(const std::string& command) { return std::system((command + " >/dev/null 2>&1").c_str()) == 0; }

// With the checksum of its IPv4 header, which the kernel behind the filter asks for.
inline generate::Bytes with_checksum(generate::Bytes packet) {
  if (packet[0] >> 4 != 4) return packet;
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < 20; i += 2) sum += static_cast<std::uint32_t>(packet[i] << 8 | packet[i + 1]);
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  packet[10] = static_cast<std::uint8_t>(~sum >> 8);
  packet[11] = static_cast<std::uint8_t>(~sum);
  return packet;
}

class TestNetwork {
 public:
  static constexpr std::uint16_t port = 5300;

  // In a new network and mount namespace of this process; false where that is not allowed.
  bool enter() { return unshare(CLONE_NEWNET) == 0 && private_mounts() && run("ip link set lo up") && make(); }
  // The interface `wgt`, with 100.64.0.1/10.
  bool make() {
    tun_ = Fd(open("/dev/net/tun", O_RDWR | O_CLOEXEC));
    ifreq request{};
    std::strcpy(request.ifr_name, "wgt");
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    if (!tun_ || ioctl(tun_.get(), TUNSETIFF, &request) != 0) return false;
    if (!run("ip addr add 100.64.0.1/10 dev wgt && ip link set wgt up")) return false;
    socket_ = Fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_port = htons(port);
    return bind(socket_.get(), reinterpret_cast<const sockaddr*>(&here), sizeof here) == 0;
  }
  void unmake() { tun_ = Fd(); }

  [[nodiscard]] unsigned ifindex() const { return if_nametoindex("wgt"); }
  void send(const generate::Bytes& packet) const {
    const generate::Bytes bytes = with_checksum(packet);
    if (write(tun_.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) std::abort();
  }
  // Whether a datagram from there, to our port, arrives. What else waits is thrown away before.
  [[nodiscard]] bool arrives(const char* from, std::uint16_t from_port = 40000, int patience_ms = 50) const {
    while (received() != 0) {
    }
    send(generate::udp(*net::Address::parse(from), from_port, *net::Address::parse("100.64.0.1"), port));
    return wait(patience_ms) && received() == from_port;
  }
  [[nodiscard]] bool wait(int patience_ms) const {
    pollfd one{socket_.get(), POLLIN, 0};
    return poll(&one, 1, patience_ms) == 1;
  }
  // The source port of a datagram that arrived; 0 if there is none.
  [[nodiscard]] std::uint16_t received() const {
    char bytes[64];
    sockaddr_in from{};
    socklen_t length = sizeof from;
    const ssize_t count = recvfrom(socket_.get(), bytes, sizeof bytes, 0, reinterpret_cast<sockaddr*>(&from), &length);
    return count < 0 ? std::uint16_t{0} : ntohs(from.sin_port);
  }
  [[nodiscard]] int socket() const { return socket_.get(); }

 private:
  Fd tun_;
  Fd socket_;
};

// A program that lets everything on to the next.
inline Fd foreign_program() {
  bpf_insn code[2] = {};
  code[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
  code[0].imm = -1;
  code[1].code = BPF_JMP | BPF_EXIT;
  return Fd(bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "foreign", "GPL", code, 2, nullptr));
}

}  // namespace acl::node
