// The Cx commands of TS 29.228 and TS 29.229 as plain structs: what the procedures put in and take out. No Diameter
// library's type is seen here. Optional text that is empty is absent; AKA data are raw bytes, never hex.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/runtime/secret.h"

namespace lapwing::cx {

inline constexpr uint32_t application_id = 16777216;
inline constexpr uint32_t vendor_3gpp = 10415;

enum class Command : uint32_t {
  user_authorization = 300,
  server_assignment = 301,
  location_info = 302,
  multimedia_auth = 303,
  registration_termination = 304,
  push_profile = 305
};

// Result-Code, or Experimental-Result of vendor 3GPP (TS 29.229 section 6.2): equal numbers mean different things.
struct Result {
  bool experimental = false;
  uint32_t code = 0;
  bool success() const { return !experimental && code == 2001; }
  bool is(bool exp, uint32_t value) const { return experimental == exp && code == value; }
  bool operator==(const Result&) const = default;
};
// "DIAMETER_ERROR_USER_UNKNOWN (experimental 5001)"
std::string result_text(const Result& result);

namespace experimental {  // TS 29.229 section 6.2
inline constexpr Result first_registration{true, 2001}, subsequent_registration{true, 2002},
    unregistered_service{true, 2003}, server_name_not_stored{true, 2004}, user_unknown{true, 5001},
    identities_dont_match{true, 5002}, identity_not_registered{true, 5003}, roaming_not_allowed{true, 5004},
    identity_already_registered{true, 5005}, auth_scheme_not_supported{true, 5006}, in_assignment_type{true, 5007},
    too_much_data{true, 5008}, not_supported_user_data{true, 5009}, feature_unsupported{true, 5011},
    serving_node_feature_unsupported{true, 5012};
}
namespace base {  // RFC 6733 section 7.1
inline constexpr Result success{false, 2001}, limited_success{false, 2002}, unable_to_deliver{false, 3002},
    too_busy{false, 3004}, redirect{false, 3006}, authorization_rejected{false, 5003}, avp_unsupported{false, 5001},
    invalid_avp_value{false, 5004}, missing_avp{false, 5005}, unable_to_comply{false, 5012};
}

enum class UserAuthorizationType : uint32_t {
  registration = 0,
  de_registration = 1,
  registration_and_capabilities = 2
};
enum class ServerAssignmentType : uint32_t {
  no_assignment = 0,
  registration = 1,
  re_registration = 2,
  unregistered_user = 3,
  timeout_deregistration = 4,
  user_deregistration = 5,
  timeout_deregistration_store_server_name = 6,
  user_deregistration_store_server_name = 7,
  administrative_deregistration = 8,
  authentication_failure = 9,
  authentication_timeout = 10,
  deregistration_too_much_data = 11
};
enum class DeregistrationReason : uint32_t {
  permanent_termination = 0,
  new_server_assigned = 1,
  server_change = 2,
  remove_scscf = 3
};

// Where a request goes and comes from. Empty destination_host: any HSS of the realm.
struct Routing {
  std::string origin_host, origin_realm, destination_host, destination_realm;
};

struct ServerCapabilities {
  std::vector<uint32_t> mandatory, optional;
  std::vector<std::string> server_names;
};

struct SupportedFeatures {  // of vendor 3GPP
  uint32_t list_id = 1, features = 0;
};
// Of feature list 1 (TS 29.229 section 7.1.1): IMSRestorationInd, P-CSCF-Restoration-mechanism.
inline constexpr uint32_t ims_restoration = 1U << 2, pcscf_restoration = 1U << 3;

struct ChargingInformation {
  std::string primary_event, secondary_event, primary_collection, secondary_collection;
};

struct SipDigest {  // SIP-Digest-Authenticate
  std::string realm, algorithm, qop;
  Secret ha1;
};

// SIP-Auth-Data-Item (TS 29.229 section 6.3.13)
struct AuthDataItem {
  std::optional<uint32_t> item_number;
  std::string scheme;        // "Digest-AKAv1-MD5", ...
  std::string authenticate;  // MAA: RAND || AUTN, 32 bytes
  Secret authorization;      // MAA: XRES, 4..16 bytes; MAR at resynchronisation: RAND || AUTS, 30 bytes
  std::string context;
  Secret confidentiality_key, integrity_key;  // 16 bytes each
  std::optional<SipDigest> digest;
};

// What a restarted S-CSCF needs to take a user up again (TS 23.380, TS 29.229 section 6.3.52): header values as text.
struct Subscription {
  std::string call_id, from, to, record_route, contact;  // record_route: of the UE's subscription only
  bool operator==(const Subscription&) const = default;
};
struct RestorationInfo {
  std::string path, contact;  // Path: the values joined by commas; Contact with its parameters
  std::optional<uint32_t> initial_cseq;
  std::string call_id;
  std::optional<Subscription> ue, pcscf;
  bool operator==(const RestorationInfo&) const = default;
};
struct ScscfRestorationInfo {
  std::string impi;
  std::vector<RestorationInfo> contacts;
  std::optional<uint32_t> registration_timeout;  // Diameter Time: seconds since 1900-01-01
  std::string scheme;
  bool operator==(const ScscfRestorationInfo&) const = default;
};

struct EmergencyIdentity {  // Identity-with-Emergency-Registration: a pair that a deregistration spares
  std::string impi, impu;
  bool operator==(const EmergencyIdentity&) const = default;
};

struct UserAuthorizationRequest {
  Routing routing;
  std::string impi, impu, visited_network;
  UserAuthorizationType type = UserAuthorizationType::registration;
  bool emergency = false;  // UAR-Flags bit 0
  std::vector<SupportedFeatures> features;
};
struct UserAuthorizationAnswer {
  Routing routing;
  Result result;
  std::string server_name;
  std::optional<ServerCapabilities> capabilities;
  std::vector<SupportedFeatures> features;
};

struct MultimediaAuthRequest {
  Routing routing;
  std::string impi, impu, server_name;
  AuthDataItem item;
  uint32_t items = 1;  // SIP-Number-Auth-Items
  std::vector<SupportedFeatures> features;
};
struct MultimediaAuthAnswer {
  Routing routing;
  Result result;
  std::string impi, impu;
  std::optional<uint32_t> items;
  std::vector<AuthDataItem> vectors;  // in order of SIP-Item-Number
  std::vector<SupportedFeatures> features;
};

struct ServerAssignmentRequest {
  Routing routing;
  std::string impi;
  std::vector<std::string> impus;
  std::string wildcarded_impu, server_name;
  ServerAssignmentType type = ServerAssignmentType::registration;
  bool user_data_available = false;
  std::optional<bool> multiple_registration;
  std::optional<ScscfRestorationInfo> restoration;
  std::optional<uint32_t> session_priority;  // 0 (highest) .. 4
  bool pcscf_restoration = false;            // SAR-Flags bit 0
  std::vector<SupportedFeatures> features;
};
struct ServerAssignmentAnswer {
  Routing routing;
  Result result;
  std::string impi, user_data;  // user_data: the XML of TS 29.228 Annex B
  std::optional<ChargingInformation> charging;
  std::vector<std::string> associated_identities, associated_registered_identities;
  std::vector<ScscfRestorationInfo> restoration;
  std::optional<bool> loose_route, privileged_sender;
  std::string server_name, wildcarded_impu;
  std::vector<SupportedFeatures> features;
};

struct LocationInfoRequest {
  Routing routing;
  std::string impu;
  bool originating = false;
  std::optional<UserAuthorizationType> type;
  std::optional<uint32_t> session_priority;
  std::vector<SupportedFeatures> features;
};
struct LocationInfoAnswer {
  Routing routing;
  Result result;
  std::string server_name, wildcarded_impu;
  std::optional<ServerCapabilities> capabilities;
  std::optional<uint32_t> flags;
  std::vector<SupportedFeatures> features;
};

struct RegistrationTerminationRequest {
  Routing routing;
  std::string impi;
  std::vector<std::string> associated_identities, impus;
  DeregistrationReason reason = DeregistrationReason::permanent_termination;
  std::string reason_info;
  std::optional<uint32_t> flags;  // RTR-Flags: bit 0 reference location change
  std::vector<SupportedFeatures> features;
};
struct RegistrationTerminationAnswer {
  Routing routing;
  Result result;
  std::vector<std::string> associated_identities;
  std::vector<EmergencyIdentity> emergency;
};

struct PushProfileRequest {
  Routing routing;
  std::string impi, user_data;
  std::optional<ChargingInformation> charging;
  std::optional<AuthDataItem> digest;
  std::vector<SupportedFeatures> features;
};
struct PushProfileAnswer {
  Routing routing;
  Result result;
};

}  // namespace lapwing::cx
