#include "pcscf/header_policy.h"

#include <algorithm>
#include <string_view>

#include "common/sip/headers.h"

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

// Does the row carry CK or IK, or can that not be told?
bool may_carry_keys(std::string_view value, bool has_scheme) {
  std::string_view params = value;
  if (has_scheme) {
    auto credentials = sip::Credentials::parse(value);
    if (!credentials.ok()) return true;
    params = credentials->params_text;
  }
  while (auto item = sip::Params::take(params, ',')) {
    if (item->name.empty() || sip::equals_ignoring_case(item->name, "ck") ||
        sip::equals_ignoring_case(item->name, "ik"))
      return true;
  }
  return false;
}

// Keys come in the challenge to a REGISTER, which its procedure writes anew. Wherever else they stand, the header goes.
void strip_keys(sip::Edits& edits, const sip::Message& message) {
  auto cseq = sip::CSeq::parse(message.header(HeaderId::cseq));
  bool challenge = message.status() == 401 && cseq.ok() && cseq->method == "REGISTER";
  for (HeaderId id : {HeaderId::www_authenticate, HeaderId::proxy_authenticate, HeaderId::authentication_info}) {
    if (id == HeaderId::www_authenticate && challenge) continue;
    bool found = std::any_of(message.rows().begin(), message.rows().end(), [&](const sip::HeaderRow& row) {
      return row.id == id && may_carry_keys(message.value(row), id != HeaderId::authentication_info);
    });
    if (found) edits.remove(id);
  }
}

template <size_t N>
void strip(sip::Edits& edits, const sip::Message& message, const HeaderId (&headers)[N]) {
  for (HeaderId id : headers) {
    if (message.has(id)) edits.remove(id);
  }
  for (std::string_view name : not_across) {
    if (message.first(name)) edits.remove(std::string(name));
  }
}

// RFC 3325 section 7: who asks for this stays unknown outside the trust domain.
bool wants_to_stay_unknown(const sip::Message& message) {
  return std::any_of(message.rows().begin(), message.rows().end(), [&](const sip::HeaderRow& row) {
    if (row.id != HeaderId::privacy) return false;
    std::string text = "x;" + sip::unfold(message.value(row));
    auto values = sip::TokenParams::parse(text);
    return values.ok() && values->params.has("id");
  });
}

}  // namespace

void strip_from_handset(sip::Edits& edits, const sip::Message& message) {
  strip(edits, message, not_from_handset);
}

void strip_to_handset(sip::Edits& edits, const sip::Message& message) {
  strip(edits, message, not_to_handset);
  if (message.has(HeaderId::p_asserted_identity) && wants_to_stay_unknown(message)) {
    edits.remove(HeaderId::p_asserted_identity);
  }
  strip_keys(edits, message);
}

}  // namespace lapwing::pcscf
