#include "engine/store/url.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "engine/net/address.h"
#include "engine/release/text.h"

namespace acl::store {

using release::quoted;
namespace {

constexpr std::size_t longest_url = 2048;
constexpr std::string_view schemes_there_are =
    "a store is a folder, https://HOST/PATH, etcd://HOST:PORT/PREFIX or etcds://HOST:PORT/PREFIX";

tl::unexpected<Diagnostic> malformed(std::string_view text, std::string_view why, std::string_view help) {
  return fail(Code::E1101, fmt::format("store {}: {}", quoted(text), why), std::string(help));
}

bool is_alphanumeric(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// "name", "10.0.0.5" or "[::1]"
bool is_host(std::string_view host) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    const auto address = net::Address::parse(host.substr(1, host.size() - 2));
    return address && !address->is_v4();
  }
  if (host.empty() || host.size() > 253 || host.front() == '-' || host.front() == '.') return false;
  return std::all_of(host.begin(), host.end(), [](char c) { return is_alphanumeric(c) || c == '-' || c == '.'; });
}

bool is_port(std::string_view port) {
  if (port.empty() || port.size() > 5 || port.front() == '0') return false;
  std::uint32_t number = 0;
  for (const char c : port) {
    if (c < '0' || c > '9') return false;
    number = number * 10 + static_cast<std::uint32_t>(c - '0');
  }
  return number <= 65535;
}

// The host with its port, the default one where it gives none; nothing if it is neither.
std::optional<std::string> host_and_port(std::string_view text, std::string_view default_port) {
  const std::size_t colon = text.rfind(':');
  const std::size_t bracket = text.rfind(']');
  const bool has_port = colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  const std::string_view host = has_port ? text.substr(0, colon) : text;
  const std::string_view port = has_port ? text.substr(colon + 1) : default_port;
  if (!is_host(host) || !is_port(port)) return std::nullopt;
  return fmt::format("{}:{}", host, port);
}

// Segments of letters, digits and -._~ (RFC 3986, unreserved), none of them "." or ".." or empty.
bool is_plain_path(std::string_view path) {
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string_view segment = path.substr(0, slash);
    if (segment.empty() || segment == "." || segment == "..") return false;
    for (const char c : segment) {
      if (!is_alphanumeric(c) && std::string_view("-._~").find(c) == std::string_view::npos) return false;
    }
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
  }
  return true;
}

Expected<StoreUrl> directory(std::string_view text, std::string_view path) {
  if (path.empty()) return malformed(text, "there is no path", schemes_there_are);
  if (path.find('\0') != std::string_view::npos) return malformed(text, "a path with a zero byte", schemes_there_are);
  return StoreUrl{Scheme::directory, {}, std::string(path)};
}

Expected<StoreUrl> on_network(std::string_view text, Scheme scheme, std::string_view rest) {
  if (text.size() > longest_url) return malformed(text, "it is too long", schemes_there_are);
  if (rest.find('@') != std::string_view::npos) {
    return fail(Code::E1101, "a store's URL holds no user and no password",
                "every process can read command lines: give --user NAME --password-file FILE");
  }
  if (rest.find_first_of("?#") != std::string_view::npos) {
    return malformed(text, "a store's URL has no query and no fragment", schemes_there_are);
  }
  const std::size_t slash = rest.find('/');
  std::string_view hosts = rest.substr(0, slash);
  std::string_view path = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash + 1);
  while (!path.empty() && path.back() == '/') path.remove_suffix(1);
  if (!is_plain_path(path)) {
    return malformed(text, "its path has something else than letters, digits and -._~ between single slashes",
                     "choose a plain path; \"..\" and percent signs are refused");
  }
  const bool etcd = scheme != Scheme::https;
  if (etcd && path.empty()) {
    return malformed(text, "there is no prefix",
                     "etcd is shared: name a prefix for the keys, as in etcd://HOST:2379/acl");
  }
  StoreUrl url{scheme, {}, std::string(path)};
  for (;;) {
    const std::size_t comma = etcd ? hosts.find(',') : std::string_view::npos;
    const auto host = host_and_port(hosts.substr(0, comma), etcd ? "2379" : "443");
    if (!host) {
      return malformed(text, fmt::format("{} is no host with a port", quoted(hosts.substr(0, comma))),
                       "hosts are names, IPv4 addresses or [IPv6 addresses], ports 1 to 65535");
    }
    url.hosts.push_back(*host);
    if (comma == std::string_view::npos) return url;
    hosts.remove_prefix(comma + 1);
  }
}

}  // namespace

Expected<StoreUrl> parse_store_url(std::string_view text) {
  const std::size_t end = text.find("://");
  if (end == std::string_view::npos) return directory(text, text);
  const std::string_view scheme = text.substr(0, end);
  const std::string_view rest = text.substr(end + 3);
  if (scheme == "file") {
    if (rest.empty() || rest.front() != '/') {
      return malformed(text, "a file URL names a path from the root", "write file:///srv/release, or the path alone");
    }
    return directory(text, rest);
  }
  if (scheme == "https") return on_network(text, Scheme::https, rest);
  if (scheme == "etcd") return on_network(text, Scheme::etcd, rest);
  if (scheme == "etcds") return on_network(text, Scheme::etcds, rest);
  if (scheme == "http") {
    return malformed(text, "plain http tells everybody on the way which nodes ask for what",
                     "serve the folder over https; a test certificate can be named with --ca");
  }
  // "a/b://c" is a path, if an odd one.
  if (!std::all_of(scheme.begin(), scheme.end(), is_alphanumeric)) return directory(text, text);
  return malformed(text, fmt::format("there is no scheme {}", quoted(scheme)), schemes_there_are);
}

}  // namespace acl::store
