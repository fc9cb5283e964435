// The JSON that etcd's gateway speaks (https://etcd.io/docs/v3.4/dev-guide/api_grpc_gateway/): requests as text, replies as values.
//
// Pure. Replies come from a store that is not trusted: any bytes give a value or E1106, nothing is deeper than 16 levels, and
// memory grows with the length of the text alone, which the caller bounds. 64-bit numbers are strings there; members at their
// default (count 0, succeeded false) are left out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/net/diagnostic.h"

namespace acl::store {

struct EtcdValue {
  std::string key;
  std::string value;
  std::uint64_t revision = 0;  // mod_revision: grows with each change of the key
};

struct EtcdRange {
  std::vector<EtcdValue> values;
  std::uint64_t count = 0;  // of keys in the range, whether they are in `values` or not
  bool more = false;
};

struct EtcdTxn {
  struct Answer {
    std::optional<EtcdRange> range;
    std::optional<bool> succeeded;  // of a transaction inside
  };
  bool succeeded = false;
  std::vector<Answer> answers;  // one per operation of the branch that was taken
};

// One line of a watch's answer.
struct EtcdWatchLine {
  bool created = false;
  bool canceled = false;
  std::size_t events = 0;
  std::string error;  // in etcd's words; empty if it is none
};

Expected<EtcdRange> parse_etcd_range(std::string_view text);
Expected<EtcdTxn> parse_etcd_txn(std::string_view text);
Expected<EtcdWatchLine> parse_etcd_watch_line(std::string_view text);
Expected<std::string> parse_etcd_token(std::string_view text);
// A lease: its number, for lease/grant; its time to live in seconds, for lease/keepalive (0: it is gone).
Expected<std::string> parse_etcd_lease(std::string_view text);
Expected<std::int64_t> parse_etcd_keepalive(std::string_view text);
// What an error says, cut to 200 bytes; the text itself where it is not in etcd's form.
std::string etcd_error_text(std::string_view text);

// Texts of requests. Keys and values are any bytes.
namespace etcd {

std::string range(std::string_view key);
std::string keys(std::string_view from, std::string_view end, std::size_t limit);
std::string watch(std::string_view key);
std::string authenticate(std::string_view user, std::string_view password);
std::string lease_grant(unsigned seconds);
std::string lease(std::string_view id);  // keepalive and revoke

// Conditions
std::string value_is(std::string_view key, std::string_view value);
std::string is_absent(std::string_view key);
// Operations
std::string op_put(std::string_view key, std::string_view value, std::string_view lease_id = {});
std::string op_read(std::string_view key);
std::string op_count(std::string_view key);
std::string op_delete(std::string_view key);
std::string op_txn(std::string_view txn);

std::string txn(const std::vector<std::string>& conditions, const std::vector<std::string>& then,
                const std::vector<std::string>& otherwise = {});

// The first key that does not begin with `prefix`.
std::string end_of_prefix(std::string prefix);

}  // namespace etcd

}  // namespace acl::store
