// Draft: an inventory while it is put together, from one file or several. Keeps what the types of inventory.h promise: names
// and addresses are unique, indices valid, tags and logins each once. What breaks that is reported where it stands and
// left out.
//
// The order of calls: all users, all nodes, all services and groups, finish().
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/inventory/inventory.h"
#include "compiler/inventory/reader.h"
#include "engine/net/hash_index.h"

namespace acl::inventory {

// What happens to a node whose login no list of users has: an error, or the user is made.
enum class Owner : std::uint8_t { listed, made };

struct NodeDraft {
  Node node;
  std::string_view user;               // login, empty if none
  std::vector<std::string_view> tags;  // lower case
  std::uint32_t position = none;       // of the user, if that is known already; `user` then counts for nothing
  Span name_span;
  Span user_span;
  std::uint32_t addresses = 0;  // the index of their value in the tree
  // What the tables know these by; set by Draft::prepare().
  std::uint32_t name_hash = 0;
  std::uint32_t user_hash = 0;
  std::uint32_t key_hash = 0;
};

// Appends those prefixes that are not there yet.
void unite(std::vector<net::Prefix>& to, const std::vector<net::Prefix>& from);

class Draft {
 public:
  Inventory inventory;
  std::vector<Diagnostic> gaps;  // what the sources do not tell
  bool users_listed = false;     // some file had a list of users
  bool roles_listed = false;     // some file told the roles of all users
  bool domains_listed = false;
  bool nodes_listed = false;
  // Headscale's numbers of users, and their positions.
  std::map<std::string, std::uint32_t, std::less<>> headscale_users;

  // The position of the user of this login, or `none`.
  [[nodiscard]] std::uint32_t find_user(std::string_view login) const { return find_user(login, hash_text(login)); }
  // The user of this login, made if there is none.
  std::uint32_t make_user(Reader& r, std::string_view login, Span span);
  // Something that a source does not tell, for `aclc import` to print. Of very many the first hundred are kept.
  void gap(Reader& r, Span span, std::string message, std::string help = {});

  // Reports a login that the same file has already; completes a user of another file by what this one knows more.
  std::uint32_t add_user(Reader& r, User user, Span span);
  // As add_user(), but completes a user of the same file, too: control planes may list a login twice, once by each way of
  // signing in.
  std::uint32_t merge_user(Reader& r, User user, Span span);
  // A user of another tailnet, whose domain is none of ours.
  void set_external(std::uint32_t user);

  // To be called before add_node(), best some nodes ahead: starts to fetch what add_node() will look at.
  void prepare(NodeDraft& draft) const;
  // A foreign node that another file has too, by name and id, is completed by what this one knows more.
  void reserve_nodes(hujson::Value list);
  void add_node(Reader& r, NodeDraft& draft, Owner owner, Manner manner);
  // The node of this WireGuard key; null if there is none.
  [[nodiscard]] Node* node_of_key(std::string_view key);
  void add_service(Reader& r, Service service, Span name, hujson::Value addresses,
                   const std::vector<std::pair<std::string_view, Span>>& hosts);
  void add_synced_group(Reader& r, SyncedGroup group, Span name);
  void add_domain(std::string_view domain);

  void finish();

 private:
  struct Origin {
    const SourceText* source = nullptr;
    Span span;
  };

  std::uint32_t tag(std::string_view name);
  [[nodiscard]] std::uint32_t find_user(std::string_view login, std::uint32_t hash) const;
  [[nodiscard]] std::uint32_t find_node(std::string_view name, std::uint32_t hash) const;
  void set_owner(Reader& r, NodeDraft& draft, Owner owner, Manner manner);
  void claim_addresses(Reader& r, std::vector<net::Address>& addresses, std::uint32_t value);
  // The place of an address in the value that it was read from.
  Span address_span(hujson::Value value, const net::Address& address);
  [[nodiscard]] std::uint32_t owner_of(std::uint32_t ordinal) const;
  [[nodiscard]] const net::Address& address_of(std::uint32_t ordinal) const;
  [[nodiscard]] std::string owner_name(std::uint32_t owner) const;
  [[nodiscard]] Origin owner_origin(std::uint32_t owner) const;
  std::string suggest(std::string_view word, const std::vector<std::string_view>& known);
  static void relate(Diagnostic& diagnostic, std::string message, const Origin& origin);

  // The logins of all users in a row: nodes look them up in no order, and these few bytes stay in the cache.
  std::string logins_;
  std::vector<std::uint32_t> login_ends_;
  std::vector<Origin> user_origins_;
  std::vector<Origin> node_origins_;
  std::vector<Origin> service_origins_;
  std::vector<Origin> group_origins_;
  std::vector<bool> external_;            // by user
  std::vector<std::uint32_t> tag_marks_;  // by tag: the last node that has it, plus one
  std::vector<std::uint32_t> starts_;     // by node, then service: how many addresses those before it have
  std::uint32_t addresses_ = 0;           // of all so far
  HashIndex users_, tags_, nodes_, services_, groups_, domains_, address_index_, keys_;
  unsigned suggestions_ = 20;    // a suggestion looks at every known name
  unsigned exact_places_ = 100;  // the place of an address is searched for
};

}  // namespace acl::inventory
