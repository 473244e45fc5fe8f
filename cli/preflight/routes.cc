#include "cli/preflight/routes.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <functional>
#include <memory>

namespace lapwing::cli::preflight {
namespace {

struct CloseSocket {
  void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
};
using OnMessage = std::function<void(const nlmsghdr&)>;

int hand_over(const nlmsghdr* message, void* on_message) {
  (*static_cast<const OnMessage*>(on_message))(*message);
  return MNL_CB_OK;
}

// libmnl's loops over attributes are macros for C.
using OnAttribute = std::function<void(const nlattr&)>;

int hand_over_attribute(const nlattr* attribute, void* on_attribute) {
  (*static_cast<const OnAttribute*>(on_attribute))(*attribute);
  return MNL_CB_OK;
}

void each_attribute(const nlmsghdr& message, size_t head, const OnAttribute& on_attribute) {
  mnl_attr_parse(&message, static_cast<unsigned>(head), hand_over_attribute, const_cast<OnAttribute*>(&on_attribute));
}

void each_nested(const nlattr& attribute, const OnAttribute& on_attribute) {
  mnl_attr_parse_nested(&attribute, hand_over_attribute, const_cast<OnAttribute*>(&on_attribute));
}

// 0, or the errno of what the kernel answered.
int ask(const nlmsghdr& request, const OnMessage& on_message) {
  const std::unique_ptr<mnl_socket, CloseSocket> socket(mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC));
  if (!socket || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0) return errno;
  if (mnl_socket_sendto(socket.get(), &request, request.nlmsg_len) < 0) return errno;
  const unsigned port = mnl_socket_get_portid(socket.get());
  alignas(8) std::array<char, 32768> buffer;
  while (true) {
    const ssize_t size = mnl_socket_recvfrom(socket.get(), buffer.data(), buffer.size());
    if (size < 0) return errno;
    const int state = mnl_cb_run(buffer.data(), static_cast<size_t>(size), request.nlmsg_seq, port, hand_over,
                                 const_cast<OnMessage*>(&on_message));
    if (state < 0) return errno;
    // A single answer carries no end of its own.
    const auto* first = reinterpret_cast<const nlmsghdr*>(buffer.data());
    if (state == MNL_CB_STOP || (first->nlmsg_flags & NLM_F_MULTI) == 0) return 0;
  }
}

std::string interface_name(uint32_t index) {
  char name[IF_NAMESIZE];
  return if_indextoname(index, name) == nullptr ? std::string() : std::string(name);
}

std::string address_text(int family, const nlattr* attribute) {
  char text[INET6_ADDRSTRLEN];
  if (mnl_attr_get_payload_len(attribute) < (family == AF_INET ? 4U : 16U)) return "";
  return inet_ntop(family, mnl_attr_get_payload(attribute), text, sizeof text) == nullptr ? "" : text;
}

Route read_route(const nlmsghdr& message) {
  Route route;
  const auto* head = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(&message));
  route.local = head->rtm_type == RTN_LOCAL;
  each_attribute(message, sizeof(rtmsg), [&](const nlattr& attribute) {
    const uint16_t type = mnl_attr_get_type(&attribute);
    if (type == RTA_OIF) route.interface = interface_name(mnl_attr_get_u32(&attribute));
    if (type == RTA_GATEWAY) route.gateway = address_text(head->rtm_family, &attribute);
    if (type != RTA_METRICS) return;
    each_nested(attribute, [&](const nlattr& metric) {
      if (mnl_attr_get_type(&metric) == RTAX_MTU) route.mtu = mnl_attr_get_u32(&metric);
    });
  });
  return route;
}

std::vector<Route> all_routes(uint8_t family) {
  alignas(8) std::array<char, 256> buffer{};
  nlmsghdr* request = mnl_nlmsg_put_header(buffer.data());
  request->nlmsg_type = RTM_GETROUTE;
  request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request->nlmsg_seq = 1;
  auto* head = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(rtmsg)));
  head->rtm_family = family;
  std::vector<Route> routes;
  (void)ask(*request, [&](const nlmsghdr& message) { routes.push_back(read_route(message)); });
  return routes;
}

int rp_filter_of(const std::string& interface) {
  std::ifstream file("/proc/sys/net/ipv4/conf/" + interface + "/rp_filter");
  int value = 0;
  file >> value;
  return value;
}

}  // namespace

std::vector<HostAddress> host_addresses() {
  std::vector<HostAddress> found;
  ifaddrs* listed = nullptr;
  if (getifaddrs(&listed) != 0) return found;
  for (const ifaddrs* one = listed; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr) continue;
    char text[INET6_ADDRSTRLEN];
    const void* bytes = nullptr;
    if (one->ifa_addr->sa_family == AF_INET) bytes = &reinterpret_cast<const sockaddr_in*>(one->ifa_addr)->sin_addr;
    if (one->ifa_addr->sa_family == AF_INET6) bytes = &reinterpret_cast<const sockaddr_in6*>(one->ifa_addr)->sin6_addr;
    if (bytes == nullptr || inet_ntop(one->ifa_addr->sa_family, bytes, text, sizeof text) == nullptr) continue;
    found.push_back({one->ifa_name, asio::ip::make_address(text), (one->ifa_flags & IFF_UP) != 0});
  }
  freeifaddrs(listed);
  return found;
}

Route route_to(const asio::ip::address& destination) {
  alignas(8) std::array<char, 256> buffer{};
  nlmsghdr* request = mnl_nlmsg_put_header(buffer.data());
  request->nlmsg_type = RTM_GETROUTE;
  request->nlmsg_flags = NLM_F_REQUEST;
  request->nlmsg_seq = 1;
  auto* head = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(rtmsg)));
  head->rtm_family = destination.is_v4() ? AF_INET : AF_INET6;
  head->rtm_dst_len = destination.is_v4() ? 32 : 128;
  if (destination.is_v4()) {
    const auto bytes = destination.to_v4().to_bytes();
    mnl_attr_put(request, RTA_DST, bytes.size(), bytes.data());
  } else {
    const auto bytes = destination.to_v6().to_bytes();
    mnl_attr_put(request, RTA_DST, bytes.size(), bytes.data());
  }
  Route route;
  bool answered = false;
  const int error = ask(*request, [&](const nlmsghdr& message) {
    route = read_route(message);
    answered = true;
  });
  route.error = error != 0 ? error : answered ? 0 : ENETUNREACH;
  return route;
}

std::vector<Interface> interfaces() {
  std::vector<Interface> found;
  alignas(8) std::array<char, 256> buffer{};
  nlmsghdr* request = mnl_nlmsg_put_header(buffer.data());
  request->nlmsg_type = RTM_GETLINK;
  request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request->nlmsg_seq = 1;
  auto* head = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(request, sizeof(ifinfomsg)));
  head->ifi_family = AF_UNSPEC;
  (void)ask(*request, [&](const nlmsghdr& message) {
    const auto* link = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(&message));
    if ((link->ifi_flags & IFF_LOOPBACK) != 0) return;
    Interface& one = found.emplace_back();
    one.up = (link->ifi_flags & IFF_UP) != 0;
    each_attribute(message, sizeof(ifinfomsg), [&](const nlattr& attribute) {
      if (mnl_attr_get_type(&attribute) == IFLA_IFNAME) one.name = mnl_attr_get_str(&attribute);
      if (mnl_attr_get_type(&attribute) == IFLA_MTU) one.mtu = mnl_attr_get_u32(&attribute);
    });
  });
  const int all = rp_filter_of("all");
  std::vector<Route> routes = all_routes(AF_INET);
  for (Route& route : all_routes(AF_INET6)) routes.push_back(std::move(route));
  for (Interface& one : found) {
    one.rp_filter = std::max(all, rp_filter_of(one.name));
    for (const Route& route : routes) {
      if (route.interface != one.name || route.mtu == 0) continue;
      one.smallest_route_mtu = one.smallest_route_mtu == 0 ? route.mtu : std::min(one.smallest_route_mtu, route.mtu);
    }
  }
  return found;
}

}  // namespace lapwing::cli::preflight
