// Which message is legal when, kept by each side of the other: the states of docs/protocol.md.
//
// Pure: messages that were decoded and times go in, verdicts come out. Memory is bounded by most_open. What is broken is
// answered by ending the conversation, and with it the process at the other end; nothing is mended or guessed.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "node/protocol/message.h"

namespace acl::node::protocol {

// Objects asked for and not yet answered, at most.
inline constexpr std::size_t most_open = 64;

// What may come unasked (changed, trouble, well) or too late (for what was cancelled) in each span of ten seconds.
inline constexpr unsigned most_chatter = 512;
inline constexpr std::int64_t chatter_span_ms = 10'000;

enum class Verdict : std::uint8_t {
  take,
  late,    // for a number that is over: it crossed a cancel. Ignored
  broken,  // not legal, or too much
};

struct Judged {
  Verdict verdict = Verdict::take;
  std::string fault;  // broken: in words
};

// aclnode's side: what one aclnode-net may answer.
class Asked {
 public:
  // The number of a new request for at most `limit` bytes; nothing while most_open are open.
  std::optional<std::uint64_t> ask(std::uint64_t limit);
  // Nobody waits for it any more; answers to it are late from here on.
  void cancel(std::uint64_t id);
  // complete, absent and failed end their request, so that a second one is late.
  Judged hear(const FromNet& message, std::int64_t now_ms);
  [[nodiscard]] std::size_t open() const noexcept { return open_.size(); }

 private:
  struct Object {
    std::uint64_t limit = 0;
    std::uint64_t received = 0;
  };
  Judged answer(std::uint64_t id, const FromNet& message, std::int64_t now_ms);
  Judged chatter(Verdict verdict, std::int64_t now_ms);

  std::map<std::uint64_t, Object> open_;
  std::uint64_t next_ = 1;
  std::int64_t span_began_ms_ = 0;
  unsigned heard_ = 0;
};

// aclnode-net's side: what aclnode may ask. `open` first and once, then numbers that grow, at most most_open at a time; what was
// cancelled no longer counts. To be told of an answer before the last message of it is sent, as the next request may follow at once.
class Told {
 public:
  Judged hear(const ToNet& message);
  void answered(std::uint64_t id) { open_.erase(id); }
  [[nodiscard]] bool opened() const noexcept { return opened_; }

 private:
  std::set<std::uint64_t> open_;
  std::uint64_t last_ = 0;
  bool opened_ = false;
};

}  // namespace acl::node::protocol
