// FlowModel: the flow maps of docs/packet-semantics.md section 6 in user space, around packet.h and flow.h.
//
// What the kernel's program is with its maps, for tests and simulations: one packet in, one verdict out, time passed in. The
// decision table is whatever the caller answers. Records are least recently written first out; marks are never evicted.
// Owns its maps; a few hundred nanoseconds a packet; nothing can fail.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <list>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "engine/table/flow.h"

namespace acl::table {

struct FlowKeyHash {
  std::size_t operator()(const acl_flow_key& key) const noexcept {
    return std::hash<std::string_view>{}({reinterpret_cast<const char*>(&key), sizeof key});
  }
};

struct FlowKeyEqual {
  bool operator()(const acl_flow_key& a, const acl_flow_key& b) const noexcept {
    return std::memcmp(&a, &b, sizeof a) == 0;
  }
};

class FlowModel {
 public:
  struct Entry {
    acl_flow_key key;
    acl_stamp seen;
  };
  using Marks = std::unordered_map<acl_flow_key, acl_stamp, FlowKeyHash, FlowKeyEqual>;

  explicit FlowModel(std::size_t record_capacity = 100'000, std::size_t mark_capacity = 100'000)
      : record_capacity_(record_capacity), mark_capacity_(mark_capacity) {}

  // `answer`: acl_table_facts(const acl_packet&, const acl_question&), asked once, of packets in.
  template <class Answer>
  acl_verdict decide(const acl_packet& packet, acl_direction direction, Answer&& answer, acl_stamp now) {
    acl_question question;
    acl_question_of(&packet, &question);
    acl_table_facts facts{};
    if (direction == ACL_IN) facts = answer(packet, question);
    acl_flow_key key;
    acl_flow_key_of(&packet, direction, &key);
    const acl_flow_facts flow = look_up(key, acl_wants(&packet, direction, &facts), now);
    const acl_verdict verdict = acl_decide(&packet, direction, &facts, &flow);
    apply(key, verdict.effects, now);
    return verdict;
  }

  // The same for bytes, `l2` as in acl_parse().
  template <class Answer>
  acl_verdict decide(std::span<const std::uint8_t> bytes, std::size_t l2, acl_direction direction, Answer&& answer,
                     acl_stamp now) {
    acl_packet packet;
    acl_parse(bytes.data(), bytes.data() + bytes.size(), bytes.size(), l2, &packet);
    return decide(packet, direction, std::forward<Answer>(answer), now);
  }

  // An address that is no longer in the table, or has another key.
  void forget(const acl_address& address) {
    for (auto entry = records_.begin(); entry != records_.end();) {
      const acl_flow_key& key = entry->key;
      if (acl_same_address(&key.local, &address) || acl_same_address(&key.remote, &address)) {
        record_index_.erase(key);
        entry = records_.erase(entry);
      } else {
        ++entry;
      }
    }
  }

  // Makes room: marks whose time is over go.
  void sweep(acl_stamp now) {
    for (auto mark = marks_.begin(); mark != marks_.end();) {
      const bool over = acl_stamp_state(mark->first.protocol, mark->second, now) == ACL_STAMP_NONE;
      mark = over ? marks_.erase(mark) : std::next(mark);
    }
  }

  // The longest not written first.
  [[nodiscard]] const std::list<Entry>& records() const noexcept { return records_; }
  [[nodiscard]] const Marks& marks() const noexcept { return marks_; }
  [[nodiscard]] const std::array<acl_stamp, ACL_COARSE_MARKS>& coarse() const noexcept { return coarse_; }

 private:
  [[nodiscard]] acl_flow_facts look_up(const acl_flow_key& key, std::uint8_t wants, acl_stamp now) const {
    acl_flow_facts flow{};
    if (wants & ACL_WANT_RECORD) {
      if (const auto found = record_index_.find(key); found != record_index_.end()) {
        flow.record = acl_stamp_state(key.protocol, found->second->seen, now);
      }
    }
    if ((wants & ACL_WANT_MARK) && flow.record == ACL_STAMP_NONE) {
      std::uint8_t mark = ACL_STAMP_NONE;
      if (const auto found = marks_.find(key); found != marks_.end()) {
        mark = acl_stamp_state(key.protocol, found->second, now);
      }
      flow.mark = acl_mark_state(mark, key.protocol, coarse_[acl_coarse_index(&key)], now);
    }
    return flow;
  }

  void apply(const acl_flow_key& key, std::uint8_t effects, acl_stamp now) {
    if (effects & ACL_SET_RECORD) {
      acl_flow_key pair;
      acl_pair_of(&key, &pair);
      write_record(key, now);
      write_record(pair, now);
    }
    if (effects & ACL_END_RECORD) {
      if (const auto found = record_index_.find(key); found != record_index_.end()) {
        records_.erase(found->second);
        record_index_.erase(found);
      }
    }
    if (effects & ACL_SET_MARK) {
      if (const auto found = marks_.find(key); found != marks_.end()) {
        found->second = now;
      } else if (marks_.size() < mark_capacity_) {
        marks_.emplace(key, now);
      } else {
        coarse_[acl_coarse_index(&key)] = now;
      }
    }
  }

  void write_record(const acl_flow_key& key, acl_stamp now) {
    if (const auto found = record_index_.find(key); found != record_index_.end()) {
      found->second->seen = now;
      records_.splice(records_.end(), records_, found->second);
      return;
    }
    if (records_.size() >= record_capacity_) {
      record_index_.erase(records_.front().key);
      records_.pop_front();
    }
    records_.push_back({key, now});
    record_index_.emplace(key, std::prev(records_.end()));
  }

  std::size_t record_capacity_;
  std::size_t mark_capacity_;
  std::list<Entry> records_;
  std::unordered_map<acl_flow_key, std::list<Entry>::iterator, FlowKeyHash, FlowKeyEqual> record_index_;
  Marks marks_;
  std::array<acl_stamp, ACL_COARSE_MARKS> coarse_{};
};

}  // namespace acl::table
