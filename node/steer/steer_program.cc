#include "node/steer/steer_program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/bpf.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "node/steer/steer_layout.h"
#include "node/steer/steer_object.h"

namespace acl::node {
namespace {

constexpr const char* link_pin = "steer_link";
constexpr const char* own_namespace = "/proc/self/ns/net";

tl::unexpected<Diagnostic> cannot(std::string_view what, int error) {
  return fail(Code::E1401, fmt::format("{}: {}", what, std::strerror(error)),
              error == EPERM ? "run as root, with CAP_BPF and CAP_NET_ADMIN" : "");
}

// What libbpf would say on standard error is in the error already.
class Quiet {
 public:
  Quiet() : before_(libbpf_set_print(nullptr)) {}
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;
  ~Quiet() { libbpf_set_print(before_); }

 private:
  libbpf_print_fn_t before_;
};

using Key = std::array<std::uint8_t, sizeof(acl_steer_address)>;

Key key_of(const net::Address& address) {
  Key key{};
  if (address.is_v4()) {
    key[10] = key[11] = 0xff;
    for (unsigned i = 0; i < 4; ++i) key[12 + i] = static_cast<std::uint8_t>(address.low() >> (24 - 8 * i));
    return key;
  }
  for (unsigned i = 0; i < 8; ++i) {
    key[i] = static_cast<std::uint8_t>(address.high() >> (56 - 8 * i));
    key[8 + i] = static_cast<std::uint8_t>(address.low() >> (56 - 8 * i));
  }
  return key;
}

Expected<void> fill(int map, const std::vector<net::Address>& addresses) {
  std::set<Key> wanted;
  for (const net::Address& address : addresses) wanted.insert(key_of(address));
  std::vector<Key> stale;
  Key key{};
  for (const void* at = nullptr; bpf_map_get_next_key(map, at, key.data()) == 0; at = stale.data() + stale.size() - 1)
    stale.push_back(key);
  for (const Key& one : stale) {
    if (wanted.count(one) == 0 && bpf_map_delete_elem(map, one.data()) != 0 && errno != ENOENT)
      return cannot("cannot take an address out of the steering program's sets", errno);
  }
  const std::uint8_t there = 1;
  for (const Key& one : wanted) {
    if (bpf_map_update_elem(map, one.data(), &there, BPF_ANY) != 0)
      return cannot("cannot put an address into the steering program's sets", errno);
  }
  return {};
}

struct LinkOf {
  std::uint32_t id = 0, program = 0;
  bool here = false;  // of this network namespace
};

LinkOf look_at(int link) {
  LinkOf out;
  bpf_link_info info{};
  std::uint32_t size = sizeof info;
  struct stat about {};
  if (link < 0 || bpf_obj_get_info_by_fd(link, &info, &size) != 0 || stat(own_namespace, &about) != 0) return out;
  out = {info.id, info.prog_id, false};
  out.here = info.type == BPF_LINK_TYPE_NETNS && info.netns.attach_type == BPF_SK_LOOKUP &&
             info.netns.netns_ino == static_cast<std::uint32_t>(about.st_ino);
  return out;
}

std::uint32_t id_of_program(int program) {
  bpf_prog_info info{};
  std::uint32_t size = sizeof info;
  return bpf_obj_get_info_by_fd(program, &info, &size) == 0 ? info.id : 0;
}

}  // namespace

Expected<SteerProgram> SteerProgram::load(const std::string& bpffs_dir) {
  auto pins = Pins::open(bpffs_dir);
  if (!pins) return tl::unexpected(pins.error());
  const Quiet quiet;
  bpf_object_open_opts options{};
  options.sz = sizeof options;
  options.object_name = "aclnode_ssh";
  bpf_object* object = bpf_object__open_mem(steer_object, steer_object_bytes, &options);
  if (object == nullptr) return cannot("cannot read the steering program", errno);
  SteerProgram program(object, std::move(*pins));
  if (const int error = bpf_object__load(object); error != 0) {
    return fail(Code::E1401, fmt::format("the kernel does not take the steering program: {}", std::strerror(-error)),
                "it needs BPF programs of the type SK_LOOKUP that see the interface (Linux 5.17)");
  }
  return program;
}

SteerProgram::SteerProgram(SteerProgram&& other) noexcept
    : object_(std::exchange(other.object_, nullptr)), pins_(std::move(other.pins_)), link_(std::move(other.link_)) {}

SteerProgram& SteerProgram::operator=(SteerProgram&& other) noexcept {
  std::swap(object_, other.object_);
  std::swap(pins_, other.pins_);
  std::swap(link_, other.link_);
  return *this;
}

SteerProgram::~SteerProgram() {
  if (object_ != nullptr) bpf_object__close(object_);
}

int SteerProgram::map(const char* name) const { return bpf_object__find_map_fd_by_name(object_, name); }
int SteerProgram::program() const { return bpf_program__fd(bpf_object__find_program_by_name(object_, "steer")); }

Expected<void> SteerProgram::set_interface(unsigned ifindex, unsigned master, std::uint16_t port) const {
  const std::uint32_t zero = 0;
  const acl_steer_settings value{ifindex, master, port};
  if (bpf_map_update_elem(map("settings"), &zero, &value, BPF_ANY) != 0)
    return cannot("cannot tell the steering program its interface", errno);
  return {};
}

Expected<void> SteerProgram::set_own(const std::vector<net::Address>& addresses) const {
  return fill(map("own"), addresses);
}
Expected<void> SteerProgram::set_local(const std::vector<net::Address>& addresses) const {
  return fill(map("local"), addresses);
}

Expected<void> SteerProgram::set_listeners(int v4, int v6) const {
  for (const auto& [place, fd] : {std::pair<std::uint32_t, int>{ACL_STEER_V4, v4}, {ACL_STEER_V6, v6}}) {
    const std::uint64_t value = static_cast<std::uint64_t>(fd);
    const int done = fd < 0 ? bpf_map_delete_elem(map("listeners"), &place)
                            : bpf_map_update_elem(map("listeners"), &place, &value, BPF_ANY);
    // Nothing there to be taken out: EINVAL of a map of sockets.
    if (done != 0 && (fd >= 0 || (errno != ENOENT && errno != EINVAL)))
      return cannot("cannot give the steering program a listener", errno);
  }
  return {};
}

Expected<void> SteerProgram::attach() {
  const Fd pinned = pins_.get(link_pin);
  const LinkOf there = look_at(pinned.get());
  const std::uint32_t own = id_of_program(program());
  if (there.here && there.program == own && link_) return {};
  if (there.here) {
    if (there.program != own && bpf_link_update(pinned.get(), program(), nullptr) != 0)
      return cannot("cannot replace the steering program", errno);
    link_ = Fd(fcntl(pinned.get(), F_DUPFD_CLOEXEC, 3));
    return {};
  }
  if (const LinkOf mine = look_at(link_.get()); !mine.here || mine.program != own) {
    const Fd space(open(own_namespace, O_RDONLY | O_CLOEXEC));
    Fd link(bpf_link_create(program(), space.get(), BPF_SK_LOOKUP, nullptr));
    if (!link) return cannot("cannot attach the steering program", errno);
    link_ = std::move(link);
  }
  auto folder = Pins::open(pins_.folder());  // mounts it again
  if (!folder) return tl::unexpected(folder.error());
  return pins_.put(link_pin, link_.get());
}

void SteerProgram::remove(const std::string& bpffs_dir) {
  // Taken away without making or mounting what is not there. Without detaching, the program would go some time after its pin.
  const std::string path = fmt::format("{}/{}", bpffs_dir, link_pin);
  const Fd link(bpf_obj_get(path.c_str()));
  if (link) bpf_link_detach(link.get());
  unlink(path.c_str());
}

}  // namespace acl::node
