// Walk: a tree along the language's types: every name and every string with what it means.
//
// Values of another shape than the language wants are passed over, but for the two slips that leave the meaning plain: a string where
// a list of strings belongs, and a list where one string belongs. Depth is that of the types, so recursion is bounded whatever the
// text; each node is visited once.
#pragma once

#include <cstdint>
#include <string>

#include "compiler/hujson/tree.h"
#include "compiler/policy/language.h"

namespace acl::lsp {

// Something met on the walk.
struct Met {
  enum class What : std::uint8_t {
    field,   // the name of a record's member; `field` is null if the language has none such
    key,     // the name of a map's member: data
    text,    // a string
    scalar,  // true, 4, null, …
    opaque,  // a value whose inside the language does not know; its children are not met
  };
  What what = What::text;
  hujson::Value value;
  const policy::Type* type = nullptr;    // of the value; of a field's or key's name, of the object around it
  const policy::Field* field = nullptr;  // the nearest record's member that it is, or is in
  std::uint32_t section = 0;             // the index in the tree of the top-level member's name
};

namespace detail {

template <class F>
void walk_value(hujson::Value value, const policy::Type& type, const policy::Field* field, std::uint32_t section,
                F& f) {
  using policy::Shape;
  switch (type.shape) {
    case Shape::record:
    case Shape::map: {
      if (!value.is(hujson::Kind::object)) break;
      const bool top = value.index() == 0;
      for (auto it = value.begin(), end = value.end(); it != end; ++it) {
        const hujson::Value name = *it;
        ++it;
        if (it == end) return;
        if (!name.is(hujson::Kind::string)) continue;
        const std::uint32_t in = top ? name.index() : section;
        if (type.shape == Shape::map) {
          f(Met{Met::What::key, name, &type, field, in});
          if (type.element != nullptr) walk_value(*it, *type.element, field, in, f);
          continue;
        }
        std::string buffer;
        const policy::Field* member = policy::find_field(type, name.string(buffer));
        f(Met{Met::What::field, name, &type, member, in});
        if (member != nullptr) walk_value(*it, *member->type, member, in, f);
      }
      return;
    }
    case Shape::list: {
      if (type.element == nullptr) return;
      if (value.is(hujson::Kind::string) && type.element->shape == Shape::text) {
        walk_value(value, *type.element, field, section, f);
      }
      if (!value.is(hujson::Kind::array)) break;
      for (const hujson::Value element : value) walk_value(element, *type.element, field, section, f);
      return;
    }
    case Shape::text:
      if (value.is(hujson::Kind::string)) f(Met{Met::What::text, value, &type, field, section});
      if (!value.is(hujson::Kind::array)) break;
      for (const hujson::Value element : value) {
        if (element.is(hujson::Kind::string)) f(Met{Met::What::text, element, &type, field, section});
      }
      return;
    case Shape::opaque: f(Met{Met::What::opaque, value, &type, field, section}); return;
    case Shape::boolean:
    case Shape::number:
    case Shape::scalar: break;
  }
  const bool scalar = value.is(hujson::Kind::boolean) || value.is(hujson::Kind::number) || value.is(hujson::Kind::null);
  if (scalar || (type.shape == Shape::scalar && value.is(hujson::Kind::string))) {
    f(Met{Met::What::scalar, value, &type, field, section});
  }
}

}  // namespace detail

// Calls f(Met) for each, in the order of the text.
template <class F>
void walk(const hujson::Tree& tree, const policy::Type& root, F f) {
  if (tree.nodes.empty()) return;
  detail::walk_value(tree.root(), root, nullptr, 0, f);
}

}  // namespace acl::lsp
