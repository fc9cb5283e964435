#include "node/protocol/conversation.h"

#include <fmt/format.h>

namespace acl::node::protocol {
namespace {

Judged broken(std::string fault) { return {Verdict::broken, std::move(fault)}; }

// Of the messages that answer a request.
std::optional<std::uint64_t> id_of(const FromNet& message) {
  struct Of {
    std::optional<std::uint64_t> operator()(const Piece& m) const { return m.id; }
    std::optional<std::uint64_t> operator()(const Complete& m) const { return m.id; }
    std::optional<std::uint64_t> operator()(const Absent& m) const { return m.id; }
    std::optional<std::uint64_t> operator()(const Failed& m) const { return m.id; }
    std::optional<std::uint64_t> operator()(const Changed&) const { return std::nullopt; }
    std::optional<std::uint64_t> operator()(const Trouble&) const { return std::nullopt; }
    std::optional<std::uint64_t> operator()(const Well&) const { return std::nullopt; }
  };
  return std::visit(Of{}, message);
}

}  // namespace

std::optional<std::uint64_t> Asked::ask(std::uint64_t limit) {
  if (open_.size() >= most_open) return std::nullopt;
  open_.emplace(next_, Object{limit, 0});
  return next_++;
}

void Asked::cancel(std::uint64_t id) { open_.erase(id); }

Judged Asked::chatter(Verdict verdict, std::int64_t now_ms) {
  if (now_ms - span_began_ms_ >= chatter_span_ms || now_ms < span_began_ms_) {
    span_began_ms_ = now_ms;
    heard_ = 0;
  }
  if (++heard_ > most_chatter) {
    return broken(
        fmt::format("more than {} messages within {} s that nobody waits for", most_chatter, chatter_span_ms / 1000));
  }
  return {verdict, {}};
}

Judged Asked::answer(std::uint64_t id, const FromNet& message, std::int64_t now_ms) {
  if (id == 0 || id >= next_) return broken(fmt::format("an answer to {}, which was never asked", id));
  const auto at = open_.find(id);
  if (at == open_.end()) return chatter(Verdict::late, now_ms);
  Object& object = at->second;
  if (const auto* piece = std::get_if<Piece>(&message)) {
    if (piece->bytes.size() > object.limit - object.received) {
      return broken(fmt::format("more than the {} bytes that were asked for", object.limit));
    }
    object.received += piece->bytes.size();
    return {};
  }
  if (std::holds_alternative<Absent>(message) && object.received > 0) {
    return broken("an object that is absent after some of it has come");
  }
  open_.erase(at);
  return {};
}

Judged Asked::hear(const FromNet& message, std::int64_t now_ms) {
  const auto id = id_of(message);
  return id ? answer(*id, message, now_ms) : chatter(Verdict::take, now_ms);
}

Judged Told::hear(const ToNet& message) {
  if (std::holds_alternative<Open>(message)) {
    if (opened_) return broken("a second open");
    opened_ = true;
    return {};
  }
  if (!opened_) return broken("a request before open");
  if (const auto* get = std::get_if<Get>(&message)) {
    if (get->id <= last_) return broken(fmt::format("number {} after {}", get->id, last_));
    if (open_.size() >= most_open) return broken(fmt::format("more than {} requests at a time", most_open));
    last_ = get->id;
    open_.insert(get->id);
    return {};
  }
  const std::uint64_t id = std::get<Cancel>(message).id;
  if (id == 0 || id > last_) return broken(fmt::format("cancel of {}, which was never asked", id));
  return {open_.erase(id) == 1 ? Verdict::take : Verdict::late, {}};
}

}  // namespace acl::node::protocol
