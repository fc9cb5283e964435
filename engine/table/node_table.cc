#include "engine/table/node_table.h"

#include <fmt/format.h>

#include <map>

#include "engine/table/part.h"

namespace acl::table {
namespace {

Expected<void> check_header(const NodeHeader& header, const Hot& hot, const Names& names) {
  for (const OwnAddress& own : header.own) {
    if (own.hot_class > hot.header().destination_classes || own.names_class > names.header().destination_classes) {
      return fail(
          Code::E1202,
          fmt::format("the node's header gives \"{}\" a class that its table does not have", own.address.text()),
          "fetch the release again; if its digests are right, it was made by a faulty or hostile compiler");
    }
  }
  return {};
}

Expected<void> check_counts(std::string_view kind, std::uint32_t named, std::uint32_t rules) {
  if (named == rules) return {};
  return bad_part("names", fmt::format("it names {} {} rules where there are {}", named, kind, rules));
}

}  // namespace

Expected<NodeTable> open_table(const TableBytes& bytes) {
  auto header = parse_node_header(bytes.header);
  if (!header) return tl::unexpected(std::move(header.error()));
  const auto hot = Hot::open(bytes.hot);
  if (!hot) return tl::unexpected(hot.error());
  const auto ssh = Ssh::open(bytes.ssh);
  if (!ssh) return tl::unexpected(ssh.error());
  const auto names = Names::open(bytes.names);
  if (!names) return tl::unexpected(names.error());
  if (auto fits = check_header(*header, *hot, *names); !fits) return tl::unexpected(fits.error());
  if (auto fits = check_counts("packet", names->header().hot_rules, hot->header().rules); !fits)
    return tl::unexpected(fits.error());
  if (auto fits = check_counts("SSH", names->header().ssh_rules, ssh->rules()); !fits)
    return tl::unexpected(fits.error());
  return NodeTable{std::move(*header), *hot, *ssh, *names};
}

Expected<Directory> open_directory(const Names& names, std::span<const DirectoryChunk> chunks) {
  std::map<std::uint32_t, std::vector<Identity>> parsed;
  for (const DirectoryChunk& chunk : chunks) {
    auto identities = parse_chunk(chunk.bytes);
    if (!identities) return tl::unexpected(std::move(identities.error()));
    parsed.emplace(chunk.number, std::move(*identities));
  }
  std::vector<Directory::Numbered> known;
  std::uint64_t missing = 0;
  names.each_known([&](std::uint32_t number) {
    const auto chunk = parsed.find(number / acl_chunk_identities);
    const std::size_t at = number % acl_chunk_identities;
    if (chunk == parsed.end() || at >= chunk->second.size()) {
      ++missing;
      return;
    }
    known.push_back({number, std::move(chunk->second[at])});
  });
  if (missing != 0)
    return fail(Code::E1204, fmt::format("the directory lacks {} of the identities that the node knows", missing),
                "fetch the release again; if its digests are right, it was made by a faulty or hostile compiler");
  return Directory(std::move(known));
}

}  // namespace acl::table
