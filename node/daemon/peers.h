// Peers: the nodes that this one knows, as what clients of SSH need to trust the right host keys.
//
// The daemon's answer is JSON, {"peers": [{"name", "addresses": […], "host_keys": ["ssh-ed25519 AAAA…"]}]}, those with host keys alone, in
// the order of the directory. The texts for OpenSSH are made of it by the verbs. Names come from an inventory that was signed, and
// still nothing is written but what is a word of letters, digits, "-", "." and "_": neither file has a way to quote.
#pragma once

#include <string>
#include <string_view>

#include "engine/table/directory.h"

namespace acl::node {

std::string peers_json(const table::Directory& directory);

// Lines of known_hosts (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"): "name,address,address type key". Empty if the JSON is not of that form.
std::string known_hosts_text(std::string_view json);

// Entries of ssh_config(5): `ssh my-server` goes to the node's address, and its key is looked up by its name. `host_keys`: of which file,
// empty for OpenSSH's own ones.
std::string ssh_config_text(std::string_view json, std::string_view known_hosts);

}  // namespace acl::node
