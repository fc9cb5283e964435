#include "node/daemon/config_check.h"

#include <fmt/format.h>

#include "engine/release/text.h"
#include "node/daemon/config_check_table.h"

namespace acl::node {

using release::quoted;

namespace {

void read_openid(ConfigTable& table, OpenidConfig& out) {
  table.text("issuer", out.issuer);
  table.text("client_id", out.client_id);
  table.text("client_secret_file", out.client_secret_file);
  table.text("keys_file", out.keys_file);
  table.text("ca_file", out.ca_file);
  table.text("device_authorization_endpoint", out.device_authorization_endpoint);
  table.text("token_endpoint", out.token_endpoint);
  table.text("scope", out.scope);
  table.text("prompt", out.prompt);
  table.number("max_auth_age_s", out.max_auth_age_s, 1, 86'400);
  table.only();
  for (const auto& [key, url, needed] : {std::tuple{"issuer", &out.issuer, true},
                                         {"device_authorization_endpoint", &out.device_authorization_endpoint, false},
                                         {"token_endpoint", &out.token_endpoint, false}}) {
    if ((needed || !url->empty()) && url->substr(0, 8) != "https://")
      table.wrong(key, fmt::format("\"{}\" = {} is no https:// address", key, quoted(*url)));
  }
  if (out.device_authorization_endpoint.empty() != out.token_endpoint.empty())
    table.wrong("token_endpoint", "device_authorization_endpoint and token_endpoint stand together",
                "or leave both out: the issuer names them (discovery)");
  if (out.client_id.empty()) table.wrong("client_id", "no \"client_id\"", "as the provider has registered this node");
  for (const auto& [key, path, needed] : {std::tuple{"keys_file", &out.keys_file, true},
                                          {"client_secret_file", &out.client_secret_file, false},
                                          {"ca_file", &out.ca_file, false}}) {
    if ((needed || !path->empty()) && path->substr(0, 1) != "/")
      table.wrong(key, fmt::format("\"{}\" = {} is no absolute path", key, quoted(*path)));
  }
}

}  // namespace

std::optional<Diagnostic> read_check(ConfigTable& table, const std::string& name, CheckSettings& out) {
  table.texts("methods", out.methods);
  for (const std::string& method : out.methods) {
    if (method != "fido2" && method != "openid")
      table.wrong("methods", fmt::format("{} is no method of a check", quoted(method)), "\"fido2\", \"openid\"");
  }
  table.number("wait_s", out.wait_s, 10, 900);
  table.number("max_waiting", out.max_waiting, 1, 4096);
  table.number("max_waiting_per_source", out.max_waiting_per_source, 1, 4096);
  table.text("tailnet", out.tailnet);
  if (out.tailnet.size() > 128) table.wrong("tailnet", "\"tailnet\" is longer than 128 bytes");
  const toml::table* openid = table.table("openid");
  table.only();
  if (table.fault() || openid == nullptr) return table.fault();
  ConfigTable inner(name, *openid);
  read_openid(inner, out.openid);
  return inner.fault();
}

std::string print_check(const CheckSettings& check) {
  const CheckSettings defaults;
  std::string out;
  const auto text = [&](std::string_view key, const std::string& value, const std::string& usual) {
    if (value != usual) out += fmt::format("{} = {}\n", key, toml_text(value));
  };
  const auto number = [&](std::string_view key, std::uint32_t value, std::uint32_t usual) {
    if (value != usual) out += fmt::format("{} = {}\n", key, value);
  };
  if (check.methods != defaults.methods) {
    std::string list;
    for (const std::string& method : check.methods) list += (list.empty() ? "" : ", ") + toml_text(method);
    out += fmt::format("methods = [{}]\n", list);
  }
  number("wait_s", check.wait_s, defaults.wait_s);
  number("max_waiting", check.max_waiting, defaults.max_waiting);
  number("max_waiting_per_source", check.max_waiting_per_source, defaults.max_waiting_per_source);
  text("tailnet", check.tailnet, "");
  if (!out.empty()) out = "\n[check]\n" + out;
  const OpenidConfig& openid = check.openid;
  if (openid == defaults.openid) return out;
  out += "\n[check.openid]\n";
  text("issuer", openid.issuer, "");
  text("client_id", openid.client_id, "");
  text("client_secret_file", openid.client_secret_file, "");
  text("keys_file", openid.keys_file, "");
  text("ca_file", openid.ca_file, "");
  text("device_authorization_endpoint", openid.device_authorization_endpoint, "");
  text("token_endpoint", openid.token_endpoint, "");
  text("scope", openid.scope, defaults.openid.scope);
  text("prompt", openid.prompt, "");
  number("max_auth_age_s", openid.max_auth_age_s, defaults.openid.max_auth_age_s);
  return out;
}

}  // namespace acl::node
