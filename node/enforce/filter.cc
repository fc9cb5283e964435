#include "node/enforce/filter.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <vector>

#include "node/enforce/filter_object.h"
#include "node/enforce/table_map.h"

namespace acl::node {
namespace {

// Names in the folder of pins; no dots, which BPF file systems keep for themselves.
constexpr const char* records_pin = "records_" ACL_FILTER_VERSION;
constexpr const char* marks_pin = "marks_" ACL_FILTER_VERSION;
constexpr const char* coarse_pin = "coarse_" ACL_FILTER_VERSION;
constexpr const char* counters_pin = "counters_" ACL_FILTER_VERSION;
constexpr const char* tables_pin = "tables_" ACL_FILTER_VERSION;
constexpr const char* link_pins[] = {"link_in", "link_out"};

struct StateMap {
  const char* name;  // in filter.bpf.c
  const char* pin;
};
constexpr StateMap state_maps[] = {
    {"records", records_pin}, {"marks", marks_pin}, {"coarse", coarse_pin}, {"counters", counters_pin}};

std::size_t at(Direction direction) { return static_cast<std::size_t>(direction); }

// What libbpf and the verifier say; the end of it goes into the error.
std::string load_log;
int keep_log(enum libbpf_print_level level, const char* format, va_list arguments) {
  if (level > LIBBPF_INFO) return 0;
  char line[2048];
  std::vsnprintf(line, sizeof line, format, arguments);
  load_log += line;
  return 0;
}

tl::unexpected<Diagnostic> not_loaded(std::string_view what, int error) {
  std::string log = load_log.substr(load_log.size() - std::min<std::size_t>(load_log.size(), 600));
  std::replace(log.begin(), log.end(), '\n', ' ');
  return fail(Code::E1341, fmt::format("{}: {}{}{}", what, std::strerror(error), log.empty() ? "" : ": ", log),
              error == EPERM ? "run as root, with CAP_BPF and CAP_NET_ADMIN" : "");
}

// Whether a pinned map is what the program expects in this place; its capacity may be another.
bool fits(int fd, const bpf_map* map) {
  bpf_map_info info{};
  std::uint32_t length = sizeof info;
  return bpf_obj_get_info_by_fd(fd, &info, &length) == 0 &&
         info.type == static_cast<std::uint32_t>(bpf_map__type(map)) && info.key_size == bpf_map__key_size(map) &&
         info.value_size == bpf_map__value_size(map) && info.map_flags == bpf_map__map_flags(map);
}

// Takes the map behind the descriptor, if it fits.
bool take_over(bpf_map* map, int fd) {
  if (fd < 0 || !fits(fd, map)) return false;
  bpf_map_info info{};
  std::uint32_t length = sizeof info;
  return bpf_obj_get_info_by_fd(fd, &info, &length) == 0 && bpf_map__set_max_entries(map, info.max_entries) == 0 &&
         bpf_map__reuse_fd(map, fd) == 0;
}

}  // namespace

struct PacketFilter::Program {
  explicit Program(bpf_object* opened) : object(opened) {}
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() { bpf_object__close(object); }

  [[nodiscard]] bpf_map* map(const char* name) const { return bpf_object__find_map_by_name(object, name); }
  [[nodiscard]] int fd(const char* name) const { return bpf_map__fd(map(name)); }
  [[nodiscard]] int of(Direction direction) const {
    return bpf_program__fd(bpf_object__find_program_by_name(object, direction == Direction::in ? "ingress" : "egress"));
  }

  bpf_object* object;
  std::size_t table_map = 0;
};

PacketFilter::PacketFilter(FilterOptions options, Pins pins) : options_(std::move(options)), pins_(std::move(pins)) {}
PacketFilter::PacketFilter(PacketFilter&& other) noexcept = default;
PacketFilter& PacketFilter::operator=(PacketFilter&& other) noexcept = default;
PacketFilter::~PacketFilter() = default;

int PacketFilter::records_fd() const noexcept { return program_->fd("records"); }
int PacketFilter::marks_fd() const noexcept { return program_->fd("marks"); }
int PacketFilter::coarse_fd() const noexcept { return program_->fd("coarse"); }
int PacketFilter::tables_fd() const noexcept { return program_->fd("tables"); }
int PacketFilter::program_fd(Direction direction) const noexcept { return program_->of(direction); }

// --- loading ---

// State maps are those of `maps_of` or, without it, the pinned ones; where there are none, new ones. `with_tables`: also the outer
// map of tables.
Expected<std::unique_ptr<PacketFilter::Program>> PacketFilter::load(std::size_t table_map, const Program* maps_of,
                                                                    bool with_tables) const {
  load_log.clear();
  const libbpf_print_fn_t print = libbpf_set_print(keep_log);
  auto loaded = [&]() -> Expected<std::unique_ptr<Program>> {
    bpf_object_open_opts open_options{};
    open_options.sz = sizeof open_options;
    open_options.object_name = "aclnode";
    bpf_object* object = bpf_object__open_mem(filter_object, filter_object_bytes, &open_options);
    if (object == nullptr) return not_loaded("cannot read the packet filter's own program", errno);
    auto program = std::make_unique<Program>(object);
    program->table_map = table_map;

    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, object) {
      if (std::string_view(bpf_map__name(map)).ends_with(".rodata")) break;
    }
    const acl_filter_settings settings{table_map - sizeof(acl_filter_head) - 64, options_.link_header, options_.mark,
                                       options_.clock_from_cb, options_.verdict_in_cb};
    if (map == nullptr || bpf_map__set_initial_value(map, &settings, sizeof settings) != 0)
      return not_loaded("cannot set the packet filter's constants", EINVAL);
    bpf_map__set_max_entries(program->map("records"), options_.records);
    bpf_map__set_max_entries(program->map("marks"), options_.marks);
    bpf_map__set_value_size(bpf_map__inner_map(program->map("tables")), static_cast<std::uint32_t>(table_map));

    for (const StateMap& one : state_maps) {
      const Fd pinned = maps_of == nullptr ? pins_.get(one.pin) : Fd();
      const bool taken = take_over(program->map(one.name), maps_of == nullptr ? pinned.get() : maps_of->fd(one.name));
      if (!taken && (maps_of != nullptr || pinned))
        return not_loaded(fmt::format("the map \"{}\" is not ours", one.pin), EINVAL);
    }
    if (with_tables) {
      const Fd pinned = maps_of == nullptr ? pins_.get(tables_pin) : Fd();
      if (!take_over(program->map("tables"), maps_of == nullptr ? pinned.get() : maps_of->fd("tables")))
        return not_loaded("the map of tables cannot be taken over", EINVAL);
    }
    if (const int error = bpf_object__load(object); error != 0)
      return not_loaded("the kernel does not take the packet filter", -error);
    return program;
  }();
  libbpf_set_print(print);
  return loaded;
}

Expected<PacketFilter> PacketFilter::open(FilterOptions options) {
  auto pins = Pins::open(options.bpffs_dir);
  if (!pins) return tl::unexpected(pins.error());
  PacketFilter filter(std::move(options), std::move(*pins));
  filter.made_flow_maps_ = !filter.pins_.has(records_pin);
  const Fd tables = filter.pins_.get(tables_pin);
  const std::size_t in_force = tables ? table_map_size_of(tables.get()) : 0;
  auto program = filter.load(in_force != 0 ? in_force : least_table_map, nullptr, in_force != 0);
  if (!program) return tl::unexpected(program.error());
  filter.program_ = std::move(*program);
  filter.has_table_ = in_force != 0;
  for (const Direction direction : directions)
    filter.links_[at(direction)] = filter.pins_.get(link_pins[at(direction)]);
  if (auto pinned = filter.pin_maps(false); !pinned) return tl::unexpected(pinned.error());
  return filter;
}

// All of them, or those that are missing. Without a table, tables is not pinned: the one there may still be in force.
Expected<void> PacketFilter::pin_maps(bool all) const {
  const auto pin = [&](const char* name, const char* under) -> Expected<void> {
    if (!all && pins_.has(under)) return {};
    return pins_.put(under, program_->fd(name));
  };
  for (const StateMap& one : state_maps) {
    if (auto done = pin(one.name, one.pin); !done) return done;
  }
  return has_table_ ? pin("tables", tables_pin) : Expected<void>{};
}

// --- attaching ---

// A program that expects an IP header where the interface has an Ethernet header would judge nonsense.
Expected<void> PacketFilter::check_interface(unsigned ifindex) const {
  ifreq request{};
  if (if_indextoname(ifindex, request.ifr_name) == nullptr)
    return fail(Code::E1343, fmt::format("there is no interface with the number {}", ifindex));
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket || ioctl(socket.get(), SIOCGIFHWADDR, &request) != 0)
    return fail(Code::E1343,
                fmt::format("cannot ask about the interface \"{}\": {}", request.ifr_name, std::strerror(errno)));
  const auto type = request.ifr_hwaddr.sa_family;
  constexpr unsigned short no_link_layer = 0xfffe;  // ARPHRD_NONE: WireGuard, TUN
  if (type == (options_.link_header == 0 ? no_link_layer : ARPHRD_ETHER)) return {};
  return fail(
      Code::E1343,
      fmt::format("the interface \"{}\" is of the link-layer type {}, no WireGuard interface", request.ifr_name, type),
      "set \"interface\" to the WireGuard interface");
}

Expected<void> PacketFilter::attach(unsigned ifindex) {
  if (auto fits = check_interface(ifindex); !fits) return fits;
  ifindex_ = ifindex;
  const auto tcx = tcx_programs(ifindex, Direction::in);
  if (!tcx) return tl::unexpected(tcx.error());
  if (options_.backend == Backend::tcx && !tcx->has_value())
    return fail(Code::E1343, "this kernel has no TCX (Linux 6.6)", "set \"backend\" to \"auto\" or \"clsact\"");
  clsact_ = options_.backend == Backend::clsact || !tcx->has_value();
  for (const Direction direction : directions) {
    if (auto done = attach_direction(direction, false); !done) return done;
  }
  return detach_other_backend();
}

// Detached at once: of a pin that is removed the kernel lets go some time later.
void PacketFilter::drop_link(Direction direction) {
  if (links_[at(direction)]) bpf_link_detach(links_[at(direction)].get());
  links_[at(direction)] = Fd();
  pins_.remove(link_pins[at(direction)]);
}

// Of a process that was set to the other one. Until here both judge.
Expected<void> PacketFilter::detach_other_backend() {
  for (const Direction direction : directions) {
    if (clsact_) {
      drop_link(direction);
      continue;
    }
    for (const std::uint32_t handle : clsact_handles) {
      if (auto done = clsact_detach(ifindex_, direction, handle); !done) return done;
    }
  }
  return {};
}

Expected<void> PacketFilter::attach_direction(Direction direction, bool anew) {
  return clsact_ ? attach_clsact(direction, anew) : attach_tcx(direction, anew);
}

// `anew`: a link of its own, before all others, also where there is one. The one before ends when its pin is replaced and its
// descriptor closed, after the new one is there.
Expected<void> PacketFilter::attach_tcx(Direction direction, bool anew) {
  Fd& link = links_[at(direction)];
  const int program = program_->of(direction);
  if (link && !anew) {
    const auto info = tcx_link_info(link.get());
    if (info && info->ifindex == ifindex_) {
      if (!waits() && info->program != program_id(program)) {
        if (auto done = tcx_replace(link.get(), program); !done) return done;
      }
      const char* name = link_pins[at(direction)];
      return pins_.has(name) ? Expected<void>{} : pins_.put(name, link.get());
    }
  }
  auto fresh = tcx_attach_first(program, ifindex_, direction);
  if (!fresh) return tl::unexpected(fresh.error());
  if (auto pinned = pins_.put(link_pins[at(direction)], fresh->get()); !pinned) return pinned;
  link = std::move(*fresh);
  return {};
}

Expected<void> PacketFilter::attach_clsact(Direction direction, bool anew) {
  const auto filters = clsact_filters(ifindex_, direction);
  if (!filters) return tl::unexpected(filters.error());
  const auto ours = std::find_if(filters->begin(), filters->end(), [](const ClsactFilter& f) { return f.ours(); });
  const int program = program_->of(direction);
  if (ours == filters->end()) return clsact_attach(program, ifindex_, direction, clsact_handles[0]);
  if (!anew) {
    if (waits() || ours->program == program_id(program)) return {};
    return clsact_attach(program, ifindex_, direction, ours->handle);
  }
  const std::uint32_t other = clsact_handles[ours->handle == clsact_handles[0] ? 1 : 0];
  if (auto done = clsact_detach(ifindex_, direction, other); !done) return done;  // of a process that died here
  if (auto done = clsact_attach(program, ifindex_, direction, other); !done) return done;
  return clsact_detach(ifindex_, direction, ours->handle);
}

// --- is it there ---

Expected<void> PacketFilter::check_direction(Direction direction) const {
  const char* way = direction_name(direction);
  const auto displaced = [&](std::string_view what) {
    return fail(Code::E1344, fmt::format("the packet filter ({}): {}", way, what));
  };
  const auto tcx = tcx_programs(ifindex_, direction);
  if (!tcx) return tl::unexpected(tcx.error());
  const std::vector<std::uint32_t> programs = tcx->value_or(std::vector<std::uint32_t>{});
  if (clsact_) {
    if (!programs.empty()) return displaced(fmt::format("the TCX program {} stands before it", programs.front()));
    const auto filters = clsact_filters(ifindex_, direction);
    if (!filters) return tl::unexpected(filters.error());
    const auto ours = std::find_if(filters->begin(), filters->end(), [](const ClsactFilter& f) { return f.ours(); });
    if (ours == filters->end()) return displaced("it is not attached; somebody removed its filter or clsact itself");
    if (ours != filters->begin())
      return displaced(fmt::format("a filter of somebody else stands before it (priority {}, handle {:#x})",
                                   filters->front().priority, filters->front().handle));
    if (!waits() && ours->program != program_id(program_->of(direction)))
      return displaced(fmt::format("its filter has another program, {}", ours->program));
    return {};
  }
  const Fd& link = links_[at(direction)];
  const auto info = link ? tcx_link_info(link.get()) : tl::unexpected(Diagnostic{});
  if (!info || info->ifindex != ifindex_) return displaced("it is not attached; its link is gone");
  if (!waits() && info->program != program_id(program_->of(direction)))
    return displaced(fmt::format("its link has another program, {}", info->program));
  if (programs.empty() || programs.front() != info->program)
    return displaced(programs.empty() ? "it is not attached"
                                      : fmt::format("the program {} stands before it", programs.front()));
  const Fd pinned = pins_.get(link_pins[at(direction)]);
  const auto pinned_info = pinned ? tcx_link_info(pinned.get()) : tl::unexpected(Diagnostic{});
  if (!pinned_info || pinned_info->id != info->id)
    return displaced(fmt::format("its link is not pinned in \"{}\"", pins_.folder()));
  return {};
}

Expected<void> PacketFilter::check() const {
  char name[IF_NAMESIZE];
  if (if_indextoname(ifindex_, name) == nullptr)
    return fail(Code::E1344, fmt::format("the interface with the number {} is gone", ifindex_));
  for (const Direction direction : directions) {
    if (auto there = check_direction(direction); !there) return there;
  }
  for (const StateMap& one : state_maps) {
    if (!pins_.has(one.pin))
      return fail(Code::E1344, fmt::format("the map \"{}\" is not pinned in \"{}\"", one.pin, pins_.folder()));
  }
  if (has_table_ && !pins_.has(tables_pin))
    return fail(Code::E1344, fmt::format("the map \"{}\" is not pinned in \"{}\"", tables_pin, pins_.folder()));
  return {};
}

Expected<void> PacketFilter::reattach() {
  if (check()) return {};
  auto pins = Pins::open(options_.bpffs_dir);  // mounts it again
  if (!pins) return tl::unexpected(pins.error());
  if (auto pinned = pin_maps(true); !pinned) return pinned;
  if (auto done = attach(ifindex_); !done) return done;
  // A program is attached at most once, so one that goes before another is loaded anew.
  std::unique_ptr<Program> before;
  for (const Direction direction : directions) {
    if (check_direction(direction)) continue;
    if (!before) {
      auto fresh = load(program_->table_map, program_.get(), true);
      if (!fresh) return tl::unexpected(fresh.error());
      before = std::exchange(program_, std::move(*fresh));
    }
    if (auto done = attach_direction(direction, true); !done) return done;
  }
  if (before) {
    for (const Direction direction : directions) {
      if (auto done = attach_direction(direction, false); !done) return done;
    }
  }
  return check();
}

// --- tables ---

Expected<void> PacketFilter::put_table(std::span<const std::uint8_t> part, std::span<const table::OwnAddress> own) {
  const std::size_t size = table_map_size(part.size(), program_->table_map);
  if (size == 0)
    return fail(Code::E1342,
                fmt::format("the table has {} bytes, more than a program in the kernel reaches", part.size()));
  auto inner = make_table_map(part, own, size);
  if (!inner) return tl::unexpected(inner.error());
  const bool another = size != program_->table_map;
  std::unique_ptr<Program> fresh;
  if (another) {
    auto loaded = load(size, program_.get(), false);
    if (!loaded) return tl::unexpected(loaded.error());
    fresh = std::move(*loaded);
  }
  const std::uint32_t zero = 0;
  const int map = inner->get();
  // The kernel waits here until no program uses the table before.
  if (bpf_map_update_elem((another ? *fresh : *program_).fd("tables"), &zero, &map, BPF_ANY) != 0)
    return fail(Code::E1341, fmt::format("cannot put the table in force: {}", std::strerror(errno)));
  if (another) program_ = std::move(fresh);
  settled_ = settled_ && !another && has_table_;
  has_table_ = true;
  if (settled_) return {};
  // Also after an error here: until it is done, each table tries again. Pinned before it is attached, so that whoever takes over in
  // between takes the new one.
  if (auto pinned = pins_.put(tables_pin, program_->fd("tables")); !pinned) return pinned;
  for (const Direction direction : directions) {
    if (ifindex_ == 0) break;
    if (auto done = attach_direction(direction, false); !done) return done;
  }
  settled_ = ifindex_ != 0;
  return {};
}

Expected<void> PacketFilter::enforce(std::span<const std::uint8_t> part, std::span<const table::OwnAddress> own) {
  if (auto sound = check_table(part, own); !sound) return sound;
  return put_table(part, own);
}

Expected<void> PacketFilter::deny_all() {
  const std::uint32_t zero = 0;
  // Without a table the program drops whatever comes in. The kernel waits here as it does for another table.
  if (settled_ && (bpf_map_delete_elem(program_->fd("tables"), &zero) == 0 || errno == ENOENT)) return {};
  return put_table({}, {});
}

Expected<FilterCounters> PacketFilter::counters() const {
  const int processors = libbpf_num_possible_cpus();
  const std::uint32_t zero = 0;
  std::vector<acl_filter_counters> each(static_cast<std::size_t>(std::max(processors, 1)));
  if (processors < 1 || bpf_map_lookup_elem(program_->fd("counters"), &zero, each.data()) != 0)
    return fail(Code::E1341, fmt::format("cannot read the packet filter's counters: {}", std::strerror(errno)));
  FilterCounters sum;
  for (const acl_filter_counters& one : each) {
    for (std::size_t i = 0; i < ACL_COUNTERS; ++i) sum.packets[i] += one.packets[i];
  }
  return sum;
}

Expected<void> PacketFilter::detach_and_remove() {
  Expected<void> result;
  for (const Direction direction : directions) {
    drop_link(direction);
    if (ifindex_ == 0) continue;
    for (const std::uint32_t handle : clsact_handles) {
      if (auto done = clsact_detach(ifindex_, direction, handle); !done) result = done;
    }
  }
  pins_.remove_all();
  return result;
}

}  // namespace acl::node
