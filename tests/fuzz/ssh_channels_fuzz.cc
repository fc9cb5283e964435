// What a client may send to aclnode-ssh once it is in, or tries to be: the layers above the ciphers, with the fuzzer as client, as
// aclnode-session and as the processes. The input is a list of acts: a byte that says which, and what it needs.
//
// Nothing crashes or overreads; all that is sent keeps the protocol and its bounds: no more data than the client's window, nothing for a
// channel after its CLOSE, one EOF, one CLOSE, a login that succeeds only after a verdict that accepts, and messages that aclnode-session's
// states (login_conversation.h) take.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "node/protocol/login_conversation.h"
#include "node/ssh/channels.h"
#include "node/ssh/login.h"

namespace {

using namespace acl::node::ssh;  // NOLINT(google-build-using-namespace): a program of one file
namespace protocol = acl::node::protocol;
using acl::Fd;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "ssh_channels_fuzz: %s\n", what);
  std::abort();
}

// The client's view of what it is sent. Its numbers for channels are those it gave, which may be one for several: then nothing is
// required of these.
class Client {
 public:
  void opened(std::uint32_t number, std::uint32_t window) {
    if (!seen_.insert(number).second) doubtful_.insert(number);
    channels_[number] = {window, false, false};
  }
  void more(std::uint32_t number, std::uint32_t bytes) { channels_[number].window += bytes; }
  void hear(ByteView packet) {
    PacketReader reader(packet);
    const std::uint8_t type = reader.byte();
    if (type < msg_channel_open_confirmation) return;
    const std::uint32_t number = reader.number();
    require(reader.good(), "a packet without its channel");
    if (doubtful_.count(number) != 0) return;
    const auto at = channels_.find(number);
    require(at != channels_.end(), "a packet for a channel that the client never named");
    Known& known = at->second;
    require(!known.closed, "a packet after CLOSE");
    if (type == msg_channel_extended_data) reader.number();
    if (type == msg_channel_data || type == msg_channel_extended_data) {
      const std::size_t size = reader.bytes().size();
      require(reader.done() && size <= known.window && !known.eof, "data beyond the window, or after EOF");
      known.window -= size;
    }
    require(type != msg_channel_eof || !known.eof, "EOF twice");
    known.eof = known.eof || type == msg_channel_eof;
    known.closed = type == msg_channel_close || type == msg_channel_open_failure;
  }

 private:
  struct Known {
    std::uint64_t window;
    bool eof, closed;
  };
  std::map<std::uint32_t, Known> channels_;
  std::set<std::uint32_t> seen_, doubtful_;
};

class Driver {
 public:
  explicit Driver(ByteView input) : input_(input) {}

  void run() {
    while (!input_.empty() && !over_) act(take() % 16);
  }

 private:
  std::uint8_t take() {
    if (input_.empty()) return 0;
    const std::uint8_t byte = input_[0];
    input_ = input_.subspan(1);
    return byte;
  }
  ByteView some() {
    const std::size_t units = take();
    const std::size_t wanted = units * (take() % 8 == 0 ? 300U : 1U);
    const std::size_t size = std::min(wanted, input_.size());
    const ByteView bytes = input_.first(size);
    input_ = input_.subspan(size);
    return bytes;
  }

  void act(int which) {
    Effects out;
    if (!channels_) {
      before(which, out);
    } else {
      after(which, out);
    }
    carry_out(out);
  }

  void before(int which, Effects& out) {
    if (which < 2) return login_.hear_service(some(), out);
    if (which < 6) return login_.hear_request(some(), out);
    if (which == 6) return login_.hear_service(PacketWriter().string("ssh-userauth").take(), out);
    if (which == 7)
      return login_.hear_request(PacketWriter().string("a").string("ssh-connection").string("none").take(), out);
    if (!asked_ || login_.verdict()) return;
    protocol::LoginVerdict verdict;
    verdict.accept = which < 11;
    verdict.local_forwarding = which % 2 == 0;
    accepted_ = verdict.accept;
    states_.answered(verdict.accept);
    login_.answered(verdict, out);
  }

  void hear(std::uint8_t type, const Bytes& payload, Effects& out) {
    PacketReader reader(payload);
    if (type == msg_channel_open) {
      reader.bytes();
      const std::uint32_t number = reader.number();
      const std::uint32_t window = reader.number();
      if (reader.good()) client_.opened(number, window);
    }
    if (type == msg_channel_window_adjust) {
      const std::uint32_t number = reader.number();
      const std::uint32_t bytes = reader.number();
      const auto at = channels_->all().find(number);
      if (reader.good() && at != channels_->all().end()) client_.more(at->second.peer, bytes);
    }
    if (type == msg_channel_open_confirmation) {  // of what was offered to the client
      const auto at = channels_->all().find(reader.number());
      const std::uint32_t number = reader.number();
      const std::uint32_t window = reader.number();
      const bool piece = reader.number() != 0;
      if (reader.good() && piece && at != channels_->all().end() && at->second.state == Channel::State::offered)
        client_.opened(number, window);
    }
    channels_->hear(type, payload, out);
  }

  void after(int which, Effects& out) {
    const std::uint32_t channel = take() % 8;
    switch (which) {
      case 0: {
        const ByteView bytes = some();
        return hear(static_cast<std::uint8_t>(80 + take() % 21), {bytes.begin(), bytes.end()}, out);
      }
      case 1:
        return hear(msg_channel_open,
                    PacketWriter().string("session").number(next_++).number(take() * 64U).number(take() + 1U).take(),
                    out);
      case 2:
        return hear(msg_channel_open,
                    PacketWriter()
                        .string("direct-tcpip")
                        .number(next_++)
                        .number(1000)
                        .number(100)
                        .string(some())
                        .number(take())
                        .string("")
                        .number(1)
                        .take(),
                    out);
      case 3: {
        constexpr std::string_view names[] = {
            "shell",         "exec",   "subsystem", "pty-req",         "env",
            "window-change", "signal", "break",     "eow@openssh.com", "auth-agent-req@openssh.com",
            "x11-req"};
        const std::string_view name = names[take() % std::size(names)];
        const bool reply = take() % 2 == 0;
        PacketWriter request;
        request.number(channel).string(name).boolean(reply);
        if (take() % 4 == 0) return hear(msg_channel_request, request.raw(some()).take(), out);
        if (name == "exec" || name == "subsystem" || name == "signal") request.string(some());
        if (name == "env") request.string(some()).string(some());
        if (name == "pty-req") request.string(some()).number(1).number(2).number(3).number(4).string(some());
        if (name == "window-change") request.number(1).number(2).number(3).number(4);
        if (name == "x11-req") request.boolean(reply).string(some()).string(some()).number(take());
        return hear(msg_channel_request, request.take(), out);
      }
      case 4: return hear(msg_channel_data, PacketWriter().number(channel).string(some()).take(), out);
      case 5:
        return hear(take() % 2 == 0 ? msg_channel_eof : msg_channel_close, PacketWriter().number(channel).take(), out);
      case 6: return hear(msg_channel_window_adjust, PacketWriter().number(channel).number(take() * 100U).take(), out);
      case 7: return open(channel, out);
      case 8: return channels_->refused({channel, "no"}, out);
      case 9: {
        protocol::Exited exited;
        exited.channel = channel;
        exited.signalled = take() % 2 == 0;
        return channels_->exited(exited, now_, out);
      }
      case 10: return move(out);
      case 11: return want_listener(out);
      case 12: {
        const std::uint8_t answer = take();
        return channels_->listening({channel, answer % 2 == 0, answer, answer % 3 == 0 ? "no" : ""}, out);
      }
      case 13: return offer(channel, out);
      case 14:
        return hear(take() % 4 == 0 ? msg_channel_open_failure : msg_channel_open_confirmation,
                    PacketWriter().number(channel).number(next_++).number(take() * 64U).number(take() + 1U).take(),
                    out);
      default:
        now_ += take();
        channels_->settle(now_, true, out);
        return;
    }
  }

  void want_listener(Effects& out) {
    constexpr std::string_view names[] = {"tcpip-forward", "cancel-tcpip-forward", "streamlocal-forward@openssh.com",
                                          "cancel-streamlocal-forward@openssh.com", "no-more-sessions@openssh.com"};
    const std::size_t which = take() % std::size(names);
    PacketWriter request;
    request.string(names[which]).boolean(take() % 2 == 0);
    if (take() % 8 == 0) return hear(msg_global_request, request.raw(some()).take(), out);
    if (which < 4) request.string(take() % 2 == 0 ? ByteView() : some());
    if (which < 2) request.number(take());
    hear(msg_global_request, request.take(), out);
  }

  void offer(std::uint32_t listener, Effects& out) {
    int ends[2] = {-1, -1};
    if (processes_.size() > 200 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) != 0) return;
    Fd given(ends[0]);
    processes_.emplace_back(ends[1]);
    states_.handed();
    channels_->accepted({listener, "::1", 9}, std::span(&given, 1), out);
  }

  void open(std::uint32_t channel, Effects& out) {
    const auto kind = static_cast<protocol::ChannelKind>(1 + take() % 3);
    std::vector<Fd> given;
    for (int i = 0; i < (kind == protocol::ChannelKind::pipes ? 3 : 1); ++i) {
      int ends[2] = {-1, -1};
      if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) != 0) return;
      given.emplace_back(ends[0]);
      if (take() % 4 != 0)
        processes_.emplace_back(ends[1]);  // else it is gone already
      else
        close(ends[1]);
    }
    if (take() % 16 == 0) given.pop_back();
    channels_->opened({channel, kind}, given, out);
  }

  // Processes write, read and go; then the channels' descriptors are moved as the service moves them.
  void move(Effects& out) {
    for (Fd& process : processes_) {
      std::uint8_t bytes[512]{};
      const std::uint8_t what = take();
      if (what % 4 == 0) (void)!write(process.get(), bytes, what);
      if (what % 4 == 1) (void)!read(process.get(), bytes, sizeof bytes);
      if (what % 16 == 2) process = Fd();
    }
    std::uint8_t buffer[1024];
    for (auto& [_, channel] : channels_->all()) {
      if (channel.state != Channel::State::running) continue;
      if (!channel.input_over && !channel.input.empty()) channels_->write_input(channel, out);
      for (const bool errors : {false, true}) {
        if (!channel.may_read() || (errors ? channel.errors_over : channel.output_over)) continue;
        deliver(out);
        channels_->read_output(channel, errors, buffer, now_, [this](ByteView head, ByteView data) {
          client_.hear(PacketWriter().raw(head).raw(data).take());
        });
      }
    }
    channels_->settle(now_, true, out);
  }

  void deliver(Effects& out) {
    for (const Bytes& packet : out.packets) client_.hear(packet);
    out.packets.clear();
  }

  void carry_out(Effects& out) {
    deliver(out);
    for (auto& message : out.messages) {
      if (auto* login = std::get_if<protocol::Login>(&message)) {
        login->request = 1;
        asked_ = true;
      }
      const auto bytes = protocol::encode(message);
      require(bytes.has_value(), "a message that cannot be encoded");
      const auto judged = states_.hear(*protocol::decode_from_ssh(*bytes));
      require(judged.verdict != protocol::Verdict::broken, "a message that aclnode-session does not take");
    }
    if (out.success) {
      require(accepted_ && !channels_, "a login without a verdict that accepts");
      channels_.emplace(*login_.verdict(), true);
    }
    over_ = out.over;
    if (!channels_) return;
    require(channels_->all().size() <= protocol::most_channels, "too many channels");
    for (auto& [_, channel] : channels_->all())
      require(channel.input.size() <= window_size, "more waits for a process than its window");
  }

  ByteView input_;
  Login login_{true};
  std::optional<Channels> channels_;
  protocol::SshStates states_;
  Client client_;
  std::vector<Fd> processes_;
  std::uint32_t next_ = 0;
  std::int64_t now_ = 0;
  bool asked_ = false, accepted_ = false, over_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  std::signal(SIGPIPE, SIG_IGN);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Driver({data, size}).run();
  return 0;
}
