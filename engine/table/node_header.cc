#include "engine/table/node_header.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/table/cursor.h"

namespace acl::table {
namespace {

constexpr std::uint32_t magic = 0x4e4c4341;  // "ACLN"

tl::unexpected<Diagnostic> bad(const std::string& what) {
  return fail(Code::E1202, fmt::format("the node's header cannot be used: {}", what),
              "fetch the release again; if its digests are right, it was made by a faulty or hostile compiler");
}

bool read_address(Cursor& cursor, OwnAddress& out) {
  std::uint8_t family = 0, zero = 0;
  std::uint16_t zeros = 0;
  std::uint64_t high = 0, low = 0;
  if (!cursor.number(family) || !cursor.number(zero) || !cursor.number(out.hot_class) ||
      !cursor.number(out.names_class) || !cursor.number(zeros) || !cursor.number(high) || !cursor.number(low))
    return false;
  if (zero != 0 || zeros != 0) return false;
  if (family == 4 && high == 0 && low <= 0xffffffff) {
    out.address = net::Address::v4(static_cast<std::uint32_t>(low));
    return true;
  }
  out.address = net::Address::v6(high, low);
  return family == 6;
}

}  // namespace

const OwnAddress* NodeHeader::find(const net::Address& address) const noexcept {
  for (const OwnAddress& one : own) {
    if (one.address == address) return &one;
  }
  return nullptr;
}

Expected<NodeHeader> parse_node_header(std::span<const std::uint8_t> bytes) {
  Cursor cursor(bytes);
  std::uint32_t found = 0;
  std::uint8_t version = 0, count = 0;
  std::uint16_t zeros = 0;
  if (!cursor.number(found) || !cursor.number(version) || !cursor.number(count) || !cursor.number(zeros))
    return bad("it is too short");
  if (found != magic) return bad("it does not begin with ACLN");
  if (version != 1) return bad(fmt::format("version \"{}\" is not \"1\"", version));
  if (count > most_own) return bad(fmt::format("{} own addresses are more than {}", count, most_own));
  if (zeros != 0) return bad("a reserved byte is set");
  NodeHeader out;
  for (unsigned i = 0; i < count; ++i) {
    OwnAddress own;
    if (!read_address(cursor, own)) return bad(fmt::format("own address {} is malformed", i));
    if (!out.own.empty() && !(out.own.back().address < own.address)) return bad("its addresses do not ascend");
    out.own.push_back(own);
  }
  if (cursor.left() != 0) return bad(fmt::format("{} bytes follow its addresses", cursor.left()));
  return out;
}

std::vector<std::uint8_t> encode_node_header(const NodeHeader& header) {
  std::vector<std::uint8_t> out;
  put_number(out, magic);
  put_number(out, std::uint8_t{1});
  put_number(out, static_cast<std::uint8_t>(header.own.size()));
  put_number(out, std::uint16_t{0});
  for (const OwnAddress& own : header.own) {
    put_number(out, std::uint8_t{own.address.is_v4() ? std::uint8_t{4} : std::uint8_t{6}});
    put_number(out, std::uint8_t{0});
    put_number(out, own.hot_class);
    put_number(out, own.names_class);
    put_number(out, std::uint16_t{0});
    put_number(out, own.address.high());
    put_number(out, own.address.low());
  }
  return out;
}

}  // namespace acl::table
