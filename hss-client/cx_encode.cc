#include <string_view>
#include <utility>

#include "hss-client/cx_codec.h"

namespace lapwing::cx {
namespace {

using diameter::Avp;
using Avps = std::vector<Avp>;

constexpr uint32_t no_state_maintained = 1;  // Auth-Session-State

// Adds AVPs with the flags the dictionary gives them. Empty text is an absent AVP.
class Writer {
 public:
  explicit Writer(size_t expected) { avps_.reserve(expected); }

  Writer& text(uint32_t code, std::string_view value, uint32_t vendor = vendor_3gpp) {
    if (!value.empty()) avps_.push_back(diameter::octets(code, vendor, mandatory(code, vendor), value));
    return *this;
  }
  Writer& secret(uint32_t code, const Secret& value, uint32_t vendor = vendor_3gpp) {
    auto bytes = value.reveal();
    return text(code, std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()), vendor);
  }
  Writer& number(uint32_t code, uint32_t value, uint32_t vendor = vendor_3gpp) {
    avps_.push_back(diameter::unsigned32(code, vendor, mandatory(code, vendor), value));
    return *this;
  }
  template <typename T>
  Writer& number_if(uint32_t code, const std::optional<T>& value, uint32_t vendor = vendor_3gpp) {
    if (value) number(code, static_cast<uint32_t>(*value), vendor);
    return *this;
  }
  Writer& group(uint32_t code, Writer members, uint32_t vendor = vendor_3gpp) {
    avps_.push_back(diameter::grouped(code, vendor, mandatory(code, vendor), members.take()));
    return *this;
  }
  Avps take() { return std::move(avps_); }

 private:
  static bool mandatory(uint32_t code, uint32_t vendor) {
    const AvpDefinition* known = definition(code, vendor);
    return known != nullptr && known->mandatory;
  }
  Avps avps_;
};

void application(Writer& out) {
  out.group(260, std::move(Writer(2).number(266, vendor_3gpp, 0).number(258, application_id, 0)), 0);
  out.number(277, no_state_maintained, 0);
}

Writer request(const Routing& routing) {
  Writer out(16);
  application(out);
  out.text(264, routing.origin_host, 0).text(296, routing.origin_realm, 0);
  out.text(293, routing.destination_host, 0).text(283, routing.destination_realm, 0);
  return out;
}

void put_result(Writer& out, const Result& result) {
  if (result.experimental) {
    out.group(297, std::move(Writer(2).number(266, vendor_3gpp, 0).number(298, result.code, 0)), 0);
  } else {
    out.number(268, result.code, 0);
  }
}

Writer answer(const Routing& routing, const Result& result) {
  Writer out(16);
  application(out);
  put_result(out, result);
  out.text(264, routing.origin_host, 0).text(296, routing.origin_realm, 0);
  return out;
}

void put_features(Writer& out, const std::vector<SupportedFeatures>& features) {
  for (const SupportedFeatures& f : features) {
    out.group(628, std::move(Writer(3).number(266, vendor_3gpp, 0).number(629, f.list_id).number(630, f.features)));
  }
}

void put_capabilities(Writer& out, const std::optional<ServerCapabilities>& capabilities) {
  if (!capabilities) return;
  Writer members(4);
  for (uint32_t c : capabilities->mandatory) members.number(604, c);
  for (uint32_t c : capabilities->optional) members.number(605, c);
  for (const std::string& name : capabilities->server_names) members.text(602, name);
  out.group(603, std::move(members));
}

void put_charging(Writer& out, const std::optional<ChargingInformation>& charging) {
  if (!charging) return;
  Writer members(4);
  members.text(619, charging->primary_event).text(620, charging->secondary_event);
  members.text(621, charging->primary_collection).text(622, charging->secondary_collection);
  out.group(618, std::move(members));
}

void put_identities(Writer& out, uint32_t code, const std::vector<std::string>& impis) {
  if (impis.empty()) return;
  Writer members(impis.size());
  for (const std::string& impi : impis) members.text(1, impi, 0);
  out.group(code, std::move(members));
}

void put_item(Writer& out, const AuthDataItem& item) {
  Writer members(8);
  members.number_if(613, item.item_number).text(608, item.scheme).text(609, item.authenticate);
  members.secret(610, item.authorization).text(611, item.context);
  members.secret(625, item.confidentiality_key).secret(626, item.integrity_key);
  if (item.digest) {
    Writer digest(4);
    digest.text(104, item.digest->realm, 0).text(111, item.digest->algorithm, 0);
    digest.text(110, item.digest->qop, 0).secret(121, item.digest->ha1, 0);
    members.group(635, std::move(digest));
  }
  out.group(612, std::move(members));
}

Writer subscription(const Subscription& s) {
  Writer members(5);
  members.text(643, s.call_id).text(644, s.from).text(645, s.to).text(646, s.record_route).text(641, s.contact);
  return members;
}

void put_restoration(Writer& out, const ScscfRestorationInfo& info) {
  Writer members(4);
  members.text(1, info.impi, 0);
  for (const RestorationInfo& r : info.contacts) {
    Writer contact(6);
    contact.text(640, r.path).text(641, r.contact).number_if(654, r.initial_cseq).text(643, r.call_id);
    if (r.ue) contact.group(642, subscription(*r.ue));
    if (r.pcscf) contact.group(660, subscription(*r.pcscf));
    members.group(649, std::move(contact));
  }
  members.number_if(661, info.registration_timeout).text(608, info.scheme);
  out.group(639, std::move(members));
}

}  // namespace

Avps encode(const UserAuthorizationRequest& r) {
  Writer out = request(r.routing);
  out.text(1, r.impi, 0);
  put_features(out, r.features);
  out.text(601, r.impu).text(600, r.visited_network);
  // Absent means REGISTRATION (TS 29.229 section 6.3.24).
  if (r.type != UserAuthorizationType::registration) out.number(623, static_cast<uint32_t>(r.type));
  if (r.emergency) out.number(637, 1);
  return out.take();
}

Avps encode(const UserAuthorizationAnswer& a) {
  Writer out = answer(a.routing, a.result);
  put_features(out, a.features);
  out.text(602, a.server_name);
  put_capabilities(out, a.capabilities);
  return out.take();
}

Avps encode(const ServerAssignmentRequest& r) {
  Writer out = request(r.routing);
  out.text(1, r.impi, 0);
  put_features(out, r.features);
  for (const std::string& impu : r.impus) out.text(601, impu);
  out.text(634, r.wildcarded_impu).text(602, r.server_name);
  out.number(614, static_cast<uint32_t>(r.type)).number(624, r.user_data_available ? 1 : 0);
  if (r.restoration) put_restoration(out, *r.restoration);
  out.number_if(648, r.multiple_registration).number_if(650, r.session_priority);
  if (r.pcscf_restoration) out.number(655, 1);
  return out.take();
}

Avps encode(const ServerAssignmentAnswer& a) {
  Writer out = answer(a.routing, a.result);
  out.text(1, a.impi, 0);
  put_features(out, a.features);
  out.text(606, a.user_data);
  put_charging(out, a.charging);
  put_identities(out, 632, a.associated_identities);
  out.number_if(638, a.loose_route);
  for (const ScscfRestorationInfo& info : a.restoration) put_restoration(out, info);
  put_identities(out, 647, a.associated_registered_identities);
  out.text(602, a.server_name).text(634, a.wildcarded_impu).number_if(652, a.privileged_sender);
  return out.take();
}

Avps encode(const LocationInfoRequest& r) {
  Writer out = request(r.routing);
  if (r.originating) out.number(633, 0);
  put_features(out, r.features);
  out.text(601, r.impu).number_if(623, r.type).number_if(650, r.session_priority);
  return out.take();
}

Avps encode(const LocationInfoAnswer& a) {
  Writer out = answer(a.routing, a.result);
  put_features(out, a.features);
  out.text(602, a.server_name);
  put_capabilities(out, a.capabilities);
  out.text(634, a.wildcarded_impu).number_if(653, a.flags);
  return out.take();
}

Avps encode(const MultimediaAuthRequest& r) {
  Writer out = request(r.routing);
  out.text(1, r.impi, 0);
  put_features(out, r.features);
  out.text(601, r.impu);
  put_item(out, r.item);
  out.number(607, r.items).text(602, r.server_name);
  return out.take();
}

Avps encode(const MultimediaAuthAnswer& a) {
  Writer out = answer(a.routing, a.result);
  out.text(1, a.impi, 0);
  put_features(out, a.features);
  out.text(601, a.impu).number_if(607, a.items);
  for (const AuthDataItem& item : a.vectors) put_item(out, item);
  return out.take();
}

Avps encode(const RegistrationTerminationRequest& r) {
  Writer out = request(r.routing);
  out.text(1, r.impi, 0);
  put_identities(out, 632, r.associated_identities);
  put_features(out, r.features);
  for (const std::string& impu : r.impus) out.text(601, impu);
  out.group(615, std::move(Writer(2).number(616, static_cast<uint32_t>(r.reason)).text(617, r.reason_info)));
  out.number_if(659, r.flags);
  return out.take();
}

Avps encode(const RegistrationTerminationAnswer& a) {
  Writer out = answer(a.routing, a.result);
  put_identities(out, 632, a.associated_identities);
  for (const EmergencyIdentity& e : a.emergency) {
    out.group(651, std::move(Writer(2).text(1, e.impi, 0).text(601, e.impu)));
  }
  return out.take();
}

Avps encode(const PushProfileRequest& r) {
  Writer out = request(r.routing);
  out.text(1, r.impi, 0);
  put_features(out, r.features);
  out.text(606, r.user_data);
  put_charging(out, r.charging);
  if (r.digest) put_item(out, *r.digest);
  return out.take();
}

Avps encode(const PushProfileAnswer& a) {
  return answer(a.routing, a.result).take();
}

Avps encode_error(const Routing& routing, const diameter::Fault& fault) {
  Avps avps = answer(routing, Result{false, fault.result_code}).take();
  if (!fault.text.empty()) avps.push_back(diameter::octets(281, 0, false, fault.text));
  if (fault.failed) avps.push_back(diameter::grouped(279, 0, true, {*fault.failed}));
  return avps;
}

diameter::Message request_message(Command command, std::string_view session, Avps avps) {
  diameter::Message message;
  message.flags = diameter::command_flag::request | diameter::command_flag::proxiable;
  message.command = static_cast<uint32_t>(command);
  message.application = application_id;
  message.avps = std::move(avps);
  message.avps.insert(message.avps.begin(), diameter::octets(263, 0, true, session));
  return message;
}

diameter::Message answer_message(const diameter::Message& request, Avps avps) {
  diameter::Message message;
  message.flags = request.flags & diameter::command_flag::proxiable;
  message.command = request.command;
  message.application = request.application;
  message.hop_by_hop = request.hop_by_hop;
  message.end_to_end = request.end_to_end;
  message.avps = std::move(avps);
  const Avp* result = diameter::find(message.avps, 268, 0);
  if (result != nullptr && diameter::value32(*result).value_or(0) / 1000 == 3) {
    message.flags |= diameter::command_flag::error;
  }
  std::string_view session = session_id(request.avps);
  if (!session.empty()) message.avps.insert(message.avps.begin(), diameter::octets(263, 0, true, session));
  return message;
}

std::string_view session_id(const Avps& avps) {
  const Avp* found = diameter::find(avps, 263, 0);
  return found ? std::string_view(found->data) : std::string_view();
}

}  // namespace lapwing::cx
