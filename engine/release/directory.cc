#include "engine/release/directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "engine/release/text.h"

namespace acl::release {
namespace {

constexpr std::array<std::uint8_t, 8> start{'a', 'c', 'l', 'i', 1, 0, 0, 0};
constexpr std::size_t start_size = 12, entry_size = 36;

bool is_chunk(const Reference& chunk) noexcept { return chunk.length != 0 && chunk.length <= longest_chunk; }

}  // namespace

Expected<std::vector<Reference>> parse_directory(ByteView bytes, std::string_view name) {
  const auto fault = [&](const std::string& what) {
    return fail(Code::E1004, fmt::format("{}: {}", quoted(name), what));
  };
  if (bytes.size() < start_size || !std::equal(start.begin(), start.end(), bytes.begin())) {
    return fault("it does not begin as an index of version 1 does");
  }
  const auto count = load_le<std::uint32_t>(bytes.data() + start.size());
  if (count > most_chunks || bytes.size() != start_size + count * entry_size) {
    return fault(fmt::format("{} chunks in {} bytes", count, bytes.size()));
  }
  std::vector<Reference> out(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint8_t* const entry = bytes.data() + start_size + i * entry_size;
    std::memcpy(out[i].digest.bytes.data(), entry, Digest::size);
    out[i].length = load_le<std::uint32_t>(entry + Digest::size);
    if (!is_chunk(out[i])) return fault(fmt::format("chunk {} has a length of {}", i, out[i].length));
  }
  return out;
}

Expected<Bytes> encode_directory(const std::vector<Reference>& chunks) {
  if (chunks.size() > most_chunks) return fail(Code::E1004, fmt::format("{} chunks are too many", chunks.size()));
  Bytes out(start_size + chunks.size() * entry_size);
  std::copy(start.begin(), start.end(), out.begin());
  store_le(out.data() + start.size(), static_cast<std::uint32_t>(chunks.size()));
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    if (!is_chunk(chunks[i])) {
      return fail(Code::E1004, fmt::format("chunk {} has a length of {}", i, chunks[i].length));
    }
    std::uint8_t* const entry = out.data() + start_size + i * entry_size;
    std::memcpy(entry, chunks[i].digest.bytes.data(), Digest::size);
    store_le(entry + Digest::size, static_cast<std::uint32_t>(chunks[i].length));
  }
  return out;
}

}  // namespace acl::release
