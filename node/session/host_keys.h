// The node's host keys: made, read, and used to sign. They are in aclnode-session's memory alone; aclnode-ssh gets the public halves
// and asks for signatures.
//
// In: a folder with ssh_host_ed25519_key and ssh_host_ecdsa_key, each PKCS#8 in PEM (as OpenSSL writes it) or openssh-key-v1
// (as ssh-keygen does), unencrypted, root's and readable by root alone. Out: keys in order of preference, each owning its OpenSSL
// object. What can fail: E1402, which names the file.
//
// Public blobs: RFC 8709 section 4 (Ed25519), RFC 5656 section 3.1 (ECDSA). What is signed: the exchange hash, RFC 4253 section 8.
#pragma once

#include <openssl/evp.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/net/diagnostic.h"
#include "node/protocol/login_message.h"

namespace acl::node::session {

using protocol::Bytes;
using protocol::ByteView;

struct FreeKey {
  void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
};
using KeyPointer = std::unique_ptr<EVP_PKEY, FreeKey>;

struct HostKey {
  std::string type;  // "ssh-ed25519", "ecdsa-sha2-nistp256"
  Bytes blob;        // public
  KeyPointer key;
};

// Ed25519 first. A file that is not there is passed over; none at all is an error, and so is any that is there and is no usable key.
Expected<std::vector<HostKey>> read_host_keys(const std::string& folder);

// Processes forked from now on have none of these keys, and no copy of them in memory: some become a user's. One set at a time; nullptr
// ends it.
void wipe_in_children(std::vector<HostKey>* keys) noexcept;

// From the text of a file; `name` is for messages.
Expected<HostKey> parse_host_key(std::string_view text, const std::string& name);

// Ed25519: 64 bytes. ECDSA: DER, over the digest that RFC 5656 section 6.2.1 gives the curve. Empty: `data` has not the length of an
// exchange hash (20, 32, 48 or 64 bytes), or OpenSSL would not.
Bytes sign_hash(const HostKey& key, ByteView data);

// Makes those keys of the folder that are missing (mode 0600, in one step), and the .pub file of each; makes the folder too. The names of
// the files made.
Expected<std::vector<std::string>> make_host_keys(const std::string& folder);

// A line as in NAME.pub: type, base64, comment.
std::string public_line(const HostKey& key, std::string_view comment);

// Makes OpenSSL load what reading and signing need, so that processes forked from this one find it done.
void warm_up_signing();

}  // namespace acl::node::session
