// PartWriter: puts the lines of a table's part together (engine/table/layout.h, docs/table-format.md).
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/table/classify.h"
#include "engine/table/part_writer.h"

namespace acl::tables {

// The lines are placed by engine/table/part_writer.h, which the node uses, too; here is how it takes classes as classify.h has them.
class PartWriter : public table::PartWriter {
 public:
  using table::PartWriter::PartWriter;
  acl_classifier classifier(const Classes& classes, const Addresses& addresses);
  acl_intervals intervals(const std::vector<std::pair<Interval, std::uint16_t>>& intervals);
};

// About how many bytes the exact addresses will have.
inline std::size_t exact_bytes(const Classes& classes) noexcept {
  return (classes.exact.size() + classes.singles.size()) * acl_line_bytes / 6 + acl_line_bytes;
}

// A heap of texts, each once (layout.h).
class TextHeap {
 public:
  TextHeap() : bytes_(2) {}
  // Texts of more than 65,535 bytes do not occur: the policy's checker bounds names, and capabilities are cut by the caller.
  std::uint32_t add(std::string_view text);
  [[nodiscard]] std::span<const std::uint8_t> bytes() const noexcept { return bytes_; }

 private:
  std::vector<std::uint8_t> bytes_;
  std::map<std::string, std::uint32_t, std::less<>> known_;
};

using table::part_header;

}  // namespace acl::tables
