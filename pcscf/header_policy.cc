#include "pcscf/header_policy.h"

#include <string_view>

namespace lapwing::pcscf {
namespace {

using sip::HeaderId;

constexpr HeaderId not_from_handset[] = {
    HeaderId::p_asserted_identity, HeaderId::p_asserted_service,   HeaderId::p_charging_vector,
    HeaderId::p_called_party_id,   HeaderId::p_profile_key,        HeaderId::p_charging_function_addresses,
    HeaderId::p_served_user,       HeaderId::p_visited_network_id, HeaderId::p_associated_uri,
    HeaderId::restoration_info,    HeaderId::resource_priority,    HeaderId::feature_caps,
    HeaderId::security_client,     HeaderId::security_verify,      HeaderId::security_server,
};
constexpr HeaderId not_to_handset[] = {
    HeaderId::p_charging_vector,     HeaderId::p_charging_function_addresses,
    HeaderId::p_visited_network_id,  HeaderId::p_asserted_service,
    HeaderId::p_profile_key,         HeaderId::p_served_user,
    HeaderId::restoration_info,      HeaderId::resource_priority,
    HeaderId::history_info,          HeaderId::alert_info,
    HeaderId::p_access_network_info,
};
// Known by name only.
constexpr std::string_view not_across[] = {
    "P-Private-Network-Indication",
    "Relayed-Charge",
    "Service-Interact-Info",
    "Cellular-Network-Info",
    "Response-Source",
    "Attestation-Info",
    "Origination-Id",
    "Additional-Identity",
};

template <size_t N>
void strip(sip::Edits& edits, const sip::Message& message, const HeaderId (&headers)[N]) {
  for (HeaderId id : headers) {
    if (message.has(id)) edits.remove(id);
  }
  for (std::string_view name : not_across) {
    if (message.first(name)) edits.remove(std::string(name));
  }
}

}  // namespace

void strip_from_handset(sip::Edits& edits, const sip::Message& message) {
  strip(edits, message, not_from_handset);
}

void strip_to_handset(sip::Edits& edits, const sip::Message& message) {
  strip(edits, message, not_to_handset);
}

}  // namespace lapwing::pcscf
