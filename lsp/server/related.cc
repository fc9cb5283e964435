#include "lsp/server/related.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

namespace acl::lsp {
namespace {

// Of a folder with more files than this, the rest is not looked at.
constexpr std::size_t most_entries = 2000;

class Collector {
 public:
  explicit Collector(Session& session) : session_(session) {
    for (std::string& uri : session.open_files()) {
      std::string path = path_of(uri);
      open_.push_back({std::move(uri), std::move(path)});
    }
  }

  bool add(const std::string& uri) {
    const bool known = std::any_of(out_.begin(), out_.end(), [&](const File& file) { return file.uri == uri; });
    if (known) return true;
    auto snapshot = session_.snapshot(uri);
    if (snapshot == nullptr) return false;
    auto asked = session_.asked_inventory(uri, *snapshot);
    out_.push_back({uri, std::move(snapshot), std::move(asked.state), asked.unread});
    return true;
  }
  void add_path(const std::string& path) {
    if (!path.empty()) add(uri_of_path(path));
  }

  // Fixtures of the policy: open ones, and those beside it.
  void add_fixtures(const std::string& policy) {
    if (policy.empty()) return;
    for (const Open& file : open_) {
      if (kind_of(file.path) != FileKind::fixture) continue;
      const auto snapshot = session_.snapshot(file.uri);
      if (snapshot != nullptr && policy_path(*snapshot) == policy) add(file.uri);
    }
    std::error_code error;
    std::vector<std::string> beside;
    std::filesystem::directory_iterator it(std::filesystem::path(policy).parent_path(), error), end;
    for (std::size_t i = 0; !error && it != end && i < most_entries; it.increment(error), ++i) {
      std::string path = it->path().string();
      if (kind_of(path) == FileKind::fixture) beside.push_back(std::move(path));
    }
    std::sort(beside.begin(), beside.end());
    for (const std::string& path : beside) {
      const std::string uri = uri_of_path(path);
      const auto snapshot = session_.snapshot(uri);
      if (snapshot != nullptr && policy_path(*snapshot) == policy) add(uri);
    }
  }
  void add_users_of_inventory(const std::string& inventory) {
    for (const Open& file : open_) {
      if (kind_of(file.path) != FileKind::policy) continue;
      const auto snapshot = session_.snapshot(file.uri);
      if (snapshot != nullptr && snapshot->inventory != nullptr && snapshot->inventory->path == inventory) {
        add(file.uri);
      }
    }
  }

  std::vector<File> take() { return std::move(out_); }
  [[nodiscard]] const Snapshot& first() const { return *out_.front().snapshot; }
  [[nodiscard]] const std::vector<File>& files() const { return out_; }

 private:
  struct Open {
    std::string uri, path;
  };

  [[nodiscard]] std::string uri_of_path(const std::string& path) const {
    const auto open = std::find_if(open_.begin(), open_.end(), [&](const Open& file) { return file.path == path; });
    return open == open_.end() ? uri_of(path) : open->uri;
  }

  Session& session_;
  std::vector<Open> open_;
  std::vector<File> out_;
};

}  // namespace

std::string resolve_path(std::string_view fixture, std::string_view path) {
  const std::filesystem::path folder = std::filesystem::path(fixture).parent_path();
  return (folder / path).lexically_normal().string();
}

std::string policy_path(const Snapshot& fixture) {
  if (fixture.kind != FileKind::fixture || !fixture.fixture.policy || fixture.fixture.policy->empty() ||
      fixture.path.empty())
    return {};
  return resolve_path(fixture.path, fixture.fixture.policy->value);
}

std::string uri_for(Session& session, const std::string& path) {
  for (std::string& uri : session.open_files()) {
    if (path_of(uri) == path) return std::move(uri);
  }
  return uri_of(path);
}

std::vector<File> related_files(Session& session, std::string_view uri) {
  Collector out(session);
  if (!out.add(std::string(uri))) return {};
  const Snapshot& asked = out.first();
  switch (asked.kind) {
    case FileKind::policy: out.add_fixtures(asked.path); break;
    case FileKind::fixture: {
      const std::string policy = policy_path(asked);
      out.add_path(policy);
      out.add_fixtures(policy);
      break;
    }
    case FileKind::inventory: out.add_users_of_inventory(asked.path); break;
  }
  std::vector<std::string> inventories;
  for (const File& file : out.files()) {
    if (file.snapshot->inventory != nullptr) inventories.push_back(file.snapshot->inventory->path);
  }
  for (const std::string& path : inventories) out.add_path(path);
  return out.take();
}

}  // namespace acl::lsp
