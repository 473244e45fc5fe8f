#include "common/sip/header_id.h"

#include <array>
#include <cstring>

#include "common/sip/chars.h"

namespace lapwing::sip {
namespace {

enum Shape : uint8_t { plain = 0, list = 1, single = 2 };

struct Known {
  HeaderId id;
  std::string_view name;
  char compact;  // 0: none
  Shape shape;
};

using enum HeaderId;

constexpr Known kKnown[] = {
    {accept, "Accept", 0, list},
    {accept_contact, "Accept-Contact", 'a', list},
    {accept_encoding, "Accept-Encoding", 0, list},
    {accept_language, "Accept-Language", 0, list},
    {alert_info, "Alert-Info", 0, list},
    {allow, "Allow", 0, list},
    {allow_events, "Allow-Events", 'u', list},
    {authentication_info, "Authentication-Info", 0, plain},
    {authorization, "Authorization", 0, plain},
    {call_id, "Call-ID", 'i', single},
    {call_info, "Call-Info", 0, list},
    {contact, "Contact", 'm', list},
    {content_disposition, "Content-Disposition", 0, plain},
    {content_encoding, "Content-Encoding", 'e', list},
    {content_language, "Content-Language", 0, list},
    {content_length, "Content-Length", 'l', single},
    {content_type, "Content-Type", 'c', single},
    {cseq, "CSeq", 0, single},
    {date, "Date", 0, plain},
    {error_info, "Error-Info", 0, list},
    {event, "Event", 'o', single},
    {expires, "Expires", 0, single},
    {feature_caps, "Feature-Caps", 0, list},
    {from, "From", 'f', single},
    {geolocation, "Geolocation", 0, list},
    {geolocation_routing, "Geolocation-Routing", 0, plain},
    {history_info, "History-Info", 0, list},
    {identity, "Identity", 'y', list},
    {in_reply_to, "In-Reply-To", 0, list},
    {max_forwards, "Max-Forwards", 0, single},
    {mime_version, "MIME-Version", 0, plain},
    {min_expires, "Min-Expires", 0, single},
    {min_se, "Min-SE", 0, plain},
    {organization, "Organization", 0, plain},
    {p_access_network_info, "P-Access-Network-Info", 0, list},
    {p_asserted_identity, "P-Asserted-Identity", 0, list},
    {p_asserted_service, "P-Asserted-Service", 0, list},
    {p_associated_uri, "P-Associated-URI", 0, list},
    {p_called_party_id, "P-Called-Party-ID", 0, plain},
    {p_charging_function_addresses, "P-Charging-Function-Addresses", 0, plain},
    {p_charging_vector, "P-Charging-Vector", 0, plain},
    {p_early_media, "P-Early-Media", 0, list},
    {p_preferred_identity, "P-Preferred-Identity", 0, list},
    {p_preferred_service, "P-Preferred-Service", 0, list},
    {p_profile_key, "P-Profile-Key", 0, plain},
    {p_served_user, "P-Served-User", 0, plain},
    {p_visited_network_id, "P-Visited-Network-ID", 0, list},
    {path, "Path", 0, list},
    {priority, "Priority", 0, plain},
    {privacy, "Privacy", 0, plain},
    {proxy_authenticate, "Proxy-Authenticate", 0, plain},
    {proxy_authorization, "Proxy-Authorization", 0, plain},
    {proxy_require, "Proxy-Require", 0, list},
    {rack, "RAck", 0, single},
    {reason, "Reason", 0, list},
    {record_route, "Record-Route", 0, list},
    {refer_to, "Refer-To", 'r', single},
    {referred_by, "Referred-By", 'b', plain},
    {reject_contact, "Reject-Contact", 'j', list},
    {replaces, "Replaces", 0, single},
    {reply_to, "Reply-To", 0, plain},
    {request_disposition, "Request-Disposition", 'd', list},
    {require, "Require", 0, list},
    {resource_priority, "Resource-Priority", 0, list},
    {restoration_info, "Restoration-Info", 0, plain},
    {retry_after, "Retry-After", 0, plain},
    {route, "Route", 0, list},
    {rseq, "RSeq", 0, single},
    {security_client, "Security-Client", 0, list},
    {security_server, "Security-Server", 0, list},
    {security_verify, "Security-Verify", 0, list},
    {server, "Server", 0, plain},
    {service_route, "Service-Route", 0, list},
    {session_expires, "Session-Expires", 'x', single},
    {sip_etag, "SIP-ETag", 0, single},
    {sip_if_match, "SIP-If-Match", 0, single},
    {subject, "Subject", 's', plain},
    {subscription_state, "Subscription-State", 0, single},
    {supported, "Supported", 'k', list},
    {timestamp, "Timestamp", 0, plain},
    {to, "To", 't', single},
    {unsupported, "Unsupported", 0, list},
    {user_agent, "User-Agent", 0, plain},
    {via, "Via", 'v', list},
    {warning, "Warning", 0, list},
    {www_authenticate, "WWW-Authenticate", 0, plain},
};

constexpr size_t kCount = static_cast<size_t>(HeaderId::count);
constexpr size_t kWords = 4;  // the longest name has 29 characters

// A known name ready for comparison eight bytes at a time: (text | fold) == lower. `fold` has 0x20 under letters only,
// so that no other byte can pass for one (CR | 0x20 is '-').
struct Name {
  alignas(8) char lower[kWords * 8] = {};
  alignas(8) char fold[kWords * 8] = {};
  uint8_t size = 0;
  HeaderId id = HeaderId::other;
};

// Length, first, middle and last letters tell all known names apart: the slot of a name in the table below. The factors
// were found by trying; the static_assert keeps them honest when a header is added.
constexpr size_t kSlots = 512;
constexpr size_t slot(char first, char middle, char last, size_t size) {
  return (size * 32 + static_cast<uint8_t>(first | 0x20) * 40u + static_cast<uint8_t>(middle | 0x20) * 236u +
          static_cast<uint8_t>(last | 0x20) * 19u) %
         kSlots;
}
constexpr size_t slot(std::string_view name) {
  return slot(name.front(), name[name.size() / 2], name.back(), name.size());
}

struct Index {
  std::array<uint8_t, kSlots> known{};  // 1 + index in kKnown
  std::array<Name, std::size(kKnown)> names{};
  std::array<HeaderId, 26> compact{};
  std::array<const Known*, kCount> by_id{};
  bool collides = false;
};

constexpr Index make_index() {
  Index index;
  for (size_t i = 0; i < std::size(kKnown); ++i) {
    const Known& known = kKnown[i];
    uint8_t& entry = index.known[slot(known.name)];
    if (entry != 0) index.collides = true;
    entry = static_cast<uint8_t>(i + 1);
    Name& name = index.names[i];
    name.id = known.id;
    name.size = static_cast<uint8_t>(known.name.size());
    for (size_t c = 0; c < known.name.size(); ++c) {
      name.lower[c] = chars::lower(known.name[c]);
      name.fold[c] = known.name[c] == '-' ? '\0' : '\x20';
    }
    if (known.compact != 0) index.compact[static_cast<size_t>(known.compact - 'a')] = known.id;
    index.by_id[static_cast<size_t>(known.id)] = &known;
  }
  return index;
}

constexpr Index kIndex = make_index();
static_assert(!kIndex.collides, "two header names share a slot: choose other factors in slot()");
static_assert(std::size(kKnown) + 1 == kCount, "every HeaderId but other has a line in kKnown");

bool matches(const Name& known, std::string_view name) {
  size_t size = name.size();
  if (known.size != size) return false;
  const char* at = name.data();
  if (size >= 8) {
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
      if ((chars::load8(at + i) | chars::load8(known.fold + i)) != chars::load8(known.lower + i)) return false;
    }
    i = size - 8;  // the last eight overlap what was compared
    return (chars::load8(at + i) | chars::load8(known.fold + i)) == chars::load8(known.lower + i);
  }
  for (size_t i = 0; i < size; ++i) {
    if ((at[i] | known.fold[i]) != known.lower[i]) return false;
  }
  return true;
}

}  // namespace

HeaderId header_id(std::string_view name) {
  if (name.size() <= 1) {
    if (name.empty()) return other;
    char letter = chars::lower(name[0]);
    return letter >= 'a' && letter <= 'z' ? kIndex.compact[static_cast<size_t>(letter - 'a')] : other;
  }
  uint8_t entry = kIndex.known[slot(name)];
  if (entry == 0) return other;
  const Name& known = kIndex.names[entry - 1u];
  return matches(known, name) ? known.id : other;
}

std::string_view header_name(HeaderId id) {
  size_t i = static_cast<size_t>(id);
  return i < kCount && kIndex.by_id[i] != nullptr ? kIndex.by_id[i]->name : std::string_view();
}

bool is_list(HeaderId id) {
  size_t i = static_cast<size_t>(id);
  return i < kCount && kIndex.by_id[i] != nullptr && kIndex.by_id[i]->shape == list;
}

bool is_single(HeaderId id) {
  size_t i = static_cast<size_t>(id);
  return i < kCount && kIndex.by_id[i] != nullptr && kIndex.by_id[i]->shape == single;
}

}  // namespace lapwing::sip
