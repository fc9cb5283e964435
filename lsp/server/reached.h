// Reached: who a selector stands for and whom a rule lets reach what, counted in people and nodes.
//
// Answers come from an Understanding, which may be of an older text than the one on the screen: rules are found again by their own
// text, names by themselves. What is not in it any more, or not yet, has no answer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "compiler/resolve/tailnet.h"
#include "lsp/server/snapshot.h"

namespace acl::lsp {

struct Counted {
  std::size_t nodes = 0;
  std::size_t people = 0;
};

// Counts what selectors stand for; made for a request, remembers its answers.
class SelectorCounts {
 public:
  explicit SelectorCounts(const Understanding& understanding) : understanding_(understanding) {}

  // As a destination where both differ. Nothing for what has no count of its own: autogroup:self, unknown names, addresses outside.
  std::optional<Counted> count(const policy::Selector& selector);

 private:
  std::optional<Counted> find(const policy::Selector& selector);

  const Understanding& understanding_;
  std::unordered_map<std::string_view, std::size_t> sets_;  // of the destinations' selectors, by text
  std::optional<resolve::Tailnet> tailnet_;                 // made when a name stands in no rule
  std::unordered_map<std::string, std::optional<Counted>> known_;
};

// Whom a rule concerns. Nodes ascending.
struct Reach {
  std::vector<resolve::NodeId> sources;
  std::vector<resolve::NodeId> destinations;
  bool anyone = false;      // sources: every node
  bool everything = false;  // destinations: every node
  bool own = false;         // each person's own devices (autogroup:self) are among the destinations
  std::size_t people = 0;   // whose devices the sources are
};
Reach reach_of(const Understanding& understanding, const resolve::Origin& origin);

// The rule of that text in the Understanding's policy, looked for at its old place first.
std::optional<resolve::Origin> find_rule(const Understanding& understanding, resolve::Section section,
                                         std::uint32_t index, std::string_view text);

// "3 people, 12 nodes → 4 nodes".
std::string describe(const Reach& reach, std::size_t all_nodes);
// "12 nodes", "1 node".
std::string nodes_text(std::size_t count);

}  // namespace acl::lsp
