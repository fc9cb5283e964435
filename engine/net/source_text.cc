#include "engine/net/source_text.h"

#include <algorithm>
#include <cstring>

namespace acl {

SourceText::SourceText(std::string name, std::string text) : name_(std::move(name)), text_(std::move(text)) {}

const std::vector<std::uint32_t>& SourceText::line_starts() const {
  std::call_once(indexed_, [this] {
    line_starts_.push_back(0);
    const char* const begin = text_.data();
    const char* const end = begin + text_.size();
    for (const char* at = begin; at != end;) {
      const auto* line_feed = static_cast<const char*>(std::memchr(at, '\n', static_cast<std::size_t>(end - at)));
      if (line_feed == nullptr) break;
      at = line_feed + 1;
      line_starts_.push_back(static_cast<std::uint32_t>(at - begin));
    }
  });
  return line_starts_;
}

Position SourceText::position(std::uint32_t offset) const {
  const auto& starts = line_starts();
  offset = std::min(offset, static_cast<std::uint32_t>(text_.size()));
  const auto after = std::upper_bound(starts.begin(), starts.end(), offset);
  return {static_cast<std::uint32_t>(after - starts.begin()), offset - *(after - 1) + 1};
}

Place SourceText::place(Span span) const { return {name_, span, position(span.begin), position(span.end)}; }

std::string_view SourceText::line(std::uint32_t number) const {
  const auto& starts = line_starts();
  if (number == 0 || number > starts.size()) return {};
  const std::size_t begin = starts[number - 1];
  std::size_t end = number < starts.size() ? starts[number] - 1 : text_.size();
  if (end > begin && text_[end - 1] == '\r') --end;
  return std::string_view(text_).substr(begin, end - begin);
}

}  // namespace acl
