// Known: what is known of names at a place: the policy that defines them, the inventory they stand for; and what a name stands for
// in people, nodes and addresses.
//
// Nothing here resolves a policy: a name is looked up in the inventory, so that it can be told for a text that is being
// typed and for names that no rule uses yet. Linear in what it stands for and in the number of users; of prefixes and of autogroups of
// devices in the inventory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lsp/server/snapshot.h"

namespace acl::lsp {

struct Known {
  const policy::PolicyFile* policy = nullptr;       // whose names count; null for a fixture without one
  const inventory::Inventory* inventory = nullptr;  // null if there is none
  const policy::Facts* facts = nullptr;             // of the inventory
  const resolve::Tailnet* tailnet = nullptr;        // of the inventory
  const Understanding* understanding = nullptr;     // perhaps of an older text
  policy::Dialect dialect = policy::Dialect::tailscale;
};

// `policy` is the snapshot whose names count: of a policy itself, of a fixture its policy's. Either may be null but `file`.
Known known_of(const Snapshot& file, const Snapshot* policy, const Understanding* understanding);

// What a selector stands for.
struct Members {
  bool counted = false;                  // nodes and people can be told
  bool everything = false;               // `*`
  std::vector<std::uint32_t> nodes;      // indices into the inventory, ascending
  std::vector<std::string_view> people;  // logins
  std::vector<std::string> literals;     // addresses, prefixes, ranges
};
Members members_of(const Known& known, const policy::Selector& selector);

// "12 nodes, 3 people"; "" where nothing can be told.
std::string counts(const Members& members);

// Markdown on a selector: what it is, what it stands for; lists are cut at ten ("and 12 more").
std::string about_selector(const Known& known, const policy::Selector& selector);

// Text of a file, for Markdown: nothing in it is markup any more. As code: between backticks, however many are in it.
std::string markdown_text(std::string_view text);
std::string markdown_code(std::string_view text);

// "one", "one and two", "one, two, three and 4 more"; each is Markdown already.
std::string listed(const std::vector<std::string>& items, std::size_t most = 10);

}  // namespace acl::lsp
