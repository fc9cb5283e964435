#include "engine/table/names.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "engine/table/decide.h"
#include "engine/table/part.h"

namespace acl::table {
namespace {

Expected<void> check_known(const PartReader& part, const acl_names& names) {
  const auto bytes = part.section<std::uint8_t>("known identities", names.known_line, names.known_bytes);
  if (!bytes) return tl::unexpected(bytes.error());
  std::size_t at = 0;
  std::int64_t last_chunk = -1;
  while (at < bytes->size()) {
    if (bytes->size() - at < sizeof(acl_known))
      return bad_part("names", "its known identities end in a block's middle");
    acl_known block;
    std::memcpy(&block, bytes->data() + at, sizeof block);
    at += sizeof block;
    if (block.chunk <= last_chunk) return bad_part("names", "its known identities do not ascend");
    last_chunk = block.chunk;
    if (block.count != acl_known_bits && (block.count == 0 || block.count > acl_chunk_identities))
      return bad_part("names", fmt::format("a block of \"{}\" known identities", block.count));
    const std::size_t length = Names::block_bytes(block.count);
    if (bytes->size() - at < length) return bad_part("names", "its known identities end in a block's middle");
    if (block.count != acl_known_bits) {
      std::int32_t last = -1;
      for (std::uint32_t i = 0; i < block.count; ++i) {
        std::uint16_t number = 0;
        std::memcpy(&number, bytes->data() + at + std::size_t{i} * 2, 2);
        if (number <= last || number >= acl_chunk_identities)
          return bad_part("names", "its known identities do not ascend");
        last = number;
      }
    }
    at += length;
  }
  if (last_chunk > 0x3fffff) return bad_part("names", "a known identity has no number of 32 bits");
  return {};
}

Expected<void> check_capabilities(const PartReader& part, const acl_names& names) {
  const auto heap = part.section<std::uint8_t>("texts", names.text_line, names.text_bytes);
  if (!heap) return tl::unexpected(heap.error());
  const auto capabilities = part.section<acl_capability>("capabilities", names.capability_line, names.capabilities);
  if (!capabilities) return tl::unexpected(capabilities.error());
  for (const acl_capability& capability : *capabilities) {
    if (capability.name == 0 || !PartReader::is_text(*heap, capability.name) ||
        !PartReader::is_text(*heap, capability.value))
      return bad_part("names", "the text of a capability is not in the part");
  }
  const auto words = part.section<std::uint32_t>("words", names.word_line, names.words);
  if (!words) return tl::unexpected(words.error());
  for (const std::uint32_t word : *words) {
    if (word >= names.capabilities)
      return bad_part("names", fmt::format("the capability \"{}\" is not below {}", word, names.capabilities));
  }
  const auto pairs = part.section<std::uint64_t>("pairs of classes", names.pair_line,
                                                 std::uint64_t{names.part.source_classes} * names.destination_classes);
  if (!pairs) return tl::unexpected(pairs.error());
  for (const std::uint64_t pair : *pairs) {
    if ((pair >> 32) + (pair & 0xffffffff) > words->size())
      return bad_part("names", "the capabilities of a pair are not in the part");
  }
  return {};
}

}  // namespace

Expected<Names> Names::open(std::span<const std::uint8_t> bytes) {
  const auto part = PartReader::open(bytes, acl_kind_names, sizeof(acl_names));
  if (!part) return tl::unexpected(part.error());
  const acl_names& names = part->header<acl_names>();
  const bool reserved =
      std::any_of(std::begin(names.reserved3), std::end(names.reserved3), [](auto w) { return w != 0; });
  if (reserved || names.reserved != 0 || names.reserved2 != 0) return bad_part("names", "a reserved byte is set");
  if (names.destination_classes > 0xffff)
    return bad_part("names", fmt::format("{} destination classes are more than 65535", names.destination_classes));
  if (auto ok = part->check(names.sources, names.part.source_classes); !ok) return tl::unexpected(ok.error());
  if (auto ok = part->check(names.destinations, names.destination_classes); !ok) return tl::unexpected(ok.error());
  if (auto ok = check_capabilities(*part, names); !ok) return tl::unexpected(ok.error());
  if (auto ok = check_known(*part, names); !ok) return tl::unexpected(ok.error());
  const auto ids =
      part->section<std::uint64_t>("ids of rules", names.id_line, std::uint64_t{names.hot_rules} + names.ssh_rules);
  if (!ids) return tl::unexpected(ids.error());
  return Names(bytes);
}

std::string_view Names::text(std::uint32_t reference) const noexcept {
  return PartReader::text({at<std::uint8_t>(header().text_line, 0), header().text_bytes}, reference);
}

std::uint32_t Names::destination_class(const net::Address& address) const noexcept {
  const acl_table table{bytes_.data()};
  const acl_intervals& d = header().destinations;
  return address.is_v4()
             ? acl_find_v4_interval(&table, d.v4_line, d.v4_count, static_cast<std::uint32_t>(address.low()))
             : acl_find_v6_interval(&table, d.v6_line, d.v6_count, address.high(), address.low());
}

std::uint32_t Names::source_class(const net::Address& address) const noexcept {
  const acl_table table{bytes_.data()};
  const acl_classifier& c = header().sources;
  return address.is_v4() ? acl_class_v4(&table, &c, static_cast<std::uint32_t>(address.low()))
                         : acl_class_v6(&table, &c, address.high(), address.low());
}

std::vector<Capability> Names::capabilities(const net::Address& source, std::uint32_t destination_class) const {
  const acl_names& names = header();
  const std::uint32_t from = source_class(source);
  std::vector<Capability> out;
  if (from == 0 || destination_class == 0 || destination_class > names.destination_classes) return out;
  const std::uint64_t pair =
      *at<std::uint64_t>(names.pair_line, std::uint64_t{from - 1} * names.destination_classes + destination_class - 1);
  for (std::uint64_t i = 0; i < (pair & 0xffffffff); ++i) {
    const std::uint32_t word = *at<std::uint32_t>(names.word_line, (pair >> 32) + i);
    const acl_capability& one = *at<acl_capability>(names.capability_line, word);
    out.push_back({text(one.name), text(one.value), one.rule});
  }
  return out;
}

bool Names::knows(std::uint32_t identity) const noexcept {
  bool found = false;
  const std::uint32_t chunk = identity / acl_chunk_identities, within = identity % acl_chunk_identities;
  each_block([&](const acl_known& block, const std::uint8_t* bytes) {
    if (block.chunk < chunk) return true;
    if (block.chunk > chunk) return false;
    if (block.count == acl_known_bits) {
      found = (bytes[within / 8] >> (within % 8) & 1) != 0;
      return false;
    }
    for (std::uint32_t i = 0; i < block.count && !found; ++i) found = block_number(bytes, i) == within;
    return false;
  });
  return found;
}

std::vector<std::uint32_t> Names::known_chunks(std::size_t chunk_count) const {
  std::vector<std::uint32_t> out;
  each_block([&](const acl_known& block, const std::uint8_t*) {
    if (block.chunk < chunk_count) out.push_back(block.chunk);
    return true;
  });
  return out;
}

std::uint64_t Names::hot_rule_id(std::uint32_t rule) const noexcept {
  return rule < header().hot_rules ? *at<std::uint64_t>(header().id_line, rule) : 0;
}

std::uint64_t Names::ssh_rule_id(std::uint32_t rule) const noexcept {
  return rule < header().ssh_rules ? *at<std::uint64_t>(header().id_line, std::uint64_t{header().hot_rules} + rule) : 0;
}

}  // namespace acl::table
