// Policies and inventories from text into the oracle's model, with a JSON reader and a few lines, so that the oracle is judged,
// and judges, without the compiler's parser.
//
// For texts that are known to be sound: recorded policies that the service accepted, and generated ones. Anything else may
// throw. Of policies neither postures nor ipsets nor tests are read, of inventories neither posture nor services.
#pragma once

#include <string>

#include "tests/oracle/model.h"

namespace acl::oracle {

// HuJSON.
Policy read_policy(const std::string& hujson);

// The native format, HuJSON; every node with `created`, in UTC to the second.
Tailnet read_inventory(const std::string& text);

// The `inventory` member of a recorded case, JSON.
Tailnet read_recorded_inventory(const std::string& text);

}  // namespace acl::oracle
