// How a registered handset reaches its network: the way that requests and answers other than REGISTER take, and what
// they carry of the registration (TS 24.229 section 5.1.2A, TS 33.203 section 7.1).
//
//   RequestShape shape = line.outside_dialog(sip::Method::message, "sip:bob@ims.example.org");
//   shape.content_type = "text/plain"; shape.body = "hello";
//   sip::Answer answer = co_await line.request(std::move(shape));
//
// A new request goes over the current set, whatever set the dialog began with: calls outlive a re-registration.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "common/sip/transaction_layer.h"
#include "lab/labue/event.h"
#include "lab/labue/messages.h"
#include "lab/labue/options.h"
#include "lab/labue/ports.h"
#include "lab/labue/security.h"

namespace lapwing::labue {

// What a response has besides what every response has.
struct Reply {
  Headers headers = {};
  std::string content_type = {}, body = {};
};

class Line {
 public:
  Line(Worker& worker, sip::TransactionLayer& layer, Ports& ports, HandsetOptions options, EventSink sink);

  // Of the registration, which the handset keeps up to date.
  SecuritySets sets;
  std::vector<std::string> service_route, associated;

  std::string default_impu() const { return associated.empty() ? options.who.impu : associated.front(); }
  std::string contact_user() const { return options.user_in_contact ? options.who.imsi : user_of(default_impu()); }
  std::string new_call_id() const;

  // Requests. From, To, Route, Contact and identities as TS 24.229 section 5.1.2A.1 wants them; From has a new tag.
  RequestShape outside_dialog(sip::Method method, std::string target) const;
  // What has gone out: enough to cancel it.
  struct Sent {
    std::string branch;
    sip::Flow flow;
  };
  Sent send(RequestShape shape, sip::ClientTransaction::User user);
  Task<sip::Answer> request(RequestShape shape);
  // An ACK for a 2xx: its wire and its way, to be sent for each copy of the 2xx.
  std::pair<std::string, sip::Flow> ack(RequestShape shape);

  // Responses.
  void respond(sip::ServerTransaction& transaction, int code, const Reply& reply = {});

  sip::Flow flow_over(const Security* security, sip::Protocol protocol) const;
  std::string sent_by(const Security* security) const;
  // The P-CSCF's protected port, or its unprotected one, as a Route value.
  std::string pcscf_route(const sip::Flow& flow) const;
  // By UDP; by TCP where it would be longer than 1300 bytes (RFC 3261 section 18.1.1) and TCP is in use. write(hop)
  // gives the text of the request. Security-Verify and P-Access-Network-Info are filled in.
  template <typename Write>
  std::pair<std::string, sip::Flow> compose(Hop& hop, Write write) const;

  void tell(const Event& event) const {
    if (sink_) sink_(event);
  }

  Worker& worker;
  sip::TransactionLayer& layer;
  Ports& ports;
  const HandsetOptions options;

 private:
  std::pair<std::string, sip::Flow> compose(RequestShape& shape) const;
  bool too_long_for_udp(size_t bytes) const;
  sip::Protocol first_choice() const;

  EventSink sink_;
};

template <typename Write>
std::pair<std::string, sip::Flow> Line::compose(Hop& hop, Write write) const {
  const Security* over = sets.current.get();
  hop.protocol = first_choice();
  hop.sent_by = sent_by(over);
  hop.access_network = options.access_network;
  if (over) hop.security_verify = over->verify;
  std::string wire = write(hop);
  if (too_long_for_udp(wire.size())) {
    hop.protocol = sip::Protocol::tcp;
    wire = write(hop);
  }
  return {std::move(wire), flow_over(over, hop.protocol)};
}

}  // namespace lapwing::labue
