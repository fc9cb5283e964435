#include "node/session/relay.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace acl::node::session {
namespace {

// How much is written between two looks at what is left of the disk.
constexpr std::uint64_t look_every = std::uint64_t{1} << 20;

}  // namespace

Relay::Relay(const protocol::RecordChannel& order, Fd file, std::array<Fd, 4> descriptors, std::int64_t now_us)
    : order_(order), file_(std::move(file)), owned_(std::move(descriptors)), began_us_(now_us) {
  const int first = owned_[0].get(), second = owned_[1].get();
  if (order.terminal) {
    ways_[0].source = ways_[1].sink = first;
    ways_[0].sink = ways_[1].source = second;
    ways_[1].recorded = false;
  } else {
    ways_[0].source = first;
    ways_[1].source = second;
    ways_[0].sink = owned_[2].get();
    ways_[1].sink = owned_[3].get();
  }
}

bool Relay::is_over() const noexcept {
  return ways_[0].source < 0 && ways_[0].sink < 0 && ways_[1].source < 0 && ways_[1].sink < 0;
}

// Of each way the source, where there is a place for what it says, and the sink: also where nothing waits for it, as its end is to be seen.
void Relay::add_polled(std::vector<pollfd>& polled) {
  for (const Way& way : ways_) {
    const bool reads = !way.waits() && !(stalled_ && way.recorded);
    const bool client = order_.terminal && !way.recorded;  // its end shows also while its input waits
    polled.push_back({reads || client ? way.source : -1, static_cast<short>(reads ? POLLIN : 0), 0});
    // A terminal's two ends are watched as sources; as sinks only where something waits.
    const bool watched = way.waits() || !order_.terminal;
    polled.push_back({watched ? way.sink : -1, static_cast<short>(way.waits() ? POLLOUT : 0), 0});
  }
}

void Relay::step(const pollfd* polled, std::int64_t now_us, RelayBuffers& buffers) {
  for (std::size_t i = 0; i < ways_.size(); ++i) {
    Way& way = ways_[i];
    const short source = polled[2 * i].revents, sink = polled[2 * i + 1].revents;
    if (way.waits() && (sink & POLLOUT) != 0) flush(way);
    // A terminal that nobody has open takes nothing any more, and says so without end.
    if (order_.terminal && !way.recorded && way.waits() && (sink & (POLLHUP | POLLERR)) != 0 && (sink & POLLOUT) == 0) {
      way.waiting.clear();
      way.begin = 0;
    }
    if ((sink & POLLERR) != 0 && !order_.terminal && way.sink >= 0) end_sink(way);
    if (order_.terminal && !way.recorded && way.waits() && (source & POLLHUP) != 0) return close_all();
    if (source != 0 && way.source >= 0) {
      // A few in a row: terminals give a page at a time.
      for (int piece = 0; piece < 4 && move(way, now_us, buffers); ++piece) {
      }
    }
  }
}

bool Relay::move(Way& way, std::int64_t now_us, RelayBuffers& buffers) {
  if (way.source < 0 || way.waits() || (stalled_ && way.recorded)) return false;
  std::size_t have = 0;
  bool over = false;
  while (have < buffers.bytes.size()) {
    const ssize_t got = read(way.source, buffers.bytes.data() + have, buffers.bytes.size() - have);
    if (got < 0 && errno == EINTR) continue;
    // A terminal that nobody has open any more says EIO.
    if (got == 0 || (got < 0 && errno != EAGAIN)) over = true;
    if (got <= 0) break;
    have += static_cast<std::size_t>(got);
  }
  const auto bytes = std::span<const std::uint8_t>(buffers.bytes).first(have);
  if (!bytes.empty()) {
    const bool written = !way.recorded || record('o', way.text, bytes, now_us, buffers);
    // What is not recorded is not shown, where policy demands it.
    if (!written && order_.enforce) return false;
    pass(way, bytes);
  }
  if (over) end_source(way, now_us, buffers);
  return have == buffers.bytes.size() && !over;
}

void Relay::pass(Way& way, std::span<const std::uint8_t> bytes) {
  if (way.sink < 0) return;
  way.waiting.insert(way.waiting.end(), bytes.begin(), bytes.end());
  flush(way);
}

void Relay::flush(Way& way) {
  while (way.waits()) {
    const ssize_t sent = write(way.sink, way.waiting.data() + way.begin, way.waiting.size() - way.begin);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return;
    if (sent <= 0) return end_sink(way);
    way.begin += static_cast<std::size_t>(sent);
  }
  way.waiting.clear();
  way.begin = 0;
  if (way.source < 0) end_sink(way);
}

// Nothing more comes; when all has gone on, neither does anything there.
void Relay::end_source(Way& way, std::int64_t now_us, RelayBuffers& buffers) {
  if (way.recorded && file_) record('o', way.text, {}, now_us, buffers);
  if (order_.terminal && !way.recorded) return close_all();  // the client's side has gone: the terminal hangs up
  way.source = -1;
  if (!order_.terminal) owned_[static_cast<std::size_t>(&way - ways_.data())] = Fd();
  if (!way.waits()) end_sink(way);
}

void Relay::end_sink(Way& way) {
  way.waiting = {};
  way.begin = 0;
  if (!order_.terminal) {
    const auto number = static_cast<std::size_t>(&way - ways_.data());
    owned_[number] = Fd();
    owned_[number + 2] = Fd();
    way.source = way.sink = -1;
    return;
  }
  // Input that a terminal does not take is nobody's.
  if (!way.recorded) return;
  // The other side finds the end of the output, and may go on to have the terminal for its process: it closes when it is done.
  if (way.source < 0 && way.sink >= 0)
    shutdown(way.sink, SHUT_WR);
  else
    close_all();
  way.sink = -1;
}

void Relay::close_all() {
  for (Fd& fd : owned_) fd = Fd();
  for (Way& way : ways_) {
    way.source = way.sink = -1;
    way.waiting = {};
    way.begin = 0;
  }
}

// --- the file ------------------------------------------------------------------------------------------------------------------

bool Relay::record(char code, CastText& text, std::span<const std::uint8_t> bytes, std::int64_t now_us,
                   RelayBuffers& buffers) {
  if (!file_) return false;
  char* const begin = buffers.text.data();
  char* const inside = begin_event(now_us - began_us_, code, begin);
  char* const end = bytes.empty() ? text.finish(inside) : text.put(bytes, inside);
  return end == inside || write_event(begin, end_event(end));
}

bool Relay::write_event(const char* begin, const char* end) {
  const auto size = static_cast<std::uint64_t>(end - begin);
  since_look_ += size;
  if (since_look_ >= look_every) {
    since_look_ = 0;
    struct statfs disk {};
    if (fstatfs(file_.get(), &disk) == 0 &&
        static_cast<std::uint64_t>(disk.f_bavail) * static_cast<std::uint64_t>(disk.f_bsize) < order_.keep_free) {
      lose(ENOSPC);
      return false;
    }
  }
  while (begin != end) {
    const ssize_t wrote = write(file_.get(), begin, static_cast<std::size_t>(end - begin));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) {
      lose(wrote < 0 ? errno : EIO);
      return false;
    }
    begin += wrote;
  }
  order_.written += size;
  return true;
}

void Relay::lose(int error) {
  // What was written last may be half a line.
  [[maybe_unused]] const int cut = ftruncate(file_.get(), static_cast<off_t>(order_.written));
  file_ = Fd();
  loss_ = std::strerror(error);
  if (order_.enforce) {
    stalled_ = true;
    return;
  }
  const std::string line = fmt::format("aclnode: this session is no longer recorded: {}", *loss_);
  const std::string told = order_.terminal ? "\r\n" + line + "\r\n" : line + "\n";
  // It waits, and so goes out with what comes next or by itself.
  Way& way = ways_[order_.terminal ? 0 : 1];
  if (way.sink >= 0) way.waiting.insert(way.waiting.end(), told.begin(), told.end());
}

std::optional<std::string> Relay::take_loss() { return std::exchange(loss_, std::nullopt); }

void Relay::resize(const protocol::RecordResize& size, std::int64_t now_us, RelayBuffers& buffers) {
  if (!order_.terminal || !owned_[0]) return;
  const winsize window{size.rows, size.columns, size.width, size.height};
  // The kernel tells the terminal's foreground (SIGWINCH). What it had said before stands before it in the recording.
  move(ways_[0], now_us, buffers);
  ioctl(owned_[0].get(), TIOCSWINSZ, &window);
  if (size.columns == 0 || size.rows == 0) return;  // unknown (RFC 4254 section 6.2): no size to replay in
  const std::string text = fmt::format("{}x{}", size.columns, size.rows);
  CastText plain;
  record('r', plain, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, now_us, buffers);
}

bool Relay::take_drained(std::int64_t now_us, RelayBuffers& buffers) {
  if (!draining_) return false;
  Way& way = ways_[0];
  for (int piece = 0; piece < 16 && move(way, now_us, buffers); ++piece) {
  }
  if (way.waits() && way.sink >= 0) return false;
  draining_ = false;
  return true;
}

}  // namespace acl::node::session
