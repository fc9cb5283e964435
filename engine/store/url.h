// StoreUrl: the text that names a store, taken apart.
//
//   release  ./release  /srv/release  file:///srv/release        a folder
//   https://releases.example.com/acl                             a static server; port 443 unless given
//   etcd://10.0.0.5:2379/acl  etcds://a:2379,b:2379/acl          members of one etcd cluster; port 2379 unless given
//
// Scheme and host as in RFC 3986, without user, query and fragment: a password in a URL ends up in the list of processes and in
// logs. Hosts are names, IPv4 addresses or IPv6 addresses in brackets. Percent signs are refused rather than decoded. E1101.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/net/diagnostic.h"

namespace acl::store {

enum class Scheme : std::uint8_t { directory, https, etcd, etcds };

struct StoreUrl {
  Scheme scheme = Scheme::directory;
  std::vector<std::string> hosts;  // "10.0.0.5:2379", "[::1]:2379"; none for a folder
  std::string path;                // a folder's path; of others without slashes at either end, perhaps empty
};

Expected<StoreUrl> parse_store_url(std::string_view text);

}  // namespace acl::store
