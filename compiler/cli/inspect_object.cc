#include "compiler/cli/inspect_object.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "compiler/emit/display.h"
#include "compiler/emit/inspect.h"
#include "engine/release/directory.h"
#include "engine/release/head.h"
#include "engine/release/minisign.h"
#include "engine/release/names.h"
#include "engine/release/page.h"
#include "engine/release/trust.h"

namespace acl::cli {
namespace {

using Json = nlohmann::ordered_json;
using release::ByteView;

std::string line(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"; }

// The one text of a value that was parsed from it, with a title; as JSON, its lines by their first words.
std::string text_object(std::string_view title, std::string_view text, bool json) {
  if (!json) return fmt::format("{}\n\n{}", title, text);
  Json lines = Json::array();
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return line(Json{{"object", title}, {"lines", lines}});
}

Expected<std::string> inspect_head(std::string_view text, const std::string& name, bool json) {
  const auto head = release::parse_head(text, name);
  if (!head) return tl::unexpected(head.error());
  return text_object(fmt::format("head of release {}", head->generation.text()), release::print_head(*head), json);
}

Expected<std::string> inspect_trust(std::string_view text, const std::string& name, bool json) {
  const auto trust = release::parse_trust(text, name);
  if (!trust) return tl::unexpected(trust.error());
  return text_object(fmt::format("trust set, version {}", trust->version), release::print_trust(*trust), json);
}

Expected<std::string> inspect_latest(std::string_view text, bool json) {
  const auto latest = release::parse_latest(text);
  if (!latest) return tl::unexpected(latest.error());
  return text_object(fmt::format("latest: nodes are to fetch release {}", latest->text()), text, json);
}

// Keys and signatures are told apart by what parses.
Expected<std::string> inspect_minisign(std::string_view text, const std::string& name, bool json) {
  if (const auto key = release::parse_public_key(text, name)) {
    if (json) return line(Json{{"object", "public key"}, {"key", key->id.text()}});
    return fmt::format("public key {}\n", key->id.text());
  }
  const auto signature = release::parse_signature(text, name);
  if (!signature) {
    return fail(Code::E1211, fmt::format("\"{}\" is neither a public key nor a signature in minisign's format", name),
                "a secret key is never shown");
  }
  if (json)
    return line(Json{{"object", "signature"}, {"key", signature->id.text()}, {"comment", signature->trusted_comment}});
  return fmt::format("signature by key {}\n  trusted comment  {}\n", signature->id.text(),
                     emit::printable(signature->trusted_comment));
}

// --- pages and the directory ------------------------------------------------------------------------------------------

Json reference_json(const release::Reference& reference) {
  return Json{{"digest", reference.digest.text()}, {"bytes", reference.length}};
}

Json leaf_json(const release::Leaf& leaf, const table::NodeHeader& header) {
  Json own = Json::array(), parts;
  for (const table::OwnAddress& address : header.own) {
    own.push_back(Json{
        {"address", address.address.text()}, {"class", address.hot_class}, {"capability_class", address.names_class}});
  }
  for (const release::PartReference& part : leaf.parts)
    parts[emit::part_names[static_cast<std::size_t>(part.kind) - 1]] = reference_json(part.object);
  return Json{{"key", emit::key_text(leaf.key)}, {"own", own}, {"parts", parts}};
}

std::string leaf_text(const release::Leaf& leaf, const table::NodeHeader& header) {
  std::string out = fmt::format("  node {}\n", emit::key_text(leaf.key));
  for (const table::OwnAddress& address : header.own) {
    out += fmt::format("    {}  class {}, of capabilities {}\n", address.address.text(), address.hot_class,
                       address.names_class);
  }
  for (const release::PartReference& part : leaf.parts) {
    out += fmt::format("    {:<5}  {}  {} bytes\n", emit::part_names[static_cast<std::size_t>(part.kind) - 1],
                       part.object.digest.text(), part.object.length);
  }
  return out;
}

Expected<std::string> inspect_leaves(const release::Leaves& leaves, unsigned depth, bool json) {
  std::string out = fmt::format("page at depth {}, nodes: {}\n", depth, leaves.size());
  Json list = Json::array();
  for (const release::Leaf& leaf : leaves) {
    const auto header = table::parse_node_header(leaf.header);
    if (!header) return tl::unexpected(header.error());
    if (json) list.push_back(leaf_json(leaf, *header));
    if (!json) out += leaf_text(leaf, *header);
  }
  return json ? line(Json{{"object", "page"}, {"depth", depth}, {"nodes", list}}) : out;
}

Expected<std::string> inspect_page(ByteView bytes, const std::string& name, bool json) {
  constexpr std::size_t depth_at = 6;
  const unsigned depth = bytes.size() > depth_at ? bytes[depth_at] : 0;
  const auto page = release::parse_page(bytes, depth, name);
  if (!page) return tl::unexpected(page.error());
  if (const auto* leaves = std::get_if<release::Leaves>(&page->body)) return inspect_leaves(*leaves, depth, json);
  std::string out = fmt::format("page at depth {} of other pages\n", depth);
  Json list = Json::array();
  const auto& children = std::get<release::Children>(page->body);
  for (std::size_t i = 0; i < children.size(); ++i) {
    if (!children[i]) continue;
    out += fmt::format("  {:x}  {}  {} bytes\n", i, children[i]->digest.text(), children[i]->length);
    Json child = reference_json(*children[i]);
    child["nibble"] = i;
    list.push_back(std::move(child));
  }
  return json ? line(Json{{"object", "page"}, {"depth", depth}, {"pages", list}}) : out;
}

Expected<std::string> inspect_index(ByteView bytes, const std::string& name, bool json) {
  const auto chunks = release::parse_directory(bytes, name);
  if (!chunks) return tl::unexpected(chunks.error());
  std::string out = fmt::format("index of the directory, chunks: {}\n", chunks->size());
  Json list = Json::array();
  for (const release::Reference& chunk : *chunks) {
    out += fmt::format("  {}  {} bytes\n", chunk.digest.text(), chunk.length);
    list.push_back(reference_json(chunk));
  }
  return json ? line(Json{{"object", "index of the directory"}, {"chunks", list}}) : out;
}

Expected<std::string> inspect_chunk(ByteView bytes, bool json) {
  const auto identities = table::parse_chunk(bytes);
  if (!identities) return tl::unexpected(identities.error());
  if (json) return emit::identities_json(*identities);
  std::string out = fmt::format("chunk of the directory, nodes by age: {}\n", identities->size());
  for (const table::Identity& identity : *identities) out += "  " + emit::identity_line(identity);
  return out;
}

Expected<std::string> inspect_rules(ByteView bytes, bool json) {
  const auto rules = table::parse_provenance(bytes);
  if (!rules) return tl::unexpected(rules.error());
  if (json) return emit::rules_json(*rules);
  std::string out = fmt::format("rules of {1}: {0}\n", rules->rules.size(), emit::printable(rules->file));
  for (const table::RulePlace& place : rules->rules)
    out += fmt::format("  {:016x}  {}, line {}\n", place.id, table::rule_name(place), place.line);
  return out;
}

// --- parts of tables --------------------------------------------------------------------------------------------------

Expected<std::string> inspect_hot(ByteView bytes, bool json) {
  const auto hot = table::Hot::open(bytes);
  if (!hot) return tl::unexpected(hot.error());
  const auto packets = emit::decompile(*hot, {});
  if (!packets) return tl::unexpected(packets.error());
  if (json) return emit::packets_json(*packets);
  return fmt::format("hot part: {} bytes; classes of sources: {}, of destinations: {}; rules: {}\n", bytes.size(),
                     packets->sources.size(), packets->behind.size(), hot->header().rules) +
         emit::packets_text(*packets, {}, {});
}

Expected<std::string> inspect_ssh(ByteView bytes, bool json) {
  const auto ssh = table::Ssh::open(bytes);
  if (!ssh) return tl::unexpected(ssh.error());
  const emit::LoginTable logins = emit::decompile(*ssh, {});
  if (json) return emit::logins_json(logins);
  return fmt::format("ssh part: {} bytes; classes of sources: {}; rules: {}\n", bytes.size(), ssh->classes(),
                     ssh->rules()) +
         emit::logins_text(logins, {});
}

Expected<std::string> inspect_names(ByteView bytes, bool json) {
  const auto names = table::Names::open(bytes);
  if (!names) return tl::unexpected(names.error());
  const auto capabilities = emit::decompile(*names, {});
  if (!capabilities) return tl::unexpected(capabilities.error());
  if (json) return emit::names_json(*names, *capabilities);
  std::uint64_t known = 0;
  names->each_known([&](std::uint32_t) { ++known; });
  return fmt::format("names part: {} bytes; nodes known: {}; packet rules: {}; SSH rules: {}; capabilities: {}\n",
                     bytes.size(), known, names->header().hot_rules, names->header().ssh_rules,
                     names->header().capabilities) +
         emit::capabilities_text(*capabilities, {}, {});
}

Expected<std::string> inspect_part(ByteView bytes, bool json) {
  constexpr std::size_t kind_at = 6;
  const unsigned kind = bytes.size() > kind_at ? bytes[kind_at] : 0;
  if (kind == acl_kind_ssh) return inspect_ssh(bytes, json);
  if (kind == acl_kind_names) return inspect_names(bytes, json);
  return inspect_hot(bytes, json);  // says what is wrong with any other kind
}

}  // namespace

Expected<std::string> inspect_object(std::string_view text, const std::string& name, bool json) {
  const ByteView bytes = release::as_bytes(text);
  if (text.starts_with("ACLT")) return inspect_part(bytes, json);
  if (text.starts_with("ACLD")) return inspect_chunk(bytes, json);
  if (text.starts_with("ACLP")) return inspect_rules(bytes, json);
  if (text.starts_with("aclp")) return inspect_page(bytes, name, json);
  if (text.starts_with("acli")) return inspect_index(bytes, name, json);
  if (text.starts_with("aclc head ")) return inspect_head(text, name, json);
  if (text.starts_with("aclc trust ")) return inspect_trust(text, name, json);
  if (text.starts_with("untrusted comment:")) return inspect_minisign(text, name, json);
  if (text.size() <= release::latest_limit && release::parse_latest(text)) return inspect_latest(text, json);
  return fail(Code::E1211, fmt::format("\"{}\" is no object of a release", name),
              "give a release folder, or a file in its head, trust, page or blob");
}

}  // namespace acl::cli
