#include "engine/store/clean.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "engine/release/directory.h"
#include "engine/store/copy.h"

namespace acl::store {
namespace {

using release::Digest;
using release::Generation;
using release::Reference;

class Cleaner {
 public:
  Cleaner(const Folder& folder, Target& target, const PublishOptions& options)
      : folder_(folder), target_(target), options_(options) {}

  Expected<void> run(const Generation& newest, Cleaned& cleaned);

 private:
  struct Marks {
    std::set<Digest> pages;
    std::set<Digest> blobs;
  };
  // What is only needed by generations that go, parents before children.
  struct Doomed {
    std::vector<std::string> pages;
    std::vector<std::string> blobs;
    std::set<Digest> all_pages;  // needed or doomed
    std::set<Digest> all_blobs;
  };

  [[nodiscard]] Deadline soon() const { return within(options_.patience); }
  Expected<void> list_heads(const Generation& newest);
  // Nothing if it is neither in the store nor in the folder.
  Expected<std::optional<release::Head>> head_of(const Generation& generation);
  // Of those in heads_, oldest first, the ones that go.
  Expected<std::vector<Generation>> outdated();
  Expected<std::optional<release::Bytes>> read(const Reference& reference, bool page);
  Expected<void> mark(const release::Contents& contents);
  Expected<Doomed> doom(const std::vector<release::Contents>& trees);
  Expected<void> doom_strays(Doomed& doomed);
  Expected<void> remove(const std::vector<std::string>& names, Cleaned& cleaned);

  const Folder& folder_;
  Target& target_;
  const PublishOptions& options_;
  std::map<Generation, std::vector<std::string>> heads_;  // with their signatures, which come first
  Marks needed_;
};

Expected<void> Cleaner::list_heads(const Generation& newest) {
  auto names = target_.list("head/", soon());
  if (!names) return tl::unexpected(names.error());
  // The longer names of signatures first.
  std::sort(names->begin(), names->end(), [](const auto& a, const auto& b) { return a.size() > b.size(); });
  for (std::string& name : *names) {
    const auto object = release::parse_name(name);
    // One beyond the newest belongs to a publication that was not finished, and may be.
    if (object && object->generation <= newest) heads_[object->generation].push_back(std::move(name));
  }
  return {};
}

Expected<std::optional<release::Head>> Cleaner::head_of(const Generation& generation) {
  const std::string name = release::head_name(generation);
  const auto text = target_.get(name, release::head_limit, soon());
  if (!text) return tl::unexpected(text.error());
  if (!text->found()) return std::nullopt;
  auto head = release::parse_head(text->bytes, name);
  if (!head) return tl::unexpected(head.error());
  return *head;
}

Expected<std::vector<Generation>> Cleaner::outdated() {
  std::vector<Generation> all;
  for (const auto& [generation, names] : heads_) all.push_back(generation);
  const std::size_t keep = std::max<std::size_t>(options_.keep, 2);
  std::vector<Generation> out;
  for (std::size_t i = 0; i + keep < all.size(); ++i) {
    const auto successor = head_of(all[i + 1]);
    if (!successor) return tl::unexpected(successor.error());
    if (*successor && options_.now - (*successor)->created < options_.grace) break;
    out.push_back(all[i]);
  }
  return out;
}

Expected<std::optional<release::Bytes>> Cleaner::read(const Reference& reference, bool page) {
  // The folder has most of them, and asking it costs no way over the network.
  auto local = page ? folder_.read_page(reference) : folder_.read_blob(reference);
  if (local) return std::move(*local);
  const std::string name = page ? release::page_name(reference.digest) : release::blob_name(reference.digest);
  const auto remote = target_.get(name, reference.length, soon());
  if (!remote) return tl::unexpected(remote.error());
  const release::ByteView bytes = release::as_bytes(remote->bytes);
  if (!remote->found() || !matches(reference, bytes)) return std::nullopt;
  return release::Bytes(bytes.begin(), bytes.end());
}

tl::unexpected<Diagnostic> not_to_be_found(const std::string& name) {
  return fail(Code::E1013, fmt::format("\"{}\" is needed, and neither in the folder nor in the store", name));
}

Expected<void> Cleaner::mark(const release::Contents& contents) {
  std::vector<Reference> level = {contents.root};
  for (unsigned depth = 0; !level.empty(); ++depth) {
    std::vector<Reference> next;
    for (const Reference& reference : level) {
      if (!needed_.pages.insert(reference.digest).second) continue;
      const auto page = read(reference, true);
      if (!page) return tl::unexpected(page.error());
      if (!*page) return not_to_be_found(release::page_name(reference.digest));
      auto named = named_by_page(**page, depth, reference);
      if (!named) return tl::unexpected(named.error());
      next.insert(next.end(), named->pages.begin(), named->pages.end());
      for (const Reference& blob : named->blobs) needed_.blobs.insert(blob.digest);
    }
    level = std::move(next);
  }
  needed_.blobs.insert(contents.rules.digest);
  if (!needed_.blobs.insert(contents.directory.digest).second) return {};
  const auto index = read(contents.directory, false);
  if (!index) return tl::unexpected(index.error());
  if (!*index) return not_to_be_found(release::blob_name(contents.directory.digest));
  const auto chunks = release::parse_directory(**index, release::blob_name(contents.directory.digest));
  if (!chunks) return tl::unexpected(chunks.error());
  for (const Reference& chunk : *chunks) needed_.blobs.insert(chunk.digest);
  return {};
}

// A page stands at one depth only, whichever trees it belongs to, so that going down level by level over all trees at once gives
// every page after its parents. What is already gone is passed over.
Expected<Cleaner::Doomed> Cleaner::doom(const std::vector<release::Contents>& trees) {
  Doomed doomed;
  Marks seen = needed_;
  const auto doom_blob = [&](const Reference& blob, std::vector<std::string>& list) {
    const bool fresh = seen.blobs.insert(blob.digest).second;
    if (fresh) list.push_back(release::blob_name(blob.digest));
    return fresh;
  };
  std::vector<Reference> level;
  for (const release::Contents& tree : trees) {
    level.push_back(tree.root);
    doom_blob(tree.rules, doomed.blobs);
    if (!doom_blob(tree.directory, doomed.blobs)) continue;
    const auto index = read(tree.directory, false);
    if (!index) return tl::unexpected(index.error());
    if (!*index) continue;
    const auto chunks = release::parse_directory(**index, release::blob_name(tree.directory.digest));
    if (!chunks) return tl::unexpected(chunks.error());
    for (const Reference& chunk : *chunks) doom_blob(chunk, doomed.blobs);
  }
  for (unsigned depth = 0; !level.empty(); ++depth) {
    std::vector<Reference> next;
    for (const Reference& reference : level) {
      if (!seen.pages.insert(reference.digest).second) continue;
      doomed.pages.push_back(release::page_name(reference.digest));
      const auto page = read(reference, true);
      if (!page) return tl::unexpected(page.error());
      if (!*page) continue;
      auto named = named_by_page(**page, depth, reference);
      if (!named) return tl::unexpected(named.error());
      next.insert(next.end(), named->pages.begin(), named->pages.end());
      for (const Reference& blob : named->blobs) doom_blob(blob, doomed.blobs);
    }
    level = std::move(next);
  }
  doomed.all_pages = std::move(seen.pages);
  doomed.all_blobs = std::move(seen.blobs);
  return doomed;
}

// Pages of publications that were not finished, put before the others; with `whole`, blobs of such, too.
Expected<void> Cleaner::doom_strays(Doomed& doomed) {
  const auto strays = [&](std::string_view prefix,
                          const std::set<Digest>& known) -> Expected<std::vector<std::string>> {
    auto names = target_.list(prefix, soon());
    if (!names) return names;
    names->erase(std::remove_if(names->begin(), names->end(),
                                [&](const std::string& name) {
                                  const auto object = release::parse_name(name);
                                  return !object || known.count(object->digest) != 0;
                                }),
                 names->end());
    return names;
  };
  const auto pages = strays("page/", doomed.all_pages);
  if (!pages) return tl::unexpected(pages.error());
  std::vector<std::pair<unsigned, std::string>> by_depth;
  for (const std::string& name : *pages) {
    // One that cannot be read names nothing that could be found through it.
    const auto page = target_.get(name, release::page_limit, soon());
    constexpr std::size_t depth_at = 6;  // page.h
    const bool readable = page && page->bytes.size() > depth_at;
    by_depth.emplace_back(readable ? static_cast<unsigned char>(page->bytes[depth_at]) : 0U, name);
  }
  std::sort(by_depth.begin(), by_depth.end());
  std::vector<std::string> ordered;
  ordered.reserve(by_depth.size());
  for (auto& [depth, name] : by_depth) ordered.push_back(std::move(name));
  doomed.pages.insert(doomed.pages.begin(), ordered.begin(), ordered.end());

  if (!options_.whole) return {};
  const auto blobs = strays("blob/", doomed.all_blobs);
  if (!blobs) return tl::unexpected(blobs.error());
  doomed.blobs.insert(doomed.blobs.end(), blobs->begin(), blobs->end());
  return {};
}

Expected<void> Cleaner::remove(const std::vector<std::string>& names, Cleaned& cleaned) {
  constexpr std::size_t most = 1024;
  for (std::size_t begin = 0; begin < names.size(); begin += most) {
    const std::size_t count = std::min(most, names.size() - begin);
    auto removed = target_.remove(std::span(names).subspan(begin, count), soon());
    if (!removed) return removed;
    cleaned.objects += count;
  }
  return {};
}

Expected<void> Cleaner::run(const Generation& newest, Cleaned& cleaned) {
  if (auto listed = list_heads(newest); !listed) return listed;
  const auto going = outdated();
  if (!going) return tl::unexpected(going.error());
  if (going->empty() && !options_.whole) return {};

  std::vector<release::Contents> trees;
  std::vector<std::string> heads;
  for (const auto& [generation, names] : heads_) {
    const bool goes = std::binary_search(going->begin(), going->end(), generation);
    if (goes) heads.insert(heads.end(), names.begin(), names.end());
    const auto head = head_of(generation);
    if (!head) return tl::unexpected(head.error());
    // Signatures without a head: nothing hangs on them.
    if (!*head) continue;
    if (goes) {
      trees.push_back((*head)->contents);
    } else if (auto marked = mark((*head)->contents); !marked) {
      return marked;
    }
  }
  auto doomed = doom(trees);
  if (!doomed) return tl::unexpected(doomed.error());
  if (auto strays = doom_strays(*doomed); !strays) return strays;
  for (const auto* names : {&std::as_const(doomed->pages), &std::as_const(doomed->blobs), &std::as_const(heads)}) {
    if (auto removed = remove(*names, cleaned); !removed) return removed;
  }
  cleaned.dropped = *going;
  return {};
}

}  // namespace

Cleaned clean(const Folder& folder, Target& target, const Generation& newest, const PublishOptions& options) {
  Cleaned cleaned;
  if (const auto done = Cleaner(folder, target, options).run(newest, cleaned); !done) {
    cleaned.trouble = make_diagnostic(Code::W1108, "older releases were not all taken away: " + done.error().message,
                                      done.error().help);
  }
  return cleaned;
}

}  // namespace acl::store
