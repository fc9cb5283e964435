#include "engine/store/http_head.h"

#include <algorithm>
#include <charconv>

namespace acl::store {
namespace {

constexpr std::size_t longest_etag = 256;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trim(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

bool is_etag(std::string_view text) {
  if (text.size() > longest_etag) return false;
  if (text.substr(0, 2) == "W/") text.remove_prefix(2);
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return false;
  text = text.substr(1, text.size() - 2);
  return std::all_of(text.begin(), text.end(), [](char c) { return c == 0x21 || (c >= 0x23 && c <= 0x7e); });
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "HTTP/1.1 200 OK", "HTTP/2 200"
bool read_status_line(HttpHead& head, std::string_view line) {
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos) return false;
  const std::string_view code = line.substr(space + 1, 3);
  const auto status = number(code);
  if (code.size() != 3 || !status || *status < 100 || (line.size() > space + 4 && line[space + 4] != ' ')) return false;
  const std::size_t size = head.size;
  head = HttpHead{};
  head.size = size;
  head.status = static_cast<int>(*status);
  return true;
}

}  // namespace

bool read_head_line(HttpHead& head, std::string_view line) {
  head.size += line.size();
  if (head.size > http_head_limit) return false;
  line = trim(line);
  if (line.substr(0, 5) == "HTTP/") return read_status_line(head, line);
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return true;
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trim(line.substr(colon + 1));
  if (same_name(name, "etag")) {
    head.etag = is_etag(value) ? std::string(value) : std::string{};
  } else if (same_name(name, "location")) {
    head.location = std::string(value);
  } else if (same_name(name, "content-encoding")) {
    head.encoded = head.encoded || !(value.empty() || same_name(value, "identity"));
  } else if (same_name(name, "content-length")) {
    const auto length = number(value);
    if (!length || (head.length && *head.length != *length)) return false;
    head.length = length;
  }
  return true;
}

}  // namespace acl::store
