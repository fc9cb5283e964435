// First look: what a change to one rule, one group or one host does to the diagnostics, told before the whole file has been looked at.
//
// A check of 10,000 lines takes longer than a person should wait for a mark under what was just typed. Where a change lies
// inside one *unit* (an element of a list such as acls, or the value of one name such as a group), the unit alone is parsed, decoded and
// checked, between the definitions of the rest of the file: what is wrong inside it is known from that. What was known of all other
// places is taken over and moved.
//
// It is only the first word. What a change does to other places (a name that nothing uses any more, a rule that repeats another) comes
// with the check of the whole, which follows within tens of milliseconds and has the last word: a first look differs from it in nothing but
// those codes, and in places that a changed definition makes right or wrong.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "lsp/server/snapshot.h"

namespace acl::lsp {

// `before` is of an earlier text of the same file. Nothing if the change is of another kind, or leaves the unit without a whole value. The
// diagnostics' offsets are those of `text`; lines and columns are not kept up. Cost: the definitions, and a comparison of the texts.
std::optional<std::vector<Diagnostic>> first_look(const Snapshot& before, std::string_view text);

}  // namespace acl::lsp
