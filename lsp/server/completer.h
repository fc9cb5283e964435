// Completer: what the completion*.cc files share; no one else includes this.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lsp/server/completion.h"
#include "lsp/server/cursor.h"

namespace acl::lsp {

// The rest of the rule that the cursor is in, as far as it says what may stand there.
struct Around {
  std::vector<std::string> src_texts, dst_texts;
  std::vector<policy::Selector> src, dst;  // of the texts
  bool acl = false;
  bool check = false;  // an ssh rule's action
  bool app = false;    // a grant with capabilities
};

// A text that may stand at the place.
struct Offer {
  std::string text;
  ItemKind kind = ItemKind::word;
  std::string detail;
  std::string about;
  int rank = 5;             // those of a lower rank come first
  bool resolves = false;    // the text is a selector that can be told about
  std::string before_stop;  // with snippets: the text is `before_stop` + a stop around `stop` + `behind_stop`
  std::string stop;
  std::string behind_stop;
  std::string filter;  // "" for the text
};

class Completer {
 public:
  Completer(const CompletionContext& of, std::uint32_t at);

  const CompletionContext& context;
  std::string_view source;
  std::uint32_t offset;
  Cursor cursor;
  Typed type;
  Completion out;

  [[nodiscard]] const Known& known() const noexcept { return context.known; }
  [[nodiscard]] bool headscale() const noexcept { return known().dialect == policy::Dialect::headscale; }
  // The policy whose names count; null if there is none.
  [[nodiscard]] const policy::Policy* names() const noexcept {
    return known().policy == nullptr ? nullptr : &known().policy->policy;
  }

  // "acls", "" at the root.
  [[nodiscard]] std::string section() const;
  // The strings of a member of the object around, or of its old or new name; the one under the cursor excepted.
  [[nodiscard]] std::vector<std::string> near(std::string_view member) const;
  // Those of the list that the cursor is in.
  [[nodiscard]] std::vector<std::string> near_own() const;
  [[nodiscard]] bool has_member(std::string_view name) const;

  // Offers a text in place of a part of the string, [begin, end) counted from behind its quote; by default of all of it.
  void offer(Offer offer);
  void offer_part(Offer offer, std::size_t begin, std::size_t end);
  // All of the string as it stands, without its quotes; of a word without quotes that word.
  [[nodiscard]] std::string_view whole() const noexcept { return whole_; }
  // How much of it is before the cursor.
  [[nodiscard]] std::size_t typed() const noexcept { return typed_; }

  // Whether what is typed could become this, for lists that must be cut.
  [[nodiscard]] bool fits(std::string_view candidate, std::size_t from) const;

  // In completion_names.cc:
  void selectors(policy::Location location);
  void targets(policy::Location location);
  void ipset_operations();
  void posture_references();
  void services();
  void parties(bool with_ports);
  void logins();

  // In completion_values.cc:
  void words(policy::Meaning meaning);
  void protocols();
  void grant_ips();
  void ports(std::size_t begin, std::size_t end, bool one);
  void posture_assertions();
  void attribute_names();
  void scalars();
  void capabilities();
  void node_attributes();
  void accounts();
  void tested_accounts();
  void host_values();
  void routes();
  void files();
  void rule_names();

 private:
  friend Completion complete(const CompletionContext&, std::uint32_t);
  void names_of_members();
  void fields(const policy::Type& record);
  void definitions();
  void composite(const policy::Type& value);
  void value();
  void add_key(std::string_view name, std::string_view value, ItemKind kind, std::string detail, std::string about,
               int rank);
  void add(CompletionItem item, int rank);
  [[nodiscard]] std::string behind() const;

  // Calls f(text of a selector, kind of item, detail, rank) for every name there is.
  template <class F>
  void each_selector(F f) const;
  template <class Legal, class F>
  void each_login(std::size_t from, Legal legal, F f);
  template <class F>
  void each_legal(policy::Location location, F f);
  // Mail domains of the tailnet, or those of the logins in the policy.
  [[nodiscard]] std::set<std::string> domains() const;
  [[nodiscard]] Around around() const;

  std::string_view whole_;
  std::size_t typed_ = 0;
};

// An LSP snippet less its stops: the first choice or default of each stays. And a text as a snippet that is that text.
std::string without_stops(std::string_view snippet);
std::string as_snippet(std::string_view text);

}  // namespace acl::lsp
