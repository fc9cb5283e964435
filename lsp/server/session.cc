#include "lsp/server/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <utility>

#include "engine/net/file.h"
#include "lsp/server/disk.h"
#include "lsp/server/first_look.h"
#include "lsp/server/inventories.h"
#include "lsp/server/open_file.h"
#include "lsp/server/worker.h"

namespace acl::lsp {

Session::Session(Worker& worker) : worker_(worker) {
  retired_ = std::make_shared<Retired>();
  inventories_ = std::make_unique<Inventories>(worker, [this](const std::string&) { look_again(); });
}
Session::~Session() = default;

// --- settings ---------------------------------------------------------------------------------------------------------

namespace {

bool is_within(std::string_view path, std::string_view folder) noexcept {
  if (folder.empty() || path.substr(0, folder.size()) != folder) return false;
  return path.size() == folder.size() || folder.back() == '/' || path[folder.size()] == '/';
}

const Folder* folder_of(const std::vector<Folder>& folders, std::string_view path) noexcept {
  const Folder* found = nullptr;
  for (const Folder& folder : folders) {
    if (is_within(path, folder.path) && (found == nullptr || folder.path.size() > found->path.size())) found = &folder;
  }
  return found;
}

std::string normal(const std::filesystem::path& path) { return path.lexically_normal().string(); }

}  // namespace

const Settings& Session::settings(std::string_view uri) const {
  const Folder* folder = folder_of(folders_, path_of(uri));
  return folder == nullptr ? default_settings_ : folder->settings;
}

void Session::start(const ClientCan& client, std::vector<Folder> folders) {
  client_ = client;
  set_folders(std::move(folders));
}

void Session::set_folders(std::vector<Folder> folders) {
  for (Folder& folder : folders) {
    folder.path = path_of(folder.uri);
    const auto before =
        std::find_if(folders_.begin(), folders_.end(), [&](const Folder& f) { return f.uri == folder.uri; });
    folder.settings = before == folders_.end() ? default_settings_ : before->settings;
  }
  folders_ = std::move(folders);
  look_again();
}

void Session::set_settings(std::string_view folder_uri, const Settings& settings) {
  if (folder_uri.empty()) default_settings_ = settings;
  for (Folder& folder : folders_) {
    if (folder_uri.empty() || folder.uri == folder_uri) folder.settings = settings;
  }
  look_again();
}

// --- files ------------------------------------------------------------------------------------------------------------

Session::OpenFile* Session::find(std::string_view uri) {
  const auto found = open_.find(uri);
  return found == open_.end() ? nullptr : found->second.get();
}

Session::OpenFile* Session::find_path(const std::string& path) {
  const auto found = open_paths_.lower_bound(path);
  return found == open_paths_.end() || found->first != path ? nullptr : found->second;
}

std::vector<std::string> Session::open_files() const {
  std::vector<std::string> out;
  for (const auto& [uri, file] : open_) out.push_back(uri);
  return out;
}

void Session::open(const std::string& uri, std::int64_t version, std::string text) {
  auto& file = open_[uri];
  if (!file) {
    file = std::make_unique<OpenFile>();
    file->uri = uri;
    file->path = path_of(uri);
    if (!file->path.empty()) open_paths_.emplace(file->path, file.get());
  }
  file->version = version;
  file->revision = ++revision_;
  file->text = std::move(text);
  file->failures.clear();
  // Others may be about it.
  look_again();
  look_at(*file);
}

bool Session::change(const std::string& uri, std::int64_t version, const std::vector<Change>& changes) {
  OpenFile* file = find(uri);
  if (file == nullptr) return false;
  // Where there are many of both, moving them costs more than the tests do, which are run again anyway.
  constexpr std::size_t most_moves = 1'000'000;
  if (changes.size() * file->failures.size() > most_moves) file->failures.clear();
  for (const TextEdit& edit : apply_changes(file->text, changes, client_.encoding)) move_failures(file->failures, edit);
  file->version = version;
  file->revision = ++revision_;
  worker_.cancel("test:" + uri);
  look_again();
  look_at(*file);
  return true;
}

void Session::close(const std::string& uri) {
  const auto found = open_.find(uri);
  if (found == open_.end()) return;
  const OpenFile* file = found->second.get();
  if (file->queued) to_look_at_.erase(*file->queued);
  const auto [first, last] = open_paths_.equal_range(file->path);
  if (const auto path = std::find_if(first, last, [&](const auto& one) { return one.second == file; }); path != last) {
    open_paths_.erase(path);
  }
  open_.erase(found);
  asked_inventories_.clear();
  worker_.cancel("test:" + uri);
  Told told;
  told.uri = uri;
  told.diagnostics.emplace();
  to_tell_.push_back(std::move(told));
  look_again();
}

void Session::look_at(OpenFile& file) {
  if (file.queued) {
    to_look_at_.splice(to_look_at_.begin(), to_look_at_, *file.queued);
  } else {
    file.queued = to_look_at_.insert(to_look_at_.begin(), &file);
  }
}

void Session::look_again() {
  for (const auto& [uri, file] : open_) {
    if (!file->queued) file->queued = to_look_at_.insert(to_look_at_.end(), file.get());
  }
  look_at_inventories_ = true;
}

// --- inventories ------------------------------------------------------------------------------------------------------

FileKind Session::kind_of_file(std::string_view uri, const std::string& path) const {
  const Settings& chosen = settings(uri);
  if (!chosen.inventory.empty() && !path.empty()) {
    const Folder* folder = folder_of(folders_, path);
    if (normal(std::filesystem::path(folder == nullptr ? "" : folder->path) / chosen.inventory) == path) {
      return FileKind::inventory;
    }
  }
  return kind_of(path.empty() ? uri : std::string_view(path));
}

std::string Session::inventory_path(std::string_view uri, const std::string& path) {
  const Settings& chosen = settings(uri);
  if (!chosen.inventory.empty()) {
    const Folder* folder = folder_of(folders_, path);
    const std::filesystem::path base =
        folder != nullptr ? std::filesystem::path(folder->path) : std::filesystem::path(path).parent_path();
    const std::string whole = normal(base / chosen.inventory);
    return whole.empty() || whole[0] != '/' ? std::string() : whole;
  }
  if (path.empty()) return {};
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  for (const char* name : {"inventory.hujson", "inventory.json"}) {
    std::string beside = (folder / name).string();
    if (find_path(beside) != nullptr || identify(beside)) return beside;
  }
  return {};
}

const LoadedInventory& Session::inventory_at(const std::string& path) {
  if (const OpenFile* file = find_path(path)) {
    return inventories_->of_text(path, file->revision, file->text, client_.encoding);
  }
  return inventories_->on_disk(path, client_.encoding);
}

// --- snapshots --------------------------------------------------------------------------------------------------------

std::shared_ptr<const Snapshot> Session::snapshot(std::string_view uri) {
  if (OpenFile* file = find(uri)) return snapshot_of(*file);
  const std::string path = path_of(uri);
  if (path.empty()) return nullptr;
  if (OpenFile* file = find_path(path)) return snapshot_of(*file);
  return snapshot_on_disk(std::string(uri), path);
}

std::shared_ptr<const InventoryState> Session::inventory_of(const OpenFile& file, FileKind kind) {
  if (kind != FileKind::policy) return nullptr;
  const std::string path = inventory_path(file.uri, file.path);
  return path.empty() ? nullptr : inventory_at(path).state;
}

std::shared_ptr<const Snapshot> Session::snapshot_of(OpenFile& file) {
  const FileKind kind = kind_of_file(file.uri, file.path);
  const policy::Dialect dialect = settings(file.uri).dialect;
  std::shared_ptr<const InventoryState> inventory = inventory_of(file, kind);
  const auto& last = file.snapshot;
  if (last && file.snapshot_revision == file.revision && last->kind == kind && last->file->policy.dialect == dialect &&
      last->inventory == inventory)
    return last;
  if (last && last->whole) retire(std::exchange(file.whole, std::move(file.snapshot)));
  retire(std::move(file.snapshot));
  file.snapshot = make_snapshot(file.name(), file.version, kind, file.text, dialect, std::move(inventory));
  file.snapshot_revision = file.revision;
  if (file.snapshot->whole) retire(std::move(file.whole));
  return file.snapshot;
}

// What waits to be taken apart.
struct Session::Retired {
  std::mutex mutex;
  std::vector<std::shared_ptr<const void>> waiting;
};

// Taking a large snapshot apart costs as much as a third of making one: the worker does it. Behind a long job they must not pile up: what
// would be one too many is taken apart here.
void Session::retire(std::shared_ptr<const void> last) {
  constexpr std::size_t most = 3;
  if (last == nullptr) return;
  {
    const std::lock_guard lock(retired_->mutex);
    if (retired_->waiting.size() >= most) return;
    retired_->waiting.push_back(std::move(last));
    if (retired_->waiting.size() > 1) return;
  }
  worker_.post("retired", "Freeing memory",
               [retired = retired_](const std::atomic<bool>&) -> Worker::Finish {
                 std::vector<std::shared_ptr<const void>> waiting;
                 const std::lock_guard lock(retired->mutex);
                 waiting.swap(retired->waiting);
                 return {};
               },
               {});
}

std::shared_ptr<const Snapshot> Session::snapshot_on_disk(const std::string& uri, const std::string& path) {
  const auto id = identify(path);
  if (!id) {
    disk_.erase(path);
    return nullptr;
  }
  const FileKind kind = kind_of_file(uri, path);
  const policy::Dialect dialect = settings(uri).dialect;
  std::shared_ptr<const InventoryState> inventory;
  if (kind == FileKind::policy) {
    const std::string beside = inventory_path(uri, path);
    if (!beside.empty()) inventory = inventory_at(beside).state;
  }
  auto& file = disk_[path];
  if (file && file->identity == id->identity && file->snapshot->kind == kind &&
      file->snapshot->file->policy.dialect == dialect && file->snapshot->inventory == inventory)
    return file->snapshot;
  auto text = read_regular(path, default_file_limit);
  if (!text) {
    disk_.erase(path);
    return nullptr;
  }
  file = std::make_unique<DiskFile>();
  file->identity = id->identity;
  file->snapshot = make_snapshot(path, -1, kind, std::move(*text), dialect, std::move(inventory));
  return file->snapshot;
}

std::shared_ptr<const Understanding> Session::understanding(std::string_view uri) {
  const OpenFile* file = find(uri);
  if (file == nullptr) file = find_path(path_of(uri));
  return file == nullptr ? nullptr : file->understanding;
}

TestOutcome Session::outcome(std::string_view uri) {
  const OpenFile* file = find(uri);
  return file == nullptr ? TestOutcome{} : file->outcome;
}

// --- what is told -----------------------------------------------------------------------------------------------------

std::optional<std::vector<Shown>> Session::shown_of(OpenFile& file) {
  const auto snapshot = snapshot_of(file);
  if (snapshot->kind == FileKind::inventory) {
    const LoadedInventory& loaded = inventory_at(file.name());
    return loaded.loading ? std::nullopt : std::optional(loaded.problems);
  }
  const ShownText text{file.name(), snapshot->text(), &snapshot->lines, client_.encoding};
  std::vector<Shown> out;
  out.reserve(file.failures.size() + snapshot->diagnostics.size());
  for (const Failure& failure : file.failures) out.push_back(show(failure.diagnostic, text));
  for (const Diagnostic& diagnostic : snapshot->diagnostics) out.push_back(show(diagnostic, text));
  return out;
}

std::vector<Shown> Session::diagnostics(std::string_view uri) {
  if (OpenFile* file = find(uri)) return shown_of(*file).value_or(std::vector<Shown>());
  const std::string path = path_of(uri);
  if (const LoadedInventory* inventory = inventories_->known(path)) return inventory->problems;
  const auto snapshot = this->snapshot(uri);
  if (!snapshot) return {};
  return show(snapshot->diagnostics, {snapshot->path, snapshot->text(), &snapshot->lines, client_.encoding});
}

Status Session::status_of(OpenFile& file) {
  Status status;
  status.tested = file.tested;
  status.passed = file.passed;
  status.failed = file.failed;
  status.untested = file.untested;
  if (file.understanding) status.resolved = file.understanding->snapshot->version;
  const bool is_inventory = file.snapshot && file.snapshot->kind == FileKind::inventory;
  status.inventory = is_inventory ? file.name() : inventory_path(file.uri, file.path);
  if (status.inventory.empty()) {
    status.message = "no inventory: what needs none works";
    return status;
  }
  const LoadedInventory& loaded = inventory_at(status.inventory);
  if (loaded.state) {
    status.nodes = loaded.state->inventory.nodes.size();
    status.users = loaded.state->inventory.users.size();
  }
  if (loaded.loading) {
    status.state = Status::State::loading;
    status.message = "reading the inventory";
  } else if (loaded.absent) {
    status.message = loaded.reason;
  } else if (loaded.broken) {
    status.state = Status::State::broken;
    status.message = loaded.reason;
    if (loaded.state) status.message += "; what it was before stays in use";
  } else {
    status.state = Status::State::ready;
    status.message = fmt::format("{} nodes, {} users", status.nodes, status.users);
  }
  return status;
}

std::optional<Session::Told> Session::tell_first_look(OpenFile& file) {
  // A smaller one is looked at as a whole within a few milliseconds.
  constexpr std::size_t large = std::size_t{128} << 10;
  // So long after the last key the whole is looked at: in the loop, where the next key would wait for it.
  constexpr std::chrono::milliseconds pause{30};
  const auto& before = file.snapshot && file.snapshot->whole ? file.snapshot : file.whole;
  if (before == nullptr || file.snapshot_revision == file.revision || file.first_look_revision == file.revision ||
      file.text.size() < large || kind_of_file(file.uri, file.path) != before->kind ||
      settings(file.uri).dialect != before->file->policy.dialect ||
      inventory_of(file, before->kind) != before->inventory)
    return std::nullopt;
  file.first_look_revision = file.revision;
  const auto found = first_look(*before, file.text);
  if (!found) return std::nullopt;
  file.whole_look_at = std::chrono::steady_clock::now() + pause;
  const Lines lines(file.text);
  const ShownText text{file.name(), file.text, &lines, client_.encoding};
  std::vector<Shown> shown;
  for (const Failure& failure : file.failures) shown.push_back(show(failure.diagnostic, text));
  for (const Diagnostic& diagnostic : *found) shown.push_back(show(diagnostic, text));
  Told told;
  told.uri = file.uri;
  told.version = file.version;
  told.differs = !file.told || *file.told != shown;
  file.told = shown;
  file.told_version = file.version;
  told.diagnostics = std::move(shown);
  return told;
}

std::optional<Session::Told> Session::tell(OpenFile& file) {
  if (auto first = tell_first_look(file)) return first;
  file.whole_look_at.reset();
  run_tests(file);
  Told told;
  told.uri = file.uri;
  told.version = file.version;
  auto shown = shown_of(file);
  // Whoever asked meanwhile got nothing: what comes then differs from that.
  if (!shown) file.told.reset();
  told.differs = shown && (!file.told || *file.told != *shown);
  if (shown && (told.differs || file.told_version != file.version)) {
    file.told = shown;
    file.told_version = file.version;
    told.diagnostics = std::move(shown);
  }
  auto status = status_of(file);
  if (!file.told_status || *file.told_status != status) {
    file.told_status = status;
    told.status = std::move(status);
  }
  if (!told.diagnostics && !told.status) return std::nullopt;
  return told;
}

std::optional<Session::Told> Session::step() {
  if (!to_tell_.empty()) {
    Told told = std::move(to_tell_.front());
    to_tell_.pop_front();
    return told;
  }
  while (!to_look_at_.empty()) {
    OpenFile& file = *to_look_at_.front();
    to_look_at_.pop_front();
    file.queued.reset();
    if (auto told = tell(file)) return told;
  }
  if (look_at_inventories_) return tell_inventory();
  const auto now = std::chrono::steady_clock::now();
  for (const auto& [uri, file] : open_) {
    if (!file->whole_look_at || *file->whole_look_at > now) continue;
    if (auto told = tell(*file)) return told;
  }
  return std::nullopt;
}

std::optional<std::chrono::steady_clock::time_point> Session::wake_at() const {
  std::optional<std::chrono::steady_clock::time_point> first;
  for (const auto& [uri, file] : open_) {
    if (file->whole_look_at && (!first || *file->whole_look_at < *first)) first = file->whole_look_at;
  }
  return first;
}

// --- inventories that are not open ------------------------------------------------------------------------------------

std::vector<std::string> Session::inventories_in_use() {
  std::vector<std::string> out(asked_inventories_.begin(), asked_inventories_.end());
  for (const auto& [uri, file] : open_) {
    std::string path = inventory_path(uri, file->path);
    if (!path.empty()) out.push_back(std::move(path));
    if (!file->path.empty()) out.push_back(file->path);
    if (!file->snapshot || file->snapshot->kind != FileKind::fixture) continue;
    out.insert(out.end(), file->inventories.begin(), file->inventories.end());
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::vector<std::string> Session::closed_inventories() const {
  std::vector<std::string> out;
  for (const auto& [path, shown] : told_inventories_) {
    if (!shown.empty()) out.push_back(uri_of(path));
  }
  return out;
}

std::optional<Session::Told> Session::tell_inventory() {
  inventories_->keep(inventories_in_use());
  const auto tell = [](const std::string& path, std::vector<Shown> shown) {
    Told told;
    told.uri = uri_of(path);
    told.diagnostics = std::move(shown);
    return told;
  };
  for (auto it = told_inventories_.begin(); it != told_inventories_.end(); ++it) {
    if (inventories_->known(it->first) != nullptr && find_path(it->first) == nullptr) continue;
    const std::string path = it->first;
    const bool quiet = it->second.empty() || find_path(path) != nullptr;
    told_inventories_.erase(it);
    if (quiet) return tell_inventory();
    return tell(path, {});
  }
  for (const std::string& path : inventories_->paths()) {
    if (find_path(path) != nullptr) continue;
    const LoadedInventory* loaded = inventories_->known(path);
    if (loaded == nullptr || loaded->loading) continue;
    auto& told = told_inventories_[path];
    if (told == loaded->problems) continue;
    told = loaded->problems;
    return tell(path, loaded->problems);
  }
  look_at_inventories_ = false;
  return std::nullopt;
}

std::vector<std::string> Session::watched_folders() const {
  std::vector<std::string> out;
  const auto add = [&](const std::string& path) {
    const std::string folder = std::filesystem::path(path).parent_path().string();
    if (!folder.empty() && std::find(out.begin(), out.end(), folder) == out.end()) out.push_back(folder);
  };
  for (const auto& [uri, file] : open_) add(file->path);
  for (const std::string& path : inventories_->paths()) add(path);
  for (const auto& [path, file] : disk_) add(path);
  return out;
}

}  // namespace acl::lsp
