#include "node/verify/id_token.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>

#include "node/verify/jose.h"
#include "node/verify/json.h"

namespace acl::node::verify {
namespace {

using protocol::TokenToVerify;

using Checked = Expected<void>;
tl::unexpected<Diagnostic> no(std::string words) { return fail(Code::E1433, std::move(words)); }

std::string_view word(const std::string* text) {
  return text != nullptr ? std::string_view(*text) : std::string_view();
}

// RFC 7519 section 2, NumericDate: up to the year 9999. Nothing: not there, or no such time.
std::optional<std::int64_t> time_of(const Json& claims, std::string_view name) {
  constexpr double latest = 253'402'300'799.0;
  const Json* const claim = claims.find(name);
  if (claim == nullptr || claim->kind != Json::Kind::number || !(claim->number >= 0 && claim->number <= latest))
    return std::nullopt;
  return static_cast<std::int64_t>(std::floor(claim->number));
}

bool same_address(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [&](char x, char y) { return lower(x) == lower(y); });
}

Checked check_issuer(const Json& claims, const TokenToVerify& wanted) {
  const std::string* const issuer = claims.text_of("iss");
  if (issuer == nullptr || wanted.issuer.empty() || *issuer != wanted.issuer)
    return no(fmt::format("the token is from the issuer \"{}\", not \"{}\"", word(issuer), wanted.issuer));
  return {};
}

Checked check_audience(const Json& claims, const TokenToVerify& wanted) {
  const Json* const audience = claims.find("aud");
  const auto is_us = [&](const Json& each) { return each.kind == Json::Kind::string && each.text == wanted.audience; };
  if (audience == nullptr || wanted.audience.empty()) return no("the token is for nobody");
  const bool list = audience->kind == Json::Kind::array;
  const bool ours = list ? std::any_of(audience->items.begin(), audience->items.end(), is_us) : is_us(*audience);
  if (!ours) {
    const std::string other = list ? "others" : fmt::format("\"{}\"", audience->text);
    return no(fmt::format("the token is for {}, not for the client \"{}\"", other, wanted.audience));
  }
  const Json* const party = claims.find("azp");
  if (party == nullptr && list && audience->items.size() > 1)
    return no("the token is for several clients, and does not say which has asked for it (azp)");
  if (party != nullptr && !is_us(*party))
    return no(fmt::format("the token was asked for by another client than \"{}\"", wanted.audience));
  return {};
}

Checked check_times(const Json& claims, const TokenToVerify& wanted) {
  const auto expires = time_of(claims, "exp");
  const auto issued = time_of(claims, "iat");
  if (!expires) return no("the token does not say when it expires");
  if (*expires <= wanted.now_s) return no(fmt::format("the token expired {} s ago", wanted.now_s - *expires));
  if (!issued) return no("the token does not say when it was issued");
  if (*issued > wanted.now_s + most_skew_s)
    return no(fmt::format("the token was issued {} s in the future: compare the clocks", *issued - wanted.now_s));
  if (claims.find("nbf") == nullptr) return {};
  const auto begins = time_of(claims, "nbf");
  if (!begins || *begins > wanted.now_s + most_skew_s) return no("the token is not valid yet");
  return {};
}

Checked check_nonce(const Json& claims, const TokenToVerify& wanted) {
  if (wanted.nonce.empty()) return {};
  const std::string* const nonce = claims.text_of("nonce");
  if (nonce == nullptr || *nonce != wanted.nonce) return no("the token is not the answer to this question (nonce)");
  return {};
}

Checked check_person(const Json& claims, const TokenToVerify& wanted) {
  const std::string* const subject = claims.text_of("sub");
  if (subject == nullptr || subject->empty()) return no("the token does not say whom it is about (sub)");
  if (!wanted.sub.empty()) {
    if (*subject != wanted.sub)
      return no(fmt::format("the token is about the subject \"{}\", not about this user's", *subject));
    return {};
  }
  const std::string* const email = claims.text_of("email");
  if (email == nullptr || email->empty() || !same_address(*email, wanted.email))
    return no(fmt::format("the token is about \"{}\", not about \"{}\"", word(email), wanted.email));
  const Json* const verified = claims.find("email_verified");
  if (verified == nullptr || verified->kind != Json::Kind::boolean || !verified->truth)
    return no(fmt::format("the provider has not verified the e-mail address \"{}\"", *email));
  return {};
}

Expected<std::int64_t> check_login(const Json& claims, const TokenToVerify& wanted) {
  const auto at = time_of(claims, "auth_time");
  if (!at) return no("the token does not say when the person logged in (auth_time)");
  if (*at > wanted.now_s + most_skew_s)
    return no(fmt::format("the person logged in {} s in the future: compare the clocks", *at - wanted.now_s));
  if (*at < wanted.oldest_s)
    return no(fmt::format("the person logged in {} s ago, which is {} s too long", wanted.now_s - *at,
                          wanted.oldest_s - *at));
  return *at;
}

}  // namespace

Expected<std::int64_t> verify_token(const TokenToVerify& question) {
  const auto keys = read_key_set(question.key_set);
  if (!keys) return tl::unexpected(keys.error());
  const auto payload = verify_token_signature(question.token, *keys);
  if (!payload) return tl::unexpected(payload.error());
  const auto claims = parse_json(*payload);
  if (!claims || claims->kind != Json::Kind::object) return no("what the token says is no JSON object, or ambiguous");
  for (const auto check : {check_issuer, check_audience, check_times, check_nonce, check_person})
    if (auto checked = check(*claims, question); !checked) return tl::unexpected(checked.error());
  return check_login(*claims, question);
}

}  // namespace acl::node::verify
