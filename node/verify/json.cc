#include "node/verify/json.h"

#include <nlohmann/json.hpp>

namespace acl::node::verify {
namespace {

constexpr std::size_t most_depth = 16;
constexpr std::size_t most_values = 4096;

// What nlohmann's parser calls; false ends it.
class Builder {
 public:
  explicit Builder(Json& root) : root_(root) {}

  bool null() { return add(Json::Kind::null) != nullptr; }
  bool boolean(bool value) { return set(Json::Kind::boolean, &Json::truth, value); }
  bool number_integer(std::int64_t value) { return set(Json::Kind::number, &Json::number, static_cast<double>(value)); }
  bool number_unsigned(std::uint64_t value) {
    return set(Json::Kind::number, &Json::number, static_cast<double>(value));
  }
  bool number_float(double value, const std::string&) { return set(Json::Kind::number, &Json::number, value); }
  bool string(std::string& value) { return set(Json::Kind::string, &Json::text, std::move(value)); }
  bool binary(std::vector<std::uint8_t>&) { return false; }
  bool start_object(std::size_t) { return open(Json::Kind::object); }
  bool start_array(std::size_t) { return open(Json::Kind::array); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(std::string& name) {
    if (open_.back()->find(name) != nullptr) return false;
    key_ = std::move(name);
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) { return false; }

 private:
  // INVARIANT: pointers stay good, as nothing is added to a list while one of its elements is open.
  Json* add(Json::Kind kind) {
    if (++values_ > most_values) return nullptr;
    Json* place = &root_;
    if (!open_.empty()) {
      Json& parent = *open_.back();
      if (parent.kind == Json::Kind::object) parent.names.push_back(std::move(key_));
      place = &parent.items.emplace_back();
    }
    place->kind = kind;
    return place;
  }
  template <class T>
  bool set(Json::Kind kind, T Json::*member, T value) {
    Json* const place = add(kind);
    if (place == nullptr) return false;
    place->*member = std::move(value);
    return true;
  }
  bool open(Json::Kind kind) {
    Json* const place = open_.size() < most_depth ? add(kind) : nullptr;
    if (place != nullptr) open_.push_back(place);
    return place != nullptr;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  Json& root_;
  std::vector<Json*> open_;
  std::string key_;
  std::size_t values_ = 0;
};

}  // namespace

const Json* Json::find(std::string_view name) const noexcept {
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] == name) return &items[i];
  return nullptr;
}

const std::string* Json::text_of(std::string_view name) const noexcept {
  const Json* const found = find(name);
  return found != nullptr && found->kind == Kind::string ? &found->text : nullptr;
}

std::optional<Json> parse_json(std::string_view text) {
  Json root;
  Builder builder(root);
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &builder)) return std::nullopt;
  return root;
}

}  // namespace acl::node::verify
