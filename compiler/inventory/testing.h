// What the tests of this folder share: inventories from short texts, diagnostics as short words.
#pragma once

#include <deque>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "compiler/inventory/load.h"

namespace acl::inventory {

inline LoadedInventory load(std::initializer_list<std::string> texts, From from = From::any) {
  std::deque<SourceText> sources;
  std::vector<const SourceText*> pointers;
  for (const std::string& text : texts) {
    pointers.push_back(&sources.emplace_back("file" + std::to_string(sources.size() + 1), text));
  }
  return load_inventory(pointers, from);
}

inline LoadedInventory load(const std::string& text) { return load({text}); }

// "E0805 1:20 …" of each diagnostic.
inline std::vector<std::string> said(const std::vector<Diagnostic>& diagnostics) {
  std::vector<std::string> out;
  for (const Diagnostic& d : diagnostics) {
    std::string line(code_name(d.code));
    if (d.place) line += " " + std::to_string(d.place->start.line) + ":" + std::to_string(d.place->start.column);
    out.push_back(line + " " + d.message);
  }
  return out;
}

// {"nodes": [{"name": "a", "addresses": ["100.64.0.1"], MEMBERS}]} with an owner, so that nothing but MEMBERS can be wrong.
inline std::string one_node(const std::string& members) {
  return R"({"nodes": [{"name": "a", "addresses": ["100.64.0.1"], "user": "ana@example.com")" +
         (members.empty() ? "" : ", " + members) + "}]}";
}

}  // namespace acl::inventory
