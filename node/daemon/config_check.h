// CheckSettings: table [check] of aclnode.toml: how this node makes the checks that policy asks for. Nothing of it makes a login without one.
//
//     [check]
//     methods = ["fido2", "openid"]                  in which ways; each only where there is what it takes
//     wait_s = 120                                   how long a login waits for the person
//     max_waiting = 64, max_waiting_per_source = 16  logins that wait at a time
//     tailnet = "example.com"                        aclnode-check@… in what is signed; default: the number of the trust set's network
//
//     [check.openid]                                 a provider of OpenID Connect with device authorization (RFC 8628)
//     issuer = "https://id.example.com"
//     client_id = "aclnode"
//     keys_file = "/etc/aclnode/openid-keys.json"    its keys (a JWK set, RFC 7517), pinned: put there by a person
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace acl::node {

struct OpenidConfig {
  std::string issuer, client_id;  // empty: there is no provider
  std::string client_secret_file;
  std::string keys_file;
  std::string ca_file;                                        // empty: the system's
  std::string device_authorization_endpoint, token_endpoint;  // both, or discovery
  std::string scope = "openid email";
  std::string prompt;                  // a parameter of the request, where the provider takes it: "login"
  std::uint32_t max_auth_age_s = 300;  // the person has logged in at the provider no longer ago

  friend bool operator==(const OpenidConfig&, const OpenidConfig&) = default;
};

struct CheckSettings {
  std::vector<std::string> methods{"fido2", "openid"};
  std::uint32_t wait_s = 120;
  std::uint32_t max_waiting = 64, max_waiting_per_source = 16;
  std::string tailnet;
  OpenidConfig openid;

  [[nodiscard]] bool has(std::string_view method) const noexcept {
    for (const std::string& one : methods) {
      if (one == method) return true;
    }
    return false;
  }
  friend bool operator==(const CheckSettings&, const CheckSettings&) = default;
};

// The tables that parse_config reads back, without what has its default; nothing if all has.
std::string print_check(const CheckSettings& check);

}  // namespace acl::node
