// Messages that are variants, coded by their lists of fields: kind = T::message_kind where the message has one, else first kind + place in the
// variant. For the message files of this folder alone.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "engine/net/diagnostic.h"
#include "node/protocol/wire.h"

namespace acl::node::protocol {

inline tl::unexpected<Diagnostic> malformed(wire::ByteView bytes) {
  const std::string kind = bytes.empty() ? "none" : std::to_string(bytes[0]);
  return fail(Code::E1361, fmt::format("a message of {} bytes and kind {} is not in its form", bytes.size(), kind));
}

// An enum of one byte whose values run from `first` to `last`.
template <class E>
void wire_enum(wire::Put& io, const E& value, E, E) {
  io.number(static_cast<std::uint8_t>(value));
}
template <class E>
void wire_enum(wire::Take& io, E& value, E first, E last) {
  std::uint8_t byte = 0;
  io.number(byte);
  if (byte < static_cast<std::uint8_t>(first) || byte > static_cast<std::uint8_t>(last)) io.refuse();
  value = static_cast<E>(byte);
}

template <class T>
concept HasKind = requires {
  T::message_kind;
};
template <class T>
constexpr std::uint8_t kind_of(std::uint8_t first_kind, std::size_t index) {
  if constexpr (HasKind<T>) return T::message_kind;
  return static_cast<std::uint8_t>(first_kind + index);
}

template <class Fields, class Variant>
Expected<wire::Bytes> encode_variant(const Variant& message, std::uint8_t first_kind) {
  wire::Put put(std::visit(
      [&](const auto& m) { return kind_of<std::decay_t<decltype(m)>>(first_kind, message.index()); }, message));
  std::visit([&](const auto& m) { Fields::walk(put, m); }, message);
  if (put.faulty() != nullptr)
    return fail(Code::E1361, fmt::format("the {} of a message is too long or holds a zero byte", put.faulty()));
  return put.take();
}

// Puts the message of that kind into `message` and reads it.
template <class Fields, class Variant, std::size_t Index = 0>
bool read_variant(std::uint8_t wanted, std::uint8_t first_kind, wire::Take& take, std::optional<Variant>& message) {
  if constexpr (Index == std::variant_size_v<Variant>) {
    return false;
  } else {
    if (wanted != kind_of<std::variant_alternative_t<Index, Variant>>(first_kind, Index))
      return read_variant<Fields, Variant, Index + 1>(wanted, first_kind, take, message);
    Fields::walk(take, std::get<Index>(message.emplace(std::in_place_index<Index>)));
    return true;
  }
}

template <class Variant, class Fields>
Expected<Variant> decode_variant(wire::ByteView bytes, std::uint8_t first_kind) {
  if (bytes.empty()) return malformed(bytes);
  wire::Take take(bytes.subspan(1));
  std::optional<Variant> message;
  if (!read_variant<Fields, Variant>(bytes[0], first_kind, take, message) || !take.done()) return malformed(bytes);
  return std::move(*message);
}

}  // namespace acl::node::protocol
