// Pins: the folder of a BPF file system in which links and maps outlive the process that made them.
//
// A link without a pin ends with its process and opens the node; so nothing is attached before the folder is there. It has mode
// 0700; where it is not on a BPF file system one is mounted on it. Errors: E1345.
#pragma once

#include <string>

#include "engine/net/diagnostic.h"
#include "engine/net/fd.h"

namespace acl::node {

class Pins {
 public:
  // Makes and mounts what is missing.
  static Expected<Pins> open(std::string folder);

  [[nodiscard]] const std::string& folder() const noexcept { return folder_; }
  // -1 if there is no such pin (or no folder any more).
  [[nodiscard]] Fd get(const std::string& name) const;
  [[nodiscard]] bool has(const std::string& name) const;
  // Under this name, in place of what was there, in one step.
  [[nodiscard]] Expected<void> put(const std::string& name, int fd) const;
  void remove(const std::string& name) const;
  // Removes every pin, the folder, and the file system if it was mounted on it.
  void remove_all() const;

 private:
  explicit Pins(std::string folder) : folder_(std::move(folder)) {}
  [[nodiscard]] std::string path(const std::string& name) const { return folder_ + "/" + name; }
  std::string folder_;
};

}  // namespace acl::node
