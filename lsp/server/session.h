// Session: what the server knows while it runs: what the client can do, the open files and their snapshots, inventories. Handlers of
// requests are functions of it (handlers.h); the loop (server.h) owns it and is the only thread that touches it.
//
// A snapshot is made when somebody asks for it or when the loop has nothing else to do, never for a version that a later change, already
// received, has replaced. Understandings are made by a worker thread and handed over when done.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lsp/server/snapshot.h"

namespace acl::lsp {

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

class Session {
 public:
  virtual ~Session() = default;

  [[nodiscard]] virtual const ClientCan& client() const = 0;
  [[nodiscard]] virtual const Settings& settings(std::string_view uri) const = 0;
  // Of the newest text of an open file; for one that is not open, of the file on the disk (version -1). Null: not a file that can be read.
  [[nodiscard]] virtual std::shared_ptr<const Snapshot> snapshot(std::string_view uri) = 0;
  // The newest there is for the policy, which may be of an older version than snapshot()'s. Null if there is none yet or no inventory. For
  // a fixture: its policy's.
  [[nodiscard]] virtual std::shared_ptr<const Understanding> understanding(std::string_view uri) = 0;
  // The files open in the editor, by URI.
  [[nodiscard]] virtual std::vector<std::string> open_files() const = 0;
};

// "file:///a/b%20c.hujson" and back. Nothing for other schemes: such documents get all that needs no other file.
std::string path_of(std::string_view uri);
std::string uri_of(std::string_view path);

}  // namespace acl::lsp
