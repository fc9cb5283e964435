// The language as data is held equal to what the decoder accepts: every key and every shape, in both dialects.
#include "compiler/policy/language.h"

#include <gtest/gtest.h>

#include <set>

#include "compiler/hujson/parse.h"
#include "compiler/policy/findings.h"
#include "compiler/policy/fixture.h"
#include "compiler/policy/ports.h"
#include "compiler/policy/posture.h"
#include "compiler/policy/testing.h"

namespace acl::policy {
namespace {

constexpr Dialect dialects[] = {Dialect::tailscale, Dialect::headscale};

// What is said about a text, decoded as a policy or as a fixture.
std::vector<Diagnostic> said(const std::string& text, Dialect dialect, bool fixture) {
  if (!fixture) return checked(text, dialect).loaded->diagnostics;
  PolicyFile file("a.test.hujson", text);
  file.policy.dialect = dialect;
  auto parsed = hujson::parse(file.source);
  EXPECT_TRUE(parsed.ok()) << text;
  file.tree = std::move(parsed.tree);
  Findings findings(file.source);
  Fixture out;
  decode_fixture(file, findings, out);
  return findings.take();
}

std::multiset<std::string> messages(const std::vector<Diagnostic>& all, Code code) {
  std::multiset<std::string> out;
  for (const Diagnostic& diagnostic : all) {
    if (diagnostic.code == code) out.insert(diagnostic.message);
  }
  return out;
}

// A record of the language and the text around it in a file.
struct Place {
  const Type* type;
  std::string before, after;
  bool fixture;
};

// The records that a value of this type holds, with the text around each.
void records_in(const Type& type, const std::string& before, const std::string& after, Dialect dialect, bool fixture,
                std::vector<Place>& out) {
  switch (type.shape) {
    case Shape::record:
      out.push_back({&type, before, after, fixture});
      for (const Field& field : type.fields) {
        if (!in_dialect(field, dialect)) continue;
        records_in(*field.type, before + "{\"" + std::string(field.name) + "\":", "}" + after, dialect, fixture, out);
      }
      break;
    case Shape::list: records_in(*type.element, before + "[", "]" + after, dialect, fixture, out); break;
    case Shape::map: records_in(*type.element, before + "{\"900\":", "}" + after, dialect, fixture, out); break;
    default: break;
  }
}

std::vector<Place> all_records(Dialect dialect) {
  std::vector<Place> out;
  records_in(policy_type(), "", "", dialect, false, out);
  records_in(fixture_type(), "", "", dialect, true, out);
  return out;
}

// A value of this type; with `wrong`, of another where the type says which one it is.
std::string value_of(const Type& type, bool wrong) {
  switch (type.shape) {
    case Shape::record: return wrong ? "[]" : "{}";
    case Shape::map:
      return type.element->shape == Shape::opaque ? "{}" : "{\"900\":" + value_of(*type.element, wrong) + "}";
    case Shape::list: return type.element->shape == Shape::opaque ? "[]" : "[" + value_of(*type.element, wrong) + "]";
    case Shape::text: return wrong ? "{}" : "\"\"";
    case Shape::boolean: return wrong ? "\"\"" : "true";
    case Shape::number: return wrong ? "\"\"" : "1";
    case Shape::scalar: return wrong ? "{}" : "1";
    case Shape::opaque: return "{}";
  }
  return "null";
}

TEST(Language, HoldsTheKeysThatTheDecoderKnows) {
  for (const Dialect dialect : dialects) {
    const auto places = all_records(dialect);
    EXPECT_EQ(places.size(), dialect == headscale ? 12U : 15U);
    for (const Place& place : places) {
      const std::string text = place.before + R"({"qqqqqqqqqqqqqqqqqqqqqqqqqqq":1})" + place.after;
      std::string known;
      for (const Field& field : place.type->fields) known += (known.empty() ? "" : ", ") + std::string(field.name);
      std::size_t found = 0;
      for (const Diagnostic& diagnostic : said(text, dialect, place.fixture)) {
        if (diagnostic.code != Code::E0201) continue;
        ++found;
        const std::size_t list = diagnostic.help.find(" has the keys ");
        ASSERT_NE(list, std::string::npos) << diagnostic.help;
        std::set<std::string> theirs, ours;
        const auto split = [](const std::string& words, std::set<std::string>& out) {
          for (std::size_t at = 0; at < words.size(); at = std::min(words.find(", ", at), words.size() - 2) + 2) {
            out.insert(words.substr(at, words.find(", ", at) - at));
          }
        };
        split(diagnostic.help.substr(list + 14), theirs);
        split(known, ours);
        EXPECT_EQ(ours, theirs) << text;
      }
      EXPECT_EQ(found, 1U) << text;
    }
  }
}

TEST(Language, EachDialectRefusesTheKeysThatTheTableDeniesIt) {
  for (const Dialect dialect : dialects) {
    for (const Place& place : all_records(dialect)) {
      std::string members;
      std::multiset<std::string> refused;
      for (const Field& field : place.type->fields) {
        members += (members.empty() ? "\"" : ",\"") + std::string(field.name) + "\":null";
        if (in_dialect(field, dialect)) continue;
        refused.insert((dialect == headscale ? "unknown field: \"" : "json: unknown field \"") +
                       std::string(field.name) + "\"");
      }
      const std::string text = place.before + "{" + members + "}" + place.after;
      EXPECT_EQ(messages(said(text, dialect, place.fixture), Code::E0201), refused) << text;
    }
  }
}

TEST(Language, GivesEachKeyTheShapeThatTheDecoderReads) {
  for (const Dialect dialect : dialects) {
    for (const Place& place : all_records(dialect)) {
      for (const Field& field : place.type->fields) {
        if (!in_dialect(field, dialect)) continue;
        const auto with = [&](const std::string& value) {
          const std::string text = place.before + "{\"" + std::string(field.name) + "\":" + value + "}" + place.after;
          return messages(said(text, dialect, place.fixture), Code::E0203).size();
        };
        EXPECT_EQ(with(value_of(*field.type, false)), 0U) << field.name;
        const std::string wrong = value_of(*field.type, true);
        if (wrong != value_of(*field.type, false)) {
          EXPECT_EQ(with(wrong), 1U) << field.name << " " << wrong;
        }
      }
    }
  }
}

TEST(Language, OldNamesAreThoseTheDecoderWarnsOf) {
  for (const Place& place : all_records(Dialect::tailscale)) {
    for (const Field& field : place.type->fields) {
      const std::string text = place.before + "{\"" + std::string(field.name) + "\":null}" + place.after;
      bool old = false;
      // A fixture's are collected, not reported; its tests have the same records as a policy's.
      if (place.fixture) continue;
      for (const Diagnostic& diagnostic : said(text, Dialect::tailscale, false)) {
        if (diagnostic.code != Code::W0209) continue;
        old = true;
        EXPECT_EQ(diagnostic.message,
                  "\"" + std::string(field.name) + "\" is the old name of \"" + std::string(field.modern) + "\"");
      }
      EXPECT_EQ(old, !field.modern.empty()) << field.name;
    }
  }
}

TEST(Language, DocumentsEveryKeyAndEveryWord) {
  for (const Place& place : all_records(Dialect::tailscale)) {
    for (const Field& field : place.type->fields) {
      EXPECT_GE(field.about.size(), 10U) << field.name;
      EXPECT_FALSE(field.snippet.empty()) << field.name;
    }
  }
  for (int meaning = 0; meaning <= static_cast<int>(Meaning::rule_name); ++meaning) {
    for (const Word& word : words_of(static_cast<Meaning>(meaning))) EXPECT_GE(word.about.size(), 8U) << word.text;
  }
}

TEST(Language, FindsKeysInAnyLetterCase) {
  ASSERT_NE(find_field(policy_type(), "TAGOWNERS"), nullptr);
  EXPECT_EQ(find_field(policy_type(), "TAGOWNERS")->name, "tagOwners");
  EXPECT_EQ(find_field(policy_type(), "users"), nullptr);
}

TEST(Language, NamesExactlyTheProtocolsThatAreRead) {
  for (const Word& word : words_of(Meaning::protocol)) {
    EXPECT_EQ(parse_protocol(word.text, ProtocolNames::hosted).has_value(), word.in_tailscale) << word.text;
    EXPECT_EQ(parse_protocol(word.text, ProtocolNames::headscale).has_value(), word.in_headscale) << word.text;
    const auto number = parse_protocol(word.text, word.in_tailscale ? ProtocolNames::hosted : ProtocolNames::headscale);
    EXPECT_NE(word.about.find("protocol " + std::to_string(*number)), std::string_view::npos) << word.about;
    EXPECT_EQ(word.about.find("`*`") == std::string_view::npos, protocol_has_ports(*number)) << word.about;
  }
  for (int number = 0; number < 256; ++number) {
    const std::string name = protocol_name(static_cast<std::uint8_t>(number));
    if (name == std::to_string(number)) continue;
    const auto words = words_of(Meaning::protocol);
    EXPECT_TRUE(std::any_of(words.begin(), words.end(), [&](const Word& word) { return word.text == name; })) << name;
  }
}

TEST(Language, NamesPostureAttributesThatAreKnown) {
  for (const Word& word : words_of(Meaning::attribute_name)) {
    EXPECT_NE(posture_attribute_kind(word.text), AttributeKind::unknown) << word.text;
  }
}

TEST(Language, TellsOfEveryAutogroup) {
  for (const std::string_view name :
       {"member", "members", "tagged", "self", "internet", "shared", "danger-all", "nonroot", "owner", "admin",
        "it-admin", "network-admin", "billing-admin", "auditor"}) {
    EXPECT_NE(about_autogroup("autogroup:" + std::string(name)), "") << name;
    EXPECT_EQ(about_autogroup(name), about_autogroup("autogroup:" + std::string(name)));
  }
  EXPECT_EQ(about_autogroup("autogroup:bogus"), "");
}

TEST(Language, SchemaHasTheSectionsOfItsDialect) {
  const std::string hosted = json_schema(Dialect::tailscale), theirs = json_schema(headscale);
  EXPECT_NE(hosted.find("\"postures\": {"), std::string::npos);
  EXPECT_EQ(theirs.find("\"postures\": {"), std::string::npos);
  EXPECT_EQ(hosted.back(), '\n');
  // HuJSON contains JSON: our own parser reads it.
  for (const std::string& text : {hosted, theirs}) {
    const SourceText source("schema.json", text);
    EXPECT_TRUE(hujson::parse(source).ok());
  }
}

}  // namespace
}  // namespace acl::policy
