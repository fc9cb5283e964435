// What `aclnode host-keys --json` prints of nodes: {"hostKeys": [{"key": WireGuard public key, "sshHostKeys": [SSH public keys]}]}. Goes
// with a file that has the nodes, by whose WireGuard keys they are found; the keys given here replace those given there.
#include <fmt/format.h>

#include "compiler/inventory/shapes.h"
#include "compiler/inventory/texts.h"

namespace acl::inventory {
namespace {

using hujson::Value;

struct File {
  std::optional<Value> list;
};

constexpr Fields<File, 1> file_fields{{
    {"hostKeys", [](Reader&, Value v, File& f) { f.list = v; }},
}};

struct Entry {
  std::string_view key;
  Span span;
  std::optional<std::vector<std::string>> host_keys;
};

constexpr Fields<Entry, 2> entry_fields{{
    {"key",
     [](Reader& r, Value v, Entry& e) {
       e.key = r.text(v);
       e.span = v.span();
     }},
    {"sshHostKeys", [](Reader& r, Value v, Entry& e) { e.host_keys = r.host_keys(v); }},
}};

void read_rest(Reader& r, Parts& parts, Draft& draft) {
  File file;
  r.object(parts.root, file_fields, "a list of host keys", Manner::own, file);
  if (!file.list) return;
  r.objects(*file.list, "an array of objects", [&](Value element) {
    Entry entry;
    entry.span = element.span();
    r.object(element, entry_fields, "a node's host keys", Manner::own, entry);
    if (entry.key.empty() || !entry.host_keys) {
      r.report(Code::E0804, element.span(), "the host keys of a node have no \"key\" or no \"sshHostKeys\"",
               "give both, as aclnode host-keys --json prints them");
      return;
    }
    if (!is_wireguard_key(entry.key)) {
      r.report(Code::E0813, entry.span, fmt::format("\"{}\" is no WireGuard public key", entry.key),
               "a key is 32 bytes in base64: 44 characters, the last of them =");
      return;
    }
    if (Node* node = draft.node_of_key(entry.key)) {
      node->ssh_host_keys = std::move(*entry.host_keys);
    } else {
      draft.gap(r, entry.span,
                fmt::format("no node has the WireGuard key \"{}\", so its host keys are left out", entry.key),
                "give the file with that node, too, with its \"key\"");
    }
  });
}

}  // namespace

const Steps host_keys_steps{nullptr, nullptr, nullptr, read_rest};

}  // namespace acl::inventory
