#include "tests/oracle/wire.h"

#include <algorithm>

namespace acl::oracle {

std::optional<Ranges> parse_wire_addresses(std::string_view text) {
  if (text == "*") return every_address();
  const std::size_t dash = text.find('-');
  if (dash != std::string_view::npos) {
    const auto first = Address::parse(text.substr(0, dash)), last = Address::parse(text.substr(dash + 1));
    if (!first || !last || first->family() != last->family() || *last < *first) return std::nullopt;
    return Ranges{{*first, *last}};
  }
  const auto parsed = Prefix::parse(text);
  if (parsed.error != net::PrefixError::none) return std::nullopt;
  return Ranges{range_of(parsed.prefix)};
}

Login ssh(const std::vector<WireSshRule>& rules, const Address& source, std::string_view requested) {
  for (const WireSshRule& rule : rules) {
    if (std::find(rule.principals.begin(), rule.principals.end(), source) == rule.principals.end()) continue;
    const std::string* local = nullptr;
    for (const std::string_view name : {requested, std::string_view("*")}) {
      for (const auto& [key, value] : rule.users) {
        if (local == nullptr && key == name) local = &value;
      }
    }
    if (local == nullptr || local->empty()) continue;
    if (*local == "=" && requested == "root") continue;
    return {rule.check ? LoginVerdict::check : LoginVerdict::accept, *local == "=" ? std::string(requested) : *local};
  }
  return {};
}

std::vector<Address> probes(const Ranges& ranges) {
  std::vector<Address> out;
  for (const Range& range : ranges) {
    const Prefix all(range.first, 0);
    for (const Address& end : {range.first, range.last}) {
      out.push_back(end);
      if (end != all.first()) out.push_back(previous(end));
      if (end != all.last()) out.push_back(next(end));
    }
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

}  // namespace acl::oracle
