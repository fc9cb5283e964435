#include "tests/fetch/testing.h"

#include <sys/stat.h>

#include <algorithm>

namespace acl::node::testing {

using daemon::FetchEvent;
using release::testing::day;
using release::testing::first_day;
using release::testing::must;

OpenFolder::OpenFolder() { chmod(path().c_str(), 0755); }

std::string net_user() { return geteuid() == 0 ? "65534:65534" : ""; }

Workshop::Workshop() = default;

void Workshop::make(std::uint64_t number, const std::string& tables) {
  release::testing::Plan plan;
  plan.tables = tables;
  plan.created += static_cast<release::Time>(number) * day / 24;
  network.publish(number, plan);
  for (const auto& [name, bytes] : network.store) store::testing::write_file(path(name), bytes);
}

void Workshop::publish_to(const std::string& url, const store::StoreOptions& options) {
  const auto target = must(store::open_target(url, options));
  const auto folder = must(store::Folder::create(folder_ / "made"));
  store::PublishOptions publishing;
  publishing.now = first_day + 20 * day;
  must(store::publish(folder, *target, publishing));
}

Node::Node(const std::string& source, const Workshop& workshop) : state(release::first_state(workshop.network.trust)) {
  settings.open.source = source;
  settings.client.own_key = release::testing::key_of_node(3);
  settings.client.choose_chunks = [](release::ByteView, std::size_t count) {
    return count > 3 ? std::vector<std::uint32_t>{1, 3} : std::vector<std::uint32_t>{};
  };
  settings.program = {ACL_NET_PROGRAM, net_user(), {}};
}

Node::~Node() {
  // What the daemon side saw, where a test has failed.
  if (::testing::Test::HasFailure()) {
    for (const std::string& line : history_) std::printf("  event: %s\n", line.c_str());
  }
}

daemon::Fetcher& Node::fetcher() {
  if (!fetcher_) fetcher_ = must(daemon::Fetcher::make(settings, state));
  return *fetcher_;
}

std::optional<FetchEvent> Node::wait(const Wanted& wanted, milliseconds patience) {
  const std::int64_t end = steady_ms() + patience.count();
  for (;;) {
    while (!pending_.empty()) {
      FetchEvent event = std::move(pending_.front());
      pending_.erase(pending_.begin());
      if (wanted(event)) return event;
    }
    const release::Instant now{wall, steady_ms()};
    if (now.steady_ms >= end) return std::nullopt;
    pending_ = fetcher().step(now);
    for (const FetchEvent& event : pending_) {
      history_.push_back(words_of(event));
      const auto* accepted = std::get_if<daemon::Accepted>(&event);
      if (accepted == nullptr || !enforces) continue;
      state = accepted->release.state;
      fetcher().enforced(state, now);
    }
    if (!pending_.empty()) continue;
    pollfd waiting{fetcher().fd(), POLLIN, 0};
    const std::int64_t next = std::min(fetcher().next_ms().value_or(end), end);
    poll(&waiting, 1, static_cast<int>(std::clamp<std::int64_t>(next - steady_ms(), 0, 60'000)));
  }
}

std::string words_of(const FetchEvent& event) {
  struct Words {
    std::string operator()(const daemon::Accepted& e) const { return "accepted " + e.release.head.generation.text(); }
    std::string operator()(const daemon::Unchanged&) const { return "unchanged"; }
    std::string operator()(const daemon::Refused& e) const {
      return fmt::format("refused {}: {} ({})", release::reason_name(e.reason), e.diagnostic.message, e.said);
    }
    std::string operator()(const daemon::Trouble& e) const { return "trouble " + e.text; }
    std::string operator()(const daemon::Well&) const { return "well"; }
    std::string operator()(const daemon::Down& e) const {
      return fmt::format("down {}: {}", code_name(e.diagnostic.code), e.diagnostic.message);
    }
  };
  return std::visit(Words{}, event);
}

}  // namespace acl::node::testing
