// StateFolder: what a node keeps on its disk, so that it starts without network and can never be talked back: state_dir.
//
//   lock                 held by the one daemon that uses the folder
//   state                the trust set, the accepted head, the time (engine/release/state.h)
//   release/<v>.<gen>    what the node's release is made of: head, header, references; one, or for a moment two
//   blob/<digest>        its parts, rules and chunks
//   guard                what was guarded last (last_guard.h)
//
// Everything is written beside its place, synced, and put in its place in one step, the folder synced after it; blobs before the
// release that names them, the release before the state whose head it has, and only then what is no longer named is taken away. So
// a crash at any moment leaves a state and the whole release that belongs to it. Reading compares every digest and checksum; a
// file that is not what was written is E1302, and never used. Folders are 0700, files 0600.
//
// Bytes of a loaded release are the files, mapped read-only: pages come from the disk as lookups need them.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/net/diagnostic.h"
#include "engine/release/client.h"
#include "engine/release/state.h"

namespace acl::node {

// Bytes and what keeps them alive.
struct Blob {
  std::span<const std::uint8_t> bytes;
  std::shared_ptr<const void> owner;
};

// A release::Release at rest: the same, wherever its bytes are. Begins of parts are aligned to 8 bytes.
struct KeptRelease {
  struct Part {
    release::PartKind kind = release::PartKind::hot;
    release::Reference reference;
    Blob blob;
  };
  struct Chunk {
    std::uint32_t number = 0;
    release::Reference reference;
    Blob blob;
  };
  release::NodeKey node{};  // whose table it is: the key it was found by
  release::Head head;
  release::Bytes header;
  std::vector<Part> parts;
  release::Reference rules_reference;
  Blob rules;
  std::vector<Chunk> chunks;
};

KeptRelease keep(const release::NodeKey& node, const release::Release& release);

class StateFolder {
 public:
  // Makes the folder if it is missing. E0003; E1306 if another process has it. On a read-only disk it opens what is there.
  static Expected<StateFolder> open(const std::string& path);
  StateFolder(StateFolder&& other) noexcept;
  StateFolder& operator=(StateFolder&&) = delete;
  ~StateFolder();

  // Nothing if there is no state yet.
  [[nodiscard]] Expected<std::optional<release::State>> read_state() const;
  // Durable once it returns.
  Expected<void> write_state(const release::State& state) const;

  // The release that belongs to this head. E1302 if it is not there whole.
  [[nodiscard]] Expected<KeptRelease> read_release(const release::Head& head) const;
  // Writes what is missing of it; durable once it returns.
  Expected<void> write_release(const KeptRelease& release) const;
  // Takes away releases other than this one, blobs that it does not name, and what a crash left half written.
  void clean(const KeptRelease& kept) const noexcept;

  // After a release could not be stored: takes away what was written of it, so that it does not fill the disk that is too full for it.
  // `head` is of the release that is stored, if one is; if that is not whole, nothing is taken away.
  void take_back(const std::optional<release::Head>& head) const noexcept;

  // The bytes of a blob that is here; nothing if it is not, or damaged.
  [[nodiscard]] std::optional<release::Bytes> held(const release::Reference& reference) const;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  StateFolder(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}
  [[nodiscard]] Expected<Blob> map_blob(const release::Reference& reference) const;
  [[nodiscard]] Expected<void> write(const std::string& folder, const std::string& name, std::string_view text) const;

  std::string path_;
  int lock_ = -1;
};

}  // namespace acl::node
