// What the tests of fetching share: a network whose releases are published to a store, and a node that fetches them through an
// aclnode-net. Times of releases are days since release::testing::first_day; deadlines are real.
#pragma once

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "engine/release/testing.h"
#include "engine/store/folder.h"
#include "engine/store/publish.h"
#include "engine/store/store.h"
#include "engine/store/testing.h"
#include "node/daemon/fetcher.h"

namespace acl::node::testing {

using std::chrono::milliseconds;
using std::chrono::seconds;

inline std::int64_t steady_ms() {
  return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Another user than root can pass through it, as aclnode-net must.
class OpenFolder : public store::testing::TempFolder {
 public:
  OpenFolder();
};

// A user for aclnode-net to become: nobody, where the tests run as root.
std::string net_user();

// Compiles nothing: its releases are those of release::testing, in a folder as `aclc compile` and `aclc sign` leave it.
class Workshop {
 public:
  Workshop();
  // Release `number`, made on that day.
  void make(std::uint64_t number, const std::string& tables);
  void publish_to(const std::string& url, const store::StoreOptions& options = {});
  [[nodiscard]] std::string path(std::string_view name) const { return folder_ / ("made/" + std::string(name)); }

  release::testing::Network network;

 private:
  store::testing::TempFolder folder_;
};

class Node {
 public:
  // Settings as they stand before the fetcher is made; changed by tests.
  explicit Node(const std::string& source, const Workshop& workshop);
  ~Node();

  daemon::FetchSettings settings;
  release::State state;
  release::Time wall = release::testing::first_day + 20 * release::testing::day;
  bool enforces = true;

  daemon::Fetcher& fetcher();
  // Runs until an event is such, and gives it; nothing after `patience`.
  using Wanted = std::function<bool(const daemon::FetchEvent&)>;
  std::optional<daemon::FetchEvent> wait(const Wanted& wanted, milliseconds patience = seconds(20));
  // The next event of a kind.
  template <class T>
  std::optional<T> wait_for(milliseconds patience = seconds(20)) {
    auto event = wait([](const daemon::FetchEvent& e) { return std::holds_alternative<T>(e); }, patience);
    if (!event) return std::nullopt;
    return std::move(std::get<T>(*event));
  }
  void run_for(milliseconds time) {
    wait([](const daemon::FetchEvent&) { return false; }, time);
  }
  void forget() { fetcher_.reset(); }

  // All events so far, in words: "accepted 1.2", "refused rollback", …
  [[nodiscard]] const std::vector<std::string>& history() const noexcept { return history_; }

 private:
  std::unique_ptr<daemon::Fetcher> fetcher_;
  std::vector<daemon::FetchEvent> pending_;
  std::vector<std::string> history_;
};

std::string words_of(const daemon::FetchEvent& event);

}  // namespace acl::node::testing
