#include "node/protocol/message.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "node/protocol/coding.h"

namespace acl::node::protocol {
namespace {

enum class Kind : std::uint8_t {
  open = 1,
  get = 2,
  cancel = 3,
  changed = 16,
  piece = 17,
  complete = 18,
  absent = 19,
  failed = 20,
  trouble = 21,
  well = 22,
};

using wire::Reader;

// A message begins with its kind.
class Writer : public wire::Writer {
 public:
  explicit Writer(Kind kind) { number(static_cast<std::uint8_t>(kind)); }
};

std::string text_of(ByteView bytes) { return {bytes.begin(), bytes.end()}; }

std::string fault_of(std::string_view what, std::string_view value, std::size_t most) {
  if (value.size() > most) return fmt::format("the {} is longer than {} bytes", what, most);
  if (value.find('\0') != std::string_view::npos) return fmt::format("the {} holds a zero byte", what);
  return {};
}

Expected<Bytes> encode_open(const Open& open) {
  const std::pair<std::string_view, std::string_view> fields[] = {
      {"source", open.source},       {"CA file", open.ca_file}, {"certificate file", open.certificate_file},
      {"key file", open.key_file},   {"user", open.user},       {"password", open.password},
      {"store of blobs", open.blobs}};
  Writer writer(Kind::open);
  writer.number(open.interval_ms);
  for (const auto& [what, value] : fields) {
    const std::string fault = fault_of(what, value, what == "user" ? longest_user : longest_path);
    if (!fault.empty()) return fail(Code::E1361, fault);
    writer.text(value);
  }
  return writer.take();
}

Open read_open(Reader& reader) {
  Open open;
  open.interval_ms = reader.number<std::uint32_t>();
  open.source = reader.text(longest_path);
  open.ca_file = reader.text(longest_path);
  open.certificate_file = reader.text(longest_path);
  open.key_file = reader.text(longest_path);
  open.user = reader.text(longest_user);
  open.password = reader.text(longest_path);
  open.blobs = reader.text(longest_path);
  return open;
}

Get read_get(Reader& reader) {
  Get get;
  get.id = reader.number<std::uint64_t>();
  get.limit = reader.number<std::uint64_t>();
  get.left_ms = reader.number<std::uint32_t>();
  get.name = reader.text(longest_name);
  return get;
}

struct ToNetEncoder {
  Expected<Bytes> operator()(const Open& open) const { return encode_open(open); }
  Expected<Bytes> operator()(const Get& get) const {
    if (const std::string fault = fault_of("name", get.name, longest_name); !fault.empty()) {
      return fail(Code::E1361, fault);
    }
    return Writer(Kind::get).number(get.id).number(get.limit).number(get.left_ms).text(get.name).take();
  }
  Expected<Bytes> operator()(const Cancel& cancel) const { return Writer(Kind::cancel).number(cancel.id).take(); }
};

struct FromNetEncoder {
  Bytes operator()(const Changed&) const { return Writer(Kind::changed).take(); }
  Bytes operator()(const Piece& piece) const { return Writer(Kind::piece).number(piece.id).rest(piece.bytes).take(); }
  Bytes operator()(const Complete& message) const { return Writer(Kind::complete).number(message.id).take(); }
  Bytes operator()(const Absent& message) const { return Writer(Kind::absent).number(message.id).take(); }
  Bytes operator()(const Failed& message) const {
    return Writer(Kind::failed).number(message.id).rest(cut(message.text)).take();
  }
  Bytes operator()(const Trouble& message) const { return Writer(Kind::trouble).rest(cut(message.text)).take(); }
  Bytes operator()(const Well&) const { return Writer(Kind::well).take(); }

  static std::string_view cut(std::string_view text) { return text.substr(0, longest_text); }
};

std::optional<FromNet> read_from_net(Kind kind, Reader& reader) {
  switch (kind) {
    case Kind::changed: return Changed{};
    case Kind::piece: {
      const auto id = reader.number<std::uint64_t>();
      return Piece{id, reader.rest(1, longest_piece)};
    }
    case Kind::complete: return Complete{reader.number<std::uint64_t>()};
    case Kind::absent: return Absent{reader.number<std::uint64_t>()};
    case Kind::failed: {
      const auto id = reader.number<std::uint64_t>();
      return Failed{id, text_of(reader.rest(0, longest_text))};
    }
    case Kind::trouble: return Trouble{text_of(reader.rest(0, longest_text))};
    case Kind::well: return Well{};
    case Kind::open:
    case Kind::get:
    case Kind::cancel: break;
  }
  return std::nullopt;
}

}  // namespace

Expected<Bytes> encode(const ToNet& message) { return std::visit(ToNetEncoder{}, message); }

Expected<ToNet> decode_to_net(ByteView bytes) {
  Reader reader(bytes);
  ToNet message;
  switch (static_cast<Kind>(reader.number<std::uint8_t>())) {
    case Kind::open: message = read_open(reader); break;
    case Kind::get: message = read_get(reader); break;
    case Kind::cancel: message = Cancel{reader.number<std::uint64_t>()}; break;
    default: return malformed(bytes);
  }
  if (!reader.done()) return malformed(bytes);
  return message;
}

Bytes encode(const FromNet& message) { return std::visit(FromNetEncoder{}, message); }

Expected<FromNet> decode_from_net(ByteView bytes) {
  Reader reader(bytes);
  auto message = read_from_net(static_cast<Kind>(reader.number<std::uint8_t>()), reader);
  if (!message || !reader.done()) return malformed(bytes);
  return std::move(*message);
}

std::string shown(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c >= 0x20 && c <= 0x7e && c != '\\') {
      out += c;
    } else {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace acl::node::protocol
