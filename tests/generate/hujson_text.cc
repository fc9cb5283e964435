#include "tests/generate/hujson_text.h"

#include <array>
#include <string_view>

namespace acl::generate {
namespace {

using namespace std::string_view_literals;

constexpr std::array spaces = {" "sv,    "\n"sv, ""sv,     "\n\n"sv, "\t"sv,   "\r\n"sv,     "\n\n\n"sv,
                               "\n\t"sv, "\r"sv, "\n\r"sv, "  "sv,   " \n "sv, "\r\n\r\n"sv, "\n \n\t\t"sv};

// Parts of comments and of their lines. "\u00a0" and "\u3000" are white space to the formatter, though not to the grammar.
constexpr std::array comment_parts = {"note"sv,   ""sv,
                                      " "sv,      "*"sv,
                                      "* "sv,     "é"sv,
                                      "/"sv,      "//"sv,
                                      "/*"sv,     "\t"sv,
                                      "  "sv,     "\r"sv,
                                      "\u00a0"sv, "\u3000"sv,
                                      "\u0085"sv, "{\"a\": [1,]}"sv,
                                      "日本"sv,   "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww"sv};

constexpr std::array line_ends = {"\n"sv, "\n\n"sv, "\r\n"sv, "\n\r"sv, " \n"sv, "\n   "sv, "\n\t"sv};

constexpr std::array string_parts = {
    "a"sv,          "bb"sv,   "é"sv,       "日本"sv,       "/* no */ // x"sv, "\\n"sv,           "\\\""sv,
    "\\\\"sv,       "\\/"sv,  "\\u0041"sv, "\\b"sv,        "\\u001f"sv,       "\\f\\r"sv,        "\\ud83d\\ude00"sv,
    "\\u00E9"sv,    "\x7f"sv, "\u2028"sv,  "tag:server"sv, "\\t"sv,           "100.64.0.0/10"sv, "\\u0000"sv,
    ", : [ ] { }"sv};

constexpr std::array invalid_parts = {"\xff"sv, "\xc3"sv, "\xed\xa0\x80"sv, "\xf5\x80"sv, "\\ud800"sv, "\\udc00"sv};

constexpr std::array scalars = {"null"sv, "1"sv,     "true"sv, "false"sv,   "-0"sv,
                                "1E5"sv,  "10.50"sv, "0"sv,    "-1.5e+3"sv, "123456789012345678901234567890"sv};

class Generator {
 public:
  Generator(std::span<const std::uint8_t> choices, const HujsonShape& shape) : choices_(choices), shape_(shape) {}

  std::string text() {
    extra();
    value(shape_.depth);
    extra();
    return std::move(out_);
  }

 private:
  // One of `count` ways; the first is the simplest.
  std::size_t choose(std::size_t count) {
    if (next_ == choices_.size()) return 0;
    return choices_[next_++] % count;
  }
  template <std::size_t Count>
  std::string_view choose(const std::array<std::string_view, Count>& from) {
    return from[choose(Count)];
  }

  void extra() {
    for (std::size_t parts = choose(4); parts != 0; --parts) {
      out_ += choose(spaces);
      if (shape_.comments && choose(6) == 1) comment();
    }
  }

  void comment() {
    const bool line = choose(2) == 0;
    const std::size_t begin = out_.size();
    for (std::size_t parts = choose(8); parts != 0; --parts) {
      out_ += choose(comment_parts);
      if (!line && choose(3) == 1) out_ += choose(line_ends);
    }
    if (line) {
      out_.insert(begin, "//");
      out_ += '\n';
      return;
    }
    for (std::size_t at = begin; (at = out_.find("*/", at)) != std::string::npos;) out_[at + 1] = ' ';
    out_.insert(begin, "/*");
    out_ += "*/";
  }

  void string() {
    out_ += '"';
    for (std::size_t parts = choose(4); parts != 0; --parts) {
      if (shape_.invalid_utf8 && choose(16) == 1) out_ += choose(invalid_parts);
      out_ += choose(string_parts);
    }
    if (choose(4) == 1) out_.append(choose(90), 'x');
    out_ += '"';
  }

  void value(std::size_t depth) {
    switch (depth == 0 ? choose(2) : choose(5)) {
      case 0: out_ += choose(scalars); break;
      case 1: string(); break;
      case 2: composite('[', ']', depth); break;
      default: composite('{', '}', depth); break;
    }
  }

  void composite(char open, char close, std::size_t depth) {
    out_ += open;
    extra();
    const std::size_t members = choose(6);
    for (std::size_t i = 0; i < members; ++i) {
      if (i != 0) {
        out_ += ',';
        extra();
      }
      if (open == '{') {
        string();
        extra();
        out_ += ':';
        extra();
      }
      value(depth - 1);
      extra();
    }
    if (members != 0 && shape_.trailing_commas && choose(2) == 1) {
      out_ += ',';
      extra();
    }
    out_ += close;
  }

  std::span<const std::uint8_t> choices_;
  HujsonShape shape_;
  std::size_t next_ = 0;
  std::string out_;
};

// SplitMix64 (Steele, Lea, Flood 2014); the standard library's distributions differ from one implementation to the next.
struct Random {
  std::uint64_t state;

  std::uint64_t next() {
    state += 0x9e3779b97f4a7c15U;
    std::uint64_t z = state;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }
  std::string number(std::size_t below) { return std::to_string(next() % below); }
};

std::string member_names(Random& random, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) {
    out += (i == 0 ? "\"user" : ", \"user") + random.number(10000) + "@example.com\"";
  }
  return out;
}

std::string rule(Random& random) {
  const std::string source = "\"group:team" + random.number(500) + "\", \"tag:role" + random.number(300) + "\"";
  const std::string target =
      "\"tag:role" + random.number(300) + ":22,443\", \"host" + random.number(500) + ":8000-8100\"";
  switch (random.next() % 4) {
    case 0: return "\t\t{\"action\": \"accept\", \"src\": [" + source + "], \"dst\": [" + target + "]},\n";
    case 1:
      return "\t\t// asked for in ticket " + random.number(9999) +
             "\n\t\t{\n\t\t\t\"action\": \"accept\",\n\t\t\t\"src\": [" + source +
             "],\n\t\t\t\"proto\": \"tcp\",\n\t\t\t\"dst\": [" + target + "],\n\t\t},\n";
    case 2: return "\n\t\t{\"action\":\"accept\",\"src\":[" + source + "],\"dst\":[\"*:*\"]}, // any\n";
    default:
      return "\t\t{\n\t\t\t\"action\": \"accept\",\n\t\t\t\"src\":    [" + source +
             "],\n\t\t\t\"dst\":    [\n\t\t\t\t" + target + ",\n\t\t\t],\n\t\t},\n";
  }
}

}  // namespace

std::string hujson_text(std::span<const std::uint8_t> choices, const HujsonShape& shape) {
  return Generator(choices, shape).text();
}

std::vector<std::uint8_t> random_choices(std::uint64_t seed, std::size_t count) {
  Random random{seed};
  std::vector<std::uint8_t> choices(count);
  for (std::uint8_t& choice : choices) choice = static_cast<std::uint8_t>(random.next() >> 56U);
  return choices;
}

std::string policy_text(std::size_t rules, std::uint64_t seed) {
  Random random{seed};
  std::string out = "// A synthetic policy.\n{\n\t\"groups\": {\n";
  for (std::size_t i = 0; i < rules / 10 + 1; ++i) {
    out += "\t\t\"group:team" + std::to_string(i) + "\": [" + member_names(random, 1 + random.next() % 12) + "],\n";
  }
  out += "\t},\n\n\t\"hosts\": {\n";
  for (std::size_t i = 0; i < rules / 10 + 1; ++i) {
    out += "\t\t\"host" + std::to_string(i) + "\": \"100.64." + random.number(256) + "." + random.number(256) + "\",\n";
  }
  out += "\t},\n\n\t/* Who may\n\t   reach what. */\n\t\"acls\": [\n";
  for (std::size_t i = 0; i < rules; ++i) out += rule(random);
  return out + "\t],\n}\n";
}

}  // namespace acl::generate
