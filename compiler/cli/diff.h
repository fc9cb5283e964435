// unified_diff: what separates two texts, as `diff -u` prints it and `patch` reads it.
//
// Lines are compared as bytes, line ends included; a text that does not end in a line end is told apart, as `diff` does. The
// shortest edit script is found (Myers 1986, in linear space) up to a fixed amount of work; what is still undecided then is
// given as removed and added whole, which is correct, only longer. So memory is linear in the texts, and time too, whatever
// they are.
#pragma once

#include <string>
#include <string_view>

namespace acl::cli {

struct DiffOptions {
  bool color = false;   // as git does: bold, red, green, cyan
  bool escape = false;  // for a terminal: what is not printable is shown escaped (emit/display.h), tabs excepted
};

// Nothing if the texts are equal. Labels must be of one line.
std::string unified_diff(std::string_view old_text, std::string_view new_text, std::string_view old_label,
                         std::string_view new_label, const DiffOptions& options = {});

}  // namespace acl::cli
