#include "lsp/server/navigation.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "compiler/emit/display.h"
#include "lsp/server/walk.h"

namespace acl::lsp {

using hujson::Value;

namespace {

// The occurrences of all files, made when first asked for.
class Index {
 public:
  explicit Index(const std::vector<File>& files) : files_(files), lists_(files.size()) {}

  const std::vector<Occurrence>& of(std::size_t file) {
    if (!lists_[file]) lists_[file] = occurrences(*files_[file].snapshot, files_[file].inventory.get());
    return *lists_[file];
  }
  [[nodiscard]] const std::vector<File>& files() const noexcept { return files_; }

  // Calls f(file, occurrence) for all that name the same as `wanted`.
  template <class F>
  void each(const Occurrence& wanted, F f) {
    for (std::size_t i = 0; i < files_.size(); ++i) {
      for (const Occurrence& one : of(i)) {
        if (one.name == wanted.name && one.kind == wanted.kind) f(files_[i], one);
      }
    }
  }
  bool defined(const Occurrence& wanted) {
    bool found = false;
    each(wanted, [&](const File&, const Occurrence& one) { found = found || one.definition; });
    return found;
  }

  // What the occurrence, of the first file, names as far as the files tell: without an inventory a bare name in a question may be a
  // node's or a host's.
  Occurrence meant(Occurrence one) {
    if (one.kind != Named::node && one.kind != Named::host) return one;
    if (one.kind == Named::node && files_[0].inventory != nullptr) return one;
    if (defined(one)) return one;
    Occurrence other = one;
    other.kind = one.kind == Named::node ? Named::host : Named::node;
    return defined(other) ? other : one;
  }

 private:
  const std::vector<File>& files_;
  std::vector<std::optional<std::vector<Occurrence>>> lists_;
};

// A bare name in a question that no inventory tells is taken both ways.
template <class F>
void each_meant(Index& index, const Occurrence& wanted, F f) {
  index.each(wanted, f);
  if (wanted.kind != Named::node && wanted.kind != Named::host) return;
  Occurrence other = wanted;
  other.kind = wanted.kind == Named::node ? Named::host : Named::node;
  if (index.defined(other)) return;
  index.each(other, [&](const File& file, const Occurrence& one) {
    if (one.kind == Named::host || file.inventory == nullptr) f(file, one);
  });
}

const File* policy_of(const std::vector<File>& files) {
  const auto found = std::find_if(files.begin(), files.end(),
                                  [](const File& file) { return file.snapshot->kind == FileKind::policy; });
  return found == files.end() ? nullptr : &*found;
}

// The entry that "acls[3]" names.
std::optional<Span> rule_span(const Snapshot& policy, std::string_view name) {
  const std::size_t open = name.find('[');
  if (open == std::string_view::npos || name.back() != ']') return std::nullopt;
  std::size_t index = 0;
  const char* const end = name.data() + name.size() - 1;
  const auto [rest, error] = std::from_chars(name.data() + open + 1, end, index);
  if (error != std::errc{} || rest != end || policy.file->tree.nodes.empty()) return std::nullopt;
  const Value root = policy.file->tree.root();
  if (!root.is(hujson::Kind::object)) return std::nullopt;
  const auto section = root.find(name.substr(0, open));
  if (!section || !section->is(hujson::Kind::array)) return std::nullopt;
  for (const Value element : *section) {
    if (index-- == 0) return element.span();
  }
  return std::nullopt;
}

// The path under the offset in a fixture, with its literal.
std::optional<std::pair<std::string, Span>> path_at(const Snapshot& fixture, std::uint32_t offset) {
  if (fixture.kind != FileKind::fixture || fixture.path.empty()) return std::nullopt;
  std::optional<std::pair<std::string, Span>> found;
  walk(fixture.file->tree, policy::fixture_type(), [&](const Met& met) {
    const bool path = met.type->meaning == policy::Meaning::file_path && met.value.is(hujson::Kind::string);
    const Span span = met.value.span();
    if (!path || offset < span.begin || span.end < offset) return;
    found = {resolve_path(fixture.path, met.value.string()), span};
  });
  return found;
}

}  // namespace

std::vector<Found> definitions(const std::vector<File>& files, std::uint32_t offset) {
  if (files.empty()) return {};
  std::vector<Found> out;
  if (const auto path = path_at(*files[0].snapshot, offset)) {
    for (const File& file : files) {
      if (file.snapshot->path == path->first) out.push_back({&file, {0, 0}, true, path->second});
    }
    return out;
  }
  Index index(files);
  const Occurrence* here = occurrence_at(index.of(0), offset);
  if (here == nullptr) return {};
  if (here->kind == Named::rule) {
    const File* policy = policy_of(files);
    const auto span = policy == nullptr ? std::nullopt : rule_span(*policy->snapshot, here->name);
    if (span) out.push_back({policy, *span, true, here->span});
    return out;
  }
  const Occurrence wanted = index.meant(*here);
  index.each(wanted, [&](const File& file, const Occurrence& one) {
    if (one.definition) out.push_back({&file, one.span, true, here->span});
  });
  return out;
}

std::vector<Found> references(const std::vector<File>& files, std::uint32_t offset, bool with_definitions) {
  if (files.empty()) return {};
  Index index(files);
  const Occurrence* here = occurrence_at(index.of(0), offset);
  if (here == nullptr) return {};
  std::vector<Found> out;
  each_meant(index, index.meant(*here), [&](const File& file, const Occurrence& one) {
    if (with_definitions || !one.definition) out.push_back({&file, one.span, one.definition, here->span});
  });
  return out;
}

std::vector<Found> highlights(const File& file, std::uint32_t offset) {
  const std::vector<Occurrence> all = occurrences(*file.snapshot);
  const Occurrence* here = occurrence_at(all, offset);
  std::vector<Found> out;
  if (here == nullptr) return out;
  for (const Occurrence& one : all) {
    if (one.kind == here->kind && one.name == here->name) out.push_back({&file, one.span, one.definition, here->span});
  }
  return out;
}

// --- rename -----------------------------------------------------------------------------------------------------------

namespace {

std::string_view prefix_of(Named kind) noexcept {
  switch (kind) {
    case Named::group: return "group:";
    case Named::tag: return "tag:";
    case Named::ipset: return "ipset:";
    case Named::posture: return "posture:";
    default: return "";
  }
}

std::string shown(std::string_view name) { return emit::printable(name.substr(0, 200)); }

// What is to be renamed at the offset, and whether it can be.
OrReason<Occurrence> renamed(Index& index, std::uint32_t offset) {
  const std::vector<File>& files = index.files();
  const auto refuse = [](std::string reason) { return tl::unexpected<std::string>(std::move(reason)); };
  if (files.empty()) return refuse("the file cannot be read");
  if (files[0].snapshot->kind == FileKind::inventory) {
    return refuse("names are renamed in the policy; an inventory describes what devices carry");
  }
  const Occurrence* here = occurrence_at(index.of(0), offset);
  if (here == nullptr || offset < here->span.begin || here->span.end < offset) {
    return refuse("no name stands here: groups, tags, hosts, IP sets and postures can be renamed");
  }
  const Occurrence meant = index.meant(*here);
  if (!defined_in_policies(meant.kind)) {
    return refuse(
        fmt::format("\"{}\" is no name of the policy's own ({}): groups, tags, hosts, IP sets and postures can "
                    "be renamed",
                    shown(meant.name), name_of(meant.kind)));
  }
  if (policy_of(files) == nullptr) return refuse("the policy that this fixture names cannot be read");
  // Of a broken text some names are not found: they would keep the old name and be undefined.
  for (const File& file : files) {
    if (file.snapshot->whole || file.snapshot->kind == FileKind::inventory) continue;
    return refuse(fmt::format("{} has syntax errors: mend them first, so that no use of \"{}\" is missed",
                              shown(file.snapshot->path), shown(meant.name)));
  }
  if (!index.defined(meant)) {
    return refuse(fmt::format("{} \"{}\" is not defined in the policy", name_of(meant.kind), shown(meant.name)));
  }
  return meant;
}

// The name as it would be written; the word in front may have been left out.
std::string complete(Named kind, std::string_view name) {
  const std::string_view prefix = prefix_of(kind);
  std::string out(name);
  if (policy::equal_ignoring_case(name.substr(0, prefix.size()), prefix)) {
    out.replace(0, prefix.size(), prefix);
  } else {
    out.insert(0, prefix);
  }
  return kind == Named::tag ? policy::lower_case(out) : out;
}

}  // namespace

std::string objection(Named kind, const std::string& name, policy::Dialect dialect) {
  if (name.size() == prefix_of(kind).size()) return "the name is empty";
  const auto odd = [](unsigned char c) {
    return c <= ' ' || c == 0x7f || c == '"' || c == '\\' || c == ',' || c == '\'';
  };
  if (std::any_of(name.begin(), name.end(), odd))
    return "white space, quotes, commas and backslashes are not for names";
  if (kind == Named::group && name.find('@') != std::string::npos)
    return "names with an @ are those of the identity provider's groups";
  std::string_view section = "groups", value = "[]";
  if (kind == Named::tag) section = "tagOwners";
  if (kind == Named::ipset) section = "ipsets";
  if (kind == Named::posture) section = "postures";
  if (kind == Named::host) section = "hosts", value = "\"192.0.2.1\"";
  const policy::Loaded loaded = policy::load_policy(
      "policy.hujson", fmt::format("{{\"{}\": {{{}: {}}}, \"acls\": []}}", section, hujson::quote(name), value),
      dialect);
  for (const Diagnostic& diagnostic : loaded.diagnostics) {
    const bool matters =
        diagnostic.severity == Severity::error || diagnostic.code == Code::W0341 || diagnostic.code == Code::W0339;
    if (!matters) continue;
    const std::size_t behind = diagnostic.message.find("]: ");
    return behind == std::string::npos ? diagnostic.message : diagnostic.message.substr(behind + 3);
  }
  return {};
}

namespace {

bool has_node(const inventory::Inventory& inventory, std::string_view name) {
  return std::any_of(inventory.nodes.begin(), inventory.nodes.end(),
                     [&](const auto& node) { return node.name == name; });
}

// Why the host must not get the name, for the sake of the questions in fixtures: those take a name for a node's first. "" if it may.
std::string misread(Index& index, const std::string& old, const std::string& wanted) {
  const std::vector<File>& files = index.files();
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (files[i].inventory != nullptr && has_node(files[i].inventory->inventory, wanted)) {
      return fmt::format("\"{}\" is a node of {}: questions about the host would become questions about the node",
                         shown(wanted), shown(files[i].inventory->path));
    }
    if (!files[i].unread) continue;
    for (const Occurrence& one : index.of(i)) {
      if (one.kind != Named::node || (one.name != old && one.name != wanted)) continue;
      return fmt::format("{} asks about \"{}\", and its inventory could not be read: that may be a node",
                         shown(files[i].snapshot->path), shown(one.name));
    }
  }
  return {};
}

}  // namespace

OrReason<Renameable> prepare_rename(const std::vector<File>& files, std::uint32_t offset) {
  Index index(files);
  const auto meant = renamed(index, offset);
  if (!meant) return tl::unexpected<std::string>(meant.error());
  return Renameable{meant->span, meant->name};
}

OrReason<std::vector<FileEdits>> rename(const std::vector<File>& files, std::uint32_t offset, std::string_view name) {
  Index index(files);
  const auto meant = renamed(index, offset);
  if (!meant) return tl::unexpected<std::string>(meant.error());
  const std::string wanted = complete(meant->kind, name);
  if (wanted == meant->name) return std::vector<FileEdits>{};
  const policy::Dialect dialect = policy_of(files)->snapshot->file->policy.dialect;
  if (const std::string reason = objection(meant->kind, wanted, dialect); !reason.empty()) {
    return tl::unexpected<std::string>(
        fmt::format("\"{}\" cannot be the name of a {}: {}", shown(wanted), name_of(meant->kind), reason));
  }
  Occurrence taken = *meant;
  taken.name = wanted;
  if (index.defined(taken)) {
    return tl::unexpected<std::string>(
        fmt::format("{} \"{}\" is already defined", name_of(meant->kind), shown(wanted)));
  }
  if (meant->kind == Named::host) {
    std::string reason = misread(index, meant->name, wanted);
    if (!reason.empty()) return tl::unexpected<std::string>(std::move(reason));
  }
  std::vector<FileEdits> out;
  each_meant(index, *meant, [&](const File& file, const Occurrence& one) {
    if (file.snapshot->kind == FileKind::inventory) return;
    auto edits = std::find_if(out.begin(), out.end(), [&](const FileEdits& known) { return known.file == &file; });
    if (edits == out.end()) edits = out.insert(out.end(), {&file, {}});
    const std::string quoted = hujson::quote(wanted);
    edits->edits.push_back({one.span, quoted.substr(1, quoted.size() - 2)});
  });
  return out;
}

}  // namespace acl::lsp
