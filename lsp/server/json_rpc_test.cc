#include "lsp/server/json_rpc.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <nlohmann/json.hpp>

namespace acl::lsp {
namespace {

// What a stream comes to, cut into pieces of a size: bodies, "!" before what was faulty.
std::vector<std::string> framed(std::string_view bytes, std::size_t piece = 1) {
  Framer framer;
  std::vector<Framer::Piece> pieces;
  for (std::size_t i = 0; i < bytes.size(); i += piece) framer.feed(bytes.substr(i, piece), pieces);
  std::vector<std::string> out;
  for (const auto& one : pieces) {
    const auto* body = std::get_if<Framer::Body>(&one);
    out.push_back(body != nullptr ? body->text : "!" + std::get<Framer::Fault>(one).message);
  }
  return out;
}

using Bodies = std::vector<std::string>;

TEST(Framing, ABodyIsAsLongAsItsHeaderSays) {
  EXPECT_EQ(framed("Content-Length: 2\r\n\r\n{}Content-Length: 3\r\n\r\n[1]"), (Bodies{"{}", "[1]"}));
}

TEST(Framing, OtherHeadersLetterCaseAndBareLineFeedsAreTaken) {
  EXPECT_EQ(framed("content-length:2\nContent-Type: application/vscode-jsonrpc; charset=utf-8\n\n{}"), Bodies{"{}"});
}

RC_GTEST_PROP(Framing, DoesNotDependOnHowTheStreamIsCut, (const std::vector<std::string>& bodies)) {
  std::string stream;
  Bodies sent;
  for (const std::string& body : bodies) {
    stream += frame(body);
    sent.push_back(body);
  }
  RC_ASSERT(framed(stream, *rc::gen::inRange<std::size_t>(1, 40)) == sent);
}

TEST(Framing, GoesOnAtTheNextHeaderBehindABrokenOne) {
  for (const std::string broken : {"Content-Length: no\r\n\r\n{}", "Content-Length: -1\r\n\r\n{}", "nonsense\r\n\r\n{}",
                                   "Content-Length: 99999999999999999999\r\n\r\n{}"}) {
    const auto out = framed(broken + "Content-Length: 2\r\n\r\n[]");
    ASSERT_EQ(out.size(), 2U) << broken;
    EXPECT_EQ(out[0][0], '!');
    EXPECT_EQ(out[1], "[]");
  }
}

TEST(Framing, SkipsABodyThatIsTooLarge) {
  Framer framer;
  std::vector<Framer::Piece> pieces;
  framer.feed("Content-Length: " + std::to_string(max_body + 1) + "\r\n\r\n", pieces);
  const std::string part(1 << 20, 'x');
  for (std::size_t left = max_body + 1; left > 0; left -= std::min(left, part.size())) {
    framer.feed(std::string_view(part).substr(0, left), pieces);
  }
  framer.feed("Content-Length: 2\r\n\r\n{}", pieces);
  ASSERT_EQ(pieces.size(), 2U);
  EXPECT_TRUE(std::holds_alternative<Framer::Fault>(pieces[0]));
  EXPECT_EQ(std::get<Framer::Body>(pieces[1]).text, "{}");
}

TEST(Framing, AHeaderWithoutEndIsGivenUpOnce) {
  const auto out = framed(std::string(100'000, 'x') + "\nContent-Length: 2\r\n\r\n{}", 777);
  ASSERT_EQ(out.size(), 2U);
  EXPECT_EQ(out[0][0], '!');
  EXPECT_EQ(out[1], "{}");
}

RC_GTEST_PROP(Framing, TakesAnyBytes, (const std::string& bytes)) { framed(bytes, 3); }

std::string id_of(const std::string& body) {
  const auto parsed = parse_message(body);
  const auto* message = std::get_if<Message>(&parsed);
  return message != nullptr ? message->id : "error " + std::get<Malformed>(parsed).id;
}
int code_of(const std::string& body) {
  const auto parsed = parse_message(body);
  const auto* malformed = std::get_if<Malformed>(&parsed);
  return malformed == nullptr ? 0 : malformed->error.code;
}

TEST(Messages, IdsAreNumbersStringsAndNull) {
  EXPECT_EQ(id_of(R"({"jsonrpc":"2.0","id":1,"method":"a"})"), "1");
  EXPECT_EQ(id_of(R"({"jsonrpc":"2.0","id":"x\"y","method":"a"})"), R"("x\"y")");
  EXPECT_EQ(id_of(R"({"jsonrpc":"2.0","id":null,"method":"a"})"), "null");
  EXPECT_EQ(id_of(R"({"jsonrpc":"2.0","method":"a"})"), "");
  EXPECT_EQ(code_of(R"({"jsonrpc":"2.0","id":[],"method":"a"})"), invalid_request);
  EXPECT_EQ(code_of(R"({"jsonrpc":"2.0","id":true,"method":"a"})"), invalid_request);
}

TEST(Messages, WhatIsNoMessageIsAnsweredAsJsonRpcSays) {
  EXPECT_EQ(code_of("{"), parse_error);
  EXPECT_EQ(code_of(""), parse_error);
  EXPECT_EQ(code_of("1"), invalid_request);
  EXPECT_EQ(code_of("{}"), invalid_request);
  EXPECT_EQ(code_of(R"([{"jsonrpc":"2.0","id":1,"method":"a"}])"), invalid_request);
  EXPECT_EQ(code_of(R"({"id":1,"method":"a"})"), invalid_request);
  EXPECT_EQ(code_of(R"({"jsonrpc":"2.0","id":1,"method":2})"), invalid_request);
  EXPECT_EQ(code_of(R"({"jsonrpc":"2.0","id":1,"method":"a","params":3})"), invalid_params);
  EXPECT_EQ(id_of(R"({"jsonrpc":"2.0","id":1,"method":"a","params":3})"), "error 1");
}

TEST(Messages, DeepOrWideOnesAreNotParsed) {
  EXPECT_EQ(code_of(std::string(1'000'000, '[')), invalid_request);
  std::string wide = "[0";
  for (std::size_t i = 0; i <= max_values; ++i) wide += ",0";
  EXPECT_EQ(code_of(wide + "]"), invalid_request);
}

TEST(Messages, TextThatIsNoUnicodeIsTakenWithReplacements) {
  const auto text = [](const std::string& literal) {
    const auto parsed = parse_message(R"({"jsonrpc":"2.0","method":"a","params":{"text":)" + literal + "}}");
    return (*std::get<Message>(parsed).params)["text"].get<std::string>();
  };
  EXPECT_EQ(text(R"("a\ud83d")"), "a\xef\xbf\xbd");
  EXPECT_EQ(text(R"("\ude00b")"),
            "\xef\xbf\xbd"
            "b");
  EXPECT_EQ(text(R"("\ud83d\ude00 \ud83d")"), "😀 \xef\xbf\xbd");
  EXPECT_EQ(text(R"("\\ud83d \ud83d")"), "\\ud83d \xef\xbf\xbd");
  EXPECT_EQ(text("\"a\xff\""), "a\xef\xbf\xbd");
}

RC_GTEST_PROP(Messages, AreParsedFromAnyBytes, (const std::string& bytes)) {
  (void)parse_message(bytes);
  (void)parse_message(R"({"jsonrpc":"2.0","method":")" + bytes);
}

}  // namespace
}  // namespace acl::lsp
