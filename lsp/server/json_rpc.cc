#include "lsp/server/json_rpc.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "compiler/hujson/utf8.h"
#include "compiler/policy/selector.h"
#include "lsp/server/params.h"

namespace acl::lsp {

// --- framing ----------------------------------------------------------------------------------------------------------

namespace {

constexpr std::string_view length_name = "content-length";

std::string_view trim(std::string_view text) noexcept {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// A length no client has a use for is a broken header, not a body to wait for.
std::optional<std::uint64_t> parse_length(std::string_view text) noexcept {
  constexpr std::uint64_t absurd = std::uint64_t{1} << 32;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number > absurd) return std::nullopt;
  return number;
}

}  // namespace

void Framer::feed(std::string_view bytes, std::vector<Piece>& out) {
  while (!bytes.empty()) {
    if (state_ == State::body || state_ == State::skip) {
      const std::string_view part =
          bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size())));
      if (state_ == State::body) body_ += part;
      left_ -= part.size();
      bytes.remove_prefix(part.size());
      if (left_ != 0) continue;
      if (state_ == State::body) out.emplace_back(Body{std::move(body_)});
      body_ = {};
      state_ = State::header;
      continue;
    }
    const std::size_t line_end = bytes.find('\n');
    const std::string_view part = bytes.substr(0, line_end);
    header_size_ += part.size() + 1;
    if (header_size_ > max_header && state_ == State::header) {
      lose(fmt::format("a header of more than {} bytes", max_header), out);
    }
    // While nothing is recognised, only the end of a line can still matter.
    if (line_.size() + part.size() > max_header) {
      line_.append(part.substr(part.size() - std::min(part.size(), max_header)));
      if (line_.size() > max_header) line_.erase(0, line_.size() - max_header);
    } else {
      line_ += part;
    }
    if (line_end == std::string_view::npos) return;
    bytes.remove_prefix(line_end + 1);
    const std::string line = std::move(line_);
    line_.clear();
    read_line(line, out);
  }
}

void Framer::read_line(std::string_view line, std::vector<Piece>& out) {
  line = trim(line);
  if (state_ == State::lost) {
    // A header may stand right behind the bytes that were lost.
    const std::string lower = policy::lower_case(line);
    const std::size_t begin = lower.rfind(length_name);
    if (begin == std::string::npos) return;
    line.remove_prefix(begin);
    state_ = State::header;
    header_size_ = line.size();
    length_.reset();
  }
  if (line.empty()) return end_header(out);
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return lose("a header line without a colon", out);
  if (!policy::equal_ignoring_case(trim(line.substr(0, colon)), length_name)) return;
  length_ = parse_length(trim(line.substr(colon + 1)));
  if (!length_) lose("a Content-Length that is no length", out);
}

void Framer::end_header(std::vector<Piece>& out) {
  header_size_ = 0;
  // Blank lines between messages do no harm.
  if (!length_) return;
  left_ = *length_;
  length_.reset();
  state_ = State::body;
  if (left_ > max_body) {
    out.emplace_back(Fault{fmt::format("a message of {} bytes; at most {} are taken", left_, max_body)});
    state_ = State::skip;
  } else if (left_ == 0) {
    out.emplace_back(Body{});
    state_ = State::header;
  }
}

void Framer::lose(std::string message, std::vector<Piece>& out) {
  out.emplace_back(Fault{std::move(message)});
  state_ = State::lost;
  header_size_ = 0;
  length_.reset();
}

// --- messages ---------------------------------------------------------------------------------------------------------

Message::Message() : params(std::make_unique<Json>()) {}
Message::Message(Message&&) noexcept = default;
Message& Message::operator=(Message&&) noexcept = default;
Message::~Message() = default;

namespace {

// Whether the text, if it is JSON, stays within our bounds: so little memory is needed to tell that it comes before parsing.
bool is_bounded(std::string_view text) noexcept {
  std::size_t depth = 0, values = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
      continue;
    }
    switch (c) {
      case '"': in_string = true; break;
      case '[':
      case '{':
        ++values;
        if (++depth > max_nesting) return false;
        break;
      case ']':
      case '}': depth -= depth == 0 ? 0 : 1; break;
      case ',':
        if (++values > max_values) return false;
        break;
      default: break;
    }
  }
  return values <= max_values;
}

bool is_hex(std::string_view text) noexcept {
  return text.size() == 4 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
         });
}

// What \uXXXX at the begin of the text stands for; 0 if none stands there.
std::uint32_t unit_of(std::string_view text) noexcept {
  if (text.size() < 6 || text[0] != '\\' || text[1] != 'u' || !is_hex(text.substr(2, 4))) return 0;
  std::uint32_t unit = 0;
  std::from_chars(text.data() + 2, text.data() + 6, unit, 16);
  return unit;
}

// The same JSON with U+FFFD for surrogates that stand alone and for bytes that are no UTF-8.
std::string mended(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 16);
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] != '\\') {
      const std::size_t end = std::min(text.find('\\', i), text.size());
      hujson::append_valid_utf8(out, text.substr(i, end - i));
      i = end;
      continue;
    }
    const std::uint32_t unit = unit_of(text.substr(i));
    const std::uint32_t next = unit == 0 ? 0 : unit_of(text.substr(i + 6));
    if (unit >= 0xd800 && unit < 0xdc00 && next >= 0xdc00 && next < 0xe000) {
      out += text.substr(i, 12);
      i += 12;
    } else if (unit >= 0xd800 && unit < 0xe000) {
      out += "\\ufffd";
      i += 6;
    } else {
      // The byte behind a backslash that begins an escape belongs to it, another backslash too.
      const std::size_t size = i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0x80 ? 2 : 1;
      out += text.substr(i, size);
      i += size;
    }
  }
  return out;
}

Malformed malformed(int code, std::string message) { return {"null", {code, std::move(message)}}; }

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace

std::variant<Message, Malformed> parse_message(std::string body) {
  if (!is_bounded(body)) {
    return malformed(invalid_request, fmt::format("a message nested more than {} deep, or of more than {} values",
                                                  max_nesting, max_values));
  }
  Json json = Json::parse(body, nullptr, false);
  if (json.is_discarded()) json = Json::parse(mended(body), nullptr, false);
  if (json.is_discarded()) return malformed(parse_error, "the message is no JSON");
  if (json.is_array()) return malformed(invalid_request, "LSP has no batches");
  if (!json.is_object()) return malformed(invalid_request, "a message is an object");
  Message out;
  if (const auto id = json.find("id"); id != json.end()) {
    if (!id->is_string() && !id->is_number() && !id->is_null()) {
      return malformed(invalid_request, "an id is a string or a number");
    }
    out.id = dump(*id);
  }
  const auto version = json.find("jsonrpc");
  if (version == json.end() || *version != "2.0") {
    return Malformed{out.id.empty() ? "null" : out.id, {invalid_request, "a message has \"jsonrpc\": \"2.0\""}};
  }
  const auto method = json.find("method");
  if (method != json.end()) {
    if (!method->is_string()) {
      return Malformed{out.id.empty() ? "null" : out.id, {invalid_request, "a method is a string"}};
    }
    out.method = method->get<std::string>();
    if (const auto params = json.find("params"); params != json.end()) {
      if (!params->is_structured() && !params->is_null()) {
        return Malformed{out.id.empty() ? "null" : out.id, {invalid_params, "params are an object or an array"}};
      }
      *out.params = std::move(*params);
    }
    // A method without a name is none.
    if (out.method.empty()) {
      return Malformed{out.id.empty() ? "null" : out.id, {method_not_found, "a method has a name"}};
    }
    return out;
  }
  const auto result = json.find("result");
  if (out.id.empty() || (result == json.end() && json.find("error") == json.end())) {
    return malformed(invalid_request, "neither a request nor a notification nor a response");
  }
  if (result != json.end()) out.result = std::make_unique<Json>(std::move(*result));
  return out;
}

std::string frame(std::string_view body) { return fmt::format("Content-Length: {}\r\n\r\n{}", body.size(), body); }

std::string response_text(std::string_view id, const Json& result) {
  return fmt::format(R"({{"jsonrpc":"2.0","id":{},"result":{}}})", id, dump(result));
}

std::string error_text(std::string_view id, const RpcError& error) {
  return fmt::format(R"({{"jsonrpc":"2.0","id":{},"error":{{"code":{},"message":{}}}}})", id, error.code,
                     dump(Json(error.message)));
}

std::string notification_text(std::string_view method, const Json& params) {
  return fmt::format(R"({{"jsonrpc":"2.0","method":{},"params":{}}})", dump(Json(method)), dump(params));
}

std::string request_text(std::string_view id, std::string_view method, const Json& params) {
  return fmt::format(R"({{"jsonrpc":"2.0","id":{},"method":{},"params":{}}})", id, dump(Json(method)), dump(params));
}

}  // namespace acl::lsp
