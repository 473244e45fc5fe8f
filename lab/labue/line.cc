#include "lab/labue/line.h"

#include "absl/strings/str_format.h"
#include "common/runtime/ids.h"
#include "common/sip/uri.h"

namespace lapwing::labue {
namespace {

using sip::HeaderId;

constexpr size_t most_bytes_over_udp = 1300;  // RFC 3261 section 18.1.1

}  // namespace

Line::Line(Worker& on, sip::TransactionLayer& over, Ports& sockets, HandsetOptions given, EventSink sink)
    : worker(on), layer(over), ports(sockets), options(std::move(given)), sink_(std::move(sink)) {}

std::string Line::new_call_id() const {
  return random_hex(22) + "@" + sip::host_text(options.address);
}

sip::Protocol Line::first_choice() const {
  return sets.current ? options.protected_other : options.first;
}

bool Line::too_long_for_udp(size_t bytes) const {
  return sets.current && bytes > most_bytes_over_udp && first_choice() == sip::Protocol::udp &&
         options.protected_register == sip::Protocol::tcp;
}

sip::Flow Line::flow_over(const Security* security, sip::Protocol protocol) const {
  sip::Flow flow;
  flow.protocol = protocol;
  if (security) {
    flow.local = {options.address, security->set.uc.value};
    flow.remote = {options.pcscf.address, security->set.ps.value};
  } else {
    flow.local = {options.address, protocol == sip::Protocol::udp ? options.port : uint16_t{0}};
    flow.remote = options.pcscf;
  }
  return flow;
}

std::string Line::sent_by(const Security* security) const {
  uint16_t port = security ? options.server_port : options.port;
  return absl::StrFormat("%s:%d", sip::host_text(options.address), port);
}

std::string Line::pcscf_route(const sip::Flow& flow) const {
  return absl::StrFormat("<sip:%s:%d;lr>", sip::host_text(flow.remote.address), flow.remote.port);
}

RequestShape Line::outside_dialog(sip::Method method, std::string target) const {
  RequestShape shape;
  shape.method = method;
  shape.from = absl::StrFormat("<%s>;tag=%s", default_impu(), random_hex(8));
  shape.to = absl::StrFormat("<%s>", target);
  shape.uri = std::move(target);
  shape.call_id = new_call_id();
  shape.routes.push_back(pcscf_route(flow_over(sets.current.get(), first_choice())));
  shape.routes.insert(shape.routes.end(), service_route.begin(), service_route.end());
  return shape;
}

std::pair<std::string, sip::Flow> Line::compose(RequestShape& shape) const {
  shape.hop.branch = layer.new_branch();
  shape.require_sec_agree = sets.current != nullptr;
  shape.identity = default_impu();
  shape.contact_user = contact_user();
  return compose(shape.hop, [&](const Hop&) { return request_text(options.who, shape); });
}

Line::Sent Line::send(RequestShape shape, sip::ClientTransaction::User user) {
  auto [wire, flow] = compose(shape);
  sip::ClientRequest request;
  request.method = shape.method;
  request.branch = shape.hop.branch;
  request.wire = std::move(wire);
  request.flow = flow;
  request.timers = options.timers;
  layer.start(std::move(request), std::move(user));
  return {std::move(shape.hop.branch), flow};
}

Task<sip::Answer> Line::request(RequestShape shape) {
  auto [wire, flow] = compose(shape);
  sip::ClientRequest request;
  request.method = shape.method;
  request.branch = shape.hop.branch;
  request.wire = std::move(wire);
  request.flow = flow;
  request.timers = options.timers;
  co_return co_await layer.request(std::move(request));
}

std::pair<std::string, sip::Flow> Line::ack(RequestShape shape) {
  shape.method = sip::Method::ack;
  return compose(shape);
}

// By UDP a protected response goes from port-uc to port-ps (TS 33.203 section 7.1); by TCP on the request's connection.
void Line::respond(sip::ServerTransaction& transaction, int code, const Reply& reply) {
  const sip::Flow& came = transaction.flow();
  const Security* over = nullptr;
  if (came.local.port == options.server_port) {
    over = sets.of_port_pc(came.remote.port);
    if (over && came.protocol == sip::Protocol::udp) transaction.reply_by(flow_over(over, sip::Protocol::udp));
  }
  sip::Writer writer = transaction.response(code);
  for (const auto& [id, value] : reply.headers) writer.add(id, value);
  // RFC 3428 section 7: no Contact in answers to MESSAGE.
  bool contact = code != 100 && transaction.request().method() != sip::Method::message;
  if (contact) writer.add(HeaderId::contact, dialog_contact(options.who, contact_user(), sent_by(over)));
  if (code != 100) {
    writer.add(HeaderId::allow, allowed_methods)
        .add(HeaderId::user_agent, user_agent)
        .add(HeaderId::p_access_network_info, options.access_network);
  }
  transaction.respond(code, std::move(writer).finish(reply.content_type, reply.body));
}

}  // namespace lapwing::labue
