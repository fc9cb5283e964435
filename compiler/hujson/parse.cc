// The strict pass: HuJSON's grammar in PEGTL, one action per token, no position tracking.
//
// Nothing here backtracks over an action that counts: wherever an alternative fails after an action ran, the whole parse fails
// and its tree is thrown away.
#include "compiler/hujson/parse.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <tao/pegtl.hpp>

#include "compiler/hujson/utf8.h"

namespace acl::hujson {
namespace {

namespace peg = tao::pegtl;

// --- what the actions build -------------------------------------------------------------------------------------------

class Builder {
 public:
  Builder(std::string_view text, std::vector<Node>& nodes) : start_(text.data()), nodes_(nodes) {}

  bool has_comments = false;
  bool trailing_commas = false;

  void scalar(const char* begin, const char* end, Kind kind, bool escaped = false) {
    current_ = static_cast<std::uint32_t>(nodes_.size());
    nodes_.push_back({before_, offset(begin), offset(end), offset(end), current_ + 1, kind, escaped, false});
  }
  bool open(const char* at, Kind kind) {
    if (depth_ == max_depth) return false;
    open_[depth_++] = static_cast<std::uint32_t>(nodes_.size());
    nodes_.push_back({before_, offset(at), 0, 0, 0, kind, false, false});
    before_ = offset(at) + 1;
    return true;
  }
  void close(const char* at) {
    const std::uint32_t self = open_[--depth_];
    Node& node = nodes_[self];
    node.next = static_cast<std::uint32_t>(nodes_.size());
    node.end = node.after = offset(at) + 1;
    if (node.next != self + 1 && nodes_[current_].comma) trailing_commas = true;
    current_ = self;
  }
  void colon(const char* at) { separate(at); }
  void comma(const char* at) {
    nodes_[current_].comma = true;
    separate(at);
  }

 private:
  [[nodiscard]] std::uint32_t offset(const char* at) const { return static_cast<std::uint32_t>(at - start_); }
  void separate(const char* at) {
    nodes_[current_].after = offset(at);
    before_ = offset(at) + 1;
  }

  const char* start_;
  std::vector<Node>& nodes_;
  std::uint32_t before_ = 0;   // where the extra before the next value begins
  std::uint32_t current_ = 0;  // the last value that is complete
  std::size_t depth_ = 0;
  std::array<std::uint32_t, max_depth> open_{};  // the composites around the current place
};

// --- tokens that are faster by hand -----------------------------------------------------------------------------------

constexpr std::array<bool, 256> make_plain_in_string() {
  std::array<bool, 256> plain{};
  for (unsigned c = 0x20; c < 256; ++c) plain[c] = c != '"' && c != '\\';
  return plain;
}
constexpr std::array<bool, 256> plain_in_string = make_plain_in_string();

// Advances over bytes that stand for themselves in a string, eight at a time where eight in a row do.
const char* skip_plain(const char* at, const char* end) noexcept {
  constexpr std::uint64_t ones = 0x0101010101010101ULL;
  constexpr std::uint64_t tops = 0x8080808080808080ULL;
  const auto has_zero = [](std::uint64_t v) { return (v - ones) & ~v & tops; };
  while (end - at >= 8) {
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    const std::uint64_t control = (word - ones * 0x20) & ~word & tops;
    if ((has_zero(word ^ ones * '"') | has_zero(word ^ ones * '\\') | control) != 0) break;
    at += 8;
  }
  while (at != end && plain_in_string[static_cast<unsigned char>(*at)]) ++at;
  return at;
}

bool is_hex(char c) noexcept { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// One escape, `at` behind its backslash: where it ends, or null.
const char* skip_escape(const char* at, const char* end) noexcept {
  if (at == end) return nullptr;
  if (*at != 'u') return std::strchr("\"\\/bfnrt", *at) != nullptr && *at != '\0' ? at + 1 : nullptr;
  if (end - at < 5 || !std::all_of(at + 1, at + 5, is_hex)) return nullptr;
  return at + 5;
}

struct string_token {
  using rule_t = string_token;
  using subs_t = peg::empty_list;
  template <peg::apply_mode, peg::rewind_mode, template <class...> class Action, template <class...> class Control,
            class Input>
  static bool match(Input& in, Builder& builder) {
    const char* const begin = in.current();
    const char* const end = in.end();
    if (begin == end || *begin != '"') return false;
    bool escaped = false;
    const char* at = begin + 1;
    for (;;) {
      at = skip_plain(at, end);
      if (at == end) return false;
      if (*at == '"') break;
      if (*at != '\\') return false;
      escaped = true;
      at = skip_escape(at + 1, end);
      if (at == nullptr) return false;
    }
    builder.scalar(begin, at + 1, Kind::string, escaped);
    in.bump(static_cast<std::size_t>(at + 1 - begin));
    return true;
  }
};

// White space and comments, as long as they go on. Fails only in a comment that is not closed or not UTF-8.
struct extra {
  using rule_t = extra;
  using subs_t = peg::empty_list;
  template <peg::apply_mode, peg::rewind_mode, template <class...> class Action, template <class...> class Control,
            class Input>
  static bool match(Input& in, Builder& builder) {
    const char* const begin = in.current();
    const char* const end = in.end();
    const char* at = begin;
    for (;;) {
      while (at != end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) ++at;
      if (end - at < 2 || *at != '/' || (at[1] != '/' && at[1] != '*')) break;
      const std::string_view rest(at, static_cast<std::size_t>(end - at));
      const std::size_t close = at[1] == '/' ? rest.find('\n') : rest.find("*/", 2);
      if (close == std::string_view::npos) return false;
      const std::size_t size = close + (at[1] == '/' ? 1 : 2);
      if (!is_valid_utf8(rest.substr(0, size))) return false;
      builder.has_comments = true;
      at += size;
    }
    in.bump(static_cast<std::size_t>(at - begin));
    return true;
  }
};

// --- the grammar ------------------------------------------------------------------------------------------------------

struct literal_byte : peg::ranges<'0', '9', 'a', 'z', 'A', 'Z', '-', '-', '+', '+', '.', '.'> {};
template <class Rule>
struct literal : peg::seq<Rule, peg::not_at<literal_byte>> {};

struct digits : peg::plus<peg::digit> {};
struct integer : peg::sor<peg::one<'0'>, peg::seq<peg::range<'1', '9'>, peg::star<peg::digit>>> {};
struct fraction : peg::seq<peg::one<'.'>, digits> {};
struct exponent : peg::seq<peg::one<'e', 'E'>, peg::opt<peg::one<'+', '-'>>, digits> {};
struct number : literal<peg::seq<peg::opt<peg::one<'-'>>, integer, peg::opt<fraction>, peg::opt<exponent>>> {};
struct boolean : literal<peg::sor<peg::string<'t', 'r', 'u', 'e'>, peg::string<'f', 'a', 'l', 's', 'e'>>> {};
struct null : literal<peg::string<'n', 'u', 'l', 'l'>> {};

struct open_object : peg::one<'{'> {};
struct close_object : peg::one<'}'> {};
struct open_array : peg::one<'['> {};
struct close_array : peg::one<']'> {};
struct colon : peg::one<':'> {};
struct comma : peg::one<','> {};

// What stands between brackets: items, commas between them, one more comma allowed at the end.
template <class Item, class Close>
struct list
    : peg::sor<Close,
               peg::seq<Item, extra, peg::star<comma, extra, peg::sor<peg::at<Close>, peg::seq<Item, extra>>>, Close>> {
};

struct value;
struct member : peg::seq<string_token, extra, colon, extra, value> {};
struct object : peg::seq<open_object, extra, list<member, close_object>> {};
struct array : peg::seq<open_array, extra, list<value, close_array>> {};
struct value : peg::sor<string_token, object, array, number, boolean, null> {};
struct document : peg::seq<extra, value, extra, peg::eof> {};

template <class Rule>
struct action : peg::nothing<Rule> {};

template <Kind kind>
struct scalar_action {
  template <class Input>
  static void apply(const Input& in, Builder& builder) {
    builder.scalar(in.begin(), in.end(), kind);
  }
};
template <>
struct action<number> : scalar_action<Kind::number> {};
template <>
struct action<boolean> : scalar_action<Kind::boolean> {};
template <>
struct action<null> : scalar_action<Kind::null> {};

template <Kind kind>
struct open_action {
  template <class Input>
  static bool apply(const Input& in, Builder& builder) {
    return builder.open(in.begin(), kind);
  }
};
template <>
struct action<open_object> : open_action<Kind::object> {};
template <>
struct action<open_array> : open_action<Kind::array> {};

struct close_action {
  template <class Input>
  static void apply(const Input& in, Builder& builder) {
    builder.close(in.begin());
  }
};
template <>
struct action<close_object> : close_action {};
template <>
struct action<close_array> : close_action {};

template <>
struct action<colon> {
  template <class Input>
  static void apply(const Input& in, Builder& builder) {
    builder.colon(in.begin());
  }
};
template <>
struct action<comma> {
  template <class Input>
  static void apply(const Input& in, Builder& builder) {
    builder.comma(in.begin());
  }
};

// No text has more values than structural bytes, plus one. Counting first costs little and spares growing the array.
std::size_t most_nodes(std::string_view text) noexcept {
  std::size_t count = 1;
  for (const char c : text) count += static_cast<std::size_t>((c == ',') | (c == ':') | (c == '[') | (c == '{'));
  return count;
}

}  // namespace

std::optional<Tree> parse_strict(std::string_view text) {
  Tree tree;
  tree.text = text;
  tree.nodes.reserve(most_nodes(text));
  Builder builder(text, tree.nodes);
  peg::memory_input<peg::tracking_mode::lazy, peg::eol::lf> in(text.data(), text.data() + text.size(), "");
  if (!peg::parse<document, action>(in, builder)) return std::nullopt;
  tree.nodes[0].after = static_cast<std::uint32_t>(text.size());
  tree.has_comments = builder.has_comments;
  tree.trailing_commas = builder.trailing_commas;
  return tree;
}

ParseResult parse(const SourceText& source) {
  if (auto tree = parse_strict(source.text())) return {std::move(*tree), {}};
  Recovered recovered = recover(source);
  return {std::move(recovered.tree), std::move(recovered.errors)};
}

}  // namespace acl::hujson
