// print: an inventory in the native format (docs/inventory.md), laid out as `aclc fmt` does. Loads back as one that is the
// same (inventory.h); what has its default is left out.
#pragma once

#include <string>

#include "compiler/inventory/inventory.h"

namespace acl::inventory {

std::string print_inventory(const Inventory& inventory);

}  // namespace acl::inventory
