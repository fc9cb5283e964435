#include "node/ssh/service.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "node/ssh/channel_packets.h"
#include "node/ssh/channels.h"
#include "node/ssh/login.h"
#include "node/ssh/session_link.h"
#include "node/ssh/transport.h"

namespace acl::node::ssh {
namespace {

// Packets for the client: no more is read from processes beyond the first, nothing from the client beyond the second.
constexpr std::size_t output_enough = std::size_t{128} << 10;
constexpr std::size_t output_too_much = std::size_t{1} << 20;
// What is read at once; a packet that is longer makes the buffer grow, to what libssh takes at most (256 KiB, and its MAC).
constexpr std::size_t read_at_once = std::size_t{128} << 10;
constexpr std::size_t longest_packet = std::size_t{320} << 10;
// So much at once in either direction is a stream, in which nobody waits for an acknowledgement.
constexpr std::size_t stream_pieces = std::size_t{8} << 10;
// What is left to say at the end may take so long. aclnode-session kills after 300 ms.
constexpr std::int64_t farewell_ms = 200;
// What waits in the kernel for its turn on the network is what an interrupt, or the words of an end, wait behind (tcp(7), since Linux 3.12).
constexpr int unsent_enough = 128 * 1024;

std::int64_t now_ms() {
  using namespace std::chrono;  // NOLINT(google-build-using-namespace): clocks alone
  return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

void set_option(int socket, int option, int value = 1) {
  setsockopt(socket, IPPROTO_TCP, option, &value, sizeof value);  // no TCP in a test: no such option, nothing lost
}

class Service {
 public:
  Service(int conversation, int connection) : link_(conversation), connection_(connection) {}

  int run() {
    if (!begin()) return link_.broken() ? 1 : 0;
    while (!over_) turn();
    say_farewell();
    return link_.broken() ? 1 : 0;
  }

 private:
  bool begin();
  void turn();
  void collect();
  void watch(int fd, short events, Channel* channel, bool errors);
  int patience();
  void hear_session();
  void hear_session(SessionLink::Incoming incoming);
  void hear_client();
  void hear_packet(std::uint8_t type, ByteView payload);
  void move_channels();
  void read_from(Channel& channel, bool errors);
  void carry_out(Effects& effects);
  void keep_alive();
  void write_out();
  void say_farewell();
  void hear_out(std::int64_t until);
  void end(std::string words) {
    if (!over_) words_ = std::move(words);
    over_ = true;
  }
  [[nodiscard]] bool room() const { return !transport_->rekeying() && transport_->output().size() < output_enough; }

  // What a descriptor that is waited for belongs to; the first two are fixed.
  struct Watched {
    std::uint32_t channel = 0;
    bool errors = false;
  };

  SessionLink link_;
  int connection_;
  protocol::Welcome welcome_;
  std::unique_ptr<Transport> transport_;
  std::optional<Login> login_;
  std::optional<Channels> channels_;

  std::vector<std::uint8_t> input_;
  std::size_t have_ = 0;
  std::vector<std::uint8_t> buffer_ = std::vector<std::uint8_t>(packet_size);
  std::vector<pollfd> polled_;
  std::vector<Watched> watched_;
  std::optional<std::int64_t> settle_in_;

  std::int64_t heard_ = 0;  // from the client, last
  unsigned unanswered_ = 0;
  bool stream_ = false;  // much was moved at once, and nothing small has come since
  bool over_ = false;
  std::string words_;
};

bool Service::begin() {
  auto first = link_.wait();
  if (!first) return false;
  auto* const welcome = std::get_if<protocol::Welcome>(&first->message);
  if (welcome == nullptr) return false;
  welcome_ = std::move(*welcome);
  Transport::Above above;
  above.packet = [this](std::uint8_t type, ByteView payload) { hear_packet(type, payload); };
  above.sign = [this](std::size_t key, ByteView data) { return link_.sign(key, data); };
  auto made = Transport::make(welcome_.host_keys, welcome_.rekey_bytes, std::move(above));
  if (!made) {
    link_.send(protocol::Over{made.error().message});
    return false;
  }
  transport_ = std::move(*made);
  login_.emplace(welcome_.formality);
  never_wait(connection_);
  set_option(connection_, TCP_NODELAY);
  set_option(connection_, TCP_NOTSENT_LOWAT, unsent_enough);
  input_.resize(read_at_once);
  heard_ = now_ms();
  if (!transport_->start()) end(transport_->why());
  write_out();
  return true;
}

void Service::turn() {
  collect();
  // The kernel forgets it again and again; without it the answers of a login wait for 40 ms (tcp(7)).
  if (!stream_) set_option(connection_, TCP_QUICKACK);
  const int ready = poll(polled_.data(), polled_.size(), patience());
  if (ready < 0 && errno != EINTR) return end("it cannot be waited any more");
  if (ready < 0) return;
  hear_session();
  if (!over_ && (polled_[1].revents & ~POLLOUT) != 0) hear_client();
  if (!over_) move_channels();
  if (!over_) keep_alive();
  write_out();
}

void Service::watch(int fd, short events, Channel* channel, bool errors) {
  if (events == 0 || fd < 0) return;  // else a hangup would wake without end
  polled_.push_back({fd, events, 0});
  watched_.push_back({channel->number, errors});
}

void Service::collect() {
  polled_.clear();
  watched_.clear();
  polled_.push_back({link_.socket(), static_cast<short>(link_.has_kept() ? POLLIN | POLLOUT : POLLIN), 0});
  const std::size_t waiting = transport_->output().size();
  // A client that asks for more than aclnode-session can do waits too.
  const bool hears = waiting < output_too_much && !link_.has_kept();
  const int wanted = (waiting > 0 ? POLLOUT : 0) | (hears ? POLLIN : 0);
  polled_.push_back({connection_, static_cast<short>(wanted), 0});
  if (!channels_) return;
  const bool reads = room();
  for (auto& [_, channel] : channels_->all()) {
    if (channel.state != Channel::State::running) continue;
    const bool may = reads && channel.may_read();
    const int in = !channel.input_over && !channel.input.empty() ? POLLOUT : 0;
    const int from = may && !channel.output_over ? POLLIN : 0;
    if (channel.kind == protocol::ChannelKind::pipes) {
      watch(channel.to.get(), static_cast<short>(in), &channel, false);
      watch(channel.from.get(), static_cast<short>(from), &channel, false);
      watch(channel.errors.get(), static_cast<short>(may && !channel.errors_over ? POLLIN : 0), &channel, true);
    } else {
      watch(channel.from.get(), static_cast<short>(in | from), &channel, false);
    }
  }
}

int Service::patience() {
  if (link_.has_heard()) return 0;
  std::int64_t wait = -1;
  if (settle_in_) wait = *settle_in_;
  if (channels_ && welcome_.keepalive_s > 0) {
    const std::int64_t next = heard_ + std::int64_t{welcome_.keepalive_s} * 1000 * (unanswered_ + 1) - now_ms();
    if (wait < 0 || next < wait) wait = std::max<std::int64_t>(next, 0);
  }
  return static_cast<int>(std::min<std::int64_t>(wait, INT32_MAX));
}

void Service::hear_session() {
  if ((polled_[0].revents & POLLOUT) != 0) link_.flush();
  if (polled_[0].revents == 0 && !link_.has_heard()) return;
  while (!over_) {
    auto incoming = link_.receive();
    if (!incoming) break;
    hear_session(std::move(*incoming));
  }
  if (link_.closed()) end("aclnode-session is gone");
}

void Service::hear_session(SessionLink::Incoming incoming) {
  Effects out;
  if (const auto* verdict = std::get_if<protocol::LoginVerdict>(&incoming.message)) {
    if (!login_->verdict()) login_->answered(*verdict, out);
  } else if (const auto* challenge = std::get_if<protocol::Challenge>(&incoming.message)) {
    login_->challenged(*challenge, out);
  } else if (const auto* goodbye = std::get_if<protocol::End>(&incoming.message)) {
    if (channels_) channels_->tell_all(goodbye->words, out);
    out.end(Reason::by_application, goodbye->words);
  } else if (channels_) {
    if (const auto* opened = std::get_if<protocol::Opened>(&incoming.message))
      channels_->opened(*opened, incoming.given(), out);
    if (const auto* refused = std::get_if<protocol::Refused>(&incoming.message)) channels_->refused(*refused, out);
    if (const auto* listening = std::get_if<protocol::Listening>(&incoming.message))
      channels_->listening(*listening, out);
    if (const auto* accepted = std::get_if<protocol::Accepted>(&incoming.message))
      channels_->accepted(*accepted, incoming.given(), out);
    if (const auto* exited = std::get_if<protocol::Exited>(&incoming.message))
      channels_->exited(*exited, now_ms(), out);
  }
  carry_out(out);
}

void Service::hear_client() {
  if (have_ == input_.size() && have_ < longest_packet) input_.resize(longest_packet);
  const ssize_t got = recv(connection_, input_.data() + have_, input_.size() - have_, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return end(got == 0 ? "the client closed the connection" : std::strerror(errno));
  heard_ = now_ms();
  unanswered_ = 0;
  stream_ = static_cast<std::size_t>(got) >= stream_pieces;
  have_ += static_cast<std::size_t>(got);
  const std::size_t taken = transport_->feed(std::span(input_).first(have_));
  have_ -= taken;
  if (have_ > 0 && taken > 0) std::memmove(input_.data(), input_.data() + taken, have_);
  if (transport_->failed()) end(transport_->why());
  if (have_ == longest_packet) end("a packet that is too long");
}

void Service::hear_packet(std::uint8_t type, ByteView payload) {
  if (over_) return;
  Effects out;
  if (type == msg_disconnect) return end("the client disconnected");
  if (type == msg_service_request) {
    login_->hear_service(payload, out);
  } else if (type == msg_userauth_request) {
    login_->hear_request(payload, out);
  } else if (type == msg_userauth_info_response) {
    login_->hear_info_response(payload, out);
  } else if (type >= msg_global_request && channels_) {
    channels_->hear(type, payload, out);
  } else {
    out.end(Reason::protocol_error, "a packet that is not legal now");
  }
  carry_out(out);
}

void Service::carry_out(Effects& effects) {
  for (const Bytes& packet : effects.packets) transport_->send(packet);
  if (!effects.question.empty()) transport_->send_question(effects.question);
  if (effects.success) {
    transport_->send_success();
    channels_.emplace(*login_->verdict(), transport_->client().find("OpenSSH") != std::string::npos);
  }
  for (auto& message : effects.messages) link_.send(std::move(message));
  if (effects.over && !over_) {
    const auto reason = static_cast<std::uint32_t>(effects.reason);
    transport_->send(PacketWriter(msg_disconnect).number(reason).string(effects.words).string("").take());
    end(effects.words);
  }
  if (transport_->failed()) end(transport_->why());
}

// A few packets at once make fewer turns of a stream.
void Service::read_from(Channel& channel, bool errors) {
  constexpr int pieces = 4;
  const SendData send = [this](ByteView head, ByteView data) { transport_->send(head, data); };
  for (int piece = 0; piece < pieces; ++piece) {
    const bool over = errors ? channel.errors_over : channel.output_over;
    if (over || !channel.may_read() || !room()) return;
    if (!channels_->read_output(channel, errors, buffer_, now_ms(), send)) return;
  }
}

void Service::move_channels() {
  settle_in_.reset();
  if (!channels_) return;
  Effects out;
  for (std::size_t i = 0; i < watched_.size(); ++i) {
    const short ready = polled_[i + 2].revents;
    const auto at = channels_->all().find(watched_[i].channel);
    if (ready == 0 || at == channels_->all().end()) continue;
    Channel& channel = at->second;
    const short asked = polled_[i + 2].events;
    if ((asked & POLLOUT) != 0) channels_->write_input(channel, out);
    if ((asked & POLLIN) != 0 && (ready & ~POLLOUT) != 0) read_from(channel, watched_[i].errors);
  }
  settle_in_ = channels_->settle(now_ms(), room(), out);
  carry_out(out);
}

void Service::keep_alive() {
  if (!channels_ || welcome_.keepalive_s == 0) return;
  if (now_ms() - heard_ < std::int64_t{welcome_.keepalive_s} * 1000 * (unanswered_ + 1)) return;
  if (unanswered_ >= welcome_.keepalive_count) return end("the client does not answer any more");
  ++unanswered_;
  // Whoever does not know it says so, which is as good an answer.
  transport_->send(PacketWriter(msg_global_request).string("keepalive@openssh.com").boolean(true).take());
}

void Service::write_out() {
  ByteQueue& output = transport_->output();
  while (!output.empty()) {
    const auto waiting = output.front();
    const ssize_t sent = send(connection_, waiting.data(), waiting.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return;
    if (sent <= 0) return end("the client closed the connection");
    if (static_cast<std::size_t>(sent) >= stream_pieces) stream_ = true;
    output.pop(static_cast<std::size_t>(sent));
  }
}

void Service::say_farewell() {
  link_.send(protocol::Over{words_});
  const std::int64_t until = now_ms() + farewell_ms;
  for (;;) {
    const std::size_t before = transport_->output().size();
    write_out();
    const std::int64_t left = until - now_ms();
    if (transport_->output().empty() || left <= 0) break;
    pollfd one{connection_, POLLOUT, 0};
    if (poll(&one, 1, static_cast<int>(left)) <= 0) break;
    if ((one.revents & (POLLERR | POLLHUP)) != 0 && transport_->output().size() == before) break;
  }
  hear_out(until);
}

// A close with something unread is a reset, and a reset takes along what the client has not read yet: the words of the end. So what it
// has still sent is read away, until it closes, too.
void Service::hear_out(std::int64_t until) {
  if (shutdown(connection_, SHUT_WR) != 0) return;
  for (std::int64_t left = until - now_ms(); left > 0; left = until - now_ms()) {
    pollfd one{connection_, POLLIN, 0};
    if (poll(&one, 1, static_cast<int>(left)) <= 0) break;
    if (recv(connection_, buffer_.data(), buffer_.size(), MSG_DONTWAIT) <= 0) break;
  }
}

}  // namespace

int serve(int conversation, int connection) { return Service(conversation, connection).run(); }

}  // namespace acl::node::ssh
