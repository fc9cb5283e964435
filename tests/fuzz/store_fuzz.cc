// What a store may say: etcd's replies and the heads of HTTP replies; and the URLs that name stores. The first byte chooses.
//
// Nothing crashes or overreads; what is taken for good keeps the promises that the callers build on.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "engine/store/etcd_reply.h"
#include "engine/store/http_head.h"
#include "engine/store/url.h"

namespace {

using namespace acl;         // NOLINT(google-build-using-namespace): a program of one file
using namespace acl::store;  // NOLINT(google-build-using-namespace)

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "store_fuzz: %s\n", what);
  std::abort();
}

bool is_visible(std::string_view text) {
  for (const char c : text) {
    if (c <= 0x20 || c > 0x7e) return false;
  }
  return true;
}

void try_etcd(std::string_view text) {
  if (const auto range = parse_etcd_range(text)) {
    std::size_t bytes = 0;
    for (const EtcdValue& value : range->values) bytes += value.key.size() + value.value.size();
    require(bytes <= text.size(), "values are longer than the reply");
  }
  if (const auto txn = parse_etcd_txn(text)) require(txn->answers.size() <= text.size(), "more answers than bytes");
  if (const auto line = parse_etcd_watch_line(text)) require(line->events <= text.size(), "more events than bytes");
  if (const auto token = parse_etcd_token(text)) require(!token->empty() && is_visible(*token), "a token that is none");
  if (const auto lease = parse_etcd_lease(text)) require(is_visible(*lease), "a lease that is no number");
  (void)parse_etcd_keepalive(text);
  require(etcd_error_text(text).size() <= 200, "an error without bound");
}

void try_head(std::string_view text) {
  HttpHead head;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (!read_head_line(head, text.substr(0, end))) break;
    require(head.size <= http_head_limit, "a head beyond its limit");
    require(is_visible(head.etag), "a tag that cannot be sent back");
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
}

void try_url(std::string_view text) {
  const auto url = parse_store_url(text);
  if (!url || url->scheme == Scheme::directory) return;
  require(!url->hosts.empty(), "a server without a host");
  for (const std::string& host : url->hosts) {
    require(is_visible(host) && host.find_first_of("@/?#%") == std::string::npos, "a host that is more than one");
  }
  require(is_visible(url->path) && ("/" + url->path + "/").find("/../") == std::string::npos, "a path that leads out");
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 'e': try_etcd(text); break;
    case 'h': try_head(text); break;
    case 'u': try_url(text); break;
    default: break;
  }
  return 0;
}
