// Reader: the values of one inventory file, read by tables of fields. What is wrong with them is reported on the way. The
// readers of all formats share it; nobody outside this folder includes it.
//
// Two manners: our own format refuses keys that it does not have and helps with misspelt ones, while those of other programs
// are passed over, because their next version will have more. A value of null counts as absent in both.
#pragma once

#include <array>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/hujson/tree.h"
#include "compiler/inventory/inventory.h"
#include "compiler/policy/findings.h"
#include "engine/net/source_text.h"

namespace acl::inventory {

enum class Manner : std::uint8_t { own, foreign };

class Reader;

template <class T>
struct Field {
  std::string_view name;
  void (*read)(Reader&, hujson::Value, T&);
};

template <class T, std::size_t N>
using Fields = std::array<Field<T>, N>;

class Reader {
 public:
  Reader(const SourceText& source, std::uint32_t file, hujson::Tree tree)
      : source_(source), tree_(std::move(tree)), findings_(source), file_(file) {}
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  [[nodiscard]] hujson::Value root() const noexcept { return tree_.root(); }
  [[nodiscard]] hujson::Value value(std::uint32_t index) const noexcept { return {tree_, index}; }
  [[nodiscard]] const SourceText& source() const noexcept { return source_; }
  [[nodiscard]] std::uint32_t file() const noexcept { return file_; }
  policy::Findings& findings() noexcept { return findings_; }
  Diagnostic& report(Code code, Span span, std::string message, std::string help = {}) {
    return findings_.add(code, span, std::move(message), std::move(help));
  }

  // `value` is an object; reads each of its members by `fields`. `what` names it for people: "a node".
  template <class T, std::size_t N>
  void object(hujson::Value value, const Fields<T, N>& fields, std::string_view what, Manner manner, T& out);
  // `value` is an array; calls read(element) for each object in it.
  template <class Read>
  void objects(hujson::Value value, std::string_view wanted, Read read);
  // `value` is an object whose keys are data; calls read(name, value) for each member.
  template <class Read>
  void members(hujson::Value value, std::string_view wanted, Read read);

  // Whether the value is of this kind; reports it if not. `wanted` in words: "an array of strings".
  bool expect(hujson::Value value, hujson::Kind kind, std::string_view wanted);
  // A string, escapes undone, valid UTF-8; valid as long as the reader. Empty if it is none.
  std::string_view text(hujson::Value value);
  // A string without control characters.
  std::string_view name(hujson::Value value);
  bool boolean(hujson::Value value);
  std::vector<std::string> texts(hujson::Value value);
  // SSH public keys, without their comments; reports what is none (E0823).
  std::vector<std::string> host_keys(hujson::Value value);
  // Public keys on FIDO2 devices, likewise (E0824).
  std::vector<std::string> security_keys(hujson::Value value);

  void addresses(hujson::Value value, std::vector<net::Address>& out);
  void address(hujson::Value value, std::vector<net::Address>& out);
  void routes(hujson::Value value, std::vector<net::Prefix>& out);
  // A number or a string that stands for the same thing: its text.
  std::string_view number(hujson::Value value);
  // Lower case.
  void tags(hujson::Value value, std::vector<std::string_view>& out);
  std::string_view lower_case(std::string_view text);
  // Nothing for a time that was never set.
  void time(hujson::Value value, std::optional<std::int64_t>& out);

 private:
  std::string_view string(hujson::Value value);
  std::string_view keep(std::string text) { return kept_.emplace_back(std::move(text)); }
  // The field that a name unknown to the letter means: in another letter case, or none. Reports either.
  std::size_t odd_field(std::string_view written, Span span, std::string_view what,
                        const std::vector<std::string_view>& known);
  void report_repeated_key(std::string_view written, Span span, Span first);

  const SourceText& source_;
  hujson::Tree tree_;
  policy::Findings findings_;
  std::deque<std::string> kept_;  // texts that are not in the source as they are
  std::string_view field_;        // the field whose value is being read, for messages
  std::uint32_t file_;
};

template <class T, std::size_t N>
void Reader::object(hujson::Value value, const Fields<T, N>& fields, std::string_view what, Manner manner, T& out) {
  static_assert(N < 64);
  if (!expect(value, hujson::Kind::object, "an object")) return;
  const std::string_view outer = field_;
  std::uint64_t seen = 0;
  std::array<Span, N> keys;  // of the fields that were seen
  // The objects of a file have their members in one order, mostly that of the table: the search begins behind the last hit.
  std::size_t index = 0;
  for (auto it = value.begin(); it != value.end(); ++it) {
    const hujson::Value key = *it;
    ++it;
    const std::string_view written = string(key);
    std::size_t tried = 0;
    for (; tried < N && fields[index].name != written; ++tried) index = index + 1 == N ? 0 : index + 1;
    if (tried == N) {
      if (manner == Manner::foreign) continue;
      std::vector<std::string_view> known;
      for (const Field<T>& field : fields) known.push_back(field.name);
      const std::size_t meant = odd_field(written, key.span(), what, known);
      if (meant == N) continue;
      index = meant;
    }
    const std::uint64_t bit = std::uint64_t{1} << index;
    if ((seen & bit) != 0) {
      report_repeated_key(fields[index].name, key.span(), keys[index]);
      continue;
    }
    seen |= bit;
    keys[index] = key.span();
    const hujson::Value member = *it;
    if (!member.is(hujson::Kind::null)) {
      field_ = fields[index].name;
      fields[index].read(*this, member, out);
    }
    index = index + 1 == N ? 0 : index + 1;
  }
  field_ = outer;
}

template <class Read>
void Reader::objects(hujson::Value value, std::string_view wanted, Read read) {
  if (!expect(value, hujson::Kind::array, wanted)) return;
  for (const hujson::Value element : value) {
    if (expect(element, hujson::Kind::object, wanted)) read(element);
  }
}

template <class Read>
void Reader::members(hujson::Value value, std::string_view wanted, Read read) {
  if (!expect(value, hujson::Kind::object, wanted)) return;
  for (auto it = value.begin(); it != value.end(); ++it) {
    const hujson::Value key = *it;
    ++it;
    read(key, *it);
  }
}

}  // namespace acl::inventory
