#include "scscf/procedures/third_party_register.h"

#include <algorithm>
#include <pugixml.hpp>
#include <sstream>

#include "absl/strings/str_format.h"
#include "common/runtime/ids.h"
#include "common/sip/headers.h"
#include "common/sip/next_hop.h"
#include "scscf/procedures/deregister.h"

namespace lapwing::scscf {
namespace {

using sip::HeaderId;

// What the criteria are compared with where no handset's REGISTER brought the change about.
sip::Message own_register(const Core& core, const ThirdPartyRegistration& registration) {
  sip::Writer text = sip::Writer::request("REGISTER", "sip:" + core.settings().home_domain);
  text.add(HeaderId::via,
           sip::TransactionLayer::via(sip::Protocol::udp, core.settings().listen.front().text(), "z9hG4bKown"));
  text.add(HeaderId::max_forwards, "70");
  text.add(HeaderId::from, "<" + registration.identity + ">;tag=own");
  text.add(HeaderId::to, "<" + registration.identity + ">");
  text.add(HeaderId::call_id, "own");
  text.add(HeaderId::cseq, "1 REGISTER");
  text.add(HeaderId::expires, std::to_string(seconds_of(registration.expires)));
  return std::move(*sip::Message::parse(std::move(text).finish(), sip::Framing::stream).message);
}

// TS 24.229 section 7.6.
std::string service_info_body(const std::string& info) {
  pugi::xml_document document;
  pugi::xml_node declaration = document.append_child(pugi::node_declaration);
  declaration.append_attribute("version") = "1.0";
  declaration.append_attribute("encoding") = "UTF-8";
  pugi::xml_node root = document.append_child("ims-3gpp");
  root.append_attribute("version") = "1";
  root.append_child("service-info").append_child(pugi::node_pcdata).set_value(info.c_str());
  std::ostringstream out;
  document.save(out, "", pugi::format_raw, pugi::encoding_utf8);
  return out.str();
}

struct Part {
  std::string type, text;
};

std::vector<Part> parts_of(const ApplicationServer& server, const ThirdPartyRegistration& registration) {
  std::vector<Part> parts;
  if (!server.service_info.empty()) {
    parts.push_back({"application/3gpp-ims+xml", service_info_body(server.service_info)});
  }
  if (server.include_register_request && registration.request) {
    parts.push_back({"message/sip", std::string(registration.request->request().buffer())});
  }
  if (server.include_register_response && !registration.response.empty()) {
    parts.push_back({"message/sip", registration.response});
  }
  return parts;
}

Part body_of(const ApplicationServer& server, const ThirdPartyRegistration& registration) {
  std::vector<Part> parts = parts_of(server, registration);
  if (parts.empty()) return {};
  if (parts.size() == 1) return parts.front();
  std::string boundary = random_hex(32), text;
  for (const Part& part : parts) {
    text += absl::StrFormat("--%s\r\nContent-Type: %s\r\n\r\n%s\r\n", boundary, part.type, part.text);
  }
  return {"multipart/mixed;boundary=" + boundary, text + "--" + boundary + "--\r\n"};
}

sip::ClientRequest make_register(const Core& core, Site& site, const ThirdPartyRegistration& registration,
                                 const ApplicationServer& server, const sip::Flow& flow) {
  sip::ClientRequest request;
  request.method = sip::Method::register_;
  request.branch = site.transactions.new_branch();
  request.flow = flow;
  request.timers = core.settings().timers;
  sip::Writer text = sip::Writer::request("REGISTER", server.server_name);
  text.add(HeaderId::via, sip::TransactionLayer::via(flow.protocol, sent_by(core, flow), request.branch));
  text.add(HeaderId::max_forwards, "70");
  text.add(HeaderId::from, absl::StrFormat("<%s>;tag=%s", core.settings().name, random_hex(16)));
  text.add(HeaderId::to, "<" + registration.identity + ">");
  text.add(HeaderId::call_id, random_hex(32));
  text.add(HeaderId::cseq, "1 REGISTER");
  text.add(HeaderId::contact, "<" + core.settings().name + ">");
  text.add(HeaderId::expires, std::to_string(seconds_of(registration.expires)));
  std::string icid = random_hex(32);
  if (registration.request) {
    const sip::Message& original = registration.request->request();
    for (HeaderId id : {HeaderId::p_access_network_info, HeaderId::p_visited_network_id}) {
      for (std::string_view value : original.values(id)) text.add(id, sip::unfold(value));
    }
    std::string charging = "x;" + sip::unfold(original.header(HeaderId::p_charging_vector));
    auto vector = sip::TokenParams::parse(charging);
    if (vector.ok() && vector->params.has("icid-value")) icid = vector->params.unquoted("icid-value");
  }
  text.add(HeaderId::p_charging_vector,
           absl::StrFormat("icid-value=%s;orig-ioi=%s", sip::quote(icid), sip::quote(core.settings().home_domain)));
  if (!registration.charging.empty()) text.add(HeaderId::p_charging_function_addresses, registration.charging);
  Part body = body_of(server, registration);
  request.wire = body.type.empty() ? std::move(text).finish() : std::move(text).finish(body.type, body.text);
  return request;
}

Task<std::optional<std::string>> send_register(Core& core, Site& site,
                                               std::shared_ptr<const ThirdPartyRegistration> registration,
                                               size_t index) {
  const ApplicationServer& server = registration->criteria->at(index).application_server;
  auto uri = sip::Uri::parse(server.server_name);
  if (!uri.ok()) co_return "its name is not a URI";
  auto flow = sip::next_hop(*uri, core.settings().listen, sip::Protocol::udp, core.settings().hosts);
  if (!flow.ok()) co_return std::string(flow.status().message());
  sip::ClientRequest request = make_register(core, site, *registration, server, *flow);
  sip::Answer answer;
  // RFC 3261 section 18.1.1: by TCP when it is large, and by UDP after all where that fails.
  std::optional<sip::Flow> tcp = sip::by_tcp(*flow, *uri);
  if (tcp && request.wire.size() > sip::datagram_limit) {
    sip::ClientRequest large = make_register(core, site, *registration, server, *tcp);
    answer = co_await site.transactions.request(std::move(large));
  } else {
    answer.outcome = sip::Answer::Outcome::transport_failed;
  }
  if (answer.outcome == sip::Answer::Outcome::transport_failed) {
    answer = co_await site.transactions.request(std::move(request));
  }
  if (!answer.response) co_return "it did not answer";
  if (answer.response->status() < 300) co_return std::nullopt;
  co_return absl::StrFormat("it answered %d %s", answer.response->status(), answer.response->reason());
}

Task<void> register_with(Core& core, Site& site, std::shared_ptr<const ThirdPartyRegistration> registration,
                         size_t index) {
  std::optional<std::string> failed = co_await send_register(core, site, registration, index);
  const ApplicationServer& server = registration->criteria->at(index).application_server;
  bool leaving = registration->type == RegistrationType::de_registration;
  if (!failed) {
    core.report(
        "service.registered", registration->impi, registration->identity,
        absl::StrFormat("%s knows that the user %s", server.server_name, leaving ? "has left" : "is registered"));
    co_return;
  }
  bool ends = server.default_handling == DefaultHandling::session_terminated && !leaving;
  std::string why = absl::StrFormat("third-party REGISTER to %s: %s", server.server_name, *failed);
  core.report("service.failed", registration->impi, registration->identity,
              why + (ends ? "; its criterion ends the registration (DefaultHandling 1)" : ""), Cause::service_failed);
  if (!ends) co_return;
  auto uri = sip::Uri::parse(registration->identity);
  std::vector<std::string> impus;
  if (uri.ok()) impus.push_back(uri->canonical());
  co_await deregister_by_network(core, site, registration->impi, std::move(impus), reginfo::ContactEvent::probation,
                                 true, std::move(why));
}

}  // namespace

ThirdPartyRegistration third_party_of(const Core& core, const std::string& impi, const Registration& registration,
                                      const std::string& canonical, RegistrationType type) {
  ThirdPartyRegistration result{
      .type = type, .impi = impi, .identity = {}, .charging = registration.charging, .criteria = nullptr};
  const PublicIdentity* identity = registration.find(canonical);
  if (!identity || identity->barred) identity = registration.default_impu();
  if (!identity) return result;
  result.identity = identity->identity;
  if (const ServiceProfile* service = service_profile_of(*registration.profile, identity->canonical)) {
    result.criteria = service->services;
  }
  if (type == RegistrationType::de_registration) return result;
  for (const Binding& binding : registration.bindings) {
    result.expires = std::max(result.expires, binding.expires - core.clock.now());
  }
  return result;
}

void register_with_services(Core& core, Site& site, ThirdPartyRegistration registration) {
  if (!registration.criteria || registration.criteria->size() == 0) return;
  std::optional<sip::Message> own;
  if (!registration.request) own = own_register(core, registration);
  ServicePoint point{.request = own ? *own : registration.request->request(), .registration = registration.type};
  const FilterCriteria& criteria = *registration.criteria;
  auto shared = std::make_shared<const ThirdPartyRegistration>(std::move(registration));
  for (size_t met = criteria.next(0, point); met < criteria.size(); met = criteria.next(met + 1, point)) {
    site.worker.spawn(register_with(core, site, shared, met));
  }
}

}  // namespace lapwing::scscf
