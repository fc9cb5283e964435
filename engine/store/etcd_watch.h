// Watching `latest` in etcd: a stream of the gateway's /v3/watch, one JSON object a line.
//
// The watch begins at the present, not at a remembered revision: each new stream says "look" once it stands, so that whoever is
// told reads `latest` itself. That makes a break, a compaction and a cluster restored from a backup (whose revisions went back)
// one case without loss. A stream that breaks, is cancelled, sends a line of more than 64 KiB or does not stand within 15
// seconds is begun anew, with backoff and at the next member; a refused token is fetched anew first.
#pragma once

#include <memory>
#include <string>

#include "engine/store/etcd.h"
#include "engine/store/store.h"

namespace acl::store {

// E1102: no descriptors left.
Expected<std::unique_ptr<LatestWatch>> make_etcd_watch(const EtcdOptions& options, std::string key);

}  // namespace acl::store
