// The answer to a question of aclnode's: what is said by the process that is made for it.
#pragma once

#include "node/protocol/verify_message.h"

namespace acl::node::verify {

protocol::VerifyAnswer answer(const protocol::VerifyQuestion& question);

// Takes from the libraries what they would open files or ask the system for, while that is allowed. False: they cannot be used.
bool load_libraries();

}  // namespace acl::node::verify
