// Inventories: the inventories that open files are about, loaded once each and again when their text changes: the unsaved one of an open
// file, else that on the disk.
//
// Small ones are loaded at once, large ones by the worker; until it is done the one before stays. One that becomes broken leaves the
// last that could be read in its place, and says so.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lsp/server/shown.h"
#include "lsp/server/snapshot.h"

namespace acl::lsp {

class Worker;

struct LoadedInventory {
  std::shared_ptr<const InventoryState> state;  // the last that could be read; null if none could
  std::vector<Shown> problems;                  // of the newest text
  bool loading = false;                         // the worker is at it: `problems` are of an older text
  bool broken = false;                          // the newest text has errors, or cannot be read
  bool absent = false;                          // there is no such file
  std::string reason;                           // if broken or absent, for people
};

// The inventory of a text.
LoadedInventory load_inventory_text(const std::string& path, std::string text, Encoding encoding);

class Inventories {
 public:
  // `changed` is called, by the loop's thread, when the worker has loaded one.
  Inventories(Worker& worker, std::function<void(const std::string& path)> changed);

  // Of an open file, whose text has a number of its own; of the file on the disk. The reference holds until the next call.
  const LoadedInventory& of_text(const std::string& path, std::uint64_t revision, const std::string& text,
                                 Encoding encoding);
  const LoadedInventory& on_disk(const std::string& path, Encoding encoding);

  // Those looked at so far.
  [[nodiscard]] const LoadedInventory* known(const std::string& path) const;
  [[nodiscard]] std::vector<std::string> paths() const;
  // Forgets all but these.
  void keep(const std::vector<std::string>& paths);

 private:
  struct Entry {
    std::string identity;  // of the text that was loaded, or is being: equal for equal texts only
    LoadedInventory loaded;
  };
  void accept(const std::string& path, LoadedInventory loaded);
  // Has the worker make one.
  void load_later(const std::string& path, std::function<LoadedInventory()> load);

  Worker& worker_;
  std::function<void(const std::string&)> changed_;
  std::map<std::string, Entry> entries_;
};

}  // namespace acl::lsp
