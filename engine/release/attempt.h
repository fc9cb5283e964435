// The inside of Client: one attempt, what it has learnt and what it waits for. client.cc has the requests, their limits, deadlines
// and the end of the attempt; client_fetch.cc what each answer means. For these two files alone.
#pragma once

#include <map>
#include <string>

#include "engine/release/client.h"
#include "engine/release/names.h"
#include "engine/release/quorum.h"

namespace acl::release {

struct Client::Attempt {
  struct Open {
    ObjectName object;
    std::uint64_t limit = 0;
    std::int64_t deadline_ms = 0;
    Bytes data;
  };
  struct Blob {
    std::uint64_t length = 0;
    std::shared_ptr<const Bytes> bytes;  // null until it is there
  };

  Settings settings;
  State state;
  Goal goal = Goal::newer;
  bool begun = false;
  Phase phase = Phase::fetching;
  Refusal refusal;
  Release release;
  std::uint64_t received = 0;
  std::uint64_t open_bytes = 0;  // the limits of all open requests
  std::map<std::string, Open, std::less<>> open;
  std::vector<Request> requests;  // of this step

  Generation target;  // what `latest` says
  std::uint32_t trust_steps = 0;
  std::optional<TrustSet> next_trust;  // unverified: waits for its quorum
  std::optional<Quorum> quorum;
  Head head;
  unsigned depth = 0;  // of the page that is open
  Digest position;     // of the own key
  Leaf leaf;
  std::map<Digest, Blob> blobs;
  std::size_t missing_blobs = 0;
  bool directory_read = false;

  // client.cc
  Step step();
  void ask(const ObjectName& object, const std::string& name, std::uint64_t limit, bool exact, const Instant& now);
  void refuse(Reason reason, Diagnostic diagnostic);
  void refuse(Reason reason, Code code, std::string message);
  void close(const std::string& name);
  void pass_time(const Instant& now);
  bool in_time(const Open& request, std::string_view name, const Instant& now);

  // client_fetch.cc
  void answer(const ObjectName& object, Bytes bytes, const Instant& now);
  void no_answer(const ObjectName& object, std::string_view name, std::string_view why, const Instant& now);

 private:
  void on_latest(std::string_view text, const Instant& now);
  void seek_target(const Instant& now);
  void on_trust(std::string_view text, const Instant& now);
  void on_head(std::string_view text, const Instant& now);
  void ask_signatures(const Instant& now);
  void on_signature(const ObjectName& object, const std::optional<std::string_view>& file, const Instant& now);
  void drop_signatures();
  void on_quorum(const Instant& now);
  void enter_tree(const Instant& now);
  void ask_page(const Reference& reference, const Instant& now);
  void on_page(const Reference& reference, ByteView bytes, const Instant& now);
  void on_leaf(const Instant& now);
  void want_blob(const Reference& reference, std::uint64_t most, const Instant& now);
  void on_blob(const Digest& digest, Bytes bytes, const Instant& now);
  void read_directory(const Instant& now);
  void finish_if_whole();

  Reference page_reference_;  // of the page that is open
};

}  // namespace acl::release
