// OpenFile: what the session keeps of one open file; no one but session.cc and session_tests.cc includes this.
#pragma once

#include <chrono>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lsp/server/inventories.h"
#include "lsp/server/session.h"

namespace acl::lsp {

// A test that failed. Edits move it; an edit of its lines ends it.
struct Failure {
  Diagnostic diagnostic;
  Span lines;  // from the begin of its first line to the end of its last
};

// Moves failures as the edit moves the text; drops those whose lines it touches.
void move_failures(std::vector<Failure>& failures, const TextEdit& edit);
std::vector<Failure> failures_in(std::vector<Diagnostic> diagnostics, std::string_view text, const Lines& lines);

struct Session::OpenFile {
  std::string uri;
  std::string path;  // "" of a document that is no file
  std::int64_t version = 0;
  std::uint64_t revision = 0;
  std::string text;

  // Of `snapshot_of`; it is used again while these are the same.
  std::shared_ptr<const Snapshot> snapshot;
  std::uint64_t snapshot_revision = 0;
  // The last one without a syntax error, if `snapshot` has some: what first looks compare with.
  std::shared_ptr<const Snapshot> whole;
  std::uint64_t first_look_revision = 0;
  std::optional<std::chrono::steady_clock::time_point> whole_look_at;  // after a first look

  // What the tests were last run on, or are being; and what came of the last run that ended.
  std::vector<std::shared_ptr<const void>> test_inputs;
  bool testing = false;
  std::vector<std::string> inventories;  // a fixture's: paths that its last run asked for
  std::shared_ptr<const Understanding> understanding;
  std::vector<Failure> failures;
  TestOutcome outcome;
  std::optional<std::int64_t> tested;
  std::size_t passed = 0;
  std::size_t failed = 0;
  std::string untested;  // why the last run came to nothing

  std::optional<std::list<OpenFile*>::iterator> queued;  // its place among those to be looked at
  std::optional<std::vector<Shown>> told;
  std::int64_t told_version = 0;
  std::optional<Status> told_status;

  // Places in it are called so.
  [[nodiscard]] const std::string& name() const noexcept { return path.empty() ? uri : path; }
};

struct Session::DiskFile {
  std::string identity;
  std::shared_ptr<const Snapshot> snapshot;
};

// What became of a fixture.
struct Session::FixtureRun {
  std::shared_ptr<const Snapshot> fixture;
  std::shared_ptr<const Understanding> understanding;  // of its policy; null if it could not be resolved
  std::vector<Diagnostic> diagnostics;                 // failures, and what kept the tests from being run
  std::size_t passed = 0;
  std::size_t failed = 0;
};

}  // namespace acl::lsp
