#include "node/daemon/checks.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "engine/net/file.h"
#include "engine/release/base64.h"
#include "engine/release/text.h"
#include "engine/table/layout.h"
#include "node/protocol/session_message.h"

namespace acl::node {
namespace {

constexpr std::string_view format_line = "aclnode checks 1", checksum_word = "checksum ";
// Each entry has three lines of at most 600 bytes.
constexpr std::size_t file_limit = Checks::most_subjects * 1800 + 256;

bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= 64 &&
         std::all_of(text.begin(), text.end(), [](const char c) { return c > ' ' && c < 0x7f; });
}

tl::unexpected<Diagnostic> damaged(const std::string& name, std::string_view what) {
  return fail(Code::E1423, fmt::format("\"{}\" {}", name, what),
              "nobody counts as checked or approved; check the disk");
}

// A line of either kind: "<key> <time…> <by> <person>".
struct Line {
  CheckSubject subject;
  release::Time first = 0, second = 0;
  std::string by;
};
std::optional<Line> parse_line(std::string_view text, bool two_times) {
  Line line;
  if (!release::decode_base64(release::take_word(text), line.subject.source)) return std::nullopt;
  const auto first = release::parse_time(release::take_word(text));
  const auto second = two_times ? release::parse_time(release::take_word(text)) : first;
  if (!first || !second) return std::nullopt;
  line.first = *first;
  line.second = *second;
  line.by = release::take_word(text);
  line.subject.person = text;
  if (!is_word(line.by) || !Checks::can_keep(line.subject)) return std::nullopt;
  return line;
}

}  // namespace

bool Checks::can_keep(const CheckSubject& subject) noexcept {
  const std::string& person = subject.person;
  return !person.empty() && person.size() <= protocol::longest_person &&
         std::none_of(person.begin(), person.end(),
                      [](const char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

// Of those that are only remembered the one that was checked longest ago goes.
bool Checks::make_room(const CheckSubject& subject) {
  if (entries_.count(subject) == 1 || entries_.size() < most_subjects) return true;
  auto oldest = entries_.end();
  for (auto at = entries_.begin(); at != entries_.end(); ++at) {
    if (at->second.approval || at->second.settled || !at->second.passed) continue;
    if (oldest == entries_.end() || at->second.passed->at < oldest->second.passed->at) oldest = at;
  }
  if (oldest == entries_.end()) return false;
  entries_.erase(oldest);
  return true;
}

void Checks::remember(const CheckSubject& subject, CheckPassed passed) {
  if (!can_keep(subject) || !is_word(passed.by) || !make_room(subject)) return;
  std::optional<CheckPassed>& kept = entries_[subject].passed;
  if (!kept || kept->at <= passed.at) kept = std::move(passed);
}

bool Checks::approve(const CheckSubject& subject, CheckApproval approval) {
  if (!can_keep(subject) || !is_word(approval.by) || !make_room(subject)) return false;
  entries_[subject].approval = std::move(approval);
  return true;
}

bool Checks::settle(const CheckSubject& subject, release::Time now) {
  if (!can_keep(subject) || !make_room(subject)) return false;
  std::optional<release::Time>& settled = entries_[subject].settled;
  settled = std::max(settled.value_or(now), now);
  return true;
}

bool Checks::is_settled(const CheckSubject& subject, release::Time from) const {
  const auto at = entries_.find(subject);
  return at != entries_.end() && at->second.settled && from <= *at->second.settled;
}

bool Checks::revoke(const CheckSubject& subject, release::Time now) {
  const auto at = entries_.find(subject);
  if (at == entries_.end() || (!at->second.passed && !at->second.approval)) return false;
  at->second.passed.reset();
  at->second.approval.reset();
  return settle(subject, now);
}

std::optional<CheckPassed> Checks::find(const CheckSubject& subject, std::uint32_t period_s, release::Time now) const {
  const auto at = entries_.find(subject);
  if (at == entries_.end()) return std::nullopt;
  const auto& [passed, approval, settled] = at->second;
  if (approval && approval->from <= now && now < approval->until)
    return CheckPassed{approval->from, "approval of " + approval->by};
  if (!passed || period_s == acl_ssh_always || passed->at > now || now - passed->at >= release::Time{period_s})
    return std::nullopt;
  return passed;
}

bool Checks::prune(release::Time now, const std::function<bool(const CheckSubject&)>& stays,
                   const std::function<bool(const std::string& by)>& may_approve) {
  bool any = false;
  const auto take = [&any](auto& what, bool ended) {
    if (!what || !ended) return;
    what.reset();
    any = true;
  };
  for (auto at = entries_.begin(); at != entries_.end();) {
    auto& [passed, approval, settled] = at->second;
    const bool gone = !stays(at->first);
    take(passed, gone || (passed && now - passed->at >= longest_period));
    take(approval, gone || (approval && (now >= approval->until || !may_approve(approval->by))));
    // Also of a source that has gone: it may come back, and what was signed for it is not over.
    take(settled, settled && now - *settled >= longest_period);
    at = passed || approval || settled ? std::next(at) : entries_.erase(at);
  }
  return any;
}

std::string print_checks(const Checks& checks) {
  std::string out = fmt::format("{}\n", format_line);
  for (const auto& [subject, entry] : checks.entries()) {
    const std::string source = release::encode_base64(subject.source);
    if (entry.passed)
      out += fmt::format("checked {} {} {} {}\n", source, release::print_time(entry.passed->at), entry.passed->by,
                         subject.person);
    if (entry.approval)
      out += fmt::format("approved {} {} {} {} {}\n", source, release::print_time(entry.approval->from),
                         release::print_time(entry.approval->until), entry.approval->by, subject.person);
    if (entry.settled)
      out += fmt::format("settled {} {} root {}\n", source, release::print_time(*entry.settled), subject.person);
  }
  return out + fmt::format("{}{}\n", checksum_word, release::digest_of(release::as_bytes(out)).text());
}

Expected<Checks> parse_checks(std::string_view text, const std::string& name) {
  const std::size_t end = text.rfind(checksum_word);
  if (end == std::string_view::npos || text.size() > file_limit ||
      text.substr(end) !=
          fmt::format("{}{}\n", checksum_word, release::digest_of(release::as_bytes(text.substr(0, end))).text()))
    return damaged(name, "is torn or damaged");
  release::Lines lines(text.substr(0, end), name, Code::E1423);
  lines.literal(format_line);
  Checks checks;
  while (!lines.at_end() && !lines.failed()) {
    std::string_view rest = lines.line();
    const std::string_view word = release::take_word(rest);
    const bool approved = word == "approved";
    const bool settled = word == "settled";
    const auto line = approved || settled || word == "checked" ? parse_line(rest, approved) : std::nullopt;
    if (!line) return damaged(name, "has an odd line");
    if (settled)
      checks.settle(line->subject, line->first);
    else if (approved)
      checks.approve(line->subject, {line->first, line->second, line->by});
    else
      checks.remember(line->subject, {line->first, line->by});
  }
  if (auto fault = lines.finish()) return tl::unexpected(std::move(*fault));
  return checks;
}

Expected<Checks> read_checks(const std::string& path) {
  if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) return Checks();
  const auto text = read_file(path, file_limit);
  if (!text) return damaged(path, fmt::format("cannot be read: {}", text.error().message));
  return parse_checks(*text, path);
}

Expected<void> write_checks(const std::string& path, const Checks& checks) {
  const auto cannot = [&](std::string_view why) {
    return fail(Code::E1423, fmt::format("what was checked cannot be stored: {}", why),
                "a restart forgets it; see the disk");
  };
  if (auto written = replace_file(path, print_checks(checks)); !written) return cannot(written.error().message);
  const int folder = ::open(path.substr(0, path.rfind('/')).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = folder >= 0 && ::fsync(folder) == 0;
  const int error = errno;
  if (folder >= 0) ::close(folder);
  if (!synced) return cannot(std::strerror(error));
  return {};
}

}  // namespace acl::node
