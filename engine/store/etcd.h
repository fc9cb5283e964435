// The store in etcd v3, through the JSON gateway that every member answers beside gRPC
// (https://etcd.io/docs/v3.4/dev-guide/api_grpc_gateway/): an object NAME is the value of the key PREFIX/NAME.
//
// - Members are tried in turn; the one that answered is asked first next time. Reads are linearizable, so that a member that
//   was cut off cannot answer with the past.
// - With a user, a token is fetched by password, sent in the Authorization header, and fetched anew once it is refused.
// - Writing takes a lock: the key PREFIX/lock under a lease of a minute. Every write is a transaction that fails unless the lock
//   still holds this publisher's random mark, so that one who slept through its lease writes nothing any more.
// - etcd takes requests of 1.5 MiB and 128 operations by default (https://etcd.io/docs/v3.4/dev-guide/limit/): objects go in
//   transactions within both; one of more than longest_etcd_object is E1109 before anything is sent.
// - `latest` moves by a transaction that compares its value.
// - The watch is a stream (etcd_watch.h).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/store/http.h"
#include "engine/store/store.h"

namespace acl::store {

inline constexpr std::uint64_t longest_etcd_object = 1'500'000;

struct EtcdOptions {
  std::vector<std::string> members;  // "http://10.0.0.5:2379"
  std::string prefix;                // without slashes at its ends
  HttpOptions http;
  std::string user;
  std::string password;
  std::chrono::milliseconds interval{30'000};
};

std::unique_ptr<Target> make_etcd_store(std::string name, EtcdOptions options);

}  // namespace acl::store
