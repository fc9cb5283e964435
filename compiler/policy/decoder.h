// Decoder: the readers that decode.cc and decode_rules.cc share; no one else includes this.
//
// Objects are read by a table of fields. Reported on the way: unknown names (with the nearest known one), names given twice,
// also where they differ in case only, spellings in another case than the documented one, values of a wrong type. A value of
// null counts as absent.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "compiler/policy/decode.h"

namespace acl::policy {

enum class FieldIn : std::uint8_t { both, tailscale, headscale };

class Decoder;

template <class T>
struct KnownField {
  std::string_view name;
  void (*read)(Decoder&, hujson::Value, T&);
  FieldIn in = FieldIn::both;
  std::string_view modern{};  // the field is the old spelling of this one
};

template <class T>
using Fields = std::vector<KnownField<T>>;

class Decoder {
 public:
  Decoder(PolicyFile& file, Findings& findings) : file_(file), findings_(findings) {}

  Findings& findings() noexcept { return findings_; }
  Policy& policy() noexcept { return file_.policy; }
  [[nodiscard]] bool headscale() const noexcept { return file_.policy.dialect == Dialect::headscale; }

  // A string of data: escapes undone, white space around it removed (and warned about).
  Text text(hujson::Value value);
  // A key that is data: exact, nothing removed.
  Text key(hujson::Value name);
  // A key that is a tag: in lower case.
  Text tag_key(hujson::Value name);
  std::vector<Text> texts(hujson::Value value);
  Selector selector(hujson::Value value);
  // The selector as names are looked up: a tag, and the word before any colon, in lower case.
  Selector normal(Selector selector);
  std::vector<Selector> selectors(hujson::Value value);
  std::vector<Target> targets(hujson::Value value);
  bool boolean(hujson::Value value);
  std::vector<Capability> capabilities(hujson::Value value);
  std::vector<PostureAttribute> posture_attributes(hujson::Value value);

  // `value` is an object; reads each of its members by `fields`. `section` names the object for people: "an acls entry".
  template <class T>
  void object(hujson::Value value, const Fields<T>& fields, std::string_view section, T& out);

  // `value` is an array of objects.
  template <class T>
  std::vector<T> objects(hujson::Value value, const Fields<T>& fields, std::string_view section);

  // `value` is an object whose keys are data; calls read(name, value) for each member, repeated names excepted.
  template <class Read>
  void map(hujson::Value value, bool ignore_case, Read read);

  // Whether the value is of this kind; reports it if not. `wanted` in words: "an array of strings".
  bool expect(hujson::Value value, hujson::Kind kind, std::string_view wanted);

  // As selectors(), of a member whose key is data: messages name `section["key"]`.
  std::vector<Selector> selectors_of(const Text& key, hujson::Value value);

  // Spellings of keys, which are collected: one warning for each, at its first place.
  void report_spellings();

 private:
  struct Spelling {
    Code code;
    std::string_view written, documented;
    Span span;
    std::size_t count = 0;
  };
  struct Seen {
    std::string_view name;
    Span span;
  };

  std::string_view keep(std::string text);
  std::string_view string(hujson::Value value);
  void report_duplicate(std::string_view name, Span span, Span first, bool ignore_case);
  void report_unknown(std::string_view name, Span span, std::string_view section,
                      const std::vector<std::string_view>& known);
  void note_spelling(Code code, std::string_view written, std::string_view documented, Span span);
  void report_unsupported(std::string_view name, Span span);

  PolicyFile& file_;
  Findings& findings_;
  std::string_view field_ = "the policy";  // the field whose value is being read, for messages
  const Text* key_ = nullptr;              // inside it, the key that is data
  std::vector<Spelling> spellings_;
  std::map<std::pair<Code, std::string_view>, std::size_t> spelling_index_;
};

// The sections with rules and tests, in decode_rules.cc.
void read_acls(Decoder& d, hujson::Value value, Policy& policy);
void read_grants(Decoder& d, hujson::Value value, Policy& policy);
void read_ssh(Decoder& d, hujson::Value value, Policy& policy);
void read_tests(Decoder& d, hujson::Value value, Policy& policy);
void read_ssh_tests(Decoder& d, hujson::Value value, Policy& policy);

template <class T>
void Decoder::object(hujson::Value value, const Fields<T>& fields, std::string_view section, T& out) {
  if (!expect(value, hujson::Kind::object, "an object")) return;
  const std::string_view outer = field_;
  std::vector<Seen> seen(fields.size());
  for (auto it = value.begin(); it != value.end(); ++it) {
    const hujson::Value name = *it;
    ++it;
    const hujson::Value member = *it;
    const std::string_view written = string(name);
    std::size_t index = 0;
    while (index < fields.size() && !equal_ignoring_case(fields[index].name, written)) ++index;
    const bool foreign = index < fields.size() && fields[index].in != FieldIn::both &&
                         (fields[index].in == FieldIn::headscale) != headscale();
    if (index == fields.size() || (foreign && fields[index].in == FieldIn::headscale)) {
      std::vector<std::string_view> known;
      for (const KnownField<T>& field : fields) known.push_back(field.name);
      report_unknown(written, name.span(), section, known);
      continue;
    }
    if (foreign) {
      report_unsupported(written, name.span());
      continue;
    }
    const KnownField<T>& field = fields[index];
    if (seen[index].name.data() != nullptr) {
      report_duplicate(written, name.span(), seen[index].span, written != seen[index].name);
      continue;
    }
    seen[index] = {written, name.span()};
    if (written != field.name) note_spelling(Code::W0207, written, field.name, name.span());
    if (!field.modern.empty()) note_spelling(Code::W0209, field.name, field.modern, name.span());
    if (member.is(hujson::Kind::null)) continue;
    field_ = field.name;
    field.read(*this, member, out);
  }
  field_ = outer;
}

template <class T>
std::vector<T> Decoder::objects(hujson::Value value, const Fields<T>& fields, std::string_view section) {
  std::vector<T> out;
  if (!expect(value, hujson::Kind::array, "an array of objects")) return out;
  for (const hujson::Value element : value) {
    // One for each element, right or wrong, so that acls[3] stays acls[3].
    out.emplace_back();
    if constexpr (requires(T t) { t.span; }) out.back().span = element.span();
    const std::size_t errors = findings_.errors();
    object(element, fields, section, out.back());
    if constexpr (requires(T t) { t.damaged; }) out.back().damaged = findings_.errors() != errors;
  }
  return out;
}

}  // namespace acl::policy
