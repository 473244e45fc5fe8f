// The subscription to the own registration (TS 24.229 section 5.1.1.3, RFC 3680) and requests from the network.
#include <utility>

#include "absl/strings/str_format.h"
#include "common/reginfo/reginfo.h"
#include "common/runtime/ids.h"
#include "common/sip/headers.h"
#include "lab/labue/handset.h"

namespace lapwing::labue {
namespace {

using sip::HeaderId;

constexpr size_t most_bytes_over_udp = 1300;  // RFC 3261 section 18.1.1

std::string_view tag_of(const sip::Message& message, HeaderId id) {
  absl::StatusOr<sip::NameAddr> address = sip::NameAddr::parse(message.header(id));
  return address.ok() ? address->tag() : std::string_view();
}

}  // namespace

Task<Outcome> Handset::subscribe_reg() {
  if (!registered_) co_return Outcome{false, 0, "there is no registration to subscribe to"};
  OneShot<bool> notified(worker_);
  Subscription subscription;
  subscription.impu = default_impu();
  subscription.call_id = random_hex(22) + "@" + sip::host_text(options_.address);
  subscription.from_tag = random_hex(8);
  subscription.cseq = 1;
  subscription.first_notify = notified.sink();
  subscription_ = subscription;

  SubscribeShape shape;
  shape.target = shape.impu = subscription.impu;
  shape.contact_user = contact_user();
  shape.call_id = subscription.call_id;
  shape.from_tag = subscription.from_tag;
  shape.cseq = subscription.cseq;
  shape.require_sec_agree = current_ != nullptr;
  std::shared_ptr<Security> over = current_;
  shape.hop.protocol = over ? options_.protected_other : options_.first;
  shape.hop.sent_by = sent_by(over.get());
  shape.hop.branch = layer_.new_branch();
  shape.hop.access_network = options_.access_network;
  if (over) shape.hop.security_verify = over->verify;
  sip::Flow flow = flow_over(over.get(), shape.hop.protocol);
  shape.routes.push_back(absl::StrFormat("<sip:%s:%d;lr>", sip::host_text(flow.remote.address), flow.remote.port));
  shape.routes.insert(shape.routes.end(), service_route_.begin(), service_route_.end());
  std::string wire = subscribe_request(options_.who, shape);
  if (over && wire.size() > most_bytes_over_udp && options_.protected_register == sip::Protocol::tcp) {
    shape.hop.protocol = sip::Protocol::tcp;
    wire = subscribe_request(options_.who, shape);
    flow = flow_over(over.get(), shape.hop.protocol);
  }

  sip::Answer answer = co_await transact(sip::Method::subscribe, shape.hop.branch, std::move(wire), flow);
  int code = answer.response ? answer.response->status() : 0;
  Event event(code / 100 == 2 ? "subscribed" : "subscription_failed", options_.who.imsi);
  event.with("code", code);
  if (code / 100 != 2) {
    std::string why = code == 0 ? "no answer came to SUBSCRIBE" : absl::StrFormat("SUBSCRIBE was answered %d", code);
    tell(event.with("why", why));
    co_return Outcome{false, code, std::move(why)};
  }
  if (subscription_) subscription_->to_tag = tag_of(*answer.response, HeaderId::to);
  tell(event.with("expires", sip::parse_seconds(answer.response->header(HeaderId::expires)).value_or(0)));
  std::optional<bool> came = co_await notified.wait(options_.timers.t1 * 16);
  if (!came) co_return Outcome{false, code, "SUBSCRIBE was answered, but no NOTIFY came"};
  co_return Outcome{true, code, {}};
}

void Handset::request_in(std::shared_ptr<sip::ServerTransaction> transaction) {
  const sip::Message& request = transaction->request();
  switch (request.method()) {
    case sip::Method::notify:
      return notify_in(*transaction);
    case sip::Method::options:
      tell(Event("options", options_.who.imsi).with("code", 200));
      return reply(*transaction, 200);
    default:
      tell(Event("refused_request", options_.who.imsi).with("method", request.method_text()).with("code", 405));
      return reply(*transaction, 405);
  }
}

void Handset::notify_in(sip::ServerTransaction& transaction) {
  const sip::Message& notify = transaction.request();
  bool ours = subscription_ && notify.header(HeaderId::call_id) == subscription_->call_id &&
              tag_of(notify, HeaderId::to) == subscription_->from_tag;
  if (!ours) {
    tell(Event("refused_request", options_.who.imsi).with("method", "NOTIFY").with("code", 481));
    return reply(transaction, 481);
  }
  read_reginfo(notify);
  absl::StatusOr<sip::TokenParams> state = sip::TokenParams::parse(notify.header(HeaderId::subscription_state));
  bool over = state.ok() && state->is("terminated");
  reply(transaction, 200);  // the request is gone after this
  if (subscription_->first_notify) subscription_->first_notify->set(true);
  subscription_->first_notify.reset();
  if (over) subscription_.reset();
}

void Handset::read_reginfo(const sip::Message& notify) {
  Event event("notify", options_.who.imsi);
  event.with("subscription_state", notify.header(HeaderId::subscription_state));
  absl::StatusOr<reginfo::RegInfo> info = reginfo::parse(notify.body());
  if (!info.ok()) {
    tell(event.with("why", std::string(info.status().message())));
    return;
  }
  std::string own = "<" + options_.who.instance + ">";
  std::vector<std::string> aors, contacts;
  bool active = false, mentioned = false;
  for (const reginfo::Registration& registration : info->registrations) {
    aors.push_back(registration.aor + '=' + std::string(name_of(registration.state)));
    for (const reginfo::Contact& contact : registration.contacts) {
      contacts.push_back(contact.uri + '=' + std::string(name_of(contact.event)));
      for (const auto& [name, value] : contact.unknown_params) {
        if (name != "+sip.instance" || sip::unquote(value) != own) continue;
        mentioned = true;
        active |= contact.state == reginfo::ContactState::active;
      }
    }
  }
  event.with("version", info->version).with("registrations", aors).with("contacts", contacts);
  if (mentioned && !active && registered_) {
    registered_ = false;  // the network has ended it
    event.with("registered", "no");
  }
  tell(event);
}

// By UDP a protected response goes from port-uc to port-ps (TS 33.203 section 7.1); by TCP on the request's connection.
void Handset::reply(sip::ServerTransaction& transaction, int code) {
  const sip::Flow& came = transaction.flow();
  const Security* over = nullptr;
  if (came.local.port == options_.server_port) {
    auto consider = [&](const std::shared_ptr<Security>& set) {
      if (set && (!over || set->set.pc.value == came.remote.port)) over = set.get();
    };
    consider(current_);
    consider(pending_);
    for (const std::shared_ptr<Security>& set : old_) consider(set);
    if (over && came.protocol == sip::Protocol::udp) transaction.reply_by(flow_over(over, sip::Protocol::udp));
  }
  sip::Writer writer = transaction.response(code);
  writer.add(HeaderId::contact, dialog_contact(options_.who, contact_user(), sent_by(over)))
      .add(HeaderId::allow, allowed_methods)
      .add(HeaderId::user_agent, user_agent)
      .add(HeaderId::p_access_network_info, options_.access_network);
  transaction.respond(code, std::move(writer).finish());
}

}  // namespace lapwing::labue
