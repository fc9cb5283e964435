#include "node/protocol/message.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

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

class Writer {
 public:
  explicit Writer(Kind kind) { out_.push_back(static_cast<std::uint8_t>(kind)); }
  template <class T>
  Writer& number(T value) {
    for (std::size_t i = 0; i < sizeof value; ++i) out_.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    return *this;
  }
  Writer& rest(std::string_view text) {
    out_.insert(out_.end(), text.begin(), text.end());
    return *this;
  }
  Writer& rest(ByteView bytes) {
    out_.insert(out_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  Writer& text(std::string_view value) { return number(static_cast<std::uint16_t>(value.size())).rest(value); }
  Bytes take() { return std::move(out_); }

 private:
  Bytes out_;
};

// Reads from the front. After the first fault it hands out harmless values, and done() is false.
class Reader {
 public:
  explicit Reader(ByteView bytes) noexcept : left_(bytes) {}
  template <class T>
  T number() noexcept {
    if (left_.size() < sizeof(T)) return fault<T>();
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>(value | static_cast<T>(T{left_[i]} << (8 * i)));
    left_ = left_.subspan(sizeof(T));
    return value;
  }
  ByteView rest(std::size_t least, std::size_t most) noexcept {
    if (left_.size() < least || left_.size() > most) return fault<ByteView>();
    return std::exchange(left_, {});
  }
  std::string text(std::size_t most) {
    const std::size_t size = number<std::uint16_t>();
    if (size > most || size > left_.size()) return fault<std::string>();
    const ByteView bytes = left_.first(size);
    left_ = left_.subspan(size);
    if (std::find(bytes.begin(), bytes.end(), 0) != bytes.end()) return fault<std::string>();
    return {bytes.begin(), bytes.end()};
  }
  [[nodiscard]] bool done() const noexcept { return good_ && left_.empty(); }

 private:
  template <class T>
  T fault() noexcept {
    good_ = false;
    left_ = {};
    return {};
  }
  ByteView left_;
  bool good_ = true;
};

std::string text_of(ByteView bytes) { return {bytes.begin(), bytes.end()}; }

tl::unexpected<Diagnostic> malformed(ByteView bytes) {
  const std::string kind = bytes.empty() ? "none" : std::to_string(bytes[0]);
  return fail(Code::E1361, fmt::format("a message of {} bytes and kind {} is not in its form", bytes.size(), kind));
}

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
