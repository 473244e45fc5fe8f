// The twelve Cx messages (TS 29.229 section 6.1) between their structs and AVPs.
//
//   std::vector<diameter::Avp> avps = cx::encode(request);                     // without Session-Id
//   diameter::Parsed<cx::MultimediaAuthAnswer> answer = cx::decode<cx::MultimediaAuthAnswer>(message.avps);
//
// Decoding takes AVPs in any order, ignores unknown optional ones and takes the first where one is wanted. It gives a
// Fault, with the Result-Code that answers it and the Failed-AVP, for: an unknown AVP with the M flag in a request
// (5001), a required AVP that is missing (5005), a 32-bit value of another size (5014), a value out of range, an empty
// or control-character-bearing identity, AKA data of a wrong length (5004), a required single AVP given twice in a
// request (5009). One bad vector among good ones is left out of a MAA; when none is usable that is a Fault.
#pragma once

#include <string>
#include <vector>

#include "hss-client/avp.h"
#include "hss-client/cx.h"
#include "hss-client/cx_dictionary.h"

namespace lapwing::cx {

// Each begins with Vendor-Specific-Application-Id, Auth-Session-State and the routing; Session-Id goes before them.
std::vector<diameter::Avp> encode(const UserAuthorizationRequest& request);
std::vector<diameter::Avp> encode(const UserAuthorizationAnswer& answer);
std::vector<diameter::Avp> encode(const ServerAssignmentRequest& request);
std::vector<diameter::Avp> encode(const ServerAssignmentAnswer& answer);
std::vector<diameter::Avp> encode(const LocationInfoRequest& request);
std::vector<diameter::Avp> encode(const LocationInfoAnswer& answer);
std::vector<diameter::Avp> encode(const MultimediaAuthRequest& request);
std::vector<diameter::Avp> encode(const MultimediaAuthAnswer& answer);
std::vector<diameter::Avp> encode(const RegistrationTerminationRequest& request);
std::vector<diameter::Avp> encode(const RegistrationTerminationAnswer& answer);
std::vector<diameter::Avp> encode(const PushProfileRequest& request);
std::vector<diameter::Avp> encode(const PushProfileAnswer& answer);

template <typename T>
diameter::Parsed<T> decode(const std::vector<diameter::Avp>& avps);

// An answer that holds nothing but what every answer has, and Failed-AVP and Error-Message where the fault has them.
std::vector<diameter::Avp> encode_error(const Routing& routing, const diameter::Fault& fault);

// A whole message: header flags as TS 29.229 wants them (the E flag for 3xxx), Session-Id first.
diameter::Message request_message(Command command, std::string_view session_id, std::vector<diameter::Avp> avps);
diameter::Message answer_message(const diameter::Message& request, std::vector<diameter::Avp> avps);
// The Session-Id of a message; empty when there is none.
std::string_view session_id(const std::vector<diameter::Avp>& avps);
// The Result-Code or Experimental-Result of an answer; a Fault (5005) when it has neither.
diameter::Parsed<Result> result_of(const std::vector<diameter::Avp>& avps);

// Overwrites keys and expected responses (SIP-Authorization, CK, IK, HA1) in a tree that is no longer needed.
void wipe_secrets(std::vector<diameter::Avp>& avps);

// What a request struct is answered with, and its command.
template <typename Request>
struct Exchange;
template <>
struct Exchange<UserAuthorizationRequest> {
  using Answer = UserAuthorizationAnswer;
  static constexpr Command command = Command::user_authorization;
  static constexpr const char* name = "UAR";
};
template <>
struct Exchange<ServerAssignmentRequest> {
  using Answer = ServerAssignmentAnswer;
  static constexpr Command command = Command::server_assignment;
  static constexpr const char* name = "SAR";
};
template <>
struct Exchange<LocationInfoRequest> {
  using Answer = LocationInfoAnswer;
  static constexpr Command command = Command::location_info;
  static constexpr const char* name = "LIR";
};
template <>
struct Exchange<MultimediaAuthRequest> {
  using Answer = MultimediaAuthAnswer;
  static constexpr Command command = Command::multimedia_auth;
  static constexpr const char* name = "MAR";
};
template <>
struct Exchange<RegistrationTerminationRequest> {
  using Answer = RegistrationTerminationAnswer;
  static constexpr Command command = Command::registration_termination;
  static constexpr const char* name = "RTR";
};
template <>
struct Exchange<PushProfileRequest> {
  using Answer = PushProfileAnswer;
  static constexpr Command command = Command::push_profile;
  static constexpr const char* name = "PPR";
};

}  // namespace lapwing::cx
