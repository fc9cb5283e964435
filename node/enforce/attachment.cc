#include "node/enforce/attachment.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

namespace acl::node {
namespace {

// What Linux 6.6 added to <linux/bpf.h>, which older headers lack.
constexpr std::uint32_t tcx_attach_types[] = {46, 47};  // BPF_TCX_INGRESS, BPF_TCX_EGRESS
constexpr std::uint32_t attach_before = 1U << 3;        // BPF_F_BEFORE; without a program to relate to: before all

struct LinkCreate {
  std::uint32_t program, ifindex, attach_type, flags;
  std::uint32_t relative, zero;
  std::uint64_t expected_revision;
};

struct ProgramQuery {
  std::uint32_t ifindex, attach_type, query_flags, attach_flags;
  std::uint64_t program_ids;
  std::uint32_t count, zero;
  std::uint64_t program_attach_flags, link_ids, link_attach_flags, revision;
};
static_assert(sizeof(ProgramQuery) == 64);

struct TcxLinkInfo {
  std::uint32_t type, id, program, zero;
  std::uint32_t ifindex, attach_type;
  std::uint64_t room[8];
};

template <class Attributes>
int bpf_call(int command, Attributes& attributes) {
  return static_cast<int>(syscall(SYS_bpf, command, &attributes, sizeof attributes));
}

tl::unexpected<Diagnostic> cannot(std::string_view what, int error) {
  return fail(Code::E1343, fmt::format("{}: {}", what, std::strerror(error)),
              error == EPERM ? "run as root, with CAP_BPF and CAP_NET_ADMIN" : "");
}

bpf_tc_hook hook_of(unsigned ifindex, Direction direction) {
  bpf_tc_hook hook{};
  hook.sz = sizeof hook;
  hook.ifindex = static_cast<int>(ifindex);
  hook.attach_point = direction == Direction::in ? BPF_TC_INGRESS : BPF_TC_EGRESS;
  return hook;
}

// What a dump says of one filter: its kind, and of a BPF program the id. Callbacks, since libmnl's loops are C alone.
struct FilterAttributes {
  const nlattr* kind = nullptr;
  const nlattr* options = nullptr;
  const nlattr* program = nullptr;
};
int keep_attribute(const nlattr* attribute, void* data) {
  auto& out = *static_cast<FilterAttributes*>(data);
  if (mnl_attr_get_type(attribute) == TCA_KIND) out.kind = attribute;
  if (mnl_attr_get_type(attribute) == TCA_OPTIONS) out.options = attribute;
  return MNL_CB_OK;
}
int keep_option(const nlattr* attribute, void* data) {
  if (mnl_attr_get_type(attribute) == TCA_BPF_ID) static_cast<FilterAttributes*>(data)->program = attribute;
  return MNL_CB_OK;
}

// False if the message is none, or names a priority and no filter.
bool read_filter(const nlmsghdr* message, ClsactFilter& out) {
  if (message->nlmsg_type != RTM_NEWTFILTER) return false;
  const auto* head = static_cast<const tcmsg*>(mnl_nlmsg_get_payload(message));
  out = {head->tcm_info >> 16, head->tcm_handle, 0};
  FilterAttributes found;
  mnl_attr_parse(message, sizeof(tcmsg), keep_attribute, &found);
  if (found.kind != nullptr && found.options != nullptr && std::strcmp(mnl_attr_get_str(found.kind), "bpf") == 0)
    mnl_attr_parse_nested(found.options, keep_option, &found);
  if (found.program != nullptr) out.program = mnl_attr_get_u32(found.program);
  return out.handle != 0;
}

struct CloseSocket {
  void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
};

}  // namespace

const char* direction_name(Direction direction) noexcept { return direction == Direction::in ? "in" : "out"; }

std::uint32_t program_id(int program) noexcept {
  bpf_prog_info info{};
  std::uint32_t length = sizeof info;
  return bpf_obj_get_info_by_fd(program, &info, &length) == 0 ? info.id : 0;
}

Expected<std::optional<std::vector<std::uint32_t>>> tcx_programs(unsigned ifindex, Direction direction) {
  std::vector<std::uint32_t> ids(64);  // the kernel's most
  ProgramQuery query{};
  query.ifindex = ifindex;
  query.attach_type = tcx_attach_types[static_cast<int>(direction)];
  query.program_ids = reinterpret_cast<std::uintptr_t>(ids.data());
  query.count = static_cast<std::uint32_t>(ids.size());
  if (bpf_call(BPF_PROG_QUERY, query) != 0) {
    if (errno == EINVAL) return std::nullopt;
    if (errno == ENOENT) return std::vector<std::uint32_t>{};
    return cannot("cannot ask which programs are attached to the interface", errno);
  }
  ids.resize(query.count);
  return ids;
}

Expected<Fd> tcx_attach_first(int program, unsigned ifindex, Direction direction) {
  LinkCreate create{};
  create.program = static_cast<std::uint32_t>(program);
  create.ifindex = ifindex;
  create.attach_type = tcx_attach_types[static_cast<int>(direction)];
  create.flags = attach_before;
  const int link = bpf_call(BPF_LINK_CREATE, create);
  if (link < 0) return cannot("cannot attach the packet filter (TCX)", errno);
  return Fd(link);
}

Expected<void> tcx_replace(int link, int program) {
  if (bpf_link_update(link, program, nullptr) != 0) return cannot("cannot replace the packet filter (TCX)", errno);
  return {};
}

Expected<LinkInfo> tcx_link_info(int link) {
  TcxLinkInfo info{};
  std::uint32_t length = sizeof info;
  if (bpf_obj_get_info_by_fd(link, &info, &length) != 0) return cannot("cannot ask about a link", errno);
  return LinkInfo{info.id, info.program, info.ifindex};
}

Expected<std::vector<ClsactFilter>> clsact_filters(unsigned ifindex, Direction direction) {
  std::vector<ClsactFilter> out;
  const std::unique_ptr<mnl_socket, CloseSocket> socket(mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC));
  if (!socket || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0)
    return cannot("cannot open a netlink socket", errno);
  std::array<char, 32768> buffer{};
  nlmsghdr* request = mnl_nlmsg_put_header(buffer.data());
  request->nlmsg_type = RTM_GETTFILTER;
  request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request->nlmsg_seq = 1;
  auto* head = static_cast<tcmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(tcmsg)));
  head->tcm_ifindex = static_cast<int>(ifindex);
  head->tcm_parent = TC_H_MAKE(TC_H_CLSACT, direction == Direction::in ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
  if (mnl_socket_sendto(socket.get(), request, request->nlmsg_len) < 0) return cannot("cannot ask netlink", errno);
  for (;;) {
    const ssize_t count = mnl_socket_recvfrom(socket.get(), buffer.data(), buffer.size());
    if (count < 0) return cannot("cannot read from netlink", errno);
    auto left = static_cast<int>(count);
    for (auto* message = reinterpret_cast<nlmsghdr*>(buffer.data()); mnl_nlmsg_ok(message, left);
         message = mnl_nlmsg_next(message, &left)) {
      if (message->nlmsg_type == NLMSG_DONE) return out;
      if (message->nlmsg_type == NLMSG_ERROR) {
        const int error = -static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message))->error;
        // No such queueing discipline, or no such interface: no filters.
        if (error == 0 || error == EINVAL || error == ENOENT || error == ENODEV || error == EOPNOTSUPP) return out;
        return cannot("cannot list the interface's filters", error);
      }
      ClsactFilter filter;
      if (read_filter(message, filter)) out.push_back(filter);
    }
  }
}

Expected<void> clsact_attach(int program, unsigned ifindex, Direction direction, std::uint32_t handle) {
  bpf_tc_hook hook = hook_of(ifindex, direction);
  const libbpf_print_fn_t print = libbpf_set_print(nullptr);  // it says on stderr that the discipline is there already
  const int made = bpf_tc_hook_create(&hook);
  bpf_tc_opts options{};
  options.sz = sizeof options;
  options.prog_fd = program;
  options.flags = BPF_TC_F_REPLACE;
  options.handle = handle;
  options.priority = clsact_priority;
  const int error = made != 0 && made != -EEXIST ? made : bpf_tc_attach(&hook, &options);
  libbpf_set_print(print);
  if (error != 0) return cannot("cannot attach the packet filter (clsact)", -error);
  return {};
}

Expected<void> clsact_detach(unsigned ifindex, Direction direction, std::uint32_t handle) {
  bpf_tc_hook hook = hook_of(ifindex, direction);
  bpf_tc_opts options{};
  options.sz = sizeof options;
  options.handle = handle;
  options.priority = clsact_priority;
  const libbpf_print_fn_t print = libbpf_set_print(nullptr);
  const int error = bpf_tc_detach(&hook, &options);
  libbpf_set_print(print);
  if (error != 0 && error != -ENOENT && error != -EINVAL && error != -ENODEV)
    return cannot("cannot take the packet filter away (clsact)", -error);
  return {};
}

}  // namespace acl::node
