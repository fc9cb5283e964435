// EtcdClient: one call of etcd's JSON gateway: which member answers, authentication, and what its refusals mean.
//
// E1102 no member reached, E1103 refused (in etcd's words), E1109 a request it finds too large, E1113 user or password.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/net/diagnostic.h"
#include "engine/store/etcd.h"
#include "engine/store/http.h"

namespace acl::store {

class EtcdClient {
 public:
  explicit EtcdClient(const EtcdOptions& options);

  // The body of a good answer to POST PATH ("/v3/kv/range"); at most `limit` bytes of it.
  Expected<std::string> call(std::string_view path, const std::string& body, std::uint64_t limit, Deadline deadline);

 private:
  Expected<HttpReply> ask_members(std::string_view path, const std::string& body, std::uint64_t limit,
                                  Deadline deadline, bool with_token);
  Expected<void> authenticate(Deadline deadline);

  const EtcdOptions& options_;
  HttpClient http_;
  std::size_t member_ = 0;
  std::string token_;
};

// What an answer with another status than 200 means.
Diagnostic etcd_refusal(int status, std::string_view body, const EtcdOptions& options);
// Whether it says that the token is not, or no longer, good.
bool wants_new_token(int status, std::string_view body);

}  // namespace acl::store
