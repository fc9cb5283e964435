#include "node/daemon/login_limits.h"

namespace acl::node {

bool LoginLimits::begin(const LoginOrigin& source) {
  if (starting_ >= in_all_) return false;
  const auto known = of_source_.find(source);
  if (known != of_source_.end() && known->second >= of_one_) return false;
  ++of_source_[source];
  ++starting_;
  return true;
}

void LoginLimits::end(const LoginOrigin& source) {
  const auto known = of_source_.find(source);
  if (known == of_source_.end()) return;
  --starting_;
  if (--known->second == 0) of_source_.erase(known);
}

}  // namespace acl::node
