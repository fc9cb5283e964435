// Folder: a release folder on disk (docs/release-format.md): objects that never change, and `latest`, which alone does.
//
// Every file is written beside its place under a name that begins with a dot, synced, and then put in its place in one step; a crash
// leaves the old state whole and at most such a file. Pages and blobs are synced together (settle), because a release has
// thousands: one that a crash left damaged differs from its digest, and is then written again. Errors: E0002 cannot read,
// E0003 cannot write, E1025 another object of that name is there, E1026 `latest` moved meanwhile.
//
// Several processes may use one folder at the same time.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/net/diagnostic.h"
#include "engine/release/digest.h"
#include "engine/release/names.h"

namespace acl::store {

class Folder {
 public:
  // An existing folder. E0002 if it is none.
  static Expected<Folder> open(const std::string& path);
  // Makes the folder where it does not exist (its parent must).
  static Expected<Folder> create(const std::string& path);

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  // Of an object, for messages.
  [[nodiscard]] std::string path_of(std::string_view name) const;

  // The bytes of an object; nothing if there is none. More than `limit` bytes are E0002.
  [[nodiscard]] Expected<std::optional<std::string>> read(std::string_view name, std::size_t limit) const;
  // A page or blob, checked against its reference: E1013 absent, E1018 other bytes.
  [[nodiscard]] Expected<release::Bytes> read_page(const release::Reference& reference) const;
  [[nodiscard]] Expected<release::Bytes> read_blob(const release::Reference& reference) const;

  // Adds an object; false if it was there with the same bytes. Different bytes: a page or blob that is damaged, or a signature, is
  // replaced; a head or trust set is E1025. `latest` is not put but moved.
  Expected<bool> put(std::string_view name, release::ByteView bytes);
  // Pages and blobs put so far are on the disk when this returns. Before a head that names them is put.
  Expected<void> settle();

  // What `latest` says; nothing if there is none.
  [[nodiscard]] Expected<std::optional<release::Generation>> latest() const;
  // Moves `latest` if it still says `from`, under a lock that every writer takes. E1026 if it says something else.
  Expected<void> move_latest(const std::optional<release::Generation>& from, const release::Generation& to);

  // All objects of the kinds trust, trust_signature, head, head_signature by name; others and foreign files are left out.
  [[nodiscard]] Expected<std::vector<release::ObjectName>> heads_and_trust() const;

 private:
  explicit Folder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace acl::store
