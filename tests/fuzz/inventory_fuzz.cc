// Inventories in all formats, from any bytes: bounded answers with sound places, the promises of inventory.h kept, and what is
// printed loads back as the same. Several files stand in one input, with a zero byte between them.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/inventory/load.h"
#include "compiler/inventory/print.h"

namespace {

using namespace acl;             // NOLINT(google-build-using-namespace): a program of one file
using namespace acl::inventory;  // NOLINT(google-build-using-namespace)

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "inventory_fuzz: %s\n", what);
  std::abort();
}

void require_place(const Place& place, const std::vector<const SourceText*>& sources) {
  const auto source =
      std::find_if(sources.begin(), sources.end(), [&](const auto* s) { return s->name() == place.file; });
  require(source != sources.end(), "a place in no file");
  require(place.bytes.begin <= place.bytes.end && place.bytes.end <= (*source)->text().size(),
          "a place outside the text");
}

void require_sound(const std::vector<Diagnostic>& diagnostics, const std::vector<const SourceText*>& sources) {
  require(diagnostics.size() <= sources.size() * 1100, "too many diagnostics");
  for (const Diagnostic& diagnostic : diagnostics) {
    require(!diagnostic.message.empty(), "a diagnostic without words");
    if (diagnostic.place) require_place(*diagnostic.place, sources);
    for (const Related& related : diagnostic.related) require_place(related.place, sources);
  }
}

template <class T>
bool distinct(std::vector<T> items) {
  std::sort(items.begin(), items.end());
  return std::adjacent_find(items.begin(), items.end()) == items.end();
}

// What inventory.h says of every inventory.
void require_promises(const Inventory& all, bool ok, std::size_t files) {
  std::vector<std::string> names;
  std::vector<net::Address> addresses;
  std::vector<bool> ages(all.nodes.size());
  require(all.age.size() == all.nodes.size(), "not an age for each node");
  for (const std::uint32_t age : all.age) {
    require(age < ages.size() && !ages[age], "an age that is no rank");
    ages[age] = true;
  }
  for (const Node& node : all.nodes) {
    names.push_back(node.name);
    // An address that another node has already is an error, and left out.
    require(!node.name.empty() && (!ok || !node.addresses.empty()), "a node without name or addresses");
    require(node.user == none || node.user < all.users.size(), "a node of no user");
    require(node.user == none || node.tags.empty(), "a node with user and tags");
    require(distinct(node.tags), "a node with a tag twice");
    for (const std::uint32_t tag : node.tags) require(tag < all.tags.size(), "a node of no tag");
    addresses.insert(addresses.end(), node.addresses.begin(), node.addresses.end());
    require(std::is_partitioned(node.addresses.begin(), node.addresses.end(), [](const auto& a) { return a.is_v4(); }),
            "IPv6 before IPv4");
    require(node.file < files, "a node of no file");
  }
  for (const Service& service : all.services) {
    for (const std::uint32_t host : service.hosts) require(host < all.nodes.size(), "a service on no node");
    addresses.insert(addresses.end(), service.addresses.begin(), service.addresses.end());
  }
  require(distinct(names), "a name twice");
  require(distinct(addresses), "an address twice");
  require(distinct(all.tags), "a tag twice");
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  std::deque<SourceText> texts;
  std::vector<const SourceText*> sources;
  while (sources.size() < 4) {
    const std::size_t end = std::min(input.find('\0'), input.size());
    sources.push_back(&texts.emplace_back(std::to_string(sources.size()), std::string(input.substr(0, end))));
    if (end == input.size()) break;
    input.remove_prefix(end + 1);
  }
  // What `aclc import --from` does: files that are of another origin than they are said to be.
  constexpr std::array origins = {From::tailscale, From::api, From::headscale};
  const LoadedInventory told = load_inventory(sources, origins[size % origins.size()]);
  require_sound(told.diagnostics, sources);
  require_sound(told.gaps, sources);
  require_promises(told.inventory, told.ok(), sources.size());

  const LoadedInventory loaded = load_inventory(sources);
  require_sound(loaded.diagnostics, sources);
  require_sound(loaded.gaps, sources);
  require_promises(loaded.inventory, loaded.ok(), sources.size());
  if (!loaded.ok()) return 0;

  const SourceText printed("printed", print_inventory(loaded.inventory));
  const LoadedInventory again = load_inventory({&printed});
  require(again.ok(), "the printed inventory does not load");
  require(same(loaded.inventory, again.inventory), "printing changes the inventory");
  require(print_inventory(again.inventory) == printed.text(), "printing again changes the text");
  return 0;
}
