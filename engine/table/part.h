// Part: what opening one part of a table needs, whatever its kind: bounds of its sections, its classifier. Shared by hot.cc,
// ssh.cc and names.cc; nobody else includes it.
//
// Every check is made once, in time linear in the part's size and with constant memory. A section is a run of bytes from the
// beginning of a line that ends within the part; sections may overlap, since nothing is ever written.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "engine/net/address.h"
#include "engine/net/diagnostic.h"
#include "engine/table/layout.h"

namespace acl::table {

class PartReader {
 public:
  // Checks size, alignment and the fields that all parts have. `header_bytes`: of the header of this kind.
  static Expected<PartReader> open(std::span<const std::uint8_t> bytes, std::uint32_t kind, std::size_t header_bytes);

  [[nodiscard]] const std::uint8_t* base() const noexcept { return bytes_.data(); }
  template <class T>
  [[nodiscard]] const T& header() const noexcept {
    return *reinterpret_cast<const T*>(bytes_.data());
  }
  // `count` elements from the beginning of line `line` on; E1201 if they are not all in the part, naming the section.
  template <class T>
  [[nodiscard]] Expected<std::span<const T>> section(std::string_view name, std::uint64_t line,
                                                     std::uint64_t count) const {
    if (auto inside = within(name, line, count, sizeof(T)); !inside) return tl::unexpected(inside.error());
    return std::span<const T>(reinterpret_cast<const T*>(bytes_.data() + line * acl_line_bytes), count);
  }
  // Everything about a classifier: no class beyond `classes`, nothing outside the part.
  [[nodiscard]] Expected<void> check(const acl_classifier& classifier, std::uint32_t classes) const;
  [[nodiscard]] Expected<void> check(const acl_intervals& intervals, std::uint32_t classes) const;
  // A heap of texts; every byte is part of one text, and `text` is its reference.
  [[nodiscard]] static bool is_text(std::span<const std::uint8_t> heap, std::uint32_t text) noexcept;
  [[nodiscard]] static std::string_view text(std::span<const std::uint8_t> heap, std::uint32_t text) noexcept;

 private:
  explicit PartReader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  [[nodiscard]] Expected<void> within(std::string_view name, std::uint64_t line, std::uint64_t count,
                                      std::uint64_t size) const;
  [[nodiscard]] Expected<void> check_exact(const acl_classifier& classifier, std::uint32_t classes) const;

  std::span<const std::uint8_t> bytes_;
};

// A part that cannot be used: E1201, "the hot part: …".
tl::unexpected<Diagnostic> bad_part(std::string_view kind, const std::string& what);

}  // namespace acl::table
