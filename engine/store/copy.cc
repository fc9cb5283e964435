#include "engine/store/copy.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <unordered_set>

#include "engine/release/directory.h"
#include "engine/release/text.h"

namespace acl::store {
namespace {

using release::Reference;

// Written together: as many as keep memory and one call of the store small.
constexpr std::size_t most_objects = 256;
constexpr std::size_t most_bytes = std::size_t{4} << 20;
constexpr std::size_t most_questions = 4096;

using NameOf = std::string (*)(const release::Digest&);

class Copier {
 public:
  Copier(const Folder& folder, Target& target, const PublishOptions& options, Published& published)
      : folder_(folder), target_(target), options_(options), published_(published) {}

  Expected<void> copy(const release::Contents& contents);

 private:
  [[nodiscard]] Deadline soon() const { return within(options_.patience); }
  // Those of `references` that are to be written.
  Expected<std::vector<Reference>> lacking(std::vector<Reference> references, NameOf name);
  Expected<void> walk(const Reference& root);
  Expected<void> find_chunks(const Reference& directory);
  Expected<void> refuse_too_long(const std::vector<Reference>& blobs) const;
  template <class Read>
  Expected<std::size_t> write(const std::vector<Reference>& references, NameOf name, const Read& read);
  Expected<void> write_blobs(const std::vector<Reference>& blobs);

  const Folder& folder_;
  Target& target_;
  const PublishOptions& options_;
  Published& published_;
  std::vector<std::vector<Reference>> levels_;  // pages to write, the root first
  std::vector<Reference> blobs_;                // named by those pages
  std::vector<Reference> chunks_;               // to write
  std::size_t done_ = 0;
  std::size_t all_ = 0;
};

void make_unique(std::vector<Reference>& references) {
  std::sort(references.begin(), references.end());
  references.erase(std::unique(references.begin(), references.end()), references.end());
}

Expected<std::vector<Reference>> Copier::lacking(std::vector<Reference> references, NameOf name) {
  make_unique(references);
  if (options_.whole) return references;
  std::vector<Reference> out;
  std::vector<std::string> names;
  for (std::size_t begin = 0; begin < references.size(); begin += most_questions) {
    const std::size_t end = std::min(references.size(), begin + most_questions);
    names.clear();
    for (std::size_t i = begin; i < end; ++i) names.push_back(name(references[i].digest));
    published_.asked += names.size();
    const auto absent = target_.missing(names, soon());
    if (!absent) return tl::unexpected(absent.error());
    const std::set<std::string_view> wanted(absent->begin(), absent->end());
    for (std::size_t i = begin; i < end; ++i) {
      if (wanted.count(names[i - begin]) != 0) out.push_back(references[i]);
    }
  }
  return out;
}

Expected<void> Copier::walk(const Reference& root) {
  std::vector<Reference> level = {root};
  for (unsigned depth = 0; !level.empty(); ++depth) {
    auto absent = lacking(std::move(level), release::page_name);
    if (!absent) return tl::unexpected(absent.error());
    level.clear();
    for (const Reference& reference : *absent) {
      const auto page = folder_.read_page(reference);
      if (!page) return tl::unexpected(page.error());
      auto named = named_by_page(*page, depth, reference);
      if (!named) return tl::unexpected(named.error());
      level.insert(level.end(), named->pages.begin(), named->pages.end());
      blobs_.insert(blobs_.end(), named->blobs.begin(), named->blobs.end());
    }
    levels_.push_back(std::move(*absent));
  }
  return {};
}

Expected<void> Copier::find_chunks(const Reference& directory) {
  auto index = folder_.read_blob(directory);
  if (!index) return tl::unexpected(index.error());
  auto chunks = release::parse_directory(*index, folder_.path_of(release::blob_name(directory.digest)));
  if (!chunks) return tl::unexpected(chunks.error());
  auto absent = lacking(std::move(*chunks), release::blob_name);
  if (!absent) return tl::unexpected(absent.error());
  chunks_ = std::move(*absent);
  return {};
}

Expected<void> Copier::refuse_too_long(const std::vector<Reference>& blobs) const {
  for (const Reference& blob : blobs) {
    if (blob.length <= target_.longest_object()) continue;
    return fail(Code::E1109,
                fmt::format("\"{}\" has {} bytes, and {} takes {}", release::blob_name(blob.digest), blob.length,
                            release::quoted(target_.name()), target_.longest_object()),
                "put blobs on https: give --blobs FOLDER, and the URL of that folder to the nodes");
  }
  return {};
}

template <class Read>
Expected<std::size_t> Copier::write(const std::vector<Reference>& references, NameOf name, const Read& read) {
  std::size_t written = 0;
  std::vector<Object> objects;
  std::size_t bytes = 0;
  const auto flush = [&]() -> Expected<void> {
    if (objects.empty()) return {};
    const auto put = target_.put(objects, Existing::keep, soon());
    if (!put) return tl::unexpected(put.error());
    written += *put;
    done_ += objects.size();
    if (options_.progress) options_.progress(done_, all_);
    published_.bytes += bytes;
    objects.clear();
    bytes = 0;
    return {};
  };
  for (const Reference& reference : references) {
    if (objects.size() == most_objects || bytes + reference.length > most_bytes) {
      if (auto flushed = flush(); !flushed) return tl::unexpected(flushed.error());
    }
    const auto content = read(reference);
    if (!content) return tl::unexpected(content.error());
    objects.push_back({name(reference.digest), std::string(release::as_text(*content))});
    bytes += content->size();
  }
  if (auto flushed = flush(); !flushed) return tl::unexpected(flushed.error());
  return written;
}

Expected<void> Copier::write_blobs(const std::vector<Reference>& blobs) {
  const auto written =
      write(blobs, release::blob_name, [this](const Reference& blob) { return folder_.read_blob(blob); });
  if (!written) return tl::unexpected(written.error());
  published_.blobs += *written;
  return {};
}

Expected<void> Copier::copy(const release::Contents& contents) {
  if (auto walked = walk(contents.root); !walked) return walked;
  blobs_.push_back(contents.rules);
  auto blobs = lacking(std::move(blobs_), release::blob_name);
  if (!blobs) return tl::unexpected(blobs.error());
  // A few names for each thousand nodes: all of them are asked for, so that nothing follows from an index that is there.
  auto index = lacking({contents.directory}, release::blob_name);
  if (!index) return tl::unexpected(index.error());
  if (auto found = find_chunks(contents.directory); !found) return found;
  for (const auto* list : {&*blobs, &*index, &chunks_}) {
    if (auto fits = refuse_too_long(*list); !fits) return fits;
  }

  all_ = blobs->size() + chunks_.size() + index->size();
  for (const auto& level : levels_) all_ += level.size();
  for (const auto* list : {&*blobs, &chunks_, &*index}) {
    if (auto written = write_blobs(*list); !written) return written;
  }
  for (auto level = levels_.rbegin(); level != levels_.rend(); ++level) {
    const auto written =
        write(*level, release::page_name, [this](const Reference& page) { return folder_.read_page(page); });
    if (!written) return tl::unexpected(written.error());
    published_.pages += *written;
  }
  return {};
}

}  // namespace

Expected<Named> named_by_page(release::ByteView bytes, unsigned depth, const Reference& reference) {
  const auto page = release::parse_page(bytes, depth, release::page_name(reference.digest));
  if (!page) return tl::unexpected(page.error());
  Named named;
  if (const auto* children = std::get_if<release::Children>(&page->body)) {
    for (const auto& child : *children) {
      if (child) named.pages.push_back(*child);
    }
  } else {
    for (const release::Leaf& leaf : std::get<release::Leaves>(page->body)) {
      for (const release::PartReference& part : leaf.parts) named.blobs.push_back(part.object);
    }
  }
  return named;
}

Expected<void> copy_tree(const Folder& folder, const release::Contents& contents, Target& target,
                         const PublishOptions& options, Published& published) {
  return Copier(folder, target, options, published).copy(contents);
}

}  // namespace acl::store
