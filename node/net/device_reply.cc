#include "node/net/device_reply.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "node/protocol/openid_message.h"
#include "node/verify/json.h"

namespace acl::node::net {
namespace {

using verify::Json;
using verify::parse_json;

constexpr std::size_t longest_device_code = 2048;
constexpr double least_interval_s = 1, most_interval_s = 60, most_expires_s = 3600;

tl::unexpected<Diagnostic> no(std::string words) { return fail(Code::E1435, std::move(words)); }

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

bool is_address(std::string_view text) {
  return text.size() > 8 && text.size() <= protocol::longest_url && text.starts_with("https://") &&
         is_printable(text) && text.find_first_of(" \"'<>\\^`{|}") == std::string_view::npos;
}

// "invalid_client: no such client", as far as the provider says it.
std::string error_of(const std::optional<Json>& json, int status) {
  const std::string* const error = json ? json->text_of("error") : nullptr;
  if (error == nullptr) return fmt::format("status {}", status);
  const std::string* const description = json->text_of("error_description");
  return description != nullptr ? fmt::format("{}: {}", *error, *description) : *error;
}

double number_of(const Json& json, std::string_view name, double otherwise) {
  const Json* const value = json.find(name);
  return value != nullptr && value->kind == Json::Kind::number ? value->number : otherwise;
}

std::string text_or_empty(const Json& json, std::string_view name) {
  const std::string* const text = json.text_of(name);
  return text != nullptr ? *text : std::string();
}

}  // namespace

Expected<Endpoints> read_discovery(int status, std::string_view body, std::string_view issuer) {
  const auto json = status == 200 ? parse_json(body) : std::nullopt;
  if (!json) return no(fmt::format("the issuer does not describe itself (status {})", status));
  if (text_or_empty(*json, "issuer") != issuer)
    return no(fmt::format("the issuer calls itself \"{}\", not \"{}\"", text_or_empty(*json, "issuer"), issuer));
  Endpoints out{text_or_empty(*json, "device_authorization_endpoint"), text_or_empty(*json, "token_endpoint")};
  if (out.device_authorization.empty()) return no("the provider has no device authorization (RFC 8628)");
  for (const std::string& each : {out.device_authorization, out.token})
    if (!is_address(each)) return no(fmt::format("the provider's endpoint \"{}\" is no https:// address", each));
  return out;
}

Expected<DeviceAuthorization> read_device_authorization(int status, std::string_view body) {
  const auto json = parse_json(body);
  if (status != 200 || !json) return no(fmt::format("the provider gives no code: {}", error_of(json, status)));
  DeviceAuthorization out;
  out.device_code = text_or_empty(*json, "device_code");
  out.user_code = text_or_empty(*json, "user_code");
  out.verification_uri = text_or_empty(*json, "verification_uri");
  // What Google called it before RFC 8628.
  if (out.verification_uri.empty()) out.verification_uri = text_or_empty(*json, "verification_url");
  out.verification_uri_complete = text_or_empty(*json, "verification_uri_complete");
  if (out.device_code.empty() || out.device_code.size() > longest_device_code)
    return no("the provider gives no device code that can be used");
  if (out.user_code.empty() || out.user_code.size() > protocol::longest_user_code || !is_printable(out.user_code))
    return no("the provider gives no code that can be shown to a person");
  if (!is_address(out.verification_uri))
    return no(fmt::format("the address \"{}\" that the provider gives is no https:// address", out.verification_uri));
  // Optional, and of no use if it cannot be shown.
  if (!is_address(out.verification_uri_complete)) out.verification_uri_complete.clear();
  const double expires = number_of(*json, "expires_in", 0);
  if (!(expires >= 1)) return no("the provider's code has expired already");
  out.expires_s = static_cast<std::uint32_t>(std::min(expires, most_expires_s));
  const double interval = number_of(*json, "interval", out.interval_s);
  if (interval >= least_interval_s)
    out.interval_s = static_cast<std::uint32_t>(std::ceil(std::min(interval, most_interval_s)));
  return out;
}

TokenReply read_token_reply(int status, std::string_view body) {
  using State = TokenReply::State;
  const auto json = parse_json(body);
  if (status == 200) {
    const std::string* const token = json ? json->text_of("id_token") : nullptr;
    if (token == nullptr || token->empty())
      return {State::failed, "the provider gives no ID token: is \"openid\" in the scope?"};
    if (token->size() > protocol::longest_token)
      return {State::failed, fmt::format("the ID token is longer than {} bytes", protocol::longest_token)};
    if (token->find('\0') != std::string::npos) return {State::failed, "the ID token is none"};
    return {State::token, *token};
  }
  const std::string error = json ? text_or_empty(*json, "error") : std::string();
  if (error == "authorization_pending") return {State::pending, {}};
  if (error == "slow_down") return {State::slow_down, {}};
  if (error == "access_denied") return {State::failed, "the person has refused (access_denied)"};
  if (error == "expired_token") return {State::failed, "the code was not entered in time (expired_token)"};
  return {State::failed, fmt::format("the provider gives no token: {}", error_of(json, status))};
}

std::string form_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '*';
    if (plain) {
      out += c;
    } else if (c == ' ') {
      out += '+';
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace acl::node::net
