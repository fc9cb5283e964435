// can: may SRC reach DST, or log in there as USER, and why?
//
// The layers of a connection in their order, each with its reason: known (the names stand for devices), visible (the nodes see
// each other, or a router leads to the address), packet (the rules allow it), ssh (the SSH rules allow it). A name that stands
// for several devices is allowed only if every source reaches every destination. Denied, the nearest rules are told: those of
// which the most conditions hold, each with the first that fails.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "compiler/questions/names.h"
#include "compiler/questions/reach.h"

namespace acl::questions {

struct Layer {
  std::string name;  // "known", "visible", "packet", "ssh"
  bool ok = false;
  std::string reason;
};

struct Nearest {
  resolve::Origin origin;
  std::string failed;  // "source: "ana@example.com" is not in group:eng"
};

struct Answer {
  Verdict verdict = Verdict::deny;
  resolve::Origin origin;  // of the rule that decided; meaningless if none did
  bool has_rule = false;
  std::vector<Layer> layers;
  std::vector<Nearest> nearest;    // at most five
  std::vector<std::string> pairs;  // where only some of several pairs are allowed: "ana-laptop -> db-1: no"
};

// Errors: an unknown name, a target that cannot be read.
Expected<Answer> can_reach(const resolve::Views& views, std::string_view source, std::string_view target);
Expected<Answer> can_login(const resolve::Views& views, std::string_view source, std::string_view user,
                           std::string_view node);

}  // namespace acl::questions
