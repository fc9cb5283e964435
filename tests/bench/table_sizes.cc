// table_sizes: how large the tables of a release folder are, and what a release makes nodes fetch again.
//
//     table_sizes FOLDER [GENERATION]
//
// Of the newest head: bytes of hot parts by node (median, greatest, sum), by distinct part, and by allowed source address: of the
// bytes beyond 4096, over parts with at least 1000 exact addresses. With the generation of an earlier head of the same trust version:
// how many of its nodes have another table now, and what they fetch: parts that changed, and chunks of the directory that changed
// and that their names part needs. Reads every distinct part; exit code 3 if something cannot be read.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/net/file.h"
#include "engine/release/directory.h"
#include "engine/release/tree.h"
#include "engine/store/release_folder.h"
#include "engine/table/hot.h"
#include "engine/table/names.h"

namespace acl {
namespace {

using release::Digest;
using release::Leaf;
using release::PartKind;
using release::Reference;

template <class T>
T must(Expected<T> value) {
  if (value) return std::move(*value);
  std::fprintf(stderr, "table_sizes: %s\n", value.error().message.c_str());
  std::exit(3);
}

// A part where open() wants it: at a multiple of 8 bytes.
struct Aligned {
  std::vector<std::uint64_t> words;
  std::size_t size;

  explicit Aligned(const std::string& text) : words((text.size() + 7) / 8), size(text.size()) {
    std::memcpy(words.data(), text.data(), text.size());
  }
  [[nodiscard]] release::ByteView bytes() const { return {reinterpret_cast<const std::uint8_t*>(words.data()), size}; }
};

class Sizes {
 public:
  explicit Sizes(const std::string& path) : folder_(must(store::Folder::open(path))) {}

  void print() {
    const std::vector<Leaf> leaves = leaves_of(must(store::newest_head(folder_)));
    std::vector<std::uint64_t> by_node;
    std::map<Digest, std::uint64_t> distinct;
    for (const Leaf& leaf : leaves) {
      const Reference& hot = part(leaf, PartKind::hot);
      by_node.push_back(hot.length);
      distinct.emplace(hot.digest, hot.length);
    }
    if (by_node.empty()) return;
    std::sort(by_node.begin(), by_node.end());
    std::uint64_t sum = 0, all = 0;
    for (const std::uint64_t one : by_node) sum += one;
    for (const auto& [digest, length] : distinct) all += length;
    fmt::print("hot parts: {} nodes, median {} bytes, greatest {}, sum {}; {} distinct, {} bytes\n", by_node.size(),
               by_node[by_node.size() / 2], by_node.back(), sum, distinct.size(), all);
    print_by_address(distinct);
  }

  void print_change(std::uint64_t generation) {
    const store::StoredHead head = *must(store::newest_head(folder_));
    const auto before_head = must(store::read_head(folder_, {head.head.generation.trust, generation}));
    if (!before_head) must<int>(fail(Code::E1001, "there is no head of that generation"));
    std::map<release::NodeKey, Leaf> before;
    for (Leaf& leaf : leaves_of(before_head)) before.emplace(leaf.key, std::move(leaf));
    const std::vector<Reference> chunks = chunks_of(head);
    const std::vector<Reference> old_chunks = chunks_of(*before_head);
    std::set<std::uint32_t> changed_chunks;
    for (std::uint32_t i = 0; i < chunks.size(); ++i) {
      if (i >= old_chunks.size() || !(chunks[i] == old_chunks[i])) changed_chunks.insert(i);
    }
    std::uint64_t nodes = 0, changed = 0;
    std::vector<std::uint64_t> fetched;
    std::map<PartKind, std::uint64_t> by_kind;
    for (const Leaf& leaf : leaves_of(head)) {
      const auto old = before.find(leaf.key);
      if (old == before.end()) continue;
      ++nodes;
      changed += leaf == old->second ? 0 : 1;
      std::uint64_t bytes = 0;
      for (const release::PartReference& one : leaf.parts) {
        if (one.object == part(old->second, one.kind)) continue;
        bytes += one.object.length;
        by_kind[one.kind] += one.object.length;
      }
      for (const std::uint32_t chunk : known_chunks(leaf, chunks.size())) {
        if (changed_chunks.contains(chunk)) bytes += chunks[chunk].length;
      }
      fetched.push_back(bytes);
    }
    std::sort(fetched.begin(), fetched.end());
    std::uint64_t sum = 0, none = 0;
    for (const std::uint64_t one : fetched) {
      sum += one;
      none += one == 0 ? 1 : 0;
    }
    if (fetched.empty()) return;
    fmt::print("since generation {}: of {} nodes {} have another leaf; {} of {} chunks changed\n", generation, nodes,
               changed, changed_chunks.size(), chunks.size());
    fmt::print(
        "  fetched by a node: {} nothing, median {} bytes, 95th of 100 {}, greatest {}, sum {} (hot {}, ssh {}, names "
        "{})\n",
        none, fetched[fetched.size() / 2], fetched[fetched.size() * 95 / 100], fetched.back(), sum,
        by_kind[PartKind::hot], by_kind[PartKind::ssh], by_kind[PartKind::names]);
  }

 private:
  std::vector<Leaf> leaves_of(const std::optional<store::StoredHead>& head) {
    if (!head) must<int>(fail(Code::E1001, "there is no head in the folder"));
    std::vector<Leaf> out;
    release::TreeVisitor visitor;
    visitor.read = [&](const Reference& reference) { return folder_.read_page(reference); };
    visitor.leaf = [&](const Leaf& leaf) -> Expected<void> {
      out.push_back(leaf);
      return {};
    };
    (void)must(release::walk_tree(head->head.contents.root, visitor));
    return out;
  }
  std::string blob(const Reference& reference) {
    return must(read_file(folder_.path_of(release::blob_name(reference.digest)), reference.length));
  }
  std::vector<Reference> chunks_of(const store::StoredHead& head) {
    return must(release::parse_directory(release::as_bytes(blob(head.head.contents.directory)), "directory"));
  }
  static Reference part(const Leaf& leaf, PartKind kind) {
    for (const release::PartReference& one : leaf.parts) {
      if (one.kind == kind) return one.object;
    }
    return {};
  }
  const std::vector<std::uint32_t>& known_chunks(const Leaf& leaf, std::size_t count) {
    const Reference names = part(leaf, PartKind::names);
    const auto [place, fresh] = known_.try_emplace(names.digest);
    if (fresh) {
      const Aligned bytes(blob(names));
      place->second = must(table::Names::open(bytes.bytes())).known_chunks(count);
    }
    return place->second;
  }

  void print_by_address(const std::map<Digest, std::uint64_t>& distinct) {
    constexpr std::uint64_t fixed = 4096, enough = 1000;
    std::vector<double> each;
    std::uint64_t addresses = 0, bytes = 0;
    for (const auto& [digest, length] : distinct) {
      const Aligned data(blob({digest, length}));
      const table::Hot hot = must(table::Hot::open(data.bytes()));
      const acl_classifier& c = hot.header().sources;
      std::uint64_t filled = 0;
      const auto* slot = reinterpret_cast<const acl_u64*>(data.words.data()) + std::uint64_t{c.hash_line} * acl_slots;
      for (std::uint64_t i = 0; i < std::uint64_t{c.hash_lines} * acl_slots; ++i) filled += slot[i] != 0 ? 1 : 0;
      if (filled < enough) continue;
      const std::uint64_t beyond = length - std::min(length, fixed);
      each.push_back(static_cast<double>(beyond) / static_cast<double>(filled));
      addresses += filled;
      bytes += beyond;
    }
    if (each.empty()) return;
    std::sort(each.begin(), each.end());
    fmt::print(
        "  bytes beyond 4096 for each allowed address, {} parts with {} of them and more: {:.2f} in all, median "
        "{:.2f}, greatest {:.2f}\n",
        each.size(), enough, static_cast<double>(bytes) / static_cast<double>(addresses), each[each.size() / 2],
        each.back());
  }

  store::Folder folder_;
  std::map<Digest, std::vector<std::uint32_t>> known_;
};

}  // namespace
}  // namespace acl

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) {
    std::fputs("usage: table_sizes FOLDER [GENERATION]\n", stderr);
    return 2;
  }
  acl::Sizes sizes(argv[1]);
  sizes.print();
  if (argc == 3) sizes.print_change(std::strtoull(argv[2], nullptr, 10));
  return 0;
}
