#include "engine/store/etcd_reply.h"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "engine/release/base64.h"
#include "engine/release/digest.h"

namespace acl::store {
namespace {

using Json = nlohmann::json;

constexpr int deepest = 16;

std::string encode_base64(std::string_view bytes) { return release::encode_base64(release::as_bytes(bytes)); }

std::optional<std::string> decode_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  std::vector<std::uint8_t> bytes(text.size() / 4 * 3 - padding);
  if (!release::decode_base64(text, bytes)) return std::nullopt;
  return std::string(bytes.begin(), bytes.end());
}

tl::unexpected<Diagnostic> malformed(std::string_view what) {
  return fail(Code::E1106, fmt::format("etcd's answer is malformed: {}", what),
              "see that etcd v3.4 or later answers there, with its JSON gateway on (--enable-grpc-gateway)");
}

Expected<Json> parse(std::string_view text) {
  bool too_deep = false;
  const auto watch_depth = [&too_deep](int depth, Json::parse_event_t, Json&) {
    too_deep = too_deep || depth > deepest;
    return !too_deep;
  };
  Json json = Json::parse(text.begin(), text.end(), watch_depth, false);
  if (too_deep) return malformed("it is nested too deeply");
  if (!json.is_object()) return malformed("it is no JSON object");
  return json;
}

const Json* member(const Json& json, const char* name) {
  if (!json.is_object()) return nullptr;
  const auto found = json.find(name);
  return found == json.end() || found->is_null() ? nullptr : &*found;
}

std::optional<std::int64_t> number_of(const Json* json) {
  if (json == nullptr) return 0;
  if (json->is_number_integer()) return json->get<std::int64_t>();
  if (!json->is_string()) return std::nullopt;
  const std::string& text = json->get_ref<const std::string&>();
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> count_of(const Json* json) {
  const auto value = number_of(json);
  if (!value || *value < 0) return std::nullopt;
  return static_cast<std::uint64_t>(*value);
}

std::optional<bool> flag_of(const Json* json) {
  if (json == nullptr) return false;
  if (!json->is_boolean()) return std::nullopt;
  return json->get<bool>();
}

std::optional<std::string> bytes_of(const Json* json) {
  if (json == nullptr) return std::string{};
  if (!json->is_string()) return std::nullopt;
  return decode_base64(json->get_ref<const std::string&>());
}

std::optional<std::string> text_of(const Json* json) {
  if (json == nullptr) return std::string{};
  if (!json->is_string()) return std::nullopt;
  return json->get<std::string>();
}

Expected<EtcdRange> range_of(const Json& json) {
  EtcdRange range;
  const auto count = count_of(member(json, "count"));
  const auto more = flag_of(member(json, "more"));
  if (!count || !more) return malformed("count or more");
  range.count = *count;
  range.more = *more;
  const Json* values = member(json, "kvs");
  if (values == nullptr) return range;
  if (!values->is_array()) return malformed("kvs is no list");
  for (const Json& value : *values) {
    auto key = bytes_of(member(value, "key"));
    auto bytes = bytes_of(member(value, "value"));
    const auto revision = count_of(member(value, "mod_revision"));
    if (!value.is_object() || !key || !bytes || !revision) return malformed("a key, value or revision");
    range.values.push_back({std::move(*key), std::move(*bytes), *revision});
  }
  return range;
}

Expected<EtcdTxn::Answer> answer_of(const Json& json) {
  EtcdTxn::Answer answer;
  if (!json.is_object()) return malformed("an answer is no object");
  if (const Json* range = member(json, "response_range")) {
    auto values = range_of(*range);
    if (!values) return tl::unexpected(values.error());
    answer.range = std::move(*values);
  }
  if (const Json* txn = member(json, "response_txn")) {
    answer.succeeded = flag_of(member(*txn, "succeeded"));
    if (!txn->is_object() || !answer.succeeded) return malformed("succeeded");
  }
  return answer;
}

}  // namespace

Expected<EtcdRange> parse_etcd_range(std::string_view text) {
  const auto json = parse(text);
  if (!json) return tl::unexpected(json.error());
  return range_of(*json);
}

Expected<EtcdTxn> parse_etcd_txn(std::string_view text) {
  const auto json = parse(text);
  if (!json) return tl::unexpected(json.error());
  EtcdTxn txn;
  const auto succeeded = flag_of(member(*json, "succeeded"));
  if (!succeeded) return malformed("succeeded");
  txn.succeeded = *succeeded;
  const Json* answers = member(*json, "responses");
  if (answers == nullptr) return txn;
  if (!answers->is_array()) return malformed("responses is no list");
  for (const Json& one : *answers) {
    auto answer = answer_of(one);
    if (!answer) return tl::unexpected(answer.error());
    txn.answers.push_back(std::move(*answer));
  }
  return txn;
}

Expected<EtcdWatchLine> parse_etcd_watch_line(std::string_view text) {
  const auto json = parse(text);
  if (!json) return tl::unexpected(json.error());
  EtcdWatchLine line;
  if (member(*json, "error") != nullptr) {
    line.error = etcd_error_text(text);
    return line;
  }
  const Json* result = member(*json, "result");
  if (result == nullptr || !result->is_object()) return malformed("a line of a watch without result");
  const auto created = flag_of(member(*result, "created"));
  const auto canceled = flag_of(member(*result, "canceled"));
  if (!created || !canceled) return malformed("created or canceled");
  line.created = *created;
  line.canceled = *canceled;
  if (const Json* events = member(*result, "events")) {
    if (!events->is_array()) return malformed("events is no list");
    line.events = events->size();
  }
  return line;
}

Expected<std::string> parse_etcd_token(std::string_view text) {
  const auto json = parse(text);
  if (!json) return tl::unexpected(json.error());
  auto token = text_of(member(*json, "token"));
  if (!token || token->empty() || token->size() > 8192) return malformed("there is no token");
  // It is sent back in a header.
  for (const char c : *token) {
    if (c <= 0x20 || c > 0x7e) return malformed("a token with other than visible characters");
  }
  return std::move(*token);
}

Expected<std::string> parse_etcd_lease(std::string_view text) {
  const auto json = parse(text);
  if (!json) return tl::unexpected(json.error());
  const auto id = number_of(member(*json, "ID"));
  if (!id || *id == 0) return malformed("a lease without a number");
  return std::to_string(*id);
}

Expected<std::int64_t> parse_etcd_keepalive(std::string_view text) {
  // A stream of one line.
  const auto json = parse(text.substr(0, text.find('\n')));
  if (!json) return tl::unexpected(json.error());
  const Json* result = member(*json, "result");
  if (result == nullptr || !result->is_object()) return malformed("a lease without result");
  const auto seconds = number_of(member(*result, "TTL"));
  if (!seconds) return malformed("TTL");
  return *seconds;
}

std::string etcd_error_text(std::string_view text) {
  constexpr std::size_t longest = 200;
  const auto json = parse(text);
  if (!json) return std::string(text.substr(0, longest));
  // {"error": "…", "message": "…", "code": 3}; in a stream {"error": {"message": "…"}}
  const Json* error = member(*json, "error");
  if (error != nullptr && error->is_object()) error = member(*error, "message");
  const auto said = text_of(error);
  return said && !said->empty() ? said->substr(0, longest) : std::string(text.substr(0, longest));
}

namespace etcd {
namespace {

std::string joined(const std::vector<std::string>& parts) { return fmt::format("{}", fmt::join(parts, ",")); }

// For names and passwords, which may be any UTF-8; other bytes become U+FFFD.
std::string json_string(std::string_view text) {
  return Json(std::string(text)).dump(-1, ' ', true, Json::error_handler_t::replace);
}

}  // namespace

std::string range(std::string_view key) { return fmt::format(R"({{"key":"{}"}})", encode_base64(key)); }

std::string keys(std::string_view from, std::string_view end, std::size_t limit) {
  return fmt::format(R"({{"key":"{}","range_end":"{}","keys_only":true,"limit":"{}"}})", encode_base64(from),
                     encode_base64(end), limit);
}

std::string watch(std::string_view key) {
  return fmt::format(R"({{"create_request":{{"key":"{}"}}}})", encode_base64(key));
}

std::string authenticate(std::string_view user, std::string_view password) {
  return fmt::format(R"({{"name":{},"password":{}}})", json_string(user), json_string(password));
}

std::string lease_grant(unsigned seconds) { return fmt::format(R"({{"TTL":"{}"}})", seconds); }

std::string lease(std::string_view id) { return fmt::format(R"({{"ID":"{}"}})", id); }

std::string value_is(std::string_view key, std::string_view value) {
  return fmt::format(R"({{"key":"{}","target":"VALUE","result":"EQUAL","value":"{}"}})", encode_base64(key),
                     encode_base64(value));
}

std::string is_absent(std::string_view key) {
  return fmt::format(R"({{"key":"{}","target":"CREATE","result":"EQUAL","create_revision":"0"}})", encode_base64(key));
}

std::string op_put(std::string_view key, std::string_view value, std::string_view lease_id) {
  return fmt::format(R"({{"request_put":{{"key":"{}","value":"{}"{}}}}})", encode_base64(key), encode_base64(value),
                     lease_id.empty() ? std::string{} : fmt::format(R"(,"lease":"{}")", lease_id));
}

std::string op_read(std::string_view key) { return fmt::format(R"({{"request_range":{}}})", range(key)); }

std::string op_count(std::string_view key) {
  return fmt::format(R"({{"request_range":{{"key":"{}","count_only":true}}}})", encode_base64(key));
}

std::string op_delete(std::string_view key) {
  return fmt::format(R"({{"request_delete_range":{{"key":"{}"}}}})", encode_base64(key));
}

std::string op_txn(std::string_view txn) { return fmt::format(R"({{"request_txn":{}}})", txn); }

std::string txn(const std::vector<std::string>& conditions, const std::vector<std::string>& then,
                const std::vector<std::string>& otherwise) {
  return fmt::format(R"({{"compare":[{}],"success":[{}],"failure":[{}]}})", joined(conditions), joined(then),
                     joined(otherwise));
}

std::string end_of_prefix(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xff) prefix.pop_back();
  if (!prefix.empty()) prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

}  // namespace etcd

}  // namespace acl::store
