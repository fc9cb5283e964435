// Readers: a few threads that read objects from the source and answer on the socket, so that one that stalls holds up neither
// the others nor the watch.
//
// Each thread has a source of its own, with its connection; all but one end after some seconds without work. An answer goes out in
// pieces; who sends faster than aclnode reads waits in send(2). A read ends at its request's deadline, or within about a
// second of its cancel (a folder's system calls aside, which nothing breaks off).
//
// `latest` is always asked for whole, never "unless it is still so": the entity tags of nginx and others are made of the time in
// seconds and the length, which two releases of one second share, and copies that keep times share for ever.
//
// An object of this class lives as long as its process, which does not wait for threads when it ends.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "engine/store/store.h"
#include "node/protocol/message.h"

namespace acl::node::net {

inline constexpr unsigned most_readers = 4;

class Readers {
 public:
  // Answers to `socket`. `answered` is called in the threads, with each number, before the last message of its answer is sent.
  Readers(int socket, std::string source, store::StoreOptions options, std::function<void(std::uint64_t)> answered);

  void get(const protocol::Get& request);
  void cancel(std::uint64_t id);

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace acl::node::net
