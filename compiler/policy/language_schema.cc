// The language as a JSON Schema. One definition for each record that has a name of its own would save bytes and cost readers: types are
// written out where they stand.
#include <fmt/format.h>

#include <iterator>
#include <vector>

#include "compiler/policy/language.h"

namespace acl::policy {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

// Whether a key's letter case may differ is not said: editors complete the documented one.
struct Schema {
  Dialect dialect;
  std::string out;
  int depth = 0;

  void line(std::string_view text) {
    if (out.back() != '{' && out.back() != '[') out += ',';
    out += '\n';
    out.append(static_cast<std::size_t>(depth) * 2, ' ');
    out += text;
  }
  void open(std::string_view text) {
    line(text);
    ++depth;
  }
  void close(char bracket) {
    --depth;
    out += '\n';
    out.append(static_cast<std::size_t>(depth) * 2, ' ');
    out += bracket;
  }

  // What keys or strings of this meaning look like; "" if all do.
  static std::string_view pattern(Meaning meaning) {
    switch (meaning) {
      case Meaning::group_name: return "^group:.";
      case Meaning::ipset_name: return "^ipset:.";
      case Meaning::tag_name: return "^[Tt][Aa][Gg]:[A-Za-z][A-Za-z0-9-]*$";
      case Meaning::posture_name: return "^posture:.";
      case Meaning::posture_reference: return "^\\s*posture:.";
      case Meaning::capability: return "^[^/:]+/.";
      case Meaning::target: return ":";
      default: return {};
    }
  }

  static bool closed(Meaning meaning) {
    return meaning == Meaning::acl_action || meaning == Meaning::ssh_action || meaning == Meaning::cgnat_route ||
           meaning == Meaning::verdict;
  }

  void words(Meaning meaning, bool examples, bool nullable) {
    std::vector<std::string> list;
    for (const Word& word : words_of(meaning)) {
      if (dialect == Dialect::headscale ? word.in_headscale : word.in_tailscale) list.push_back(quoted(word.text));
    }
    if (nullable && !examples) list.emplace_back("null");
    if (!list.empty()) line(fmt::format("\"{}\": [{}]", examples ? "examples" : "enum", fmt::join(list, ", ")));
  }

  // The members of the schema of a type. Absent and null are the same to the service.
  void type(const Type& type) {
    const bool nullable = type.shape != Shape::opaque;
    const auto shape = [&](std::string_view name) {
      line(nullable ? fmt::format("\"type\": [\"{}\", \"null\"]", name) : fmt::format("\"type\": \"{}\"", name));
    };
    switch (type.shape) {
      case Shape::record:
        shape("object");
        record(type);
        break;
      case Shape::map:
        shape("object");
        if (const auto keys = pattern(type.meaning); !keys.empty()) {
          line(fmt::format("\"propertyNames\": {{\"pattern\": {}}}", quoted(keys)));
        }
        open("\"additionalProperties\": {");
        this->type(*type.element);
        close('}');
        break;
      case Shape::list:
        shape("array");
        open("\"items\": {");
        element(*type.element);
        close('}');
        break;
      case Shape::text:
        shape("string");
        text(type.meaning, true);
        break;
      case Shape::boolean: shape("boolean"); break;
      case Shape::number: shape("number"); break;
      case Shape::scalar: line("\"type\": [\"string\", \"number\", \"boolean\", \"null\"]"); break;
      case Shape::opaque:
        if (type.meaning == Meaning::file_path) line("\"type\": [\"string\", \"object\"]");
        break;
    }
  }

  // An element of an array is never null.
  void element(const Type& type) {
    if (type.shape == Shape::text) {
      line("\"type\": \"string\"");
      text(type.meaning, false);
    } else if (type.shape == Shape::record) {
      line("\"type\": \"object\"");
      record(type);
    } else {
      this->type(type);
    }
  }

  void text(Meaning meaning, bool nullable) {
    if (closed(meaning)) {
      words(meaning, false, nullable);
    } else {
      if (const auto form = pattern(meaning); !form.empty()) line(fmt::format("\"pattern\": {}", quoted(form)));
      words(meaning, true, nullable);
    }
  }

  void record(const Type& type) {
    open("\"properties\": {");
    std::vector<std::string> required;
    for (const Field& field : type.fields) {
      if (!in_dialect(field, dialect)) continue;
      open(fmt::format("{}: {{", quoted(field.name)));
      line(fmt::format("\"description\": {}", quoted(field.about)));
      this->type(*field.type);
      close('}');
      // A rule may use the old name of a field instead.
      if (field.required && !has_old_name(type, field.name)) required.push_back(quoted(field.name));
    }
    close('}');
    if (!required.empty()) line(fmt::format("\"required\": [{}]", fmt::join(required, ", ")));
    line("\"additionalProperties\": false");
  }

  [[nodiscard]] bool has_old_name(const Type& type, std::string_view name) const {
    for (const Field& field : type.fields) {
      if (field.modern == name && in_dialect(field, dialect)) return true;
    }
    return false;
  }
};

}  // namespace

std::string json_schema(Dialect dialect) {
  const bool headscale = dialect == Dialect::headscale;
  Schema schema{dialect, "{", 1};
  schema.line("\"$schema\": \"http://json-schema.org/draft-07/schema#\"");
  schema.line(fmt::format("\"title\": {}", quoted(headscale ? "Headscale policy" : "Tailnet policy file")));
  schema.element(policy_type());
  schema.close('}');
  return schema.out + "\n";
}

}  // namespace acl::policy
