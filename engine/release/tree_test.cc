// The tree and what it is made of: pages, leaves, the index of the directory, whole releases.
#include "engine/release/tree.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "engine/release/directory.h"
#include "engine/release/testing.h"
#include "engine/release/whole.h"

namespace acl::release {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

using Pages = std::map<Digest, Bytes>;

struct Tree {
  BuiltTree built;
  Pages pages;
};

Leaf leaf_of(std::uint64_t number, std::size_t header = 60) {
  Leaf out;
  out.key = key_of_node(number);
  out.header.assign(header, static_cast<std::uint8_t>(number));
  out.parts = {{PartKind::hot, {digest_of(as_bytes("hot")), 3}}, {PartKind::names, {digest_of(out.key), 32}}};
  return out;
}

Tree build(const std::vector<Leaf>& leaves) {
  Tree out;
  TreeBuilder builder;
  for (const Leaf& leaf : leaves) EXPECT_TRUE(builder.add(leaf.key, leaf.header, leaf.parts));
  out.built = must(builder.finish([&](const Reference& reference, ByteView page) -> Expected<void> {
    EXPECT_TRUE(matches(reference, page));
    EXPECT_TRUE(out.pages.emplace(reference.digest, Bytes(page.begin(), page.end())).second) << "each page once";
    return {};
  }));
  return out;
}

Expected<std::vector<Leaf>> walk(const Tree& tree) {
  std::vector<Leaf> out;
  TreeVisitor visitor;
  visitor.read = [&](const Reference& reference) -> Expected<Bytes> {
    const auto found = tree.pages.find(reference.digest);
    if (found == tree.pages.end()) return fail(Code::E1013, "absent");
    return found->second;
  };
  visitor.leaf = [&](const Leaf& leaf) -> Expected<void> {
    out.push_back(leaf);
    return {};
  };
  const auto counts = walk_tree(tree.built.root, visitor);
  if (!counts) return tl::unexpected<Diagnostic>(counts.error());
  EXPECT_EQ(counts->leaves, tree.built.counts.leaves);
  EXPECT_EQ(counts->pages, tree.built.counts.pages);
  EXPECT_EQ(counts->page_bytes, tree.built.counts.page_bytes);
  EXPECT_EQ(counts->depth, tree.built.counts.depth);
  return out;
}

std::vector<Leaf> leaves_of(std::uint64_t count) {
  std::vector<Leaf> out;
  for (std::uint64_t i = 0; i < count; ++i) out.push_back(leaf_of(i));
  return out;
}

bool by_position(const Leaf& a, const Leaf& b) { return position_of(a.key) < position_of(b.key); }

TEST(Tree, HoldsEachLeafOnceInTheOrderOfTheirHashes) {
  for (const std::uint64_t count : {0U, 1U, 2U, 16U, 17U, 100U, 3000U}) {
    std::vector<Leaf> leaves = leaves_of(count);
    const Tree tree = build(leaves);
    std::sort(leaves.begin(), leaves.end(), by_position);
    EXPECT_EQ(walk(tree).value(), leaves) << count;
  }
}

TEST(Tree, DependsOnTheSetOfLeavesAlone) {
  std::vector<Leaf> leaves = leaves_of(500);
  const Tree tree = build(leaves);
  std::shuffle(leaves.begin(), leaves.end(), std::mt19937(7));  // NOLINT(cert-msc32-c,cert-msc51-cpp): any order
  const Tree again = build(leaves);
  EXPECT_EQ(again.built.root, tree.built.root);
  EXPECT_EQ(again.pages, tree.pages);
}

TEST(Tree, OneChangedLeafMakesNewPagesOnOnePathOnly) {
  std::vector<Leaf> leaves = leaves_of(5000);
  const Tree before = build(leaves);
  leaves[1234].header[0] ^= 1;
  const Tree after = build(leaves);
  std::size_t fresh = 0;
  for (const auto& [digest, page] : after.pages) fresh += before.pages.count(digest) == 0 ? 1 : 0;
  EXPECT_GE(fresh, 2U);
  EXPECT_LE(fresh, after.built.counts.depth + 1U);
}

TEST(Tree, SplitsByBytesWhereHeadersAreLong) {
  std::vector<Leaf> leaves;
  for (std::uint64_t i = 0; i < 16; ++i) leaves.push_back(leaf_of(i, longest_header));
  const Tree tree = build(leaves);
  EXPECT_GT(tree.built.counts.pages, 1U);
  for (const auto& [digest, page] : tree.pages) EXPECT_LE(page.size(), page_limit);
  EXPECT_EQ(walk(tree).value().size(), 16U);
}

TEST(Tree, OfTwoNodesWithOneKeyIsRefused) {
  TreeBuilder builder;
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(builder.add(key_of_node(1), {}, {}));
  const auto built = builder.finish([](const Reference&, ByteView) -> Expected<void> { return {}; });
  ASSERT_FALSE(built);
  EXPECT_EQ(built.error().code, Code::E1023);
}

TEST(Tree, RefusesLeavesThatNoPageMayHold) {
  TreeBuilder builder;
  EXPECT_EQ(builder.add(key_of_node(1), Bytes(longest_header + 1), {}).error().code, Code::E1023);
  EXPECT_EQ(builder.add(key_of_node(1), {}, {{PartKind::ssh, {}}, {PartKind::hot, {}}}).error().code, Code::E1023);
  EXPECT_EQ(builder.add(key_of_node(1), {}, {{PartKind::hot, {}}, {PartKind::hot, {}}}).error().code, Code::E1023);
  EXPECT_TRUE(builder.add(key_of_node(1), Bytes(longest_header), {}));
}

TEST(Tree, EndsTheBuildWithWhatTheSinkSays) {
  TreeBuilder builder;
  ASSERT_TRUE(builder.add(key_of_node(1), {}, {}));
  const auto built =
      builder.finish([](const Reference&, ByteView) { return Expected<void>(fail(Code::E0003, "full")); });
  ASSERT_FALSE(built);
  EXPECT_EQ(built.error().code, Code::E0003);
}

// A tree that was signed with a fault in it: only the walk sees all of it.
TEST(Tree, WithALeafInTheWrongPlaceIsRefused) {
  Tree tree = build(leaves_of(100));
  const Digest root = tree.built.root.digest;
  Page page = must(parse_page(tree.pages.at(root), 0, "root"));
  auto& children = std::get<Children>(page.body);
  const Reference second = children[2].value(), third = children[3].value();
  children[2] = third;
  children[3] = second;
  const Bytes bytes = encode_page(page);
  tree.built.root = reference_to(bytes);
  tree.pages[tree.built.root.digest] = bytes;
  EXPECT_EQ(walk(tree).error().code, Code::E1003);
}

TEST(Tree, ThatIsSplitWithoutNeedIsRefused) {
  const Leaf leaf = leaf_of(1);
  const Bytes low = encode_page({1, Leaves{leaf}});
  Page above{0, Children{}};
  std::get<Children>(above.body)[nibble(position_of(leaf.key), 0)] = reference_to(low);
  const Bytes top = encode_page(above);
  Tree tree;
  tree.pages = {{digest_of(low), low}, {digest_of(top), top}};
  tree.built.root = reference_to(top);
  EXPECT_EQ(walk(tree).error().code, Code::E1003);
}

TEST(Tree, WithADamagedOrMissingPageIsRefused) {
  const Tree whole = build(leaves_of(300));
  for (const auto& [digest, page] : whole.pages) {
    Tree tree = whole;
    tree.pages[digest].back() ^= 1;
    EXPECT_EQ(walk(tree).error().code, Code::E1018);
    tree.pages.erase(digest);
    EXPECT_EQ(walk(tree).error().code, Code::E1013);
  }
}

TEST(Page, GoesThroughItsBytesUnchanged) {
  const Tree tree = build(leaves_of(400));
  for (const auto& [digest, bytes] : tree.pages) {
    const Page page = must(parse_page(bytes, bytes[6], "page"));
    EXPECT_EQ(encode_page(page), bytes);
    EXPECT_FALSE(parse_page(bytes, bytes[6] + 1U, "page")) << "at another depth it is another page";
  }
}

TEST(Page, OfDamagedBytesIsRefusedOrAnotherPage) {
  const Tree tree = build(leaves_of(60));
  std::vector<Bytes> pages;
  for (const auto& [digest, bytes] : tree.pages) pages.push_back(bytes);
  EXPECT_TRUE(rc::check([&] {
    Bytes bytes = *rc::gen::elementOf(pages);
    const auto at = *rc::gen::inRange<std::size_t>(0, bytes.size());
    switch (*rc::gen::inRange(0, 3)) {
      case 0: bytes[at] = *rc::gen::arbitrary<std::uint8_t>(); break;
      case 1: bytes.resize(at); break;
      default: bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at), 1, 0); break;
    }
    for (const unsigned depth : {0U, 1U}) {
      const auto parsed = parse_page(bytes, depth, "page");
      if (parsed) RC_ASSERT(encode_page(*parsed) == bytes);
      if (!parsed) RC_ASSERT(parsed.error().code == Code::E1003);
    }
  }));
}

TEST(Directory, GoesThroughItsBytesUnchanged) {
  std::vector<Reference> chunks;
  for (std::uint64_t i = 0; i < 977; ++i) chunks.push_back({position_of(key_of_node(i)), i + 1});
  const Bytes bytes = must(encode_directory(chunks));
  EXPECT_EQ(parse_directory(bytes, "index").value(), chunks);
  EXPECT_EQ(parse_directory(must(encode_directory({})), "index").value().size(), 0U);
}

TEST(Directory, OfAnotherFormIsRefused) {
  const Bytes whole = must(encode_directory({{digest_of({}), 5}, {digest_of({}), 6}}));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(parse_directory(ByteView(whole).first(size), "index")) << size;
  }
  Bytes longer = whole;
  longer.push_back(0);
  EXPECT_FALSE(parse_directory(longer, "index"));
  Bytes many = whole;
  std::fill(many.begin() + 8, many.begin() + 12, std::uint8_t{0xff});
  EXPECT_EQ(parse_directory(many, "index").error().code, Code::E1004);
  EXPECT_FALSE(encode_directory({{digest_of({}), 0}}));
  EXPECT_FALSE(encode_directory({{digest_of({}), longest_chunk + 1}}));
  EXPECT_FALSE(encode_directory(std::vector<Reference>(most_chunks + 1, {digest_of({}), 1})));
}

class Whole : public ::testing::Test {
 protected:
  Expected<WholeCounts> walk(const Store& store) {
    seen.clear();
    const auto read = [&](const std::string& name) -> Expected<Bytes> {
      const auto found = store.find(name);
      if (found == store.end()) return fail(Code::E1013, "absent");
      return bytes_of(found->second);
    };
    return walk_release(head.contents,
                        {[&](const Reference& r) { return read(page_name(r.digest)); },
                         [&](const Reference& r) { return read(blob_name(r.digest)); }},
                        [&](NameKind kind, const Reference& r, ByteView) -> Expected<void> {
                          seen.insert(kind == NameKind::page ? page_name(r.digest) : blob_name(r.digest));
                          return {};
                        });
  }

  Network network;
  Head head = network.publish(1);
  std::set<std::string> seen;
};

TEST_F(Whole, ReleaseIsEveryObjectThatItsHeadLeadsTo) {
  const auto counts = walk(network.store);
  ASSERT_TRUE(counts);
  std::set<std::string> all;
  for (const auto& [name, text] : network.store) {
    if (name.starts_with("page/") || name.starts_with("blob/")) all.insert(name);
  }
  EXPECT_EQ(seen, all);
  EXPECT_EQ(counts->blobs + counts->tree.pages, all.size());
  EXPECT_EQ(counts->tree.leaves, 40U);
  EXPECT_EQ(counts->chunks, 5U);
}

TEST_F(Whole, ReleaseWithAnyObjectDamagedOrMissingIsRefused) {
  ASSERT_TRUE(walk(network.store));
  for (const std::string& name : std::set<std::string>(seen)) {
    Store store = network.store;
    store[name].back() = static_cast<char>(store[name].back() ^ 1);
    EXPECT_EQ(walk(store).error().code, Code::E1018) << name;
    store.erase(name);
    EXPECT_EQ(walk(store).error().code, Code::E1013) << name;
  }
}

// The bound of what a node fetches beyond its table, for a million nodes with headers of 200 bytes: 64 KiB.
TEST(Simulation, ANodeOfAMillionFetchesAtMost64KiBBeyondItsTable) {
  constexpr std::uint64_t nodes = 1'000'000;
  Store store;
  TreeBuilder builder;
  const Bytes header(200, 7);
  const std::string table = "table";
  const Reference part = reference_to(as_bytes(table));
  store[blob_name(part.digest)] = table;
  for (std::uint64_t i = 0; i < nodes; ++i) {
    ASSERT_TRUE(
        builder.add(key_of_node(i), header, {{PartKind::hot, part}, {PartKind::ssh, part}, {PartKind::names, part}}));
  }
  Network network(5, 3);
  const BuiltTree built = must(builder.finish([&](const Reference& reference, ByteView page) -> Expected<void> {
    network.store[page_name(reference.digest)] = as_text(page);
    return {};
  }));
  EXPECT_EQ(built.counts.leaves, nodes);
  std::vector<Reference> chunks;
  for (std::uint64_t i = 0; i < 977; ++i) chunks.push_back({position_of(key_of_node(i)), 65536});
  const std::string index(as_text(must(encode_directory(chunks))));

  Head head;
  head.generation = {1, 1};
  head.trust = digest_of(as_bytes(print_trust(network.trust)));
  head.created = first_day;
  head.expires = first_day + 30 * day;
  head.contents.root = built.root;
  head.contents.directory = reference_to(as_bytes(index));
  head.contents.rules = part;
  network.store[blob_name(part.digest)] = table;
  network.store[blob_name(head.contents.directory.digest)] = index;
  network.store["head/1.1"] = print_head(head);
  for (std::size_t i = 2; i < 5; ++i) Network::sign_head(network.store, {1, 1}, network.keys[i]);
  network.store["latest"] = print_latest({1, 1});

  std::uint64_t most = 0, sum = 0;
  constexpr std::uint64_t sample = 200;
  for (std::uint64_t i = 0; i < sample; ++i) {
    Fetcher fetcher;
    fetcher.node = i * (nodes / sample);
    fetcher.choose = {};
    Client client = fetcher.run(network.store, first_state(network.trust));
    ASSERT_EQ(client.phase(), Phase::accepted) << client.refusal().diagnostic.message;
    const std::uint64_t beyond = client.bytes_received() - table.size();
    most = std::max(most, beyond);
    sum += beyond;
  }
  EXPECT_LE(most, 65536U);
  std::printf(
      "a million nodes: %llu pages of %llu bytes in all, depth %u; a node fetches %llu bytes beyond its table, at most "
      "%llu\n",
      static_cast<unsigned long long>(built.counts.pages), static_cast<unsigned long long>(built.counts.page_bytes),
      built.counts.depth, static_cast<unsigned long long>(sum / sample), static_cast<unsigned long long>(most));
}

}  // namespace
}  // namespace acl::release
