// What the cursor is said to stand in: in whole texts it agrees with the tree, in broken ones with what a person would say.
#include "lsp/server/cursor.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <filesystem>

#include "compiler/hujson/parse.h"
#include "engine/net/file.h"
#include "tests/generate/hujson_text.h"

namespace acl::lsp {
namespace {

// The place of the first '|' in the text, which is taken out.
Cursor at(std::string text, std::string* without = nullptr) {
  const std::size_t mark = text.find('|');
  EXPECT_NE(mark, std::string::npos) << text;
  text.erase(mark, 1);
  if (without != nullptr) *without = text;
  return cursor_at(text, static_cast<std::uint32_t>(mark));
}

// "acls[0].src[1]"
std::string path_of(const Cursor& cursor) {
  std::string out;
  for (const Step& step : cursor.path) {
    out += step.in_object ? (out.empty() ? "" : ".") + step.key : "[" + std::to_string(step.index) + "]";
  }
  return out;
}

// What is said about a place, for short: "value acls[0].src[1] group:".
std::string said(const std::string& text) {
  std::string whole;
  const Cursor cursor = at(text, &whole);
  std::string out = cursor.at == At::name    ? "name"
                    : cursor.at == At::value ? "value"
                    : cursor.at == At::other ? "other"
                                             : "comment";
  if (cursor.at == At::comment || cursor.at == At::other) return out;
  out += " " + path_of(cursor);
  if (cursor.literal)
    out += " <" + whole.substr(cursor.literal->begin, cursor.literal->end - cursor.literal->begin) + ">";
  if (cursor.literal) out += " " + cursor.typed;
  return out;
}

std::string siblings(const std::string& text) {
  std::string out;
  for (const std::string& name : at(text).siblings) out += (out.empty() ? "" : " ") + name;
  return out;
}

TEST(Cursor, KnowsTheContainersAndTheStringItStandsIn) {
  EXPECT_EQ(said(R"({"acls": [{"action": "accept", "src": ["a", "gro|up:eng"]}]})"),
            "value acls[0].src[1] <\"group:eng\"> gro");
  EXPECT_EQ(said(R"({"acls": [{}, {"ac|tion": "accept"}]})"), "name acls[1].action <\"action\"> ac");
  EXPECT_EQ(said(R"({"groups": {"group:a": ["|"]}})"), "value groups.group:a[0] <\"\"> ");
  EXPECT_EQ(said(R"(|)"), "value ");
  EXPECT_EQ(said(R"({|})"), "name ");
  EXPECT_EQ(said(R"({"a": |})"), "value a");
  EXPECT_EQ(said(R"({"a": [|]})"), "value a[0]");
  EXPECT_EQ(said(R"({"a": [1, |]})"), "value a[1]");
  EXPECT_EQ(said(R"({"a": 1, |})"), "name ");
  EXPECT_EQ(said(R"({"a": tr|ue})"), "value a <true> tr");
}

TEST(Cursor, HasNothingToCompleteBehindANameOrBetweenAValueAndItsComma) {
  EXPECT_EQ(said(R"({"a"|: 1})"), "other");
  EXPECT_EQ(said(R"({"a" |: 1})"), "other");
  EXPECT_EQ(said(R"({"a": "x"|, "b": 1})"), "other");
  EXPECT_EQ(said(R"({"a": "x" | , "b": 1})"), "other");
  EXPECT_EQ(said(R"({"a": []|})"), "other");
  EXPECT_EQ(said(R"({}|)"), "other");
  EXPECT_EQ(said("{}\n|"), "other");
}

TEST(Cursor, KnowsComments) {
  EXPECT_EQ(said("{// a|b\n}"), "comment");
  EXPECT_EQ(said("{// ab|"), "comment");
  EXPECT_EQ(said("{/* \" | */}"), "comment");
  EXPECT_EQ(said("{/* | "), "comment");
  EXPECT_EQ(said("{/* */|}"), "name ");
  EXPECT_EQ(said("{// \"x\n|}"), "name ");
}

TEST(Cursor, AStringThatIsNotClosedEndsWithItsWordOrItsLine) {
  EXPECT_EQ(said("{\"a\": [\"gro|\n]}"), "value a[0] <\"gro> gro");
  EXPECT_EQ(said("{\"a\": [\"gro|]}"), "value a[0] <\"gro> gro");
  EXPECT_EQ(said("{\"a\": [\"gro|up, \"x\"]}"), "value a[0] <\"group> gro");
  EXPECT_EQ(said("{\"a\": [\"gro|], \"b\": [\"x\"]}"), "value a[0] <\"gro> gro");
  EXPECT_EQ(said("{\"a\": [\"node:os == |"), "value a[0] <\"node:os == > node:os == ");
  EXPECT_EQ(said("{\"a\": \"x\n\"b|\""), "name b <\"b\"> b");
}

TEST(Cursor, AWordWithoutQuotesIsALiteralToo) {
  EXPECT_EQ(said("{\"a\": [group:e|]}"), "value a[0] <group:e> group:e");
  EXPECT_EQ(said("{\"a\": [gro|up:eng, \"x\"]}"), "value a[0] <group:eng> gro");
  EXPECT_EQ(said("{ac|: []}"), "name ac <ac> ac");
  EXPECT_TRUE(at("{ac|: []}").colon_follows);
}

TEST(Cursor, GoesOnWhereACommaIsMissing) {
  EXPECT_EQ(said("{\"a\": 1\n |}"), "name ");
  EXPECT_TRUE(at("{\"a\": 1\n |}").comma_needed_before);
  EXPECT_EQ(said("{\"a\": 1\n \"b|\"}"), "name b <\"b\"> b");
  EXPECT_TRUE(at("{\"a\": 1\n \"b|\"}").comma_needed_before);
  EXPECT_EQ(said("{\"a\": [\"x\" \"y|\"]}"), "value a[1] <\"y\"> y");
  EXPECT_TRUE(at("{\"a\": [\"x\" |]}").comma_needed_before);
  EXPECT_FALSE(at("{\"a\": [\"x\", |]}").comma_needed_before);
  EXPECT_FALSE(at("{\"a\": 1, |}").comma_needed_before);
}

TEST(Cursor, FindsItsWayWhereABracketIsMissing) {
  EXPECT_EQ(said("{\"src\": [\"x\", \n\"dst\": [\"y|\"]}"), "value dst[0] <\"y\"> y");
  EXPECT_EQ(said("{\"acls\": [{\"a\": 1,\n{\"b\": \"|\"}]}"), "value acls[1].b <\"\"> ");
  EXPECT_EQ(said("{\"acls\": [{\"a\": 1],\n\"b\": \"|\"}"), "value b <\"\"> ");
  EXPECT_EQ(said("{\"a\": 1}}} , ]|"), "other");
  EXPECT_EQ(said("{\"a\" {\"b\": |"), "value a.b");
}

TEST(Cursor, NamesTheMembersAround) {
  EXPECT_EQ(siblings(R"({"a": {"x": 1}, "b": [{"y": 2}], |, "c": "d", "e": {"z": 1}})"), "a b c e");
  EXPECT_EQ(siblings(R"({"a": 1, "|": "v", "c": 2})"), "a c");
  EXPECT_EQ(siblings(R"({"a": 1, "|", "c": 2})"), "a c");
  EXPECT_EQ(siblings(R"({"a": 1, "b": ["x", "|"], "c": 2})"), "a b c");
  EXPECT_EQ(siblings(R"({"a": 1, "b": |"x", "c": 2})"), "a b c");
  EXPECT_EQ(siblings("{\"a\": 1, \"b\": |\n\"c\": 2}"), "a b c");
  EXPECT_EQ(siblings(R"([{"a": 1, | }, {"b": 1}])"), "a");
  EXPECT_EQ(siblings("[{\"a\": 1, | ], \"b\": 1}"), "a");
}

TEST(Cursor, ReadsTheStringsAround) {
  const auto texts = [](const std::string& marked) {
    std::string text, out;
    const Cursor cursor = at(marked, &text);
    for (const NearText& near : cursor.texts) {
      out += (out.empty() ? "" : " ") + cursor.siblings[near.member] + "=" + literal_text(text, near.literal);
    }
    return out;
  };
  EXPECT_EQ(texts(R"({"a": "x", "b": ["y", "|", "z"], "c": {"d": "e"}, "f": ["g", ["h"]]})"), "a=x b=y b=z f=g");
  EXPECT_EQ(texts(R"({"a": "x", "|": ["y"], "c": "z"})"), "a=x c=z");
  EXPECT_EQ(texts(R"({"a": "x", "b": "|", "c": "z"})"), "a=x c=z");
}

TEST(Cursor, UndoesEscapes) {
  EXPECT_EQ(at(R"({"a": "x\u0041\n|"})").typed, "xA\n");
  EXPECT_EQ(at(R"({"\u0061": "|"})").path[0].key, "a");
  EXPECT_EQ(at(R"({"a": "x\|"})").typed, "x\\");
  EXPECT_EQ(at(R"({"a": "x\"|y"})").typed, "x\"");
}

TEST(Cursor, ReadsBomAndCarriageReturns) {
  EXPECT_EQ(said("\xEF\xBB\xBF{\"a\": \"|\"}"), "value a <\"\"> ");
  EXPECT_EQ(said("{\r\n\t\"a\": \"x\",\r\n\t\"b|\r\n}"), "name b <\"b> b");
  EXPECT_EQ(cursor_at("\xEF\xBB\xBF{", 1).at, At::value);
}

TEST(Cursor, ReachesTheTypesOfTheLanguage) {
  const auto meaning = [](const std::string& text) {
    const Cursor cursor = at(text);
    const Typed typed = type_at(policy::policy_type(), cursor.path, cursor.at);
    return typed.type == nullptr ? policy::Meaning::none : typed.type->meaning;
  };
  EXPECT_EQ(meaning(R"({"acls": [{"src": ["|"]}]})"), policy::Meaning::selector);
  EXPECT_EQ(meaning(R"({"ACLs": [{"Dst": ["|"]}]})"), policy::Meaning::target);
  EXPECT_EQ(meaning(R"({"groups": {"|": []}})"), policy::Meaning::group_name);
  EXPECT_EQ(meaning(R"({"groups": {"group:x": ["|"]}})"), policy::Meaning::selector);
  EXPECT_EQ(meaning(R"({"nope": {"group:x": ["|"]}})"), policy::Meaning::none);
  EXPECT_EQ(meaning(R"({"groups": [{"group:x": ["|"]}]})"), policy::Meaning::none);
  const Cursor cursor = at(R"({"acls": [{"|": 1}]})");
  const Typed typed = type_at(policy::policy_type(), cursor.path, cursor.at);
  ASSERT_NE(typed.type, nullptr);
  EXPECT_EQ(typed.type->shape, policy::Shape::record);
  EXPECT_EQ(typed.field->name, "acls");
}

TEST(Cursor, DeepNestingAndManyClosersCostLittle) {
  std::string deep(1 << 20, '[');
  EXPECT_EQ(cursor_at(deep, static_cast<std::uint32_t>(deep.size())).at, At::other);
  std::string crossed;
  for (int i = 0; i < 200'000; ++i) crossed += "[{]}";
  cursor_at(crossed, static_cast<std::uint32_t>(crossed.size()));
  std::string quotes(1 << 20, '"');
  cursor_at(quotes, static_cast<std::uint32_t>(quotes.size() / 2));
}

// --- against the tree ---

// The path that the tree gives to each node, the names of members included.
void compare(const hujson::Tree& tree, std::uint32_t node, std::vector<Step>& path, std::size_t& compared) {
  const hujson::Value value(tree, node);
  const auto check = [&](Span span, At wanted) {
    // Inside of the literal, its end excluded.
    for (const std::uint32_t offset : {span.begin + 1, (span.begin + span.end) / 2, span.end - 1}) {
      if (offset <= span.begin || offset >= span.end) continue;
      const Cursor cursor = cursor_at(tree.text, offset);
      ++compared;
      RC_ASSERT(cursor.at == wanted);
      RC_ASSERT(cursor.literal == span);
      RC_ASSERT(!cursor.comma_needed_before);
      RC_ASSERT(cursor.closed == cursor.quoted);
      RC_ASSERT(cursor.path.size() == path.size());
      for (std::size_t i = 0; i < path.size(); ++i) {
        RC_ASSERT(cursor.path[i].in_object == path[i].in_object);
        RC_ASSERT(cursor.path[i].key == path[i].key);
        RC_ASSERT(cursor.path[i].index == path[i].index);
      }
    }
  };
  if (value.is(hujson::Kind::object)) {
    std::vector<std::string> names;
    for (auto it = value.begin(); it != value.end(); ++it, ++it) names.push_back((*it).string());
    for (auto it = value.begin(); it != value.end(); ++it) {
      path.push_back({true, (*it).string(), 0});
      const Span span = (*it).span();
      check(span, At::name);
      // All other names are its siblings.
      const Cursor cursor = cursor_at(tree.text, span.begin + 1);
      std::vector<std::string> others = names;
      others.erase(std::find(others.begin(), others.end(), (*it).string()));
      auto found = cursor.siblings;
      std::sort(found.begin(), found.end());
      std::sort(others.begin(), others.end());
      RC_ASSERT(found == others);
      ++it;
      compare(tree, (*it).index(), path, compared);
      path.pop_back();
    }
  } else if (value.is(hujson::Kind::array)) {
    std::uint32_t index = 0;
    for (const hujson::Value element : value) {
      path.push_back({false, "", index++});
      compare(tree, element.index(), path, compared);
      path.pop_back();
    }
  } else {
    check(value.span(), At::value);
  }
}

RC_GTEST_PROP(CursorProperty, AgreesWithTheTreeInWholeTexts, ()) {
  const auto choices =
      *rc::gen::resize(500, rc::gen::container<std::vector<std::uint8_t>>(rc::gen::arbitrary<std::uint8_t>()));
  const std::string text = generate::hujson_text(choices, {.invalid_utf8 = false});
  const auto tree = hujson::parse_strict(text);
  RC_PRE(tree.has_value());
  std::vector<Step> path;
  std::size_t compared = 0;
  compare(*tree, 0, path, compared);
}

RC_GTEST_PROP(CursorProperty, IsTotalOnAnyBytes, (const std::string& text, std::uint32_t offset)) {
  const Cursor cursor = cursor_at(text, text.empty() ? 0 : offset % static_cast<std::uint32_t>(text.size() + 1));
  if (cursor.literal) {
    RC_ASSERT(cursor.literal->begin <= cursor.literal->end);
    RC_ASSERT(cursor.literal->end <= text.size());
  }
}

// The choice of bytes that matter to it.
RC_GTEST_PROP(CursorProperty, IsTotalOnBrokenTexts, ()) {
  const auto text = *rc::gen::container<std::string>(
      rc::gen::element('{', '}', '[', ']', ',', ':', '"', '\\', '/', '*', '\n', ' ', 'a'));
  for (std::uint32_t offset = 0; offset <= text.size(); ++offset) {
    const Cursor cursor = cursor_at(text, offset);
    if (!cursor.literal) continue;
    RC_ASSERT(cursor.literal->begin < offset);
    RC_ASSERT(cursor.literal->end >= offset);
    RC_ASSERT(cursor.literal->end <= text.size());
  }
}

TEST(Cursor, IsTheSameWhereTheTreeTellsWhatIsAround) {
  std::size_t inside = 0;
  for (const char* name : {"homelab", "startup", "company", "plain-wireguard"}) {
    const auto text = read_file(std::string(ACL_SOURCE_DIR "/examples/policies/") + name + "/policy.hujson");
    ASSERT_TRUE(text.has_value()) << name;
    const auto tree = hujson::parse_strict(*text);
    ASSERT_TRUE(tree.has_value());
    for (std::uint32_t offset = 0; offset <= text->size(); ++offset) {
      const Cursor alone = cursor_at(*text, offset);
      ASSERT_EQ(cursor_at(*text, offset, &*tree), alone) << name << " " << offset;
      inside += alone.path.size() > 2 ? 1 : 0;
    }
  }
  EXPECT_GT(inside, 5000U);
}

RC_GTEST_PROP(CursorProperty, IsTheSameWhereTheTreeTellsWhatIsAround, ()) {
  const auto choices =
      *rc::gen::resize(500, rc::gen::container<std::vector<std::uint8_t>>(rc::gen::arbitrary<std::uint8_t>()));
  const std::string text = generate::hujson_text(choices, {.invalid_utf8 = false});
  const auto tree = hujson::parse_strict(text);
  RC_PRE(tree.has_value());
  for (std::uint32_t offset = 0; offset <= text.size(); ++offset) {
    RC_ASSERT(cursor_at(text, offset, &*tree) == cursor_at(text, offset));
  }
}

TEST(Cursor, AtTheEndOfEveryPrefixOfAPolicyItIsWhereTheWholeIs) {
  for (const char* name : {"homelab", "startup", "company", "plain-wireguard"}) {
    const auto text = read_file(std::string(ACL_SOURCE_DIR "/examples/policies/") + name + "/policy.hujson");
    ASSERT_TRUE(text.has_value()) << name;
    for (std::uint32_t offset = 0; offset <= text->size(); ++offset) {
      const Cursor whole = cursor_at(*text, offset);
      const Cursor prefix = cursor_at(std::string_view(*text).substr(0, offset), offset);
      EXPECT_EQ(path_of(whole).substr(0, path_of(prefix).rfind('.') + 1),
                path_of(prefix).substr(0, path_of(prefix).rfind('.') + 1))
          << name << " " << offset;
      EXPECT_EQ(whole.typed, prefix.typed) << name << " " << offset;
      if (whole.literal) {
        ASSERT_TRUE(prefix.literal.has_value()) << name << " " << offset;
        EXPECT_EQ(whole.literal->begin, prefix.literal->begin);
        EXPECT_EQ(whole.at, prefix.at) << name << " " << offset;
      }
    }
  }
}

}  // namespace
}  // namespace acl::lsp
