// JSON-RPC 2.0 as LSP carries it: bytes in, messages out, and the other way round.
//
//     Content-Length: 52\r\n\r\n{"jsonrpc":"2.0","id":1,"method":"shutdown"}
//
// LSP 3.17, "Base Protocol"; https://www.jsonrpc.org/specification. Any bytes: what is no message gives a Malformed, which is answered with
// an error, and reading goes on at the next header that can be recognised. A body of more than max_body bytes is skipped, one nested
// deeper than max_nesting or with more than max_values values is not parsed. Batches are refused: LSP has none. Strings that
// hold what is no Unicode text (lone surrogates, bytes that are no UTF-8) are taken with U+FFFD in its place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lsp/server/handlers.h"

namespace acl::lsp {

inline constexpr std::size_t max_header = 8192;
inline constexpr std::size_t max_body = std::size_t{64} << 20;
inline constexpr std::size_t max_nesting = 256;
inline constexpr std::size_t max_values = 1'000'000;

// Cuts a stream into bodies.
class Framer {
 public:
  struct Body {
    std::string text;
  };
  struct Fault {
    std::string message;
  };
  using Piece = std::variant<Body, Fault>;

  // Takes the next bytes of the stream; whole pieces are appended to `out`.
  void feed(std::string_view bytes, std::vector<Piece>& out);

 private:
  enum class State : std::uint8_t { header, body, skip, lost };
  void read_line(std::string_view line, std::vector<Piece>& out);
  void end_header(std::vector<Piece>& out);
  void lose(std::string message, std::vector<Piece>& out);

  State state_ = State::header;
  std::string line_;                     // of a header, as far as it has come
  std::size_t header_size_ = 0;          // of the whole header
  std::optional<std::uint64_t> length_;  // that it gave
  std::uint64_t left_ = 0;               // bytes of the body still to come
  std::string body_;
};

// A request has an id and a method, a notification a method, a response an id. Parameters and results are kept where they are: JSON is
// moved, not copied, because copying recurses.
struct Message {
  std::string id;                // as JSON text: "1", "\"a\"", "null"; empty if there is none
  std::string method;            // empty in a response
  std::unique_ptr<Json> params;  // never null; an object, an array or null
  std::unique_ptr<Json> result;  // of a response; null if it is an error

  Message();
  Message(Message&&) noexcept;
  Message& operator=(Message&&) noexcept;
  ~Message();
  [[nodiscard]] bool is_request() const noexcept { return !id.empty() && !method.empty(); }
};

// What a body is that is no message: it is answered with `error`, to `id` if it has one that can be read.
struct Malformed {
  std::string id = "null";
  RpcError error;
};

std::variant<Message, Malformed> parse_message(std::string body);

// Header and body.
std::string frame(std::string_view body);
std::string response_text(std::string_view id, const Json& result);
std::string error_text(std::string_view id, const RpcError& error);
std::string notification_text(std::string_view method, const Json& params);
std::string request_text(std::string_view id, std::string_view method, const Json& params);

}  // namespace acl::lsp
