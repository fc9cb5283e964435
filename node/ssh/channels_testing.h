// For tests of channels: what a client sends, and channels whose processes are pipes and terminals that the test holds the other ends of.
// aclnode-session is the test too. Descriptors are owned by whom they are given to.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <vector>

#include "node/protocol/login_message.h"
#include "node/ssh/channels.h"

namespace acl::node::ssh {

inline constexpr std::uint32_t peer = 700;  // the client's number for its first channel

inline Bytes open_session(std::uint32_t number = peer, std::uint32_t window = 1 << 20, std::uint32_t piece = 32768) {
  return PacketWriter().string("session").number(number).number(window).number(piece).take();
}
inline Bytes request(std::uint32_t channel, std::string_view name, bool reply, const Bytes& rest = {}) {
  return PacketWriter().number(channel).string(name).boolean(reply).raw(rest).take();
}
inline Bytes exec(std::string_view command, bool reply = true) {
  return request(0, "exec", reply, PacketWriter().string(command).take());
}
inline Bytes carrying(std::string_view bytes) { return PacketWriter().number(0).string(bytes).take(); }
inline Bytes only(std::uint32_t channel) { return PacketWriter().number(channel).take(); }

inline Bytes open_forward(std::string_view host, std::uint32_t port) {
  return PacketWriter()
      .string("direct-tcpip")
      .number(peer)
      .number(1 << 20)
      .number(32768)
      .string(host)
      .number(port)
      .string("127.0.0.1")
      .number(4242)
      .take();
}

// The other ends of what a channel was given.
struct Process {
  Fd in, out, err;
};

class ChannelsTest : public ::testing::Test {
 protected:
  explicit ChannelsTest(bool forwarding = true) : channels(allow(forwarding), true) {}
  static protocol::LoginVerdict allow(bool forwarding) {
    protocol::LoginVerdict verdict;
    verdict.accept = true;
    verdict.local_forwarding = forwarding;
    return verdict;
  }
  Effects& hear(std::uint8_t type, const Bytes& payload) {
    last = {};
    channels.hear(type, payload, last);
    return last;
  }
  Effects& settle(std::int64_t now = 0, bool room = true) {
    last = {};
    again = channels.settle(now, room, last);
    return last;
  }
  void exited(std::uint32_t status, std::int64_t now = 0) {
    protocol::Exited message;
    message.status = status;
    last = {};
    channels.exited(message, now, last);
  }
  Channel& channel(std::uint32_t number = 0) { return channels.all().at(number); }

  Process give_pipes(std::uint32_t asked = 0) {
    Process process;
    Fd ours[3];
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    process.in = Fd(ends[0]);
    ours[0] = Fd(ends[1]);
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    ours[1] = Fd(ends[0]);
    process.out = Fd(ends[1]);
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    ours[2] = Fd(ends[0]);
    process.err = Fd(ends[1]);
    last = {};
    channels.opened({asked, protocol::ChannelKind::pipes}, ours, last);
    return process;
  }
  // The end of the terminal that a process holds.
  Fd give_terminal() {
    int master = -1;
    int slave = -1;
    EXPECT_EQ(openpty(&master, &slave, nullptr, nullptr, nullptr), 0);
    Fd ours(master);
    last = {};
    channels.opened({0, protocol::ChannelKind::terminal}, std::span(&ours, 1), last);
    return Fd(slave);
  }
  Process running() {
    hear(msg_channel_open, open_session());
    hear(msg_channel_request, exec("cat"));
    return give_pipes();
  }
  // All packets that reading the process's output makes, until nothing more comes.
  void read_all(bool errors = false, std::int64_t now = 0) {
    Bytes buffer(packet_size);
    for (int i = 0; i < 100 && channel().may_read(); ++i) {
      const std::size_t before = sent.size();
      channels.read_output(channel(), errors, buffer, now, [this](ByteView head, ByteView bytes) {
        sent.push_back(PacketWriter().raw(head).raw(bytes).take());
      });
      if (sent.size() == before) return;
    }
  }
  std::vector<int> types() const {
    std::vector<int> all;
    for (const Bytes& packet : last.packets) all.push_back(packet[0]);
    return all;
  }
  static std::string read_from(const Fd& fd) {
    fcntl(fd.get(), F_SETFL, O_NONBLOCK);
    std::string bytes(4 << 20, '\0');
    std::size_t have = 0;
    for (;;) {
      const ssize_t got = read(fd.get(), bytes.data() + have, bytes.size() - have);
      if (got <= 0) break;
      have += static_cast<std::size_t>(got);
    }
    bytes.resize(have);
    return bytes;
  }
  static bool at_end(const Fd& fd) {
    char byte = 0;
    return read(fd.get(), &byte, 1) == 0;
  }
  static void write_to(const Fd& fd, std::string_view bytes) {
    ASSERT_EQ(write(fd.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }

  Channels channels;
  Effects last;
  std::optional<std::int64_t> again;
  std::vector<Bytes> sent;
};

}  // namespace acl::node::ssh
