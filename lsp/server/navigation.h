// Navigation: from a name to where it is defined, to all its uses, and to another name for it.
//
// Functions of a few related files (related.h), the one asked in first. Names are what occurrences.h finds; a policy's tests and its
// fixtures speak of the same names, the inventory defines users, nodes and services.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "lsp/server/occurrences.h"
#include "lsp/server/related.h"

namespace acl::lsp {

struct Found {
  const File* file = nullptr;
  Span span;  // of the name
  bool definition = false;
  Span origin;  // what in the asked file leads there: the name under the cursor
};

// Definitions of the name at the offset; of a rule's name in a fixture the rule; of a fixture's path the file. Mostly one.
std::vector<Found> definitions(const std::vector<File>& files, std::uint32_t offset);
std::vector<Found> references(const std::vector<File>& files, std::uint32_t offset, bool with_definitions);
// In the asked file alone.
std::vector<Found> highlights(const File& file, std::uint32_t offset);

// A text why not, for people.
template <class T>
using OrReason = tl::expected<T, std::string>;

struct Renameable {
  Span span;
  std::string name;
};
OrReason<Renameable> prepare_rename(const std::vector<File>& files, std::uint32_t offset);

struct FileEdits {
  const File* file = nullptr;
  std::vector<TextEdit> edits;
};
// The edits that give the name at the offset another one in the policy and its fixtures; inventories describe what devices carry, and
// are left alone. The word in front ("tag:") may be left out of `name`. Refused: names that check refuses or that are taken, and any while
// one of the files has a syntax error.
OrReason<std::vector<FileEdits>> rename(const std::vector<File>& files, std::uint32_t offset, std::string_view name);

// What check says of a policy that defines this name ("tag names must start with a letter, …"); "" if nothing.
std::string objection(Named kind, const std::string& name, policy::Dialect dialect);

}  // namespace acl::lsp
