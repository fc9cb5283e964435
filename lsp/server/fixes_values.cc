// Fixes of values: of a wrong type, addresses, ports, protocols, durations, words from lists.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "compiler/policy/decode.h"
#include "engine/net/prefix.h"
#include "engine/net/suggest.h"
#include "lsp/server/fixes.h"
#include "lsp/server/literal.h"
#include "lsp/server/navigation.h"

namespace acl::lsp {

using hujson::Value;
using policy::Meaning;

namespace {

using Kind = CodeAction::Kind;

void offer(Value literal, std::string_view text, bool preferred, Actions& out) {
  out.push_back({fmt::format("Write \"{}\"", text), Kind::quick_fix, {write(literal, text)}, {}, preferred});
}

// The help says what to write.
void as_help_says(const Diagnostic& d, Value literal, std::string_view word, Actions& out) {
  if (const auto text = quoted_behind(d.help, word)) offer(literal, *text, true, out);
}

void wrong_type(const Diagnostic& d, Value value, Actions& out) {
  if (d.help.find("put it in brackets") != std::string::npos) {
    out.push_back(
        {"Put it in brackets", Kind::quick_fix, {{value.span(), fmt::format("[{}]", value.text())}}, {}, true});
  } else if (d.help.find("put it in double quotes") != std::string::npos) {
    out.push_back({"Put it in double quotes", Kind::quick_fix, {write(value, value.text())}, {}, true});
  }
}

// "10.1.2.3/24": the prefix that it means, or the one address.
void host_bits(const FixContext& c, Value literal, Actions& out) {
  const Occurrence* name = c.name_in(literal.span());
  if (name == nullptr) return;
  const std::string written(c.text.substr(name->span.begin, name->span.end - name->span.begin));
  const auto parsed = net::Prefix::parse(written);
  if (parsed.error != net::PrefixError::host_bits) return;
  const bool route = c.ancestry.is_name(literal.index());
  const std::string masked = route ? parsed.prefix.text_with_length() : parsed.prefix.text();
  if (route) {  // a key: it must not stand there already
    const Value routes = c.value(c.ancestry.parent(literal.index()));
    if (routes.find(masked)) return;
  }
  out.push_back(
      {fmt::format("Write \"{}\", which it means", masked), Kind::quick_fix, {{name->span, masked}}, {}, true, true});
  if (route) return;
  const std::string address = written.substr(0, written.find('/'));
  out.push_back({fmt::format("Write \"{}\", the one address", address), Kind::quick_fix, {{name->span, address}}, {}});
}

// The nearest of the words that may stand for the whole of `written`.
void nearest_word(const FixContext& c, std::string_view written, Span span, Meaning meaning, Actions& out) {
  std::vector<std::string_view> known;
  for (const policy::Word& word : policy::words_of(meaning)) {
    const bool here = c.dialect() == policy::Dialect::headscale ? word.in_headscale : word.in_tailscale;
    if (here) known.push_back(word.text);
  }
  const auto meant = nearest(written, known);
  if (meant)
    out.push_back({fmt::format("Write \"{}\"", *meant), Kind::quick_fix, {{span, std::string(*meant)}}, {}, true});
}

void nearest_name(const FixContext& c, Value literal, Meaning meaning, Actions& out) {
  if (const Occurrence* name = c.name_in(literal.span())) nearest_word(c, name->name, name->span, meaning, out);
}

// A destination without ports.
void missing_port(const Diagnostic& d, Value literal, Actions& out) {
  const bool missing = d.code == Code::E0402 || d.help.find("the port is missing") != std::string::npos;
  if (!missing) return;
  for (const std::string& text : all_quoted(d.help)) offer(literal, text, false, out);
}

void unknown_protocol(const FixContext& c, const Diagnostic& d, Value literal, Actions& out) {
  if (d.help.find("a protocol needs its ports") != std::string::npos) return as_help_says(d, literal, "", out);
  nearest_name(c, literal, Meaning::protocol, out);
}

// The ports behind the last colon as something else.
void ports(Value literal, std::string_view title, std::string_view to, Actions& out) {
  const Literal read(literal);
  const std::size_t colon = read.text().rfind(':');
  if (colon == std::string_view::npos) return;
  out.push_back({std::string(title),
                 Kind::quick_fix,
                 {{read.span(colon + 1, read.text().size()), std::string(to)}},
                 {},
                 true,
                 true});
}

std::string without_spaces(std::string_view text) {
  std::string out(text);
  std::erase_if(out, [](char ch) { return ch == ' ' || ch == '\t'; });
  return out;
}

// "tcp:80,443": an entry for each.
void split_list(Value literal, Actions& out) {
  const Literal read(literal);
  const std::string_view text = read.text();
  const std::size_t colon = text.rfind(':');
  const std::string_view protocol = colon == std::string_view::npos ? std::string_view() : text.substr(0, colon + 1);
  std::string entries;
  for (std::string_view rest = text.substr(protocol.size()); !rest.empty();) {
    const std::size_t comma = rest.find(',');
    const std::string port = without_spaces(rest.substr(0, comma));
    entries += (entries.empty() ? "" : ", ") + hujson::quote(std::string(protocol) + port);
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  }
  out.push_back({"Write an entry for each", Kind::quick_fix, {{literal.span(), entries}}, {}, true, true});
}

// "7d": Go's durations have no days.
void duration(Value literal, Actions& out) {
  const std::string text = literal.string();
  unsigned days = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, days);
  if (error != std::errc{} || rest + 1 != end || (*rest != 'd' && *rest != 'D') || days == 0 || days > 7) return;
  offer(literal, fmt::format("{}h", days * 24), true, out);
}

void cgnat_route(Value literal, Actions& out) {
  constexpr std::string_view words[] = {"mac-always", "mac-never"};
  if (const auto meant = nearest(literal.string(), words)) offer(literal, *meant, true, out);
}

// "user:*@EXAMPLE.com"
void domain_case(Value literal, Actions& out) {
  const Literal read(literal);
  const std::size_t at = read.text().find('@');
  if (at == std::string_view::npos) return;
  std::string_view domain = read.text().substr(at);
  domain = domain.substr(0, domain.find(':'));
  out.push_back(
      {"Write the domain in lower case", Kind::quick_fix, {{read.span(domain), policy::lower_case(domain)}}, {}, true});
}

void surrounding_space(Value literal, Actions& out) {
  out.push_back(
      {"Remove the white space around it", Kind::quick_fix, {write(literal, Literal(literal).text())}, {}, true, true});
}

void ipset_operation(const FixContext& c, const Diagnostic& d, Value literal, Actions& out) {
  const Occurrence* name = c.name_in(literal.span());
  if (d.message.find("needs \"add\" or \"remove\"") != std::string::npos) {
    const std::uint32_t at = Literal(literal).span().begin;
    out.push_back({"Write \"add\" in front", Kind::quick_fix, {{{at, at}, "add "}}, {}, true});
  } else if (name != nullptr && d.help.find("write \"host:") != std::string::npos) {
    const std::uint32_t at = name->span.begin;
    out.push_back({fmt::format("Write \"host:{}\"", name->name), Kind::quick_fix, {{{at, at}, "host:"}}, {}, true});
  }
}

// A key without the word in front: "eng" in groups.
void malformed_key(const FixContext& c, const Diagnostic& d, Value literal, Actions& out) {
  const auto name = quoted_behind(d.help, "write ");
  const Occurrence* key = c.name_in(literal.span());
  if (!name || key == nullptr || !c.ancestry.is_name(literal.index())) return;
  const bool taken = c.value(c.ancestry.parent(literal.index())).find(*name).has_value();
  if (!taken && objection(key->kind, *name, c.dialect()).empty()) offer(literal, *name, true, out);
}

void user_of_headscale(const Diagnostic& d, Value literal, Actions& out) {
  if (d.help.find("with a trailing @") != std::string::npos) as_help_says(d, literal, "trailing @", out);
}

// A selector in a literal as another one, its ports kept.
void selector(const FixContext& c, Value literal, std::string_view to, Actions& out) {
  const Occurrence* name = c.name_in(literal.span());
  if (name == nullptr) return;
  out.push_back({fmt::format("Write \"{}\"", to), Kind::quick_fix, {{name->span, std::string(to)}}, {}});
}

void own_devices(const FixContext& c, const Diagnostic& d, Value literal, Actions& out) {
  if (d.message.find("user destination requires") != std::string::npos) selector(c, literal, "autogroup:self", out);
}

}  // namespace

void fix_values(const FixContext& c, const Diagnostic& d, Value literal, Actions& out) {
  if (d.code == Code::E0203) return wrong_type(d, literal, out);
  if (d.code == Code::E0409) {
    selector(c, literal, "*", out);
    return selector(c, literal, "autogroup:internet", out);
  }
  if (!literal.is(hujson::Kind::string)) return;
  switch (d.code) {
    case Code::W0320: return host_bits(c, literal, out);
    case Code::E0402:
    case Code::E0403: return missing_port(d, literal, out);
    case Code::E0404: return unknown_protocol(c, d, literal, out);
    case Code::E0405:
    case Code::W0345:
    case Code::W0416: return as_help_says(d, literal, "write ", out);
    case Code::E0601:
      return as_help_says(d, literal, d.help.find("a port") != std::string::npos ? "port: " : "write ", out);
    case Code::W0415: return ports(literal, "Write \"*\" alone", "*", out);
    case Code::W0417: {
      const std::string text = literal.string();
      return ports(literal, "Remove the white space",
                   without_spaces(std::string_view(text).substr(text.rfind(':') + 1)), out);
    }
    case Code::W0419: return split_list(literal, out);
    case Code::E0411:
    case Code::W0421: return nearest_name(c, literal, Meaning::capability, out);
    case Code::W0705: return nearest_name(c, literal, Meaning::node_attribute, out);
    case Code::W0334: return nearest_name(c, literal, Meaning::attribute_name, out);
    case Code::E0508: return duration(literal, out);
    case Code::E0509: return offer(literal, "168h", true, out);
    case Code::W0512: offer(literal, "1m", true, out); return offer(literal, "always", false, out);
    case Code::E0706: return cgnat_route(literal, out);
    case Code::W0337: return domain_case(literal, out);
    case Code::W0210: return surrounding_space(literal, out);
    case Code::E0316: return ipset_operation(c, d, literal, out);
    case Code::E0309:
    case Code::E0310:
    case Code::E0315:
    case Code::E0332: return malformed_key(c, d, literal, out);
    case Code::E0303:
    case Code::E0308:
    case Code::E0311: return user_of_headscale(d, literal, out);
    case Code::E0407: return selector(c, literal, "*", out);
    case Code::E0507: return own_devices(c, d, literal, out);
    default: return;
  }
}

}  // namespace acl::lsp
