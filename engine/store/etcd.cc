#include "engine/store/etcd.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "engine/net/backoff.h"
#include "engine/release/text.h"
#include "engine/store/etcd_client.h"
#include "engine/store/etcd_reply.h"
#include "engine/store/etcd_watch.h"
#include "engine/store/object.h"

namespace acl::store {

using release::quoted;

namespace {

// Of 128 that etcd takes by default; a transaction inside another counts against what the outer one has left.
constexpr std::size_t most_operations = 64;
// Of 1.5 MiB; what each operation needs beyond its value is counted generously.
constexpr std::uint64_t most_bytes = 1'560'000;
constexpr std::uint64_t operation_bytes = 400;
constexpr std::uint64_t small_reply = std::uint64_t{256} * 1024;
constexpr std::size_t keys_at_once = 1000;
constexpr unsigned lease_seconds = 60;
constexpr std::chrono::seconds lease_age{15};

class EtcdStore final : public Target {
 public:
  EtcdStore(std::string name, EtcdOptions options)
      : name_(std::move(name)), options_(std::move(options)), client_(options_) {}
  EtcdStore(const EtcdStore&) = delete;
  EtcdStore& operator=(const EtcdStore&) = delete;
  ~EtcdStore() override { EtcdStore::unlock(); }

  Expected<Fetched> get(std::string_view object, std::uint64_t limit, Deadline deadline,
                        std::string_view known) override;
  Expected<std::unique_ptr<LatestWatch>> watch() override {
    return make_etcd_watch(options_, key(release::latest_name));
  }
  [[nodiscard]] const std::string& name() const noexcept override { return name_; }

  Expected<void> lock(Deadline deadline) override;
  void unlock() noexcept override;
  Expected<std::vector<std::string>> missing(std::span<const std::string> names, Deadline deadline) override;
  Expected<std::size_t> put(std::span<const Object> objects, Existing existing, Deadline deadline) override;
  [[nodiscard]] std::uint64_t longest_object() const noexcept override { return longest_etcd_object; }
  Expected<void> move_latest(const std::optional<release::Generation>& from, const release::Generation& to,
                             Deadline deadline) override;
  Expected<std::vector<std::string>> list(std::string_view prefix, Deadline deadline) override;
  Expected<void> remove(std::span<const std::string> names, Deadline deadline) override;

 private:
  [[nodiscard]] std::string key(std::string_view object) const { return fmt::format("{}/{}", options_.prefix, object); }
  [[nodiscard]] std::string lock_key() const { return key("lock"); }
  Expected<EtcdTxn> transact(const std::string& body, std::uint64_t limit, Deadline deadline);
  // A transaction that the lock guards.
  Expected<EtcdTxn> write(const std::vector<std::string>& operations, Deadline deadline);
  Expected<void> take_lease(Deadline deadline);
  Expected<void> keep_lease(Deadline deadline);

  std::string name_;
  EtcdOptions options_;
  EtcdClient client_;
  std::string lease_;
  std::string mark_;  // of the lock; empty: not held
  std::chrono::steady_clock::time_point lease_renewed_;
};

Expected<Fetched> EtcdStore::get(std::string_view object, std::uint64_t limit, Deadline deadline,
                                 std::string_view known) {
  if (auto valid = require_name(object); !valid) return tl::unexpected(valid.error());
  // Base64 and what stands around it.
  const std::uint64_t reply_limit = (limit / 3 + 1) * 4 + 2048;
  const auto reply = client_.call("/v3/kv/range", etcd::range(key(object)), reply_limit, deadline);
  if (!reply) return tl::unexpected(reply.error());
  auto range = parse_etcd_range(*reply);
  if (!range) return tl::unexpected(range.error());
  if (range->values.empty()) return Fetched{};
  EtcdValue& value = range->values.front();
  if (range->values.size() != 1 || value.key != key(object)) {
    return fail(Code::E1106, fmt::format("etcd answers with another key than {}", quoted(key(object))));
  }
  if (value.value.size() > limit) {
    return fail(Code::E1105, fmt::format("{} in {} is longer than {} bytes", quoted(object), quoted(name_), limit),
                "the store gave more than can belong there; see whether it is the right one");
  }
  std::string tag = std::to_string(value.revision);
  if (tag == known) return Fetched{Fetched::State::unchanged, {}, std::move(tag)};
  return Fetched{Fetched::State::found, std::move(value.value), std::move(tag)};
}

Expected<EtcdTxn> EtcdStore::transact(const std::string& body, std::uint64_t limit, Deadline deadline) {
  const auto reply = client_.call("/v3/kv/txn", body, limit, deadline);
  if (!reply) return tl::unexpected(reply.error());
  return parse_etcd_txn(*reply);
}

Expected<void> EtcdStore::take_lease(Deadline deadline) {
  const auto reply = client_.call("/v3/lease/grant", etcd::lease_grant(lease_seconds), small_reply, deadline);
  if (!reply) return tl::unexpected(reply.error());
  auto lease = parse_etcd_lease(*reply);
  if (!lease) return tl::unexpected(lease.error());
  lease_ = std::move(*lease);
  lease_renewed_ = std::chrono::steady_clock::now();
  return {};
}

Expected<void> EtcdStore::keep_lease(Deadline deadline) {
  const auto now = std::chrono::steady_clock::now();
  if (now - lease_renewed_ < lease_age) return {};
  const auto reply = client_.call("/v3/lease/keepalive", etcd::lease(lease_), small_reply, deadline);
  if (!reply) return tl::unexpected(reply.error());
  const auto seconds = parse_etcd_keepalive(*reply);
  if (!seconds) return tl::unexpected(seconds.error());
  // Gone: the transaction that follows finds out, and says what it means.
  lease_renewed_ = now;
  return {};
}

Expected<void> EtcdStore::lock(Deadline deadline) {
  if (!mark_.empty()) return {};
  if (auto lease = take_lease(deadline); !lease) return lease;
  const std::string mark = fmt::format("{:016x}", static_cast<std::uint64_t>(net::random_share() * 0x1p53)) + lease_;
  for (;;) {
    const auto txn = transact(
        etcd::txn({etcd::is_absent(lock_key())}, {etcd::op_put(lock_key(), mark, lease_)}, {etcd::op_read(lock_key())}),
        small_reply, deadline);
    if (!txn) return tl::unexpected(txn.error());
    if (txn->succeeded) break;
    // The answer to our own first attempt may have been lost.
    const bool ours = txn->answers.size() == 1 && txn->answers[0].range && txn->answers[0].range->values.size() == 1 &&
                      txn->answers[0].range->values[0].value == mark;
    if (ours) break;
    if (std::chrono::steady_clock::now() + std::chrono::milliseconds(250) >= deadline) {
      unlock();
      return fail(Code::E1111, fmt::format("another publisher is writing to {}", quoted(name_)),
                  fmt::format("wait for it; if it died, etcd gives the lock back within {} seconds", lease_seconds));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    if (auto kept = keep_lease(deadline); !kept) return kept;
  }
  mark_ = mark;
  return {};
}

void EtcdStore::unlock() noexcept {
  mark_.clear();
  if (lease_.empty()) return;
  // Takes the lock's key along. If it fails, the lease runs out by itself.
  (void)client_.call("/v3/lease/revoke", etcd::lease(lease_), small_reply, within(std::chrono::seconds(3)));
  lease_.clear();
}

Expected<EtcdTxn> EtcdStore::write(const std::vector<std::string>& operations, Deadline deadline) {
  if (mark_.empty()) return fail(Code::E1111, fmt::format("{} was not locked before writing", quoted(name_)));
  if (auto kept = keep_lease(deadline); !kept) return tl::unexpected(kept.error());
  auto txn = transact(etcd::txn({etcd::value_is(lock_key(), mark_)}, operations), small_reply, deadline);
  if (txn && !txn->succeeded) {
    return fail(Code::E1111, fmt::format("the lock of {} was lost: this publisher was too slow", quoted(name_)),
                "nothing was written since; publish again");
  }
  if (txn && txn->answers.size() != operations.size()) {
    return fail(Code::E1106, "etcd's answer has another number of parts than the transaction");
  }
  return txn;
}

Expected<std::vector<std::string>> EtcdStore::missing(std::span<const std::string> names, Deadline deadline) {
  std::vector<std::string> absent;
  for (std::size_t begin = 0; begin < names.size(); begin += most_operations) {
    const auto some = names.subspan(begin, std::min(most_operations, names.size() - begin));
    std::vector<std::string> operations;
    for (const std::string& name : some) {
      if (auto valid = require_name(name); !valid) return tl::unexpected(valid.error());
      operations.push_back(etcd::op_count(key(name)));
    }
    const auto txn = transact(etcd::txn({}, operations), small_reply, deadline);
    if (!txn) return tl::unexpected(txn.error());
    if (txn->answers.size() != some.size()) return fail(Code::E1106, "etcd's answer leaves some of the keys out");
    for (std::size_t i = 0; i < some.size(); ++i) {
      if (!txn->answers[i].range) return fail(Code::E1106, "etcd's answer has another kind of part than asked for");
      if (txn->answers[i].range->count == 0) absent.push_back(some[i]);
    }
  }
  return absent;
}

Expected<std::size_t> EtcdStore::put(std::span<const Object> objects, Existing existing, Deadline deadline) {
  std::size_t written = 0;
  std::vector<std::string> operations;
  std::uint64_t bytes = 0;
  const auto flush = [&]() -> Expected<void> {
    if (operations.empty()) return {};
    const auto txn = write(operations, deadline);
    if (!txn) return tl::unexpected(txn.error());
    for (const EtcdTxn::Answer& answer : txn->answers) written += answer.succeeded.value_or(true) ? 1 : 0;
    operations.clear();
    bytes = 0;
    return {};
  };
  for (const Object& object : objects) {
    if (auto valid = require_immutable(object.name); !valid) return tl::unexpected(valid.error());
    if (object.bytes.size() > longest_etcd_object) {
      return fail(Code::E1109,
                  fmt::format("{} has {} bytes, and etcd takes {}", quoted(object.name), object.bytes.size(),
                              longest_etcd_object),
                  "put blobs on https: give --blobs FOLDER to publish, and the URL of that folder to the nodes");
    }
    const std::uint64_t size = object.bytes.size() + operation_bytes;
    if (operations.size() == most_operations || bytes + size > most_bytes) {
      if (auto done = flush(); !done) return tl::unexpected(done.error());
    }
    const std::string put = etcd::op_put(key(object.name), object.bytes);
    operations.push_back(
        existing == Existing::replace ? put : etcd::op_txn(etcd::txn({etcd::is_absent(key(object.name))}, {put})));
    bytes += size;
  }
  if (auto done = flush(); !done) return tl::unexpected(done.error());
  return written;
}

Expected<void> EtcdStore::move_latest(const std::optional<release::Generation>& from, const release::Generation& to,
                                      Deadline deadline) {
  const std::string latest = key(release::latest_name);
  const std::string text = release::print_latest(to);
  const std::string same = from ? etcd::value_is(latest, release::print_latest(*from)) : etcd::is_absent(latest);
  // As one operation of the guarded transaction, so that a lost lock and a moved `latest` are told apart.
  const auto txn = write({etcd::op_txn(etcd::txn({same}, {etcd::op_put(latest, text)}))}, deadline);
  if (!txn) return tl::unexpected(txn.error());
  if (txn->answers[0].succeeded.value_or(false)) return {};
  // The answer to our own first attempt may have been lost.
  const auto now = get(release::latest_name, release::latest_limit, deadline, {});
  if (now && now->found() && now->bytes == text) return {};
  return fail(Code::E1026, fmt::format("\"latest\" of {} was moved by somebody else", quoted(name_)),
              "see what was published there, then publish again");
}

Expected<std::vector<std::string>> EtcdStore::list(std::string_view prefix, Deadline deadline) {
  std::vector<std::string> names;
  std::string from = key(prefix);
  const std::string end = etcd::end_of_prefix(from);
  const std::size_t skipped = options_.prefix.size() + 1;
  for (;;) {
    // A key and its revisions take less than 1 KiB.
    const auto reply =
        client_.call("/v3/kv/range", etcd::keys(from, end, keys_at_once), std::uint64_t{keys_at_once} * 1024, deadline);
    if (!reply) return tl::unexpected(reply.error());
    const auto range = parse_etcd_range(*reply);
    if (!range) return tl::unexpected(range.error());
    for (const EtcdValue& value : range->values) {
      if (value.key < from || value.key >= end) return fail(Code::E1106, "etcd's answer has a key beyond the range");
      const std::string_view name = std::string_view(value.key).substr(skipped);
      if (release::parse_name(name)) names.emplace_back(name);
    }
    if (!range->more || range->values.empty()) return names;
    from = range->values.back().key + '\0';
  }
}

Expected<void> EtcdStore::remove(std::span<const std::string> names, Deadline deadline) {
  for (std::size_t begin = 0; begin < names.size(); begin += most_operations) {
    std::vector<std::string> operations;
    for (const std::string& name : names.subspan(begin, std::min(most_operations, names.size() - begin))) {
      if (auto valid = require_immutable(name); !valid) return tl::unexpected(valid.error());
      operations.push_back(etcd::op_delete(key(name)));
    }
    if (auto txn = write(operations, deadline); !txn) return tl::unexpected(txn.error());
  }
  return {};
}

}  // namespace

std::unique_ptr<Target> make_etcd_store(std::string name, EtcdOptions options) {
  return std::make_unique<EtcdStore>(std::move(name), std::move(options));
}

}  // namespace acl::store
