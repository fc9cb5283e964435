#include "engine/table/part.h"

#include <fmt/format.h>

#include <bit>

namespace acl::table {

static_assert(std::endian::native == std::endian::little, "parts are little-endian and read where they lie");

namespace {

std::string_view kind_name(std::uint32_t kind) noexcept {
  if (kind == acl_kind_hot) return "hot";
  return kind == acl_kind_ssh ? "ssh" : "names";
}

}  // namespace

tl::unexpected<Diagnostic> bad_part(std::string_view kind, const std::string& what) {
  return fail(Code::E1201, fmt::format("the {} part of the table cannot be used: {}", kind, what),
              "fetch the release again; if its digest is right, it was made by a faulty or hostile compiler");
}

Expected<PartReader> PartReader::open(std::span<const std::uint8_t> bytes, std::uint32_t kind,
                                      std::size_t header_bytes) {
  const std::string_view name = kind_name(kind);
  if (bytes.size() < header_bytes) return bad_part(name, fmt::format("{} bytes are too few", bytes.size()));
  if (bytes.size() % acl_line_bytes != 0)
    return bad_part(name, fmt::format("its {} bytes are no whole number of 64-byte lines", bytes.size()));
  if (reinterpret_cast<std::uintptr_t>(bytes.data()) % alignof(acl_hot) != 0)
    return bad_part(name, "it does not begin at a multiple of 8 bytes");
  acl_part part;
  std::memcpy(&part, bytes.data(), sizeof part);
  if (part.magic != acl_table_magic) return bad_part(name, "it does not begin with ACLT");
  if (part.version != acl_table_version)
    return bad_part(name, fmt::format("version \"{}\" is not \"{}\"", part.version, acl_table_version));
  if (part.kind != kind || part.reserved != 0)
    return bad_part(name, fmt::format("kind \"{}\" is not \"{}\"", part.kind, kind));
  if (part.lines > acl_most_lines || std::uint64_t{part.lines} * acl_line_bytes != bytes.size())
    return bad_part(name, fmt::format("it says to have {} lines and has {}", part.lines, bytes.size() / 64));
  if (part.source_classes > 0xffff)
    return bad_part(name, fmt::format("{} source classes are more than 65535", part.source_classes));
  return PartReader(bytes);
}

Expected<void> PartReader::within(std::string_view name, std::uint64_t line, std::uint64_t count,
                                  std::uint64_t size) const {
  // None of the factors exceeds 2^40, so that nothing overflows.
  const bool fits = line <= acl_most_lines && count <= (std::uint64_t{1} << 40) && size <= acl_line_bytes &&
                    line * acl_line_bytes + count * size <= bytes_.size();
  if (fits) return {};
  return bad_part(kind_name(header<acl_part>().kind),
                  fmt::format("its {} (line {}, {} of {} bytes) reach beyond its end", name, line, count, size));
}

Expected<void> PartReader::check_exact(const acl_classifier& c, std::uint32_t classes) const {
  const std::string_view kind = kind_name(header<acl_part>().kind);
  const auto lines = section<std::uint64_t>("exact addresses", c.hash_line, std::uint64_t{c.hash_lines} * acl_slots);
  if (!lines) return tl::unexpected(lines.error());
  // Whether anything is wrong is found without a branch for each slot; what it is, by going through them again.
  bool sound = true;
  for (std::size_t i = 0; i < lines->size(); i += acl_slots) {
    bool open = true;
    for (std::size_t k = 0; k < acl_slots; ++k) {
      const std::uint64_t slot = (*lines)[i + k];
      const bool known = static_cast<std::uint32_t>(slot & 0xffff) - 1U < classes;
      sound &= (slot == 0) | (open & known);
      open = slot != 0;
    }
  }
  for (std::size_t i = sound ? lines->size() : 0; i < lines->size(); ++i) {
    const std::uint64_t slot = (*lines)[i];
    if (slot == 0) continue;
    const auto found = static_cast<std::uint32_t>(slot & 0xffff);
    if (found == 0 || found > classes)
      return bad_part(kind, fmt::format("the class \"{}\" of an exact address is not in 1…{}", found, classes));
    // Used from the front: a lookup goes on to the second line only if the last slot is taken.
    if (i % acl_slots != 0 && (*lines)[i - 1] == 0)
      return bad_part(kind, fmt::format("line {} of its exact addresses has a gap", i / acl_slots));
  }
  const auto spaces = section<acl_space>("address spaces", c.space_line, std::uint64_t{c.space_lines} * acl_spaces);
  if (!spaces) return tl::unexpected(spaces.error());
  for (const acl_space& space : *spaces) {
    if (space.number > 0xffff)
      return bad_part(kind, fmt::format("the address space \"{}\" is not in 1…65535", space.number));
  }
  return {};
}

Expected<void> PartReader::check(const acl_classifier& c, std::uint32_t classes) const {
  const std::string_view kind = kind_name(header<acl_part>().kind);
  if (c.reserved != 0) return bad_part(kind, "a reserved byte is set");
  if (auto exact = check_exact(c, classes); !exact) return exact;
  return check(acl_intervals{c.v4_line, c.v4_count, c.v6_line, c.v6_count}, classes);
}

Expected<void> PartReader::check(const acl_intervals& intervals, std::uint32_t classes) const {
  const std::string_view kind = kind_name(header<acl_part>().kind);
  const auto check_classes = [&](std::uint64_t line, std::uint64_t count, std::uint64_t size) -> Expected<void> {
    const std::uint64_t starts = (count * size + acl_line_bytes - 1) / acl_line_bytes;
    const auto found = section<std::uint16_t>("classes of intervals", line + starts, count);
    if (!found) return tl::unexpected(found.error());
    for (const std::uint16_t one : *found) {
      if (one > classes)
        return bad_part(kind, fmt::format("the class \"{}\" of an interval is above {}", one, classes));
    }
    return {};
  };
  const auto v4 = section<std::uint32_t>("IPv4 intervals", intervals.v4_line, intervals.v4_count);
  if (!v4) return tl::unexpected(v4.error());
  const auto v6 = section<std::uint64_t>("IPv6 intervals", intervals.v6_line, std::uint64_t{intervals.v6_count} * 2);
  if (!v6) return tl::unexpected(v6.error());
  const auto disorder = [&](std::string_view family) {
    return bad_part(kind, fmt::format("its {} intervals do not ascend from the lowest address", family));
  };
  for (std::size_t i = 0; i < v4->size(); ++i) {
    if (i == 0 ? (*v4)[0] != 0 : (*v4)[i - 1] >= (*v4)[i]) return disorder("IPv4");
  }
  for (std::size_t i = 0; i < v6->size(); i += 2) {
    const std::uint64_t high = (*v6)[i], low = (*v6)[i + 1];
    if (i == 0 ? (high != 0 || low != 0) : !((*v6)[i - 2] < high || ((*v6)[i - 2] == high && (*v6)[i - 1] < low)))
      return disorder("IPv6");
  }
  // A search takes at most acl_most_steps steps.
  if (intervals.v4_count >= (1U << acl_most_steps) || intervals.v6_count >= (1U << acl_most_steps))
    return bad_part(kind, "it has too many intervals");
  if (intervals.v4_count != 0) {
    if (auto ok = check_classes(intervals.v4_line, intervals.v4_count, 4); !ok) return ok;
  }
  if (intervals.v6_count != 0) {
    if (auto ok = check_classes(intervals.v6_line, intervals.v6_count, 16); !ok) return ok;
  }
  return {};
}

bool PartReader::is_text(std::span<const std::uint8_t> heap, std::uint32_t text) noexcept {
  if (text == 0) return true;
  if (heap.size() < 2 || text > heap.size() - 2) return false;
  const std::size_t length = heap[text] | std::size_t{heap[text + 1U]} << 8;
  return length <= heap.size() - 2 - text;
}

std::string_view PartReader::text(std::span<const std::uint8_t> heap, std::uint32_t text) noexcept {
  if (text == 0) return {};
  const std::size_t length = heap[text] | std::size_t{heap[text + 1U]} << 8;
  return {reinterpret_cast<const char*>(heap.data()) + text + 2, length};
}

}  // namespace acl::table
