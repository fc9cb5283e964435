// Tree: a HuJSON text as a flat tree that loses nothing.
//
// HuJSON (also JWCC) is RFC 8259 JSON plus comments wherever white space may stand and one trailing comma in a non-empty
// object or array (https://github.com/tailscale/hujson). The nodes stand in one array in the order of the text (a composite
// before its children); an object's children are its names and values in turn. A node holds byte offsets only, so the text
// and the array together are the whole tree: no allocation per value, and print(parse(text)) = text holds by construction.
//
// The "extra" (white space and comments) around values is found between the offsets:
//
//     { /*1*/ "name" /*2*/ : /*3*/ [ 1 /*4*/ , /*5*/ ] /*6*/ }
//       before.begin        before.begin  .after ^  .comma     (each node: before..begin is the extra before it, end..after the
//                                                              extra behind it, up to the next structural byte)
//
// When no comma follows the last value, what stands between it and the closer belongs to the closing extra, so that value's
// `after` equals its `end`.
//
// The tree refers to the text but does not own it. Trees come from parse() (parse.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/net/diagnostic.h"

namespace acl::hujson {

enum class Kind : std::uint8_t { null, boolean, number, string, array, object };

// "null", "a boolean", "a number", "a string", "an array", "an object".
std::string_view kind_name(Kind kind) noexcept;

struct Node {
  std::uint32_t before = 0;  // where the extra before the value begins
  std::uint32_t begin = 0;   // the value's first byte
  std::uint32_t end = 0;     // one past its last byte
  std::uint32_t after = 0;   // one past the extra behind it
  std::uint32_t next = 0;    // index of the node after this one and all inside it
  Kind kind = Kind::null;
  bool escaped = false;  // a string with a backslash in it
  bool comma = false;    // a comma follows
};

class Tree;

// One value of a tree; a cheap handle, valid as long as the tree stays where it is.
class Value {
 public:
  Value(const Tree& tree, std::uint32_t index) noexcept : tree_(&tree), index_(index) {}

  [[nodiscard]] const Node& node() const noexcept;
  [[nodiscard]] std::uint32_t index() const noexcept { return index_; }
  [[nodiscard]] Kind kind() const noexcept { return node().kind; }
  [[nodiscard]] bool is(Kind kind) const noexcept { return node().kind == kind; }
  // The bytes of the value itself, quotes and brackets included.
  [[nodiscard]] std::string_view text() const noexcept;
  [[nodiscard]] Span span() const noexcept { return {node().begin, node().end}; }
  // The value of a string, escapes undone: a view into the text where there are none, else `buffer` is filled and viewed.
  [[nodiscard]] std::string_view string(std::string& buffer) const;
  [[nodiscard]] std::string string() const;

  // Children in order: elements of an array; name, value, name, value … of an object. Scalars have none.
  class Iterator {
   public:
    Iterator(const Tree& tree, std::uint32_t index) noexcept : tree_(&tree), index_(index) {}
    Value operator*() const noexcept { return {*tree_, index_}; }
    Iterator& operator++() noexcept;
    friend bool operator==(const Iterator& a, const Iterator& b) noexcept { return a.index_ == b.index_; }

   private:
    const Tree* tree_;
    std::uint32_t index_;
  };
  [[nodiscard]] Iterator begin() const noexcept { return {*tree_, index_ + 1}; }
  [[nodiscard]] Iterator end() const noexcept { return {*tree_, node().next}; }
  [[nodiscard]] bool empty() const noexcept { return node().next == index_ + 1; }

  // The value of an object's first member of that exact name.
  [[nodiscard]] std::optional<Value> find(std::string_view name) const;

 private:
  const Tree* tree_;
  std::uint32_t index_;
};

class Tree {
 public:
  std::string_view text;
  std::vector<Node> nodes;       // nodes[0] is the root; never empty in a tree that parse() returns
  bool has_comments = false;     // any comment anywhere
  bool trailing_commas = false;  // any trailing comma anywhere

  // Neither comments nor trailing commas: a text that every JSON parser reads.
  [[nodiscard]] bool standard() const noexcept { return !has_comments && !trailing_commas; }
  [[nodiscard]] Value root() const noexcept { return {*this, 0}; }
};

inline const Node& Value::node() const noexcept { return tree_->nodes[index_]; }
inline std::string_view Value::text() const noexcept {
  return tree_->text.substr(node().begin, node().end - node().begin);
}
inline Value::Iterator& Value::Iterator::operator++() noexcept {
  index_ = tree_->nodes[index_].next;
  return *this;
}

// The text as standard JSON: each byte of a comment and each trailing comma becomes a space, line ends stay; no offset, line
// or column changes.
std::string standardize(const Tree& tree);

// The value without white space, comments and trailing commas; strings and numbers as they are spelt.
std::string minimize(Value value);

// Undoes the escapes of a string literal, quotes included in `literal`. Total on every literal the parser accepts: a lone
// surrogate or raw bytes that are not UTF-8 become U+FFFD, as Go's encoding/json reads them.
std::string unquote(std::string_view literal);

// A string literal for this text: `\b \t \n \f \r \" \\`, other bytes below 0x20 as \u00xx, all else raw. Bytes that are
// not UTF-8 become U+FFFD.
std::string quote(std::string_view text);

}  // namespace acl::hujson
