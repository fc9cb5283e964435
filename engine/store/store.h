// Store: where a release lives, seen from the node that reads it (Source) and from the publisher that writes it (Target).
//
// A store carries bytes and is never trusted: every read has a length that no answer exceeds and a moment by which it must be
// whole, and what is read means nothing before engine/release has verified it. Objects have the names of engine/release/names.h
// and no others; all but `latest` never change. Three kinds are behind this interface:
//
//   PATH, file:///PATH           a folder                          read, written, watched (inotify)
//   https://HOST[:PORT]/PATH     any static server of a folder     read, asked again at an interval
//   etcd://HOST:PORT/PREFIX      etcd v3 by its JSON gateway       read, written, watched (stream); etcds:// is the same over TLS
//
// An object of these classes belongs to one thread. Calls block, none longer than its deadline (a folder's system calls aside).
// Everything that can fail returns a Diagnostic with a code of E11xx (E0002 and E0003 from a folder, too): E1102 not
// reached, E1103 refused, E1104 too slow, E1105 too long, E1106 malformed. None of them changes what is in the store.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/net/diagnostic.h"
#include "engine/release/names.h"

namespace acl::store {

// A moment on the clock that never jumps.
using Deadline = std::chrono::steady_clock::time_point;
inline Deadline within(std::chrono::milliseconds time) { return std::chrono::steady_clock::now() + time; }

struct Fetched {
  enum class State : std::uint8_t { found, absent, unchanged };
  State state = State::absent;
  std::string bytes;  // found
  // found: what to give as `known` next time, to be told `unchanged` instead of the same bytes. Empty: the store has no such thing.
  std::string tag;

  [[nodiscard]] bool found() const noexcept { return state == State::found; }
};

// Says when `latest` may have changed. Made for an event loop: poll `fd` for reading, then call `step`, which never blocks. It
// may say so too often (a new connection, a folder that was replaced, the interval of StoreOptions), but never misses a change:
// whoever has been told reads `latest`. Trouble with the store is no end: the watch goes on trying by itself.
class LatestWatch {
 public:
  LatestWatch() = default;
  LatestWatch(const LatestWatch&) = delete;
  LatestWatch& operator=(const LatestWatch&) = delete;
  virtual ~LatestWatch() = default;

  [[nodiscard]] virtual int fd() const noexcept = 0;
  // Whether `latest` may have changed since the last step that said so. The first step after the start always does.
  virtual bool step() = 0;
  // What keeps the watch from being told by the store; nothing while it is well, or where it only asks at its interval.
  [[nodiscard]] virtual std::optional<Diagnostic> trouble() const { return std::nullopt; }
};

// Blocks until a step says that `latest` may have changed: true; or until the deadline: false.
bool wait_for_change(LatestWatch& watch, Deadline deadline);

class Source {
 public:
  Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  virtual ~Source() = default;

  // At most `limit` bytes of the object; E1105 if it has more. `known` is a tag of an earlier answer, or empty.
  virtual Expected<Fetched> get(std::string_view name, std::uint64_t limit, Deadline deadline,
                                std::string_view known = {}) = 0;
  virtual Expected<std::unique_ptr<LatestWatch>> watch() = 0;
  // The store as the user named it, for messages.
  [[nodiscard]] virtual const std::string& name() const noexcept = 0;
};

struct Object {
  std::string name;
  std::string bytes;
};

enum class Existing : std::uint8_t { keep, replace };

// Writing is for one publisher at a time: all of it needs the lock, which the store itself gives back if its holder dies.
class Target : public Source {
 public:
  // E1111 if another publisher holds it until the deadline. Held until unlock, or the end of this object.
  virtual Expected<void> lock(Deadline deadline) = 0;
  virtual void unlock() noexcept = 0;

  // Those of the names that the store does not have, in their order.
  virtual Expected<std::vector<std::string>> missing(std::span<const std::string> names, Deadline deadline) = 0;
  // Adds objects other than `latest`, each whole or not at all, and on stable storage once this returns. Existing ones are kept
  // as they are or replaced. Returns how many were written.
  virtual Expected<std::size_t> put(std::span<const Object> objects, Existing existing, Deadline deadline) = 0;
  // The longest object that `put` takes.
  [[nodiscard]] virtual std::uint64_t longest_object() const noexcept = 0;
  // Moves `latest` in one step if it still says `from` (nothing: if there is none). E1026 if it says something else.
  virtual Expected<void> move_latest(const std::optional<release::Generation>& from, const release::Generation& to,
                                     Deadline deadline) = 0;
  // All names that begin so: "head/", "page/", ...; in any order. What is no name of an object is left out.
  virtual Expected<std::vector<std::string>> list(std::string_view prefix, Deadline deadline) = 0;
  // Takes objects away, in their order; one that is not there is no error.
  virtual Expected<void> remove(std::span<const std::string> names, Deadline deadline) = 0;
};

struct StoreOptions {
  // TLS: with a file of certification authorities (PEM), these and no others are believed; else those of the system.
  std::string ca_file;
  // TLS: this side's certificate and key (PEM), for servers that ask for them.
  std::string certificate_file;
  std::string key_file;
  // etcd's users: the password is the first line of the file, which others must not be able to read; or it is given as it is,
  // by a caller that has read it (then there is no file).
  std::string user;
  std::string password_file;
  std::string password;
  // Blobs are not here but in this other store (a URL, too): for etcd, which takes no large ones.
  std::string blobs;
  // How often a watch says "look" without being told: the way to follow https, elsewhere for what no notice reaches (a file
  // system shared over the network, an etcd member cut off from the others). Up to a fifth more, at random.
  std::chrono::milliseconds interval{30'000};
  // Set by another thread, it ends a read that is under way over the network within about a second (E1102). Outlives the store.
  const std::atomic<bool>* stop = nullptr;
};

// Opens a store for reading, or for writing. Nothing is connected yet. E1101: a text that names no store; E1110: one that
// cannot be written; E1113: a password file that cannot be used.
Expected<std::unique_ptr<Source>> open_source(std::string_view text, const StoreOptions& options = {});
Expected<std::unique_ptr<Target>> open_target(std::string_view text, const StoreOptions& options = {});

}  // namespace acl::store
