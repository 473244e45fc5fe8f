// The header fields that the program knows, with their compact forms (RFC 3261 section 7.3.3 and the IANA registry).
#pragma once

#include <cstdint>
#include <string_view>

namespace lapwing::sip {

// clang-format off
enum class HeaderId : uint8_t {
  other,  // kept byte for byte, found by name only
  accept, accept_contact, accept_encoding, accept_language, alert_info, allow, allow_events, authentication_info,
  authorization, call_id, call_info, contact, content_disposition, content_encoding, content_language, content_length,
  content_type, cseq, date, error_info, event, expires, feature_caps, from, geolocation, geolocation_routing,
  history_info, identity, in_reply_to, max_forwards, mime_version, min_expires, min_se, organization,
  p_access_network_info, p_asserted_identity, p_asserted_service, p_associated_uri, p_called_party_id,
  p_charging_function_addresses, p_charging_vector, p_early_media, p_preferred_identity, p_preferred_service,
  p_profile_key, p_served_user, p_visited_network_id, path, priority, privacy, proxy_authenticate,
  proxy_authorization, proxy_require, rack, reason, record_route, refer_to, referred_by, reject_contact, replaces,
  reply_to, request_disposition, require, resource_priority, restoration_info, retry_after, route, rseq,
  security_client, security_server, security_verify, server, service_route, session_expires, sip_etag, sip_if_match,
  subject, subscription_state, supported, timestamp, to, unsupported, user_agent, via, warning, www_authenticate,
  count  // not a header: how many there are
};
// clang-format on

// Name without the colon, any case, long or compact. Unknown: HeaderId::other.
HeaderId header_id(std::string_view name);
// The long form as RFCs spell it, e.g. "Call-ID"; empty for other.
std::string_view header_name(HeaderId id);
// May the field hold a comma-separated list of values (RFC 3261 section 7.3.1)? False for the credentials headers.
bool is_list(HeaderId id);
// Must the field occur at most once in a message? (Call-ID, CSeq, From, To, Max-Forwards, Content-Length, ...)
bool is_single(HeaderId id);

}  // namespace lapwing::sip
