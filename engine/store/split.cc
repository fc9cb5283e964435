#include "engine/store/split.h"

namespace acl::store {
namespace {

bool is_blob(std::string_view name) { return name.substr(0, 5) == "blob/"; }

class SplitSource final : public Source {
 public:
  SplitSource(std::unique_ptr<Source> main, std::unique_ptr<Source> blobs)
      : main_(std::move(main)), blobs_(std::move(blobs)) {}

  Expected<Fetched> get(std::string_view name, std::uint64_t limit, Deadline deadline,
                        std::string_view known) override {
    return (is_blob(name) ? blobs_ : main_)->get(name, limit, deadline, known);
  }
  Expected<std::unique_ptr<LatestWatch>> watch() override { return main_->watch(); }
  [[nodiscard]] const std::string& name() const noexcept override { return main_->name(); }

 private:
  std::unique_ptr<Source> main_;
  std::unique_ptr<Source> blobs_;
};

class SplitTarget final : public Target {
 public:
  SplitTarget(std::unique_ptr<Target> main, std::unique_ptr<Target> blobs)
      : main_(std::move(main)), blobs_(std::move(blobs)) {}

  Expected<Fetched> get(std::string_view name, std::uint64_t limit, Deadline deadline,
                        std::string_view known) override {
    return (is_blob(name) ? blobs_ : main_)->get(name, limit, deadline, known);
  }
  Expected<std::unique_ptr<LatestWatch>> watch() override { return main_->watch(); }
  [[nodiscard]] const std::string& name() const noexcept override { return main_->name(); }

  Expected<void> lock(Deadline deadline) override {
    if (auto locked = main_->lock(deadline); !locked) return locked;
    auto locked = blobs_->lock(deadline);
    if (!locked) main_->unlock();
    return locked;
  }
  void unlock() noexcept override {
    blobs_->unlock();
    main_->unlock();
  }
  Expected<std::vector<std::string>> missing(std::span<const std::string> names, Deadline deadline) override {
    std::vector<std::string> absent;
    for (const auto& [store, some] : parts(names)) {
      auto found = store->missing(some, deadline);
      if (!found) return found;
      absent.insert(absent.end(), found->begin(), found->end());
    }
    return absent;
  }
  Expected<std::size_t> put(std::span<const Object> objects, Existing existing, Deadline deadline) override {
    std::size_t written = 0;
    // In runs of one kind, so that the order stays.
    while (!objects.empty()) {
      std::size_t run = 1;
      while (run < objects.size() && is_blob(objects[run].name) == is_blob(objects[0].name)) ++run;
      auto put = (is_blob(objects[0].name) ? blobs_ : main_)->put(objects.first(run), existing, deadline);
      if (!put) return put;
      written += *put;
      objects = objects.subspan(run);
    }
    return written;
  }
  // What is too long for the main store is no blob, and pages, heads and trust sets are short.
  [[nodiscard]] std::uint64_t longest_object() const noexcept override { return blobs_->longest_object(); }
  Expected<void> move_latest(const std::optional<release::Generation>& from, const release::Generation& to,
                             Deadline deadline) override {
    return main_->move_latest(from, to, deadline);
  }
  Expected<std::vector<std::string>> list(std::string_view prefix, Deadline deadline) override {
    return (is_blob(prefix) ? blobs_ : main_)->list(prefix, deadline);
  }
  Expected<void> remove(std::span<const std::string> names, Deadline deadline) override {
    for (const auto& [store, some] : parts(names)) {
      if (auto removed = store->remove(some, deadline); !removed) return removed;
    }
    return {};
  }

 private:
  struct Part {
    Target* store;
    std::vector<std::string> names;
  };
  // Main first: pages go before the blobs that they name.
  [[nodiscard]] std::vector<Part> parts(std::span<const std::string> names) const {
    std::vector<Part> out = {{main_.get(), {}}, {blobs_.get(), {}}};
    for (const std::string& name : names) out[is_blob(name) ? 1 : 0].names.push_back(name);
    return out;
  }

  std::unique_ptr<Target> main_;
  std::unique_ptr<Target> blobs_;
};

}  // namespace

std::unique_ptr<Source> make_split_source(std::unique_ptr<Source> main, std::unique_ptr<Source> blobs) {
  return std::make_unique<SplitSource>(std::move(main), std::move(blobs));
}

std::unique_ptr<Target> make_split_target(std::unique_ptr<Target> main, std::unique_ptr<Target> blobs) {
  return std::make_unique<SplitTarget>(std::move(main), std::move(blobs));
}

}  // namespace acl::store
