// The recorder of one login: `aclnode-session record USER|UID:GID`, which aclnode-session starts with their socket as descriptor 3.
//
// In: recorder_message.h, with the descriptors of each channel. Out: files in asciicast (asciicast.h) and all that is said, passed on (relay.h).
// It gives up root, the file system, capabilities and all system calls but those of descriptors that it has or is given. It is no
// user's: whoever logs in can neither stop nor trace it. When its socket ends, it finishes what is under way, at most longest_finish_us long.
#pragma once

#include <string>

namespace acl::node::session {

// Exit status: 0 all was written, 1 the other side broke the protocol, 3 privileges could not be given up.
int serve_recorder(const std::string& user);

}  // namespace acl::node::session
