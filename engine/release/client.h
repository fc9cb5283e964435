// Client: one attempt of a node to get a newer release from a store that nobody trusts. A pure state machine: bytes and times
// go in, requests and a decision come out. No input or output, no clock, no thread; the caller fetches, waits and stores.
//
//   latest -> trust/<v+1> and its signatures, while the version grows -> head and signatures -> the pages on the path of the
//   node's own key -> its leaf -> parts, rules and the directory's index -> the chunks of the directory that it needs
//
// Requests that do not depend on each other come out together and may be answered in any order, in pieces of any size. Each
// has a length that no answer exceeds and a moment by which it must be whole; memory grows with what has arrived, never
// with what a length claims. An attempt ends as
//
//   accepted    a release, whole and verified. Once the caller enforces it, it stores `Release::state`.
//   unchanged   the store has what was accepted before.
//   refused     with a reason. What was accepted stays accepted.
//
// state() is always safe to store: it differs from the state that came in by the time that has passed and by trust sets that
// both thresholds signed (which count even if what follows is missing, as in section 5.3 of The Update Framework's
// specification, https://theupdateframework.github.io/specification/latest/: a revoked key should not live longer for it).
//
// Its names for attacks are those of section 1.5.2 there. client_test.cc has a test of each name.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/net/diagnostic.h"
#include "engine/release/head.h"
#include "engine/release/page.h"
#include "engine/release/state.h"

namespace acl::release {

struct Instant {
  Time wall = 0;               // what the system's clock says: expiry
  std::int64_t steady_ms = 0;  // a clock that never jumps, from any start: deadlines
};

// The store's object `name`, at most `limit` bytes of it (one byte more may be read to see that it is longer).
struct Request {
  std::string name;
  std::uint64_t limit = 0;
  bool exact = false;            // `limit` is its length: page and blob
  std::int64_t deadline_ms = 0;  // on the steady clock
};

enum class Reason : std::uint8_t {
  malformed,      // an object that is not in its form
  too_long,       // endless data: longer than known or allowed
  too_slow,       // slow retrieval: not whole at its deadline
  unavailable,    // an object is absent or could not be fetched
  not_signed,     // arbitrary software, too few keys: fewer valid signatures than the threshold
  wrong_trust,    // a trust set that is no successor, or a head for another trust set
  rollback,       // older than what was accepted
  expired,        // freeze: a head that is not accepted yet and has expired
  equivocation,   // two heads, both signed, of one generation: a signer or its key is at fault
  mismatch,       // mix-and-match: bytes that are not those the signed head leads to
  not_listed,     // the release has no leaf for this node
  beyond_limits,  // a signed length beyond what this node is set to take
};
std::string_view reason_name(Reason reason) noexcept;  // "rollback"

struct Refusal {
  Reason reason = Reason::malformed;
  Diagnostic diagnostic;
};

struct Limits {
  std::uint64_t blob = std::uint64_t{256} << 20;  // a part or the rules
  std::uint32_t trust_steps = 64;                 // trust sets in one attempt
  std::int64_t patience_ms = 30'000;              // for an answer of no length, and
  std::uint64_t least_rate = 4096;                // bytes a second beyond that
};

// Which chunks of the directory this node needs, of `chunk_count`; numbers beyond are a fault of the chooser and left out.
using ChunkChoice =
    std::function<std::vector<std::uint32_t>(std::span<const std::uint8_t> names_part, std::size_t chunk_count)>;
// A blob that the node already has; what it gives is hashed like what a store gives, and fetched if it is something else.
using Held = std::function<std::optional<Bytes>(const Reference& reference)>;

struct Settings {
  NodeKey own_key{};          // the node's own, never one it was told
  ChunkChoice choose_chunks;  // none: no chunks
  Held held;                  // none: nothing
  Limits limits;
};

struct ReleasePart {
  PartKind kind = PartKind::hot;
  Reference reference;
  std::shared_ptr<const Bytes> bytes;
};

struct ReleaseChunk {
  std::uint32_t number = 0;
  Reference reference;
  std::shared_ptr<const Bytes> bytes;
};

struct Release {
  Head head;
  Bytes header;                    // of the node's leaf
  std::vector<ReleasePart> parts;  // by kind
  std::shared_ptr<const Bytes> rules;
  std::vector<Reference> directory;
  std::vector<ReleaseChunk> chunks;  // by number
  State state;                       // to store once the release is in force
};

enum class Goal : std::uint8_t {
  newer,          // the usual attempt
  same_or_newer,  // fetch the accepted release again, too: the node has lost some of its bytes
};

enum class Phase : std::uint8_t { fetching, accepted, unchanged, refused };

struct Step {
  Phase phase = Phase::fetching;
  std::vector<Request> requests;  // new ones, to be started now; those of before go on
};

class Client {
 public:
  Client(Settings settings, State state);
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  // Once, first.
  Step begin(Instant now, Goal goal = Goal::newer);

  // What becomes of requests. A name that was not asked for, or is already answered, is ignored, as is all after the end.
  Step receive(std::string_view name, ByteView piece, Instant now);  // some more bytes
  Step complete(std::string_view name, Instant now);                 // that was all of them
  Step absent(std::string_view name, Instant now);                   // there is no such object
  Step failed(std::string_view name, Instant now);                   // it could not be fetched
  // Time has passed; at the latest at next_deadline_ms().
  Step tick(Instant now);

  [[nodiscard]] Phase phase() const noexcept;
  // The earliest deadline of an open request; nothing if none is open.
  [[nodiscard]] std::optional<std::int64_t> next_deadline_ms() const noexcept;
  [[nodiscard]] const State& state() const noexcept;
  // Phase refused.
  [[nodiscard]] const Refusal& refusal() const noexcept;
  // Phase accepted, once.
  [[nodiscard]] Release take_release();
  // What all answers so far came to, pages, index and signatures included.
  [[nodiscard]] std::uint64_t bytes_received() const noexcept;

 private:
  struct Attempt;
  std::unique_ptr<Attempt> attempt_;
};

}  // namespace acl::release
