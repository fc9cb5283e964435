// load: the text of a policy file in, a typed policy and everything that is wrong with it out.
//
//     SourceText ─ hujson::parse ─ decode ─ check ─▶ PolicyFile + diagnostics
//
// A text that is no HuJSON is not decoded: its syntax errors are all there is to say.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "compiler/hujson/tree.h"
#include "compiler/policy/logins.h"
#include "compiler/policy/policy.h"
#include "engine/net/source_text.h"

namespace acl::policy {

// A policy with all that its views refer to. Stays where it is: hold it by unique_ptr.
struct PolicyFile {
  PolicyFile(std::string name, std::string text) : source(std::move(name), std::move(text)) {}

  SourceText source;
  hujson::Tree tree;
  Policy policy;
  std::deque<std::string> strings;  // texts that are not in the source as they are: escapes undone, tags in lower case
};

// What an inventory tells a check.
struct Facts {
  std::vector<std::string> domains;  // mail domains of the tailnet
  Logins logins;
  std::unordered_set<std::string> synced_groups;  // "group:team@example.com"
};

struct Loaded {
  std::unique_ptr<PolicyFile> file;
  std::vector<Diagnostic> diagnostics;  // the hosted service's first error first, the rest in the order of the file
  std::vector<std::string> skipped;     // what could not be checked for want of an inventory, for people to read

  // No diagnostic is an error.
  [[nodiscard]] bool accepted() const noexcept;
  // The first error as the service words it; null if accepted.
  [[nodiscard]] const std::string* message() const noexcept;
};

// With `facts`, what needs an inventory is judged, too, but for the outcome of tests.
Loaded load_policy(std::string name, std::string text, Dialect dialect = Dialect::tailscale,
                   const Facts* facts = nullptr);

}  // namespace acl::policy
