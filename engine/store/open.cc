// Opening a store by its URL: the one place that knows all kinds.
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "engine/net/file.h"
#include "engine/release/text.h"
#include "engine/store/directory.h"
#include "engine/store/etcd.h"
#include "engine/store/https.h"
#include "engine/store/split.h"
#include "engine/store/store.h"
#include "engine/store/url.h"

namespace acl::store {

using release::quoted;

namespace {

constexpr std::size_t longest_password_file = 4096;

HttpOptions http_options(const StoreOptions& options, bool tls) {
  return {tls, options.ca_file, options.certificate_file, options.key_file, options.stop};
}

Expected<std::string> read_password(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    return fail(Code::E1113, fmt::format("cannot read the password file {}: {}", quoted(path), std::strerror(errno)));
  }
  if (!S_ISREG(status.st_mode)) return fail(Code::E1113, fmt::format("the password file {} is no file", quoted(path)));
  if ((status.st_mode & S_IRWXO) != 0) {
    return fail(Code::E1113, fmt::format("the password file {} can be read by everybody", quoted(path)),
                fmt::format("chmod 600 {}, and change the password", path));
  }
  auto text = read_file(path, longest_password_file);
  if (!text) return fail(Code::E1113, text.error().message);
  std::string password = text->substr(0, text->find('\n'));
  if (!password.empty() && password.back() == '\r') password.pop_back();
  if (password.empty()) return fail(Code::E1113, fmt::format("the first line of {} is empty", quoted(path)));
  return password;
}

Expected<std::unique_ptr<Target>> open_etcd(std::string_view text, const StoreUrl& url, const StoreOptions& options) {
  const bool tls = url.scheme == Scheme::etcds;
  EtcdOptions etcd;
  for (const std::string& host : url.hosts)
    etcd.members.push_back(fmt::format("{}://{}", tls ? "https" : "http", host));
  etcd.prefix = url.path;
  etcd.http = http_options(options, tls);
  etcd.user = options.user;
  etcd.interval = options.interval;
  if (options.user.empty() != (options.password_file.empty() && options.password.empty())) {
    return fail(Code::E1113, "a user of etcd needs a password, and a password a user",
                "give both, --user NAME --password-file FILE, or neither");
  }
  etcd.password = options.password;
  if (!options.password_file.empty()) {
    auto password = read_password(options.password_file);
    if (!password) return tl::unexpected(password.error());
    etcd.password = std::move(*password);
  }
  return make_etcd_store(std::string(text), std::move(etcd));
}

Expected<std::unique_ptr<Source>> open_one_source(std::string_view text, const StoreOptions& options) {
  const auto url = parse_store_url(text);
  if (!url) return tl::unexpected(url.error());
  switch (url->scheme) {
    case Scheme::directory: return make_directory_store(std::string(text), url->path, options.interval);
    case Scheme::https: {
      const std::string slash = url->path.empty() ? "" : "/";
      return make_https_source(std::string(text), fmt::format("https://{}{}{}", url->hosts[0], slash, url->path),
                               http_options(options, true), options.interval);
    }
    case Scheme::etcd:
    case Scheme::etcds: break;
  }
  auto etcd = open_etcd(text, *url, options);
  if (!etcd) return tl::unexpected(etcd.error());
  return std::move(*etcd);
}

Expected<std::unique_ptr<Target>> open_one_target(std::string_view text, const StoreOptions& options) {
  const auto url = parse_store_url(text);
  if (!url) return tl::unexpected(url.error());
  switch (url->scheme) {
    case Scheme::directory: return make_directory_store(std::string(text), url->path, options.interval);
    case Scheme::https:
      return fail(Code::E1110, fmt::format("{} can be read, not written", quoted(text)),
                  "publish to the folder that the server serves");
    case Scheme::etcd:
    case Scheme::etcds: break;
  }
  return open_etcd(text, *url, options);
}

}  // namespace

Expected<std::unique_ptr<Source>> open_source(std::string_view text, const StoreOptions& options) {
  auto main = open_one_source(text, options);
  if (!main || options.blobs.empty()) return main;
  auto blobs = open_one_source(options.blobs, options);
  if (!blobs) return blobs;
  return make_split_source(std::move(*main), std::move(*blobs));
}

Expected<std::unique_ptr<Target>> open_target(std::string_view text, const StoreOptions& options) {
  auto main = open_one_target(text, options);
  if (!main || options.blobs.empty()) return main;
  auto blobs = open_one_target(options.blobs, options);
  if (!blobs) return blobs;
  return make_split_target(std::move(*main), std::move(*blobs));
}

}  // namespace acl::store
