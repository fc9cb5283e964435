// Any bytes on the language server's input: framing, messages, and the whole server behind them, in this process and without a thread.
// The server is initialized first, so that whatever follows is not refused for want of that.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "lsp/server/server.h"

namespace {

constexpr std::string_view initialize =
    R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{"capabilities":{"window":{"workDoneProgress":true}}}})";

void take(acl::lsp::Server& server, std::string body) {
  auto parsed = acl::lsp::parse_message(std::move(body));
  if (const auto* malformed = std::get_if<acl::lsp::Malformed>(&parsed)) {
    server.refuse(*malformed);
  } else {
    server.receive(std::move(std::get<acl::lsp::Message>(parsed)), false);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  acl::lsp::Server server(
      acl::lsp::Worker::Threads::none, [](std::string_view) {}, [] {});
  // The first byte chooses: as it comes, initialized, and how the stream is cut.
  const std::uint8_t choice = size == 0 ? 0 : data[0];
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  bytes.remove_prefix(size == 0 ? 0 : 1);
  if (choice % 2 == 0) take(server, std::string(initialize));
  const std::size_t cut = 1 + choice * 7U;
  acl::lsp::Framer framer;
  std::vector<acl::lsp::Framer::Piece> pieces;
  for (std::size_t at = 0; at < bytes.size() && !server.exit_code(); at += cut) {
    framer.feed(bytes.substr(at, cut), pieces);
    for (auto& piece : pieces) {
      if (auto* body = std::get_if<acl::lsp::Framer::Body>(&piece)) take(server, std::move(body->text));
    }
    pieces.clear();
  }
  while (server.step()) {
  }
  return 0;
}
