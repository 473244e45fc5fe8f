#include "pcscf/ipsec/xfrm_codec.h"

#include <netinet/in.h>
#include <openssl/crypto.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

namespace lapwing::ipsec {
namespace {

constexpr size_t kLongestKey = 64;

struct AuthName {
  Integrity integrity;
  const char* name;
  uint32_t truncated_bits;
};
constexpr AuthName kAuth[] = {{Integrity::hmac_sha1_96, "hmac(sha1)", 96}, {Integrity::hmac_md5_96, "hmac(md5)", 96}};

const char* cipher_name(Encryption encryption) {
  switch (encryption) {
    case Encryption::aes_cbc:
      return "cbc(aes)";
    case Encryption::des_ede3_cbc:
      return "cbc(des3_ede)";
    default:
      return "ecb(cipher_null)";  // ESP without encryption names a cipher all the same
  }
}

bool is_aead(const Algorithms& algorithms) {
  return algorithms.integrity == Integrity::aes_gmac || algorithms.encryption == Encryption::aes_gcm;
}
constexpr uint32_t kAeadIcvBits = 128;
const char* aead_name(const Algorithms& algorithms) {
  return algorithms.encryption == Encryption::aes_gcm ? "rfc4106(gcm(aes))" : "rfc4543(gcm(aes))";
}

uint16_t family_of(const asio::ip::address& address) {
  return address.is_v6() ? AF_INET6 : AF_INET;
}
uint8_t host_prefix(const asio::ip::address& address) {
  return address.is_v6() ? 128 : 32;
}

xfrm_address_t to_kernel(const asio::ip::address& address) {
  xfrm_address_t out{};
  if (address.is_v6()) {
    auto bytes = address.to_v6().to_bytes();
    std::memcpy(&out, bytes.data(), bytes.size());
  } else {
    auto bytes = address.to_v4().to_bytes();
    std::memcpy(&out, bytes.data(), bytes.size());
  }
  return out;
}

asio::ip::address from_kernel(const xfrm_address_t& address, uint16_t family) {
  if (family == AF_INET6) {
    asio::ip::address_v6::bytes_type bytes;
    std::memcpy(bytes.data(), &address, bytes.size());
    return asio::ip::address_v6(bytes);
  }
  asio::ip::address_v4::bytes_type bytes;
  std::memcpy(bytes.data(), &address, bytes.size());
  return asio::ip::address_v4(bytes);
}

void set_unlimited(xfrm_lifetime_cfg& limits) {
  limits = {};
  limits.soft_byte_limit = limits.hard_byte_limit = XFRM_INF;
  limits.soft_packet_limit = limits.hard_packet_limit = XFRM_INF;
}

// An algorithm attribute: the kernel's struct, whose last member is the key, in a buffer that is wiped.
template <typename Head>
class KeyAttribute {
 public:
  KeyAttribute(const char* name, const Secret& key) {
    Head head{};
    std::strncpy(head.alg_name, name, sizeof(head.alg_name) - 1);
    head.alg_key_len = static_cast<uint32_t>(8 * key.size());
    set(head);
    size_ = sizeof(Head) + std::min(key.size(), kLongestKey);
    std::copy_n(key.reveal().begin(), size_ - sizeof(Head), bytes_.begin() + sizeof(Head));
  }
  ~KeyAttribute() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }
  KeyAttribute(const KeyAttribute&) = delete;
  KeyAttribute& operator=(const KeyAttribute&) = delete;

  Head head() const {
    Head head;
    std::memcpy(static_cast<void*>(&head), bytes_.data(), sizeof(Head));
    return head;
  }
  void set(const Head& head) { std::memcpy(bytes_.data(), &head, sizeof(Head)); }
  std::span<const uint8_t> bytes() const { return {bytes_.data(), size_}; }

 private:
  std::array<uint8_t, sizeof(Head) + kLongestKey> bytes_{};
  size_t size_ = 0;
};

// The attribute's payload as T; nullopt when it is shorter.
template <typename T>
std::optional<T> payload_as(const nlattr* attribute) {
  if (mnl_attr_get_payload_len(attribute) < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(static_cast<void*>(&value), mnl_attr_get_payload(attribute), sizeof(T));
  return value;
}

template <typename T>
std::optional<T> body_as(const nlmsghdr& message) {
  if (mnl_nlmsg_get_payload_len(&message) < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(static_cast<void*>(&value), mnl_nlmsg_get_payload(&message), sizeof(T));
  return value;
}

// Calls use(attribute) for every attribute that lies within the message, behind its fixed part.
template <typename Use>
void each_attribute(const nlmsghdr& message, size_t fixed, Use use) {
  const auto* at = static_cast<const uint8_t*>(mnl_nlmsg_get_payload_offset(&message, fixed));
  const uint8_t* end = reinterpret_cast<const uint8_t*>(&message) + message.nlmsg_len;
  while (end - at >= static_cast<ptrdiff_t>(sizeof(nlattr))) {
    const auto* attribute = reinterpret_cast<const nlattr*>(at);
    if (attribute->nla_len < sizeof(nlattr) || attribute->nla_len > end - at) return;
    use(attribute);
    at += MNL_ALIGN(attribute->nla_len);
  }
}

// Every algorithm attribute begins with the name, in 64 bytes.
std::string name_in(const nlattr* attribute) {
  auto name = payload_as<std::array<char, sizeof(xfrm_algo::alg_name)>>(attribute);
  return name ? std::string(name->data(), strnlen(name->data(), name->size())) : std::string();
}

}  // namespace

XfrmBatch::~XfrmBatch() {
  OPENSSL_cleanse(buffer_.data(), buffer_.size());
}

nlmsghdr* XfrmBatch::begin(uint16_t type, uint16_t flags, size_t payload) {
  if (buffer_.size() - used_ < MNL_NLMSG_HDRLEN + MNL_ALIGN(payload)) return nullptr;
  nlmsghdr* message = mnl_nlmsg_put_header(buffer_.data() + used_);
  message->nlmsg_type = type;
  message->nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
  message->nlmsg_seq = first_ + messages_;
  return message;
}

bool XfrmBatch::finish(nlmsghdr* message, bool complete) {
  if (!complete) {
    OPENSSL_cleanse(buffer_.data() + used_, buffer_.size() - used_);
    return false;
  }
  used_ += MNL_ALIGN(message->nlmsg_len);
  ++messages_;
  return true;
}

bool XfrmBatch::put(nlmsghdr* message, uint16_t type, std::span<const uint8_t> value) {
  return mnl_attr_put_check(message, buffer_.size() - used_, type, value.size(), value.data());
}

bool XfrmBatch::put_sa(uint16_t type, const SaParameters& sa) {
  nlmsghdr* message = begin(type, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sizeof(xfrm_usersa_info));
  if (!message) return false;
  xfrm_usersa_info info{};
  info.sel = selector_of(sa);
  info.id.daddr = to_kernel(sa.flow.destination);
  info.id.spi = htonl(sa.flow.spi.value);
  info.id.proto = IPPROTO_ESP;
  info.saddr = to_kernel(sa.flow.source);
  set_unlimited(info.lft);
  info.lft.hard_add_expires_seconds = sa.hard_add_expires_s;
  info.reqid = sa.reqid;
  info.family = family_of(sa.flow.destination);
  info.mode = XFRM_MODE_TRANSPORT;
  info.replay_window = 32;
  std::memcpy(mnl_nlmsg_put_extra_header(message, sizeof(info)), &info, sizeof(info));

  if (is_aead(sa.algorithms)) {
    bool gcm = sa.algorithms.encryption == Encryption::aes_gcm;
    KeyAttribute<xfrm_algo_aead> aead(aead_name(sa.algorithms), gcm ? sa.encryption_key : sa.integrity_key);
    xfrm_algo_aead head = aead.head();
    head.alg_icv_len = kAeadIcvBits;
    aead.set(head);
    return finish(message, put(message, XFRMA_ALG_AEAD, aead.bytes()));
  }
  bool complete = false;
  for (const AuthName& known : kAuth) {
    if (known.integrity != sa.algorithms.integrity) continue;
    KeyAttribute<xfrm_algo_auth> auth(known.name, sa.integrity_key);
    xfrm_algo_auth head = auth.head();
    head.alg_trunc_len = known.truncated_bits;
    auth.set(head);
    complete = put(message, XFRMA_ALG_AUTH_TRUNC, auth.bytes());
  }
  KeyAttribute<xfrm_algo> cipher(cipher_name(sa.algorithms.encryption), sa.encryption_key);
  return finish(message, complete && put(message, XFRMA_ALG_CRYPT, cipher.bytes()));
}

bool XfrmBatch::put_sa_id(uint16_t type, const asio::ip::address& destination, Spi spi) {
  nlmsghdr* message = begin(type, NLM_F_ACK, sizeof(xfrm_usersa_id));
  if (!message) return false;
  xfrm_usersa_id id{};
  id.daddr = to_kernel(destination);
  id.spi = htonl(spi.value);
  id.family = family_of(destination);
  id.proto = IPPROTO_ESP;
  std::memcpy(mnl_nlmsg_put_extra_header(message, sizeof(id)), &id, sizeof(id));
  return finish(message, true);
}

bool XfrmBatch::put_policy(uint16_t type, const PortPolicy& policy) {
  nlmsghdr* message = begin(type, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sizeof(xfrm_userpolicy_info));
  if (!message) return false;
  xfrm_userpolicy_info info{};
  info.sel = selector_of(policy);
  set_unlimited(info.lft);
  info.dir = policy.direction == Direction::in ? XFRM_POLICY_IN : XFRM_POLICY_OUT;
  info.action = XFRM_POLICY_ALLOW;
  std::memcpy(mnl_nlmsg_put_extra_header(message, sizeof(info)), &info, sizeof(info));

  xfrm_user_tmpl form{};  // no addresses: the packet's own
  form.id.proto = IPPROTO_ESP;
  form.family = info.sel.family;
  form.reqid = policy.reqid;
  form.mode = XFRM_MODE_TRANSPORT;
  form.aalgos = form.ealgos = form.calgos = ~0u;
  return finish(message, put(message, XFRMA_TMPL, {reinterpret_cast<const uint8_t*>(&form), sizeof(form)}));
}

bool XfrmBatch::delete_policy(const xfrm_selector& selector, uint8_t direction) {
  nlmsghdr* message = begin(XFRM_MSG_DELPOLICY, NLM_F_ACK, sizeof(xfrm_userpolicy_id));
  if (!message) return false;
  xfrm_userpolicy_id id{};
  id.sel = selector;
  id.dir = direction;
  std::memcpy(mnl_nlmsg_put_extra_header(message, sizeof(id)), &id, sizeof(id));
  return finish(message, true);
}

bool XfrmBatch::put_dump(uint16_t type) {
  // A dump of SAs takes no fixed part at all; one of policies neither.
  nlmsghdr* message = begin(type, NLM_F_DUMP, 0);
  return message && finish(message, true);
}

xfrm_selector selector_of(const PortPolicy& policy) {
  xfrm_selector selector{};
  selector.family = policy.ipv6 ? AF_INET6 : AF_INET;
  bool in = policy.direction == Direction::in;
  if (policy.local) {
    (in ? selector.daddr : selector.saddr) = to_kernel(*policy.local);
    (in ? selector.prefixlen_d : selector.prefixlen_s) = host_prefix(*policy.local);
  }
  (in ? selector.dport : selector.sport) = htons(policy.local_port.value);
  (in ? selector.dport_mask : selector.sport_mask) = 0xffff;
  return selector;
}

xfrm_selector selector_of(const SaParameters& sa) {
  xfrm_selector selector{};
  selector.family = family_of(sa.flow.destination);
  selector.daddr = to_kernel(sa.flow.destination);
  selector.saddr = to_kernel(sa.flow.source);
  selector.prefixlen_d = selector.prefixlen_s = host_prefix(sa.flow.destination);
  if (sa.any_ports) return selector;
  selector.dport = htons(sa.flow.destination_port.value);
  selector.sport = htons(sa.flow.source_port.value);
  selector.dport_mask = selector.sport_mask = 0xffff;
  return selector;
}

std::string kernel_names(const Algorithms& algorithms) {
  if (is_aead(algorithms)) return aead_name(algorithms);
  for (const AuthName& known : kAuth)
    if (known.integrity == algorithms.integrity)
      return std::string(known.name) + " " + cipher_name(algorithms.encryption);
  return {};
}

std::optional<KernelSa> read_sa(const nlmsghdr& message, int64_t now_s) {
  if (message.nlmsg_type != XFRM_MSG_NEWSA) return std::nullopt;
  std::optional<xfrm_usersa_info> info = body_as<xfrm_usersa_info>(message);
  if (!info || info->id.proto != IPPROTO_ESP) return std::nullopt;
  KernelSa sa;
  sa.source = from_kernel(info->saddr, info->family);
  sa.destination = from_kernel(info->id.daddr, info->family);
  sa.spi = Spi{ntohl(info->id.spi)};
  sa.reqid = info->reqid;
  sa.source_port = Port{ntohs(info->sel.sport)};
  sa.destination_port = Port{ntohs(info->sel.dport)};
  sa.bytes = info->curlft.bytes;
  sa.packets = info->curlft.packets;
  sa.replay_errors = info->stats.replay;
  sa.integrity_failures = info->stats.integrity_failed;
  sa.age_s = std::max<int64_t>(0, now_s - static_cast<int64_t>(info->curlft.add_time));
  if (info->lft.hard_add_expires_seconds != 0)
    sa.hard_expires_in_s = std::max<int64_t>(0, static_cast<int64_t>(info->lft.hard_add_expires_seconds) - sa.age_s);

  std::string auth, rest;
  each_attribute(message, sizeof(xfrm_usersa_info), [&](const nlattr* attribute) {
    switch (mnl_attr_get_type(attribute)) {
      case XFRMA_ALG_AUTH_TRUNC:
        auth = name_in(attribute);
        break;
      case XFRMA_ALG_CRYPT:
      case XFRMA_ALG_AEAD:
        rest = name_in(attribute);
        break;
      default:
        break;
    }
  });
  sa.algorithms = auth.empty() || rest.empty() ? auth + rest : auth + " " + rest;
  return sa;
}

std::optional<KernelExpiry> read_expire(const nlmsghdr& message) {
  if (message.nlmsg_type != XFRM_MSG_EXPIRE) return std::nullopt;
  std::optional<xfrm_user_expire> expire = body_as<xfrm_user_expire>(message);
  if (!expire || expire->state.id.proto != IPPROTO_ESP) return std::nullopt;
  KernelExpiry expiry;
  expiry.destination = from_kernel(expire->state.id.daddr, expire->state.family);
  expiry.spi = Spi{ntohl(expire->state.id.spi)};
  expiry.reqid = expire->state.reqid;
  expiry.hard = expire->hard != 0;
  return expiry;
}

std::optional<PolicyReport> read_policy(const nlmsghdr& message) {
  if (message.nlmsg_type != XFRM_MSG_NEWPOLICY) return std::nullopt;
  std::optional<xfrm_userpolicy_info> info = body_as<xfrm_userpolicy_info>(message);
  if (!info) return std::nullopt;
  PolicyReport report{.selector = info->sel, .direction = info->dir};
  each_attribute(message, sizeof(xfrm_userpolicy_info), [&](const nlattr* attribute) {
    if (mnl_attr_get_type(attribute) != XFRMA_TMPL) return;
    if (auto form = payload_as<xfrm_user_tmpl>(attribute)) report.reqid = form->reqid;
  });
  return report;
}

}  // namespace lapwing::ipsec
