// The kernel's XFRM messages (linux/xfrm.h): SAs and policies written into netlink messages, and reports read from
// them. No I/O. Byte order turns here and nowhere else.
//
//   XfrmBatch batch(first_sequence);
//   for (...) if (!batch.add_sa(parameters)) ...   // false: the batch is full, nothing was written
//   send(batch.bytes());                           // message i carries sequence first_sequence + i
//
// Every message but a dump asks for an acknowledgement. Batches hold keys and wipe themselves.
#pragma once

#include <libmnl/libmnl.h>
#include <linux/xfrm.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "pcscf/ipsec/kernel.h"
#include "pcscf/ipsec/sa.h"

namespace lapwing::ipsec {

// What the kernel is told about one SA.
struct SaParameters {
  Association flow;
  bool any_ports = false;  // the selector holds the addresses only
  Algorithms algorithms;
  Secret integrity_key, encryption_key;
  uint32_t reqid = 0;
  uint64_t hard_add_expires_s = 0;  // counted from when the SA was added; 0: never
};

enum class Direction : uint8_t { in, out };

// "What goes to (in) or leaves from (out) this local port is protected by an SA of ours, whoever the peer is."
struct PortPolicy {
  Direction direction = Direction::in;
  bool ipv6 = false;
  std::optional<asio::ip::address> local;  // nullopt: any address of the family
  Port local_port;
  uint32_t reqid = 0;
};

class XfrmBatch {
 public:
  explicit XfrmBatch(uint32_t first_sequence) : first_(first_sequence) {}
  ~XfrmBatch();
  XfrmBatch(const XfrmBatch&) = delete;
  XfrmBatch& operator=(const XfrmBatch&) = delete;

  bool add_sa(const SaParameters& sa) { return put_sa(XFRM_MSG_NEWSA, sa); }
  // Sets the limits of the SA with this destination and SPI; the kernel wants everything else again too.
  bool update_sa(const SaParameters& sa) { return put_sa(XFRM_MSG_UPDSA, sa); }
  bool delete_sa(const asio::ip::address& destination, Spi spi) { return put_sa_id(XFRM_MSG_DELSA, destination, spi); }
  bool get_sa(const asio::ip::address& destination, Spi spi) { return put_sa_id(XFRM_MSG_GETSA, destination, spi); }
  bool dump_sas() { return put_dump(XFRM_MSG_GETSA); }
  bool add_policy(const PortPolicy& policy) { return put_policy(XFRM_MSG_NEWPOLICY, policy); }
  bool update_policy(const PortPolicy& policy) { return put_policy(XFRM_MSG_UPDPOLICY, policy); }
  bool delete_policy(const xfrm_selector& selector, uint8_t direction);
  bool dump_policies() { return put_dump(XFRM_MSG_GETPOLICY); }

  std::span<const uint8_t> bytes() const { return {buffer_.data(), used_}; }
  uint32_t first_sequence() const { return first_; }
  uint32_t messages() const { return messages_; }

 private:
  bool put_sa(uint16_t type, const SaParameters& sa);
  bool put_sa_id(uint16_t type, const asio::ip::address& destination, Spi spi);
  bool put_policy(uint16_t type, const PortPolicy& policy);
  bool put_dump(uint16_t type);
  nlmsghdr* begin(uint16_t type, uint16_t flags, size_t payload);
  bool finish(nlmsghdr* message, bool complete);
  bool put(nlmsghdr* message, uint16_t type, std::span<const uint8_t> value);

  const uint32_t first_;
  uint32_t messages_ = 0;
  size_t used_ = 0;
  alignas(8) std::array<uint8_t, 4096> buffer_{};  // four SAs take less than 2 KiB
};

xfrm_selector selector_of(const PortPolicy& policy);
xfrm_selector selector_of(const SaParameters& sa);

// The kernel's names of a pair, "hmac(sha1) cbc(aes)".
std::string kernel_names(const Algorithms& algorithms);

// What the kernel reports. nullopt: not such a message, or too short for one. now_s: seconds since 1970.
struct PolicyReport {
  xfrm_selector selector{};
  uint8_t direction = 0;
  uint32_t reqid = 0;  // of the first template; 0: none
};
std::optional<KernelSa> read_sa(const nlmsghdr& message, int64_t now_s);
std::optional<KernelExpiry> read_expire(const nlmsghdr& message);
std::optional<PolicyReport> read_policy(const nlmsghdr& message);

}  // namespace lapwing::ipsec
