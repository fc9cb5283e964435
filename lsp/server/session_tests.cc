// The session's tests: running those of policies and fixtures beside the loop, and what stays of the last outcome while the text goes on.
#include <fmt/format.h>

#include <malloc.h>

#include <algorithm>
#include <utility>

#include "compiler/hujson/parse.h"
#include "compiler/inventory/load.h"
#include "compiler/questions/fixture_tests.h"
#include "compiler/questions/full_check.h"
#include "lsp/server/open_file.h"
#include "lsp/server/related.h"
#include "lsp/server/worker.h"

namespace acl::lsp {

// --- failures ---------------------------------------------------------------------------------------------------------

std::vector<Failure> failures_in(std::vector<Diagnostic> diagnostics, std::string_view text, const Lines& lines) {
  std::vector<Failure> out;
  out.reserve(diagnostics.size());
  for (Diagnostic& diagnostic : diagnostics) {
    const Span span = diagnostic.place ? diagnostic.place->bytes : Span{};
    const Span whole{lines.start(text, lines.line_of(span.begin)), lines.start(text, lines.line_of(span.end) + 1)};
    out.push_back({std::move(diagnostic), whole});
  }
  return out;
}

void move_failures(std::vector<Failure>& failures, const TextEdit& edit) {
  const bool whole_lines = !edit.text.empty() && edit.text.back() == '\n';
  std::erase_if(failures, [&](const Failure& failure) {
    const bool before = edit.span.end < failure.lines.begin ||
                        (edit.span.end == failure.lines.begin && (whole_lines || edit.span.begin < edit.span.end) &&
                         (whole_lines || edit.text.empty()));
    return !before && edit.span.begin < failure.lines.end;
  });
  for (Failure& failure : failures) {
    if (edit.span.end > failure.lines.begin) continue;
    const auto moved = [&](std::uint32_t& at) {
      at = static_cast<std::uint32_t>(at - (edit.span.end - edit.span.begin) + edit.text.size());
    };
    moved(failure.lines.begin);
    moved(failure.lines.end);
    if (!failure.diagnostic.place) continue;
    moved(failure.diagnostic.place->bytes.begin);
    moved(failure.diagnostic.place->bytes.end);
  }
}

namespace {

std::string last_name(const auto& file) { return file.name().substr(file.name().find_last_of('/') + 1); }

}  // namespace

// --- runs -------------------------------------------------------------------------------------------------------------

void Session::run_tests(OpenFile& file) {
  const auto snapshot = snapshot_of(file);
  if (snapshot->kind == FileKind::policy) run_policy(file);
  if (snapshot->kind == FileKind::fixture) run_fixture(file);
}

void Session::run_policy(OpenFile& file) {
  const auto snapshot = file.snapshot;
  if (!snapshot->inventory) {
    file.failures.clear();
    set_understanding(file, nullptr);
    file.outcome = {};
    file.tested.reset();
  }
  if (!snapshot->accepted || !snapshot->inventory) {
    file.testing = false;
    file.untested.clear();
    file.test_inputs.clear();
    worker_.cancel("test:" + file.uri);
    worker_.cancel("understand:" + file.uri);
    return;
  }
  std::vector<std::shared_ptr<const void>> inputs{snapshot};
  if (file.test_inputs == inputs) return;
  file.test_inputs = std::move(inputs);
  file.testing = true;
  file.untested.clear();
  worker_.cancel("understand:" + file.uri);
  worker_.post(
      "test:" + file.uri, "Testing " + last_name(file),
      [this, uri = file.uri, snapshot](const std::atomic<bool>&) -> Worker::Finish {
        return [this, uri, snapshot, tests = std::make_shared<questions::TestRun>(judge_tests(*snapshot))] {
          take_tests(uri, snapshot, tests);
          understand_later(uri, snapshot);
        };
      },
      [this, uri = file.uri](const std::string& reason) { tests_failed(uri, reason); });
}

// What was asked of the tests stays asked, so that they are run again when their input changes and not before: an outcome is not made up,
// and that there is none is told.
void Session::tests_failed(const std::string& uri, const std::string& reason) {
  OpenFile* file = find(uri);
  if (file == nullptr) return;
  file->testing = false;
  file->failures.clear();
  file->outcome = {};
  file->tested.reset();
  file->passed = file->failed = 0;
  file->untested = reason;
  look_at(*file);
}

void Session::take_tests(const std::string& uri, const std::shared_ptr<const Snapshot>& snapshot,
                         const std::shared_ptr<const questions::TestRun>& tests) {
  OpenFile* file = find(uri);
  if (file == nullptr || file->snapshot != snapshot || file->snapshot_revision != file->revision) return;
  file->failures =
      failures_in(questions::failures_of(*tests, snapshot->file->source), snapshot->text(), snapshot->lines);
  file->failed = file->failures.size();
  file->passed = tests->cases.size() - file->failed;
  file->outcome = {tests, snapshot};
  file->tested = snapshot->version;
  file->testing = false;
  file->untested.clear();
  look_at(*file);
}

// What selectors stand for, and which rules decided the tests, can wait until the typing pauses; the first time it is waited for.
void Session::understand_later(const std::string& uri, const std::shared_ptr<const Snapshot>& snapshot) {
  const OpenFile* file = find(uri);
  if (file == nullptr || file->snapshot != snapshot) return;
  worker_.post(
      "understand:" + uri, "Resolving " + last_name(*file),
      [this, uri, snapshot](const std::atomic<bool>& cancelled) -> Worker::Finish {
        auto understanding = understand(snapshot, cancelled);
        if (!understanding) return {};
        return [this, uri, understanding] { take_understanding(uri, understanding); };
      },
      {}, std::chrono::milliseconds(file->understanding ? 200 : 0));
}

void Session::take_understanding(const std::string& uri, std::shared_ptr<const Understanding> understanding) {
  OpenFile* file = find(uri);
  if (file == nullptr) return;
  set_understanding(*file, std::move(understanding));
  take_tests(uri, file->understanding->snapshot, file->understanding->tests);
  look_at(*file);
}

void Session::set_understanding(OpenFile& file, std::shared_ptr<const Understanding> understanding) {
  if (file.understanding == understanding) return;
  const bool first = file.understanding == nullptr;
  retire(std::exchange(file.understanding, std::move(understanding)));
  understood_ = true;
  // What was freed lies between what is in use: it goes back to the machine in a pause (measured with 50,000 nodes: a quarter of all).
  constexpr std::chrono::milliseconds pause{500};
  const auto trim = [](const std::atomic<bool>&) -> Worker::Finish {
    ::malloc_trim(0);
    return {};
  };
  if (!first) worker_.post("trim", "Freeing memory", trim, {}, pause);
}

// --- fixtures ---------------------------------------------------------------------------------------------------------

namespace {

// What a fixture is run on, made by the loop for the worker.
struct FixtureJob {
  std::shared_ptr<const Snapshot> fixture;
  std::shared_ptr<const Snapshot> policy;           // null if it cannot be read
  std::shared_ptr<const InventoryState> inventory;  // null: inline, or there is none
  std::string policy_path;
  std::string no_inventory;  // why there is none
};

Span inventory_span(const Snapshot& fixture) {
  const auto& named = fixture.fixture.inventory;
  if (named) return hujson::Value(fixture.file->tree, *named).span();
  return fixture.fixture.policy ? fixture.fixture.policy->span : Span{0, 0};
}

Diagnostic at_span(const Snapshot& fixture, Span span, Code code, std::string message, std::string help = {}) {
  Diagnostic out = make_diagnostic(code, std::move(message), std::move(help));
  out.place = fixture.file->source.place(span);
  return out;
}

// The inventory that stands in the fixture, or what is wrong with it.
std::shared_ptr<const InventoryState> inline_inventory(const SourceText& source, std::vector<Diagnostic>& problems) {
  inventory::LoadedInventory read = inventory::load_inventory({&source});
  const bool usable = read.ok();
  std::move(read.diagnostics.begin(), read.diagnostics.end(), std::back_inserter(problems));
  if (!usable) return nullptr;
  return std::make_shared<InventoryState>(source.name(), std::move(read.inventory));
}

// The policy as it is judged with this inventory; null if it is refused, which is told.
std::shared_ptr<const Snapshot> policy_with(const FixtureJob& job,
                                            const std::shared_ptr<const InventoryState>& inventory,
                                            std::vector<Diagnostic>& problems) {
  auto policy = job.policy;
  if (policy->inventory != inventory) {
    policy = make_snapshot(policy->path, policy->version, FileKind::policy, std::string(policy->text()),
                           policy->file->policy.dialect, inventory);
  }
  if (policy->accepted) return policy;
  const auto first = std::find_if(policy->diagnostics.begin(), policy->diagnostics.end(),
                                  [](const Diagnostic& d) { return d.severity == Severity::error; });
  Diagnostic refused = at_span(*job.fixture, job.fixture->fixture.policy->span, first->code,
                               fmt::format("{} is refused: {}", job.policy_path, first->message));
  if (first->place) refused.related.push_back({first->message, *first->place});
  problems.push_back(std::move(refused));
  return nullptr;
}

}  // namespace

AskedInventory Session::asked_inventory(std::string_view uri, const Snapshot& file) {
  constexpr std::size_t longest_inline = 256 << 10;  // each request reads it again
  if (file.kind == FileKind::inventory) return {};
  if (file.kind == FileKind::policy) {
    return {file.inventory, file.inventory == nullptr && !inventory_path(uri, file.path).empty()};
  }
  std::string path;
  if (const auto& named = file.fixture.inventory) {
    const hujson::Value value(file.file->tree, *named);
    if (value.is(hujson::Kind::object)) {
      std::vector<Diagnostic> unused;
      AskedInventory out;
      if (value.text().size() <= longest_inline)
        out.state = inline_inventory(SourceText(file.path, std::string(value.text())), unused);
      out.unread = out.state == nullptr;
      return out;
    }
    if (value.is(hujson::Kind::string) && !file.path.empty()) path = resolve_path(file.path, value.string());
  } else if (const std::string policy = policy_path(file); !policy.empty()) {
    path = inventory_path(uri_for(*this, policy), policy);
  }
  if (path.empty()) return {nullptr, file.fixture.inventory.has_value()};
  asked_inventories_.insert(path);
  const auto& loaded = inventory_at(path);
  return {loaded.state, loaded.state == nullptr};
}

void Session::run_fixture(OpenFile& file) {
  const auto snapshot = file.snapshot;
  if (!snapshot->accepted || file.path.empty()) {
    file.testing = false;
    file.untested.clear();
    file.test_inputs.clear();
    worker_.cancel("test:" + file.uri);
    return;
  }
  auto named =
      std::make_shared<questions::FixtureInputs>(questions::fixture_inputs(*snapshot->file, snapshot->fixture));
  FixtureJob job;
  job.fixture = snapshot;
  job.policy_path = path_of(uri_of(named->policy));
  const OpenFile* open = find_path(job.policy_path);
  const std::string policy_uri = open == nullptr ? uri_of(job.policy_path) : open->uri;
  job.policy = this->snapshot(policy_uri);
  const std::string of_policy = inventory_path(policy_uri, job.policy_path);
  const std::string inventory_file = path_of(uri_of(named->inventory.empty() ? of_policy : named->inventory));
  file.inventories.clear();
  for (const std::string& path : {of_policy, inventory_file}) {
    if (!path.empty()) file.inventories.push_back(path);
  }
  if (!named->inline_inventory && !inventory_file.empty()) {
    const LoadedInventory& loaded = inventory_at(inventory_file);
    job.inventory = loaded.state;
    job.no_inventory = loaded.reason;
    if (loaded.loading && !loaded.state) {
      file.testing = true;  // until the worker has it
      file.test_inputs.clear();
      return;
    }
  }
  std::vector<std::shared_ptr<const void>> inputs{snapshot, job.policy, job.inventory};
  if (file.test_inputs == inputs) return;
  file.test_inputs = std::move(inputs);
  file.testing = true;
  file.untested.clear();
  worker_.post(
      "test:" + file.uri, "Testing " + file.path.substr(file.path.find_last_of('/') + 1),
      [this, uri = file.uri, job, named](const std::atomic<bool>& cancelled) -> Worker::Finish {
        auto run = std::make_shared<FixtureRun>();
        run->fixture = job.fixture;
        const auto finish = [this, uri, run] { take_fixture_run(uri, *run); };
        if (!job.policy) {
          run->diagnostics.push_back(at_span(*job.fixture, job.fixture->fixture.policy->span, Code::E0002,
                                             fmt::format("cannot read \"{}\"", job.policy_path)));
          return finish;
        }
        const auto inventory =
            named->inline_inventory ? inline_inventory(*named->inline_inventory, run->diagnostics) : job.inventory;
        if (!inventory) {
          if (run->diagnostics.empty()) {
            run->diagnostics.push_back(at_span(
                *job.fixture, inventory_span(*job.fixture), Code::E0904,
                job.no_inventory.empty() ? fmt::format("no inventory for \"{}\"", job.policy_path) : job.no_inventory,
                "name one with \"inventory\", or put inventory.hujson beside the policy"));
          }
          return finish;
        }
        const auto policy = policy_with(job, inventory, run->diagnostics);
        if (!policy || cancelled) return finish;
        auto understanding = std::make_shared<Understanding>();
        understanding->snapshot = policy;
        understanding->resolved = resolve::resolve(*policy->file, inventory->inventory, resolve::Depth::rules);
        understanding->views = std::make_unique<resolve::Views>(understanding->resolved);
        run->understanding = understanding;
        if (cancelled) return finish;
        understanding->tests = std::make_shared<questions::TestRun>(
            questions::run_fixture(*policy->file, inventory->inventory, *job.fixture->file, job.fixture->fixture));
        understanding->tested = job.fixture;
        const auto& tests = *understanding->tests;
        auto failures = questions::failures_of(tests, job.fixture->file->source);
        run->failed = failures.size();
        run->passed = tests.cases.size() - run->failed;
        std::move(failures.begin(), failures.end(), std::back_inserter(run->diagnostics));
        return finish;
      },
      [this, uri = file.uri](const std::string& reason) { tests_failed(uri, reason); });
}

void Session::take_fixture_run(const std::string& uri, const FixtureRun& run) {
  OpenFile* file = find(uri);
  if (file == nullptr) return;
  if (run.understanding) {
    file->outcome = {run.understanding->tests, run.understanding->tested};
    set_understanding(*file, run.understanding);
  }
  if (file->snapshot == run.fixture && file->snapshot_revision == file->revision) {
    file->failures = failures_in(run.diagnostics, run.fixture->text(), run.fixture->lines);
    file->failed = run.failed;
    file->passed = run.passed;
    file->tested = run.fixture->version;
    file->testing = false;
  }
  look_at(*file);
}

}  // namespace acl::lsp
