#include "node/daemon/sshd.h"

#include <fmt/format.h>

#include <algorithm>

namespace acl::node {
namespace {

constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

bool is_of(std::string_view text, std::string_view more, std::size_t most) noexcept {
  return !text.empty() && text.size() <= most && std::all_of(text.begin(), text.end(), [&](char c) {
    return letters.find(c) != std::string_view::npos || more.find(c) != std::string_view::npos;
  });
}

// Whose decision is worth asking for: of a table its nodes, without one what break-glass gives to single addresses.
std::vector<net::Address> candidates(const LoginFacts& facts, const LoginAsked& asked) {
  std::vector<net::Address> out;
  if (const LoadedTable* const table = facts.enforced.table; table != nullptr) {
    for (const table::Directory::Numbered& one : table->directory().identities()) {
      for (const net::Address& address : one.identity.addresses) {
        if (table->ssh().decide({address, asked.user, true, asked.is_root}).action != table::LoginAction::deny)
          out.push_back(address);
      }
    }
  }
  for (const OwnedRange& range : facts.enforced.owned) {
    const auto& entries = facts.enforced.break_glass;
    const bool named = range.first == range.last && std::any_of(entries.begin(), entries.end(), [&](const auto& entry) {
                         return entry.login == asked.user && entry.from.contains(range.first);
                       });
    if (named) out.push_back(range.first);
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

}  // namespace

LoginAnswer sshd_decision(const LoginFacts& facts, std::span<const net::Address> own, LoginAsked asked) {
  asked.by_sshd = true;
  LoginAnswer answer;
  answer.reason = fmt::format("this node has no address of the family of {}", asked.source.text());
  answer.tell = "access denied";
  bool first = true;
  for (const net::Address& one : own) {
    if (one.family() != asked.source.family() || (!first && !answer.accept)) continue;
    asked.own = one;
    answer = decide_login(facts, asked);
    first = false;
  }
  return answer;
}

std::vector<net::Address> sshd_sources(const LoginFacts& facts, std::span<const net::Address> own, LoginAsked asked) {
  std::vector<net::Address> out;
  for (const net::Address& source : candidates(facts, asked)) {
    if (out.size() == most_sshd_sources) break;
    asked.source = source;
    if (sshd_decision(facts, own, asked).accept) out.push_back(source);
  }
  return out;
}

std::optional<net::Address> sshd_source(std::string_view text) {
  constexpr std::string_view mapped = "::ffff:";
  if (text.substr(0, mapped.size()) == mapped && text.find('.') != std::string_view::npos)
    text.remove_prefix(mapped.size());
  const auto address = net::Address::parse(text);
  if (!address) return std::nullopt;
  return *address;
}

bool is_key_type(std::string_view text) noexcept { return is_of(text, "-@.", 64); }

bool is_key_text(std::string_view text) noexcept { return is_of(text, "+/=", 6'000); }

bool are_key_options(std::string_view text) {
  if (text.size() > 1'024) return false;
  const bool printable = std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 0x7f; });
  // Outside of quotation marks a blank ends the options, and from= is ours.
  bool quoted = false;
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (quoted && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (!quoted) {
      plain += text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] - 'A' + 'a') : text[i];
    }
  }
  return printable && !quoted && plain.find(' ') == std::string::npos &&
         ("," + plain).find(",from=") == std::string::npos &&
         (text.empty() || (plain.front() != ',' && plain.back() != ','));
}

std::string key_lines(std::span<const std::string> sources, std::string_view options, std::string_view key) {
  std::string out;
  const std::string tail = fmt::format("\"{}{} {}\n", options.empty() ? "" : ",", options, key);
  std::string line;
  for (const std::string& source : sources) {
    if (!line.empty() && line.size() + 1 + source.size() + tail.size() > longest_key_line)
      out += std::exchange(line, {}) + tail;
    line += (line.empty() ? "from=\"" : ",") + source;
  }
  return line.empty() ? out : out + line + tail;
}

}  // namespace acl::node
