// Answers to "may SRC reach DST?" (compiler/questions/can.h), as `aclc can` and the language server give them.
//
//   {"verdict": "accept|deny|check", "rule": "acls[3]"|null, "file", "line"|null,
//    "layers": [{"name", "ok", "reason"}], "nearest": [{"rule", "file", "line", "failed"}]}
#pragma once

#include <string>

#include "compiler/policy/load.h"
#include "compiler/questions/can.h"

namespace acl::emit {

// Both end in a line end. `file` is the policy that was asked.
std::string answer_json(const policy::PolicyFile& file, const questions::Answer& answer);
std::string answer_text(const policy::PolicyFile& file, const questions::Answer& answer);

}  // namespace acl::emit
