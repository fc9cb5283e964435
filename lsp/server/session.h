// Session: what the server knows while it runs: what the client can do, the open files and their snapshots, inventories. Handlers of
// requests are functions of it (handlers.h); the loop (server.h) owns it and is the only thread that touches it.
//
// A snapshot is made when somebody asks for it or when the loop has nothing else to do, never for a version that a later change, already
// received, has replaced. Understandings are made by a worker thread and handed over when done.
#pragma once

#include <chrono>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lsp/server/shown.h"
#include "lsp/server/snapshot.h"
#include "lsp/server/uri.h"

namespace acl::lsp {

class Inventories;
struct LoadedInventory;
class Worker;

// What the client said in `initialize` that makes a difference to answers.
struct ClientCan {
  Encoding encoding = Encoding::utf16;
  bool snippets = false;              // completion items may be snippets
  bool markdown = false;              // hover and documentation
  bool hierarchical_symbols = false;  // documentSymbol
  bool document_changes = false;      // workspace edits with versions
  bool related_information = false;   // diagnostics
  bool diagnostic_tags = false;
  bool code_description = false;  // diagnostics may link to a page
  bool code_action_literals = false;
  bool pull_diagnostics = false;
  bool work_done_progress = false;
  bool dynamic_watch = false;  // workspace/didChangeWatchedFiles may be registered
  bool refresh_diagnostics = false, refresh_code_lens = false, refresh_inlay_hints = false,
       refresh_semantic_tokens = false;
  bool line_folding_only = false;
  bool configuration = false;  // workspace/configuration can be asked
};

// Settings of a workspace ("aclLsp": {"inventory": …, "dialect": …}).
struct Settings {
  std::string inventory;  // a path, relative ones to the workspace's folder; "" looks beside the policy
  policy::Dialect dialect = policy::Dialect::tailscale;
  bool inlay_hints = true;
  bool code_lens = true;
};

// A folder of the editor's workspace, or all that is in none of them (path "").
struct Folder {
  std::string uri;
  std::string path;
  Settings settings;
};

// What a file's inventory came to: `aclLsp/status`.
struct Status {
  enum class State : std::uint8_t { none, loading, ready, broken };
  std::string inventory;  // its path, "" if there is none
  State state = State::none;
  std::size_t nodes = 0;
  std::size_t users = 0;
  std::string message;                 // for people
  std::optional<std::int64_t> tested;  // the version whose tests have run
  std::size_t passed = 0;
  std::size_t failed = 0;
  std::string untested;                  // why the tests could not be run, though they were to be
  std::optional<std::int64_t> resolved;  // the version of which it is known whom its rules reach

  friend bool operator==(const Status&, const Status&) = default;
};

struct AskedInventory {
  std::shared_ptr<const InventoryState> state;  // null if there is none or it is unread
  bool unread = false;                          // it has errors, or is still being read
};

class Session {
 public:
  explicit Session(Worker& worker);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // --- for requests ---

  [[nodiscard]] const ClientCan& client() const noexcept { return client_; }
  [[nodiscard]] const Settings& settings(std::string_view uri) const;
  // Of the newest text of an open file; for one that is not open, of the file on the disk (version -1). Null: not a file that can be read.
  [[nodiscard]] std::shared_ptr<const Snapshot> snapshot(std::string_view uri);
  // The newest there is for the policy, which may be of an older version than snapshot()'s. Null if there is none yet or no inventory. For
  // a fixture: its policy's.
  [[nodiscard]] std::shared_ptr<const Understanding> understanding(std::string_view uri);
  // The inventory whose devices a policy or a fixture asks about.
  [[nodiscard]] AskedInventory asked_inventory(std::string_view uri, const Snapshot& file);
  // Of the last run, which may be of an older version, and comes before the understanding of its version does.
  [[nodiscard]] TestOutcome outcome(std::string_view uri);
  // The files open in the editor, by URI.
  [[nodiscard]] std::vector<std::string> open_files() const;
  // All that is known to be wrong with a file: what its text tells, and the failures of the last tests.
  [[nodiscard]] std::vector<Shown> diagnostics(std::string_view uri);
  // Inventories that are not open and have something to say.
  [[nodiscard]] std::vector<std::string> closed_inventories() const;
  [[nodiscard]] const std::vector<Folder>& folders() const noexcept { return folders_; }

  // --- for the loop ---

  void start(const ClientCan& client, std::vector<Folder> folders);
  void set_folders(std::vector<Folder> folders);
  void set_settings(std::string_view folder_uri, const Settings& settings);

  void open(const std::string& uri, std::int64_t version, std::string text);
  // False if the file is not open.
  bool change(const std::string& uri, std::int64_t version, const std::vector<Change>& changes);
  void close(const std::string& uri);
  // Something on the disk is not as it was: all is looked at again, and reread where it differs.
  void look_again();

  // What is to be told to the editor.
  struct Told {
    std::string uri;
    std::optional<std::int64_t> version;
    std::optional<std::vector<Shown>> diagnostics;
    std::optional<Status> status;
    bool differs = false;  // the diagnostics are others than were told before, not only those of a newer version
  };
  // Does one piece of what is to be done when no message waits: a file whose text, policy or inventory is new is looked at, and what
  // became of it is told. Nothing if all is done that can be done before the worker is.
  [[nodiscard]] std::optional<Told> step();
  // When step() has something to do at the latest though nothing happens: a file of which only a first look was told.
  [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> wake_at() const;
  // Whether understanding() gives another for some file than it did when this was asked last: hints and lenses are then others, too.
  [[nodiscard]] bool take_understood() noexcept { return std::exchange(understood_, false); }
  // Folders whose files matter, for whoever watches them.
  [[nodiscard]] std::vector<std::string> watched_folders() const;

 private:
  struct OpenFile;
  struct DiskFile;
  struct FixtureRun;
  struct Retired;

  OpenFile* find(std::string_view uri);
  OpenFile* find_path(const std::string& path);
  [[nodiscard]] FileKind kind_of_file(std::string_view uri, const std::string& path) const;
  // Of the policy at this path: configured, else beside it; "" if there is none.
  std::string inventory_path(std::string_view uri, const std::string& path);
  const LoadedInventory& inventory_at(const std::string& path);
  std::shared_ptr<const Snapshot> snapshot_of(OpenFile& file);
  // The inventory of a policy, null for other files.
  std::shared_ptr<const InventoryState> inventory_of(const OpenFile& file, FileKind kind);
  void retire(std::shared_ptr<const void> last);
  std::shared_ptr<const Snapshot> snapshot_on_disk(const std::string& uri, const std::string& path);
  void look_at(OpenFile& file);
  void run_tests(OpenFile& file);
  void run_policy(OpenFile& file);
  void run_fixture(OpenFile& file);
  void take_tests(const std::string& uri, const std::shared_ptr<const Snapshot>& snapshot,
                  const std::shared_ptr<const questions::TestRun>& tests);
  void understand_later(const std::string& uri, const std::shared_ptr<const Snapshot>& snapshot);
  void take_understanding(const std::string& uri, std::shared_ptr<const Understanding> understanding);
  void set_understanding(OpenFile& file, std::shared_ptr<const Understanding> understanding);
  void take_fixture_run(const std::string& uri, const FixtureRun& run);
  void tests_failed(const std::string& uri, const std::string& reason);
  [[nodiscard]] Status status_of(OpenFile& file);
  // Nothing while an inventory is being loaded: what is known of it is of an older text, with other places.
  [[nodiscard]] std::optional<std::vector<Shown>> shown_of(OpenFile& file);
  std::optional<Told> tell(OpenFile& file);
  // first_look.h, of large files that have changed; once for each change.
  std::optional<Told> tell_first_look(OpenFile& file);
  std::optional<Told> tell_inventory();
  [[nodiscard]] std::vector<std::string> inventories_in_use();

  Worker& worker_;
  ClientCan client_;
  std::vector<Folder> folders_;
  Settings default_settings_;
  std::map<std::string, std::unique_ptr<OpenFile>, std::less<>> open_;
  std::multimap<std::string, OpenFile*> open_paths_;  // those of `open_` that are files
  std::map<std::string, std::unique_ptr<DiskFile>> disk_;
  std::unique_ptr<Inventories> inventories_;
  std::shared_ptr<Retired> retired_;
  std::uint64_t revision_ = 0;       // of texts, over all files
  std::list<OpenFile*> to_look_at_;  // open files, each once, the next first
  std::deque<Told> to_tell_;         // of files that were closed
  bool look_at_inventories_ = false;
  bool understood_ = false;
  std::set<std::string> asked_inventories_;  // what requests about fixtures asked for; until a file is closed
  std::map<std::string, std::vector<Shown>> told_inventories_;  // of closed ones, by path
};

}  // namespace acl::lsp
