#include "lsp/server/inventories.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/inventory/load.h"
#include "compiler/questions/full_check.h"
#include "lsp/server/disk.h"
#include "lsp/server/worker.h"

namespace acl::lsp {
namespace {

// What is loaded while somebody waits for it takes some ms at most.
constexpr std::size_t small = 256 << 10;
constexpr std::size_t limit = std::size_t{1} << 30;

std::string key_of(const std::string& path) { return "inventory:" + path; }
std::string file_name(const std::string& path) { return path.substr(path.find_last_of('/') + 1); }

LoadedInventory read_inventory(const std::string& path, Encoding encoding) {
  auto text = read_regular(path, limit);
  if (text) return load_inventory_text(path, std::move(*text), encoding);
  LoadedInventory out;
  out.broken = true;
  out.reason = text.error().message;
  return out;
}

}  // namespace

LoadedInventory load_inventory_text(const std::string& path, std::string text, Encoding encoding) {
  const Lines lines(text);
  const SourceText source(path, std::move(text));
  inventory::LoadedInventory read = inventory::load_inventory({&source});
  LoadedInventory out;
  out.problems = show(read.diagnostics, {path, source.text(), &lines, encoding});
  out.broken = !read.ok();
  if (out.broken) {
    const auto first = std::find_if(read.diagnostics.begin(), read.diagnostics.end(),
                                    [](const Diagnostic& d) { return d.severity == Severity::error; });
    out.reason = fmt::format("{} has errors: {}", file_name(path), first->message);
    return out;
  }
  out.state = std::make_shared<InventoryState>(path, std::move(read.inventory));
  return out;
}

Inventories::Inventories(Worker& worker, std::function<void(const std::string&)> changed)
    : worker_(worker), changed_(std::move(changed)) {}

void Inventories::accept(const std::string& path, LoadedInventory loaded) {
  const auto found = entries_.find(path);
  if (found == entries_.end()) return;
  if (!loaded.state && !loaded.absent) loaded.state = std::move(found->second.loaded.state);
  found->second.loaded = std::move(loaded);
}

void Inventories::load_later(const std::string& path, std::function<LoadedInventory()> load) {
  worker_.post(
      key_of(path), "Reading " + file_name(path),
      [this, path, load = std::move(load)](const std::atomic<bool>&) -> Worker::Finish {
        auto loaded = std::make_shared<LoadedInventory>(load());
        return [this, path, loaded] {
          accept(path, std::move(*loaded));
          changed_(path);
        };
      },
      [this, path](const std::string& reason) {
        LoadedInventory loaded;
        loaded.broken = true;
        loaded.reason = fmt::format("{} could not be read: {}", file_name(path), reason);
        accept(path, std::move(loaded));
        changed_(path);
      });
}

const LoadedInventory& Inventories::of_text(const std::string& path, std::uint64_t revision, const std::string& text,
                                            Encoding encoding) {
  Entry& entry = entries_[path];
  std::string identity = fmt::format("open {}", revision);
  if (entry.identity == identity) return entry.loaded;
  entry.identity = std::move(identity);
  worker_.cancel(key_of(path));
  if (text.size() <= small) {
    accept(path, load_inventory_text(path, text, encoding));
  } else {
    entry.loaded.loading = true;
    load_later(path, [path, text, encoding] { return load_inventory_text(path, text, encoding); });
  }
  return entry.loaded;
}

const LoadedInventory& Inventories::on_disk(const std::string& path, Encoding encoding) {
  Entry& entry = entries_[path];
  const auto file = identify(path);
  std::string identity = "disk " + (file ? file->identity : "");
  if (entry.identity == identity) return entry.loaded;
  entry.identity = std::move(identity);
  worker_.cancel(key_of(path));
  if (!file) {
    LoadedInventory loaded;
    loaded.absent = true;
    loaded.reason = fmt::format("there is no file {}", path);
    accept(path, std::move(loaded));
  } else if (file->size <= small) {
    accept(path, read_inventory(path, encoding));
  } else {
    entry.loaded.loading = true;
    load_later(path, [path, encoding] { return read_inventory(path, encoding); });
  }
  return entry.loaded;
}

const LoadedInventory* Inventories::known(const std::string& path) const {
  const auto found = entries_.find(path);
  return found == entries_.end() ? nullptr : &found->second.loaded;
}

std::vector<std::string> Inventories::paths() const {
  std::vector<std::string> out;
  for (const auto& [path, entry] : entries_) out.push_back(path);
  return out;
}

void Inventories::keep(const std::vector<std::string>& paths) {
  std::erase_if(entries_, [&](const auto& entry) {
    if (std::find(paths.begin(), paths.end(), entry.first) != paths.end()) return false;
    if (entry.second.loaded.loading) worker_.cancel(key_of(entry.first));
    return true;
  });
}

}  // namespace acl::lsp
