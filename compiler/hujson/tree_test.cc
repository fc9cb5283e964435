#include "compiler/hujson/tree.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "compiler/hujson/parse.h"
#include "compiler/hujson/utf8.h"

namespace acl::hujson {
namespace {

// Puts a text together again from nothing but a tree's pieces: extras, scalars and structural bytes.
std::string print(const Tree& tree) {
  std::string out;
  const auto piece = [&](std::uint32_t begin, std::uint32_t end) { out += tree.text.substr(begin, end - begin); };
  const auto print_value = [&](const auto& self, Value value) -> void {
    const Node& node = value.node();
    piece(node.before, node.begin);
    if (node.kind != Kind::object && node.kind != Kind::array) {
      piece(node.begin, node.end);
    } else {
      out += node.kind == Kind::object ? '{' : '[';
      std::uint32_t closing = node.begin + 1;
      bool name = node.kind == Kind::object;
      for (const Value child : value) {
        self(self, child);
        if (name) out += ':';
        if (child.node().comma) out += ',';
        closing = child.node().after + (child.node().comma ? 1U : 0U);
        if (node.kind == Kind::object) name = !name;
      }
      piece(closing, node.end - 1);
      out += node.kind == Kind::object ? '}' : ']';
    }
    piece(node.end, node.after);
  };
  print_value(print_value, tree.root());
  return out;
}

TEST(Tree, HoldsEveryByte) {
  for (const char* text : {"{}", " [ ] ", "/*1*/{/*2*/\"a\"/*3*/:/*4*/[/*5*/1/*6*/,/*7*/2/*8*/]/*9*/}/*10*/",
                           "{\n\t\"a\": 1, // one\n\t\"b\": [1, 2,], /* c */\n}\n// end\n"}) {
    const auto tree = parse_strict(text);
    ASSERT_TRUE(tree) << text;
    EXPECT_EQ(print(*tree), text);
  }
}

TEST(Tree, WalksMembersAndElements) {
  const auto tree = parse_strict("{\"a\": [1, {\"x\": null}], \"b\\u0021\": \"v\"}");
  ASSERT_TRUE(tree);
  const Value root = tree->root();
  ASSERT_TRUE(root.find("a"));
  EXPECT_EQ(root.find("a")->text(), "[1, {\"x\": null}]");
  EXPECT_EQ(root.find("b!")->string(), "v");
  EXPECT_FALSE(root.find("c"));
  std::vector<std::string> elements;
  const Value a = *root.find("a");
  for (const Value element : a) elements.emplace_back(element.text());
  EXPECT_EQ(elements, (std::vector<std::string>{"1", "{\"x\": null}"}));
}

TEST(Standardize, BlanksCommentsAndTrailingCommasAndMovesNothing) {
  const std::string text = "{ // c\n\t\"a,//\": [1, /* x\ny */ 2, ],\n}\n";
  EXPECT_EQ(standardize(*parse_strict(text)), "{     \n\t\"a,//\": [1,     \n     2  ] \n}\n");
  EXPECT_EQ(standardize(*parse_strict("[1] // \xc3\xa9\n")), "[1]      \n");
}

TEST(Strings, EscapesAreUndoneAsGoDoes) {
  EXPECT_EQ(unquote(R"("a\"\\\/\b\f\n\r\t")"), "a\"\\/\b\f\n\r\t");
  EXPECT_EQ(unquote(R"("\u0041\u00e9\u20ac\ud83d\ude00")"), "A\u00e9\u20ac\U0001F600");
  EXPECT_EQ(unquote(R"("\ud800x\udc00\ud83d\u0041")"), "\ufffdx\ufffd\ufffdA");
  EXPECT_EQ(unquote("\"\xff\""), "\ufffd");
}

TEST(Strings, QuoteWritesTheShortestEscapes) {
  EXPECT_EQ(quote("a\"\\/\b\f\n\r\t\x01\x1f é"), "\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f é\"");
  EXPECT_EQ(quote("\xff"), "\"\ufffd\"");
}

TEST(Strings, QuotedTextReadsBackTheSame) {
  EXPECT_TRUE(rc::check([](const std::string& bytes) {
    std::string text;
    append_valid_utf8(text, bytes);
    RC_ASSERT(unquote(quote(text)) == text);
    RC_ASSERT(parse_strict(quote(text)).has_value());
  }));
}

TEST(Utf8, AcceptsExactlyWhatRfc3629Allows) {
  for (const char* good :
       {"", "a", "\xc2\x80", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(is_valid_utf8(good)) << good;
  }
  for (const char* bad : {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
                          "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xc2", "\xe0\xa0", "abcdefgh\xff"}) {
    EXPECT_FALSE(is_valid_utf8(bad));
  }
}

}  // namespace
}  // namespace acl::hujson
