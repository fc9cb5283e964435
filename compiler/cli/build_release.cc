#include "compiler/cli/build_release.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <atomic>
#include <map>
#include <mutex>
#include <set>

#include "compiler/cli/commands.h"
#include "compiler/cli/progress.h"
#include "compiler/cli/signing.h"
#include "compiler/emit/display.h"
#include "compiler/questions/full_check.h"
#include "engine/net/file.h"
#include "engine/store/release_folder.h"

namespace acl::cli {
namespace {

// In the release folder, but none of its objects: what the next compilation need not do again.
constexpr const char* cache_name = ".aclc-cache";
constexpr std::size_t cache_limit = std::size_t{1} << 30;

tables::Cache read_cache(const store::Folder& folder) {
  const auto text = read_file(folder.path() + "/" + cache_name, cache_limit);
  return text ? tables::parse_cache(*text) : tables::Cache();
}

// Reads both files and refuses what the control plane would refuse.
std::optional<Inputs> load_accepted(const ReleaseInputs& paths, int& exit_code) {
  auto inputs = load_inputs(paths.policy, paths.inventory, paths.dialect, exit_code);
  if (!inputs) return std::nullopt;
  const policy::Loaded checked =
      questions::full_check(inputs->policy->source.name(), std::string(inputs->policy->source.text()), paths.dialect,
                            inputs->inventory.inventory);
  if (checked.accepted()) return inputs;
  for (const Diagnostic& diagnostic : checked.diagnostics) {
    if (diagnostic.severity == Severity::error) complain(diagnostic, {&checked.file->source});
  }
  std::fprintf(stderr, "aclc: %s is refused: %s\n", paths.policy.c_str(), checked.message()->c_str());
  exit_code = exit_no;
  return std::nullopt;
}

// Key → digest of the leaf, of the release that the newest head names; `since` is that head. Both empty if none can be read.
std::map<release::NodeKey, release::Digest> leaves_before(const store::Folder& folder, std::string& since) {
  std::map<release::NodeKey, release::Digest> out;
  const auto head = store::newest_head(folder);
  if (!head || !*head) return out;
  release::TreeVisitor visitor;
  visitor.read = [&](const release::Reference& reference) { return folder.read_page(reference); };
  visitor.leaf = [&](const release::Leaf& leaf) -> Expected<void> {
    const auto bytes = release::encode_leaf(leaf.key, leaf.header, leaf.parts);
    if (!bytes) return tl::unexpected(bytes.error());
    out.emplace(leaf.key, release::digest_of(*bytes));
    return {};
  };
  if (!release::walk_tree((*head)->head.contents.root, visitor)) return {};
  since = release::head_name((*head)->head.generation);
  return out;
}

Expected<void> compare_leaf(const inventory::Inventory& inventory, const tables::NodeLeaf& leaf,
                            std::map<release::NodeKey, release::Digest>& before, Changes& changes) {
  const auto bytes = release::encode_leaf(leaf.key, leaf.header, leaf.parts);
  if (!bytes) return tl::unexpected(bytes.error());
  const auto known = before.find(leaf.key);
  if (known == before.end()) {
    changes.added.push_back(inventory.nodes[leaf.node].name);
    return {};
  }
  if (known->second != release::digest_of(*bytes)) changes.changed.push_back(inventory.nodes[leaf.node].name);
  before.erase(known);
  return {};
}

class ReleaseBuild {
 public:
  ReleaseBuild(const Inputs& inputs, store::Folder* folder, Writing writing)
      : inputs_(inputs), folder_(folder), writing_(writing) {}

  Expected<BuiltRelease> run() {
    const resolve::Resolved resolved =
        resolve::resolve(*inputs_.policy, inputs_.inventory.inventory, resolve::Depth::rules);
    const resolve::Views views(resolved);
    const tables::Cache cache = folder_ != nullptr ? read_cache(*folder_) : tables::Cache();
    tables::CompileOptions options;
    options.cache = &cache;
    Progress progress("compiling tables", inputs_.inventory.inventory.nodes.size());
    options.progress = [&](std::size_t nodes) { progress.done(nodes); };
    if (folder_ != nullptr) {
      options.has = [&](const release::Reference& reference) { return has(reference); };
      options.put = [&](const release::Reference& reference, release::ByteView bytes) {
        return put_blob(reference, bytes);
      };
    }
    auto compiled = tables::compile(views, options);
    if (!compiled) return tl::unexpected(compiled.error());
    out_.counts = compiled->counts;
    if (auto ok = put_tree(*compiled); !ok) return tl::unexpected(ok.error());
    out_.contents.directory = compiled->directory;
    out_.contents.rules = compiled->rules;
    out_.contents.policy = release::digest_of(release::as_bytes(inputs_.policy->source.text()));
    out_.contents.inventory = release::digest_of(release::as_bytes(inputs_.inventory.source->text()));
    if (folder_ != nullptr && writing_ == Writing::all) {
      if (auto ok = folder_->settle(); !ok) return tl::unexpected(ok.error());
      // Only once everything is on the disk: what the cache names is there.
      const std::string path = folder_->path() + "/" + cache_name;
      if (compiled->cache != cache) {
        if (auto ok = replace_file(path, tables::print_cache(compiled->cache)); !ok) return tl::unexpected(ok.error());
      }
    }
    out_.written_blobs = blobs_;
    out_.written_pages = pages_;
    out_.written_bytes = bytes_;
    return std::move(out_);
  }

  // After a failure. Blobs that were written are not taken away: another compilation into the folder may have found one and count on it.
  void tell_what_stays() const {
    if (blobs_ == 0) return;
    fmt::print(stderr,
               "aclc: {} blob{} written before that stay in \"{}\": no release names them, `aclc publish` leaves them "
               "out, and "
               "the next compilation uses what it needs of them\n",
               blobs_.load(), blobs_ == 1 ? "" : "s", emit::printable(folder_->path()));
  }

 private:
  [[nodiscard]] bool has(const release::Reference& reference) const {
    return has(reference, release::blob_name(reference.digest));
  }
  [[nodiscard]] bool has(const release::Reference& reference, const std::string& name) const {
    struct stat status {};
    const std::string path = folder_->path_of(name);
    return ::stat(path.c_str(), &status) == 0 && static_cast<std::uint64_t>(status.st_size) == reference.length;
  }
  // Called by several threads, of which two may have built the same part: it is written and counted once.
  Expected<void> put_blob(const release::Reference& reference, release::ByteView bytes) {
    {
      const std::lock_guard lock(taken_mutex_);
      if (!taken_.insert(reference.digest).second) return {};
    }
    return put(reference, release::blob_name(reference.digest), bytes, blobs_);
  }
  // Counts what was not there.
  Expected<void> put(const release::Reference& reference, const std::string& name, release::ByteView bytes,
                     std::atomic<std::uint64_t>& count) {
    const auto fresh = writing_ == Writing::all ? folder_->put(name, bytes) : Expected<bool>(!has(reference, name));
    if (!fresh) return tl::unexpected(fresh.error());
    if (*fresh) {
      ++count;
      bytes_ += bytes.size();
    }
    return {};
  }

  Expected<void> put_tree(const tables::Compiled& compiled) {
    std::map<release::NodeKey, release::Digest> before;
    if (folder_ != nullptr) before = leaves_before(*folder_, out_.changes.since);
    release::TreeBuilder tree;
    for (const tables::NodeLeaf& leaf : compiled.leaves) {
      if (auto ok = compare_leaf(inputs_.inventory.inventory, leaf, before, out_.changes); !ok) return ok;
      if (auto ok = tree.add(leaf.key, leaf.header, leaf.parts); !ok) return ok;
    }
    out_.changes.removed = before.size();
    const auto built = tree.finish([&](const release::Reference& reference, release::ByteView page) -> Expected<void> {
      if (folder_ == nullptr) return {};
      return put(reference, release::page_name(reference.digest), page, pages_);
    });
    if (!built) return tl::unexpected(built.error());
    out_.contents.root = built->root;
    out_.tree = built->counts;
    return {};
  }

  const Inputs& inputs_;
  store::Folder* folder_;
  Writing writing_;
  std::atomic<std::uint64_t> blobs_ = 0, pages_ = 0, bytes_ = 0;
  std::mutex taken_mutex_;
  std::set<release::Digest> taken_;  // blobs that some thread writes or has written
  BuiltRelease out_;
};

}  // namespace

std::optional<BuiltRelease> build_release(const ReleaseInputs& paths, store::Folder* folder, Writing writing,
                                          int& exit_code) {
  const auto inputs = load_accepted(paths, exit_code);
  if (!inputs) return std::nullopt;
  ReleaseBuild build(*inputs, folder, writing);
  auto built = build.run();
  if (!built) {
    exit_code = give_up(built.error());
    build.tell_what_stays();
    return std::nullopt;
  }
  return std::move(*built);
}

}  // namespace acl::cli
