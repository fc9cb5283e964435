#include "node/daemon/answers.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace acl::node {

// Members in the order in which they are written, for those who read with their eyes.
using json = nlohmann::ordered_json;

namespace {

std::string dump(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

// Length of a control beyond ASCII at the beginning, 0 if there is none: U+0080 to U+009F, and those that turn the direction of
// writing (U+202A to U+202E, U+2066 to U+2069; CVE-2021-42574).
std::size_t control_length(std::string_view text) {
  const auto at = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  if (at(0) == 0xc2 && at(1) >= 0x80 && at(1) <= 0x9f) return 2;
  if (at(0) != 0xe2) return 0;
  const bool turns =
      (at(1) == 0x80 && at(2) >= 0xaa && at(2) <= 0xae) || (at(1) == 0x81 && at(2) >= 0xa6 && at(2) <= 0xa9);
  return turns ? 3 : 0;
}

// Controls, of ASCII and beyond, escaped byte by byte; the rest as it is.
std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto byte = static_cast<unsigned char>(text[0]);
    const std::size_t controls = byte < 0x20 || byte == 0x7f ? 1 : control_length(text);
    for (std::size_t i = 0; i < controls; ++i) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[i]));
    if (controls == 0) out += text[0];
    text.remove_prefix(std::max<std::size_t>(controls, 1));
  }
  return out;
}

std::string text_of(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return {};
  return found->is_string() ? printable(found->get<std::string>()) : printable(found->dump());
}

// False, 0 also where there is something of another kind: the other side of the socket need not be what it should be.
bool flag_of(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}
std::int64_t number_of(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

std::string joined(const json& object, const char* key) {
  std::string out;
  if (const auto found = object.find(key); found != object.end() && found->is_array()) {
    for (const json& one : *found) {
      if (one.is_string()) out += (out.empty() ? "" : ", ") + printable(one.get<std::string>());
    }
  }
  return out;
}

json or_null(const std::string& text) { return text.empty() ? json(nullptr) : json(text); }

std::string duration_text(std::int64_t seconds) {
  if (seconds < 120) return fmt::format("{} s", seconds);
  if (seconds < 7200) return fmt::format("{} min", seconds / 60);
  if (seconds < 172'800) return fmt::format("{} h", seconds / 3600);
  return fmt::format("{} days", seconds / 86'400);
}

json parse(std::string_view text) { return json::parse(text, nullptr, false); }

}  // namespace

std::string_view mode_name(Mode mode) noexcept {
  switch (mode) {
    case Mode::deny_all: return "deny-all";
    case Mode::enforcing: return "enforcing";
    case Mode::break_glass: return "break-glass";
  }
  return "deny-all";
}

namespace {

json ssh_json(const SshStatus& ssh) {
  json out;
  out["enabled"] = ssh.enabled;
  out["listening"] = ssh.listening;
  out["steered_by"] = or_null(ssh.steered_by);
  out["sessions"] = ssh.sessions;
  out["starting"] = ssh.starting;
  out["checking"] = ssh.checking;
  out["refused"] = ssh.refused;
  out["host_keys_of"] = or_null(ssh.foreign_keys);
  out["trouble"] = or_null(ssh.trouble);
  return out;
}

// "2 sessions, 0 starting, 1 waiting for a check, 7 refused"
std::string ssh_text(const json& ssh) {
  if (!ssh.value("enabled", false)) return {};
  const std::string foreign = text_of(ssh, "host_keys_of"), trouble = text_of(ssh, "trouble");
  std::string out = ssh.value("listening", false) ? "by " + text_of(ssh, "steered_by") : "NOT LISTENING";
  out += fmt::format(", {} sessions, {} starting, {} waiting for a check, {} refused", text_of(ssh, "sessions"),
                     text_of(ssh, "starting"), text_of(ssh, "checking"), text_of(ssh, "refused"));
  if (!foreign.empty()) out += fmt::format("; WARNING: host keys of another program ({})", foreign);
  if (!trouble.empty()) out += "; " + trouble;
  return out;
}

}  // namespace

std::string status_json(const Status& status) {
  json out;
  out["state"] = mode_name(status.mode);
  out["generation"] = status.generation ? json(status.generation->number) : json(nullptr);
  out["trust_version"] = status.trust_version;
  out["age_s"] = status.generation ? json(status.age_s) : json(nullptr);
  out["expires"] = status.expires ? json(release::print_time(*status.expires)) : json(nullptr);
  out["standing"] = status.standing;
  out["source"] = status.source;
  out["trust_fingerprint"] = or_null(status.trust_fingerprint);
  out["backend"] = or_null(status.backend);
  out["interface"] = status.interface;
  out["attached"] = status.attached;
  out["guarded"] = status.guarded;
  out["known_nodes"] = status.known;
  out["admitted_sources"] = status.admitted;
  out["binding_failures"] = status.binding_failures;
  out["lost_records"] = status.lost_records;
  out["passed_packets"] = status.passed;
  out["dropped_packets"] = status.dropped;
  out["ssh"] = ssh_json(status.ssh);
  out["last_error"] = or_null(status.last_error);
  out["last_error_at"] = status.last_error.empty() ? json(nullptr) : json(release::print_time(status.last_error_at));
  return dump(out);
}

std::string whois_json(const net::Address& address, const Whois& answer) {
  json out;
  out["address"] = address.text();
  out["known"] = answer.known;
  out["own"] = answer.own;
  out["node"] = or_null(answer.node);
  out["user"] = or_null(answer.user);
  out["tags"] = answer.tags;
  out["routers"] = answer.routers;
  out["key"] = or_null(answer.key);
  out["bound"] = answer.bound;
  out["capabilities"] = json::array();
  for (const Whois::Capability& one : answer.capabilities) {
    json value = one.value.empty() ? json(nullptr) : parse(one.value);
    if (value.is_discarded()) value = one.value;
    out["capabilities"].push_back({{"name", one.name}, {"value", std::move(value)}, {"rule", one.rule}});
  }
  return dump(out);
}

std::string why_json(const Why& answer) {
  json out;
  out["verdict"] = answer.allowed ? "allow" : "deny";
  out["rule"] = or_null(answer.rule);
  out["file"] = or_null(answer.file);
  out["line"] = answer.line != 0 ? json(answer.line) : json(nullptr);
  out["layers"] = json::array();
  for (const Layer& layer : answer.layers)
    out["layers"].push_back({{"name", layer.name}, {"ok", layer.ok}, {"reason", layer.reason}});
  out["nearest"] = json::array();
  for (const Near& near : answer.nearest) {
    out["nearest"].push_back({{"rule", near.rule},
                              {"file", or_null(answer.file)},
                              {"line", near.line != 0 ? json(near.line) : json(nullptr)},
                              {"failed", near.failed}});
  }
  return dump(out);
}

std::string add_layer(std::string_view text, const Layer& layer) {
  json why = parse(text);
  if (!why.is_object() || !why.contains("layers") || !why["layers"].is_array()) return std::string(text);
  why["layers"].push_back({{"name", layer.name}, {"ok", layer.ok}, {"reason", layer.reason}});
  if (!layer.ok) why["verdict"] = "deny";
  return dump(why);
}

std::string status_text(std::string_view text) {
  const json status = parse(text);
  if (!status.is_object()) return {};
  std::string out;
  const auto line = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) out += fmt::format("{:<12} {}\n", name, value);
  };
  line("state", text_of(status, "state"));
  if (status.contains("generation") && status["generation"].is_number()) {
    line("release", fmt::format("{}.{}, {} old", text_of(status, "trust_version"), text_of(status, "generation"),
                                duration_text(number_of(status, "age_s"))));
    line("expires", fmt::format("{} ({})", text_of(status, "expires"), text_of(status, "standing")));
  } else {
    line("release", "none: everything is denied but what break-glass allows");
  }
  line("source", text_of(status, "source"));
  line("trust", text_of(status, "trust_fingerprint"));
  line("interface",
       fmt::format("{}, {}, {}", text_of(status, "interface"),
                   flag_of(status, "attached") ? "filter attached by " + text_of(status, "backend") : "NOT ATTACHED",
                   flag_of(status, "guarded") ? "guarded" : "NO GUARD"));
  line("nodes",
       fmt::format("{} known, {} source ranges admitted, {} not bound by WireGuard", text_of(status, "known_nodes"),
                   text_of(status, "admitted_sources"), text_of(status, "binding_failures")));
  line("packets in",
       fmt::format("{} passed, {} dropped", text_of(status, "passed_packets"), text_of(status, "dropped_packets")));
  if (const auto ssh = status.find("ssh"); ssh != status.end() && ssh->is_object()) line("logins", ssh_text(*ssh));
  if (number_of(status, "lost_records") != 0)
    line("decisions", fmt::format("{} records LOST: nobody took them", text_of(status, "lost_records")));
  const std::string error = text_of(status, "last_error");
  if (!error.empty()) line("last error", fmt::format("{} ({})", error, text_of(status, "last_error_at")));
  return out;
}

std::string whois_text(std::string_view text) {
  const json whois = parse(text);
  if (!whois.is_object()) return {};
  const std::string address = text_of(whois, "address");
  if (flag_of(whois, "own")) return fmt::format("{} is this node's own address, which is nobody's identity\n", address);
  if (!flag_of(whois, "known")) return fmt::format("{} belongs to nobody that this node knows\n", address);
  const std::string node = text_of(whois, "node"), user = text_of(whois, "user"), tags = joined(whois, "tags");
  std::string out = node.empty() ? fmt::format("{} is behind {}\n", address, joined(whois, "routers"))
                                 : fmt::format("{} is {}\n", address, node);
  if (!user.empty()) out += fmt::format("  user   {}\n", user);
  if (!tags.empty()) out += fmt::format("  tags   {}\n", tags);
  if (const std::string key = text_of(whois, "key"); !key.empty()) out += fmt::format("  key    {}\n", key);
  out += fmt::format("  bound  {}\n", flag_of(whois, "bound")
                                          ? "yes: WireGuard takes this address from that key only"
                                          : "NO: WireGuard has it at another peer or at none; its packets are dropped");
  if (const auto found = whois.find("capabilities"); found != whois.end() && found->is_array()) {
    for (const json& one : *found)
      out += fmt::format("  may    {} {}  ({})\n", text_of(one, "name"),
                         one.contains("value") ? printable(one["value"].dump()) : "", text_of(one, "rule"));
  }
  return out;
}

std::string why_text(std::string_view text) {
  const json why = parse(text);
  if (!why.is_object()) return {};
  std::string out = text_of(why, "verdict") == "allow" ? "yes\n" : "no\n";
  if (const auto layers = why.find("layers"); layers != why.end() && layers->is_array()) {
    for (const json& layer : *layers)
      out += fmt::format("  {:<8} {}  {}\n", text_of(layer, "name"), flag_of(layer, "ok") ? "ok" : "NO",
                         text_of(layer, "reason"));
  }
  const auto place = [](const json& rule) {
    const std::string line = text_of(rule, "line");
    return line.empty() ? text_of(rule, "rule")
                        : fmt::format("{}:{}: {}", text_of(rule, "file"), line, text_of(rule, "rule"));
  };
  if (!text_of(why, "rule").empty()) out += fmt::format("  by {}\n", place(why));
  if (const auto nearest = why.find("nearest"); nearest != why.end() && nearest->is_array() && !nearest->empty()) {
    out += "nearest rules:\n";
    for (const json& rule : *nearest) out += fmt::format("  {}: {}\n", place(rule), text_of(rule, "failed"));
  }
  return out;
}

std::string checks_text(std::string_view text) {
  const json answer = parse(text);
  if (!answer.is_object() || !answer.contains("checks") || !answer["checks"].is_array()) return {};
  if (answer["checks"].empty()) return "nobody is remembered\n";
  std::string out;
  for (const json& one : answer["checks"]) {
    const std::string node = text_of(one, "node");
    out += fmt::format("{} at {}\n", text_of(one, "user"), node.empty() ? text_of(one, "source") : node);
    if (const auto checked = one.find("checked"); checked != one.end() && checked->is_object())
      out += fmt::format("  checked   {} by {}\n", text_of(*checked, "at"), text_of(*checked, "by"));
    if (const auto approved = one.find("approved"); approved != one.end() && approved->is_object())
      out += fmt::format("  approved  {} to {} by {}\n", text_of(*approved, "from"), text_of(*approved, "until"),
                         text_of(*approved, "by"));
  }
  return out;
}

std::string request_text(std::string_view text) {
  const json answer = parse(text);
  if (!answer.is_object() || !answer.contains("text") || !answer["text"].is_string()) return {};
  return answer["text"].get<std::string>();
}

bool says_yes(std::string_view text) {
  const json answer = parse(text);
  if (!answer.is_object()) return false;
  return text_of(answer, "verdict") == "allow" || text_of(answer, "state") == "enforcing";
}

}  // namespace acl::node
