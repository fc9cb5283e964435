// aclc inspect: what a release folder, one node's table in it, or a single object says, in people's words or as JSON: the way
// back from the bytes to the rules. It believes nothing of what it reads but checks no signature's threshold either: that is
// `aclc verify`.
//
// Exit code: 0 shown, 1 something in it is damaged, 2 wrong usage or no such node, 3 the file or folder cannot be read.
#include <fmt/format.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <memory>

#include "compiler/cli/commands.h"
#include "compiler/cli/inputs.h"
#include "compiler/cli/inspect_object.h"
#include "compiler/cli/signing.h"
#include "compiler/emit/display.h"
#include "compiler/emit/inspect.h"
#include "engine/net/file.h"
#include "engine/net/suggest.h"
#include "engine/release/base64.h"
#include "engine/release/directory.h"
#include "engine/store/node_release.h"
#include "engine/store/release_folder.h"

namespace acl::cli {
namespace {

using release::NodeKey;
using release::Reference;

struct InspectOptions {
  std::string path, node, head;
  bool json = false;
};

std::optional<release::Generation> parse_generation(std::string_view text) {
  const auto name = release::parse_name(fmt::format("head/{}", text));
  if (!name || name->kind != release::NameKind::head) return std::nullopt;
  return name->generation;
}

Expected<store::StoredHead> find_head(const store::Folder& folder, const std::string& wanted) {
  const auto generation = parse_generation(wanted);
  auto head = generation ? store::read_head(folder, *generation) : store::newest_head(folder);
  if (!head) return tl::unexpected(std::move(head.error()));
  if (*head) return std::move(**head);
  if (generation)
    return fail(Code::E1013, fmt::format("\"{}\" is not there", folder.path_of(release::head_name(*generation))));
  return fail(Code::E1029, fmt::format("\"{}\" has no head", folder.path()), "`aclc compile` writes one");
}

Expected<std::vector<table::Identity>> read_identities(const store::Folder& folder, const release::Contents& contents) {
  const auto chunks = store::read_directory(folder, contents);
  if (!chunks) return tl::unexpected(chunks.error());
  std::vector<table::Identity> out;
  for (const Reference& chunk : *chunks) {
    const auto bytes = folder.read_blob(chunk);
    if (!bytes) return tl::unexpected(bytes.error());
    auto identities = table::parse_chunk(*bytes);
    if (!identities) return tl::unexpected(std::move(identities.error()));
    std::move(identities->begin(), identities->end(), std::back_inserter(out));
  }
  return out;
}

Expected<table::Provenance> read_rules(const store::Folder& folder, const release::Contents& contents) {
  const auto bytes = folder.read_blob(contents.rules);
  if (!bytes) return tl::unexpected(bytes.error());
  return table::parse_provenance(*bytes);
}

// --- a release --------------------------------------------------------------------------------------------------------

Expected<void> count_tree(const store::Folder& folder, const Reference& root, emit::ReleaseReport& report) {
  std::map<Reference, std::size_t> parts;  // distinct ones, and their kind
  release::TreeVisitor visitor;
  visitor.read = [&](const Reference& reference) { return folder.read_page(reference); };
  visitor.leaf = [&](const release::Leaf& leaf) -> Expected<void> {
    for (const release::PartReference& part : leaf.parts)
      parts.emplace(part.object, static_cast<std::size_t>(part.kind) - 1);
    return {};
  };
  const auto counts = release::walk_tree(root, visitor);
  if (!counts) return tl::unexpected(counts.error());
  report.tree = *counts;
  for (const auto& [object, kind] : parts) {
    ++report.parts[kind].count;
    report.parts[kind].bytes += object.length;
  }
  return {};
}

Expected<emit::ReleaseReport> report_release(const store::Folder& folder, const store::StoredHead& head) {
  emit::ReleaseReport out;
  out.folder = folder.path();
  out.head = head.head;
  const auto latest = folder.latest();
  if (!latest) return tl::unexpected(latest.error());
  out.latest = *latest;
  if (head.head.generation.trust != 0) {
    auto trust = store::read_trust(folder, head.head.generation.trust);
    if (!trust) return tl::unexpected(std::move(trust.error()));
    if (*trust) {
      auto signers = store::head_signers(folder, head, (*trust)->trust);
      if (!signers) return tl::unexpected(std::move(signers.error()));
      out.trust = std::move((*trust)->trust);
      out.signers = std::move(*signers);
    }
  }
  if (auto counted = count_tree(folder, head.head.contents.root, out); !counted) return tl::unexpected(counted.error());
  auto identities = read_identities(folder, head.head.contents);
  if (!identities) return tl::unexpected(std::move(identities.error()));
  out.identities = std::move(*identities);
  auto rules = read_rules(folder, head.head.contents);
  if (!rules) return tl::unexpected(std::move(rules.error()));
  out.rules = std::move(*rules);
  return out;
}

// --- a node -----------------------------------------------------------------------------------------------------------

tl::unexpected<Diagnostic> no_such_node(const std::string& name, const std::vector<table::Identity>& all) {
  std::vector<std::string_view> names;
  for (const table::Identity& identity : all) names.push_back(identity.name);
  const auto near = acl::nearest(name, names);
  return fail(Code::E1212, fmt::format("the release has no node \"{}\"", name),
              near ? fmt::format("did you mean \"{}\"?", *near) : "`aclc inspect DIR` lists them");
}

// By name in the directory, or by WireGuard key.
Expected<table::Identity> find_identity(const std::vector<table::Identity>& all, const std::string& wanted) {
  NodeKey key{};
  const bool by_key = release::decode_base64(wanted, key);
  const table::Identity* found = nullptr;
  for (const table::Identity& identity : all) {
    if (identity.name != wanted && !(by_key && identity.key == key)) continue;
    if (found != nullptr) {
      return fail(
          Code::E1212, fmt::format("the release has more than one node \"{}\"", wanted),
          fmt::format("say which by its key: {} or {}", emit::key_text(found->key), emit::key_text(identity.key)));
    }
    found = &identity;
  }
  if (found == nullptr) return no_such_node(wanted, all);
  return *found;
}

// The whole tailnet, for naming; a node has those it knows alone.
table::Directory directory_of(std::vector<table::Identity> all) {
  std::vector<table::Directory::Numbered> numbered;
  for (table::Identity& identity : all)
    numbered.push_back({static_cast<std::uint32_t>(numbered.size()), std::move(identity)});
  return table::Directory(std::move(numbered));
}

// A part that is not there is no bytes, which no part can be.
table::TableBytes part_bytes(const release::Release& release) {
  table::TableBytes out;
  out.header = release.header;
  for (const release::ReleasePart& part : release.parts) {
    if (part.kind == release::PartKind::hot) out.hot = *part.bytes;
    if (part.kind == release::PartKind::ssh) out.ssh = *part.bytes;
    if (part.kind == release::PartKind::names) out.names = *part.bytes;
  }
  return out;
}

std::vector<std::string> known_names(const table::Directory& directory, const table::Identity& self) {
  std::vector<std::string> out;
  for (const table::Directory::Numbered& known : directory.identities()) {
    if (known.identity != self) out.push_back(known.identity.name);
  }
  std::sort(out.begin(), out.end());
  return out;
}

Expected<std::string> inspect_table(const release::Release& release, const table::Identity& identity,
                                    const table::Directory& everybody, bool json) {
  const auto opened = table::open_table(part_bytes(release));
  if (!opened) return tl::unexpected(opened.error());
  std::vector<table::DirectoryChunk> chunks;
  for (const release::ReleaseChunk& chunk : release.chunks) chunks.push_back({chunk.number, *chunk.bytes});
  const auto directory = table::open_directory(opened->names, chunks);
  if (!directory) return tl::unexpected(directory.error());
  const auto rules = table::parse_provenance(*release.rules);
  if (!rules) return tl::unexpected(rules.error());
  const emit::NameSources names{&opened->names, &*rules};
  auto packets = emit::decompile(opened->hot, names);
  if (!packets) return tl::unexpected(std::move(packets.error()));
  auto capabilities = emit::decompile(opened->names, names);
  if (!capabilities) return tl::unexpected(std::move(capabilities.error()));
  emit::NodeReport report{release.head.generation.text(),
                          identity,
                          opened->header,
                          std::move(*packets),
                          emit::decompile(opened->ssh, names),
                          std::move(*capabilities),
                          known_names(*directory, identity),
                          {}};
  for (const release::ReleasePart& part : release.parts)
    report.parts[static_cast<std::size_t>(part.kind) - 1] = part.reference;
  return json ? emit::node_json(report, everybody) : emit::node_text(report, everybody);
}

Expected<std::string> inspect_node(const store::Folder& folder, const release::Head& head,
                                   const InspectOptions& options) {
  auto all = read_identities(folder, head.contents);
  if (!all) return tl::unexpected(all.error());
  const auto identity = find_identity(*all, options.node);
  if (!identity) return tl::unexpected(identity.error());
  const auto leaf = store::find_leaf(folder, head.contents.root, identity->key);
  if (!leaf) return tl::unexpected(leaf.error());
  if (!*leaf) {
    return fail(Code::E1212, fmt::format("\"{}\" has no table in release {}", identity->name, head.generation.text()),
                "without a WireGuard key it enforces nothing; others believe its addresses as they come");
  }
  const auto choose = [](release::ByteView bytes, std::size_t count) {
    const auto names = table::Names::open(bytes);
    return names ? names->known_chunks(count) : std::vector<std::uint32_t>();
  };
  const auto release = store::read_node_release(folder, head, **leaf, choose);
  if (!release) return tl::unexpected(release.error());
  return inspect_table(*release, *identity, directory_of(std::move(*all)), options.json);
}

// --- the verb ---------------------------------------------------------------------------------------------------------

Expected<std::string> inspect_folder(const InspectOptions& options) {
  const auto folder = store::Folder::open(options.path);
  if (!folder) return tl::unexpected(folder.error());
  const auto head = find_head(*folder, options.head);
  if (!head) return tl::unexpected(head.error());
  if (!options.node.empty()) return inspect_node(*folder, head->head, options);
  const auto report = report_release(*folder, *head);
  if (!report) return tl::unexpected(report.error());
  return options.json ? emit::release_json(*report) : emit::release_text(*report);
}

Expected<std::string> inspect_file(const InspectOptions& options) {
  constexpr std::size_t limit = std::size_t{1} << 30;  // the largest part has half of it
  const auto bytes = read_file(options.path, limit);
  if (!bytes) return tl::unexpected(bytes.error());
  return inspect_object(*bytes, options.path, options.json);
}

int run_inspect(const InspectOptions& options) {
  struct stat status {};
  const bool is_folder = ::stat(options.path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
  if (!is_folder && (!options.node.empty() || !options.head.empty())) {
    std::fprintf(stderr, "aclc: --node and --head are for a release folder, and \"%s\" is none\n",
                 emit::printable(options.path).c_str());
    return exit_usage;
  }
  const auto out = is_folder ? inspect_folder(options) : inspect_file(options);
  if (!out) {
    const int exit_code = give_up(out.error());
    return out.error().code == Code::E1212 ? exit_usage : exit_code;
  }
  return print_out(*out) ? exit_yes : exit_unreadable;
}

}  // namespace

void add_inspect(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<InspectOptions>();
  CLI::App* verb = app.add_subcommand("inspect", "Say what a release, a node's table or a single object holds");
  verb->add_option("PATH", options->path, "a release folder, or one file of it")->required();
  verb->add_option("--node", options->node, "the table of this node, by name or WireGuard public key")
      ->type_name("NAME");
  verb->add_option("--head", options->head, "this release of the folder (default: the newest)")
      ->check(CLI::Validator(
          [](const std::string& text) {
            return parse_generation(text) ? std::string() : fmt::format("\"{}\" is no release such as 1.17", text);
          },
          "", "head"))
      ->type_name("V.GEN");
  verb->add_flag("--json", options->json, "as JSON");
  verb->callback([options, &exit_code] { exit_code = run_inspect(*options); });
}

}  // namespace acl::cli
