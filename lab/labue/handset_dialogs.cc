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

}  // namespace

Task<Outcome> Handset::subscribe_reg() {
  if (!registered_) co_return Outcome{false, 0, "there is no registration to subscribe to"};
  OneShot<bool> notified(worker_);
  Subscription subscription;
  subscription.impu = line_.default_impu();
  subscription.call_id = random_hex(22) + "@" + sip::host_text(options_.address);
  subscription.from_tag = random_hex(8);
  subscription.cseq = 1;
  subscription.first_notify = notified.sink();
  subscription_ = subscription;

  SubscribeShape shape;
  shape.target = shape.impu = subscription.impu;
  shape.contact_user = line_.contact_user();
  shape.call_id = subscription.call_id;
  shape.from_tag = subscription.from_tag;
  shape.cseq = subscription.cseq;
  shape.require_sec_agree = line_.sets.current != nullptr;
  shape.hop.branch = layer_.new_branch();
  sip::Flow way = line_.flow_over(line_.sets.current.get(), sip::Protocol::udp);
  shape.routes.push_back(line_.pcscf_route(way));
  shape.routes.insert(shape.routes.end(), line_.service_route.begin(), line_.service_route.end());
  auto [wire, flow] = line_.compose(shape.hop, [&](const Hop&) { return subscribe_request(options_.who, shape); });

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
  bool in_dialog = !tag_of(request, HeaderId::to).empty();
  switch (request.method()) {
    case sip::Method::notify:
      return notify_in(*transaction);
    case sip::Method::message:
      return texts_.request_in(*transaction);
    case sip::Method::invite:
      return calls_.request_in(std::move(transaction));
    case sip::Method::options:
      if (in_dialog) return calls_.request_in(std::move(transaction));
      tell(Event("options", options_.who.imsi).with("code", 200));
      return line_.respond(*transaction, 200);
    default:
      if (in_dialog) return calls_.request_in(std::move(transaction));
      tell(Event("refused_request", options_.who.imsi).with("method", request.method_text()).with("code", 405));
      return line_.respond(*transaction, 405);
  }
}

void Handset::notify_in(sip::ServerTransaction& transaction) {
  const sip::Message& notify = transaction.request();
  bool ours = subscription_ && notify.header(HeaderId::call_id) == subscription_->call_id &&
              tag_of(notify, HeaderId::to) == subscription_->from_tag;
  if (!ours) {
    tell(Event("refused_request", options_.who.imsi).with("method", "NOTIFY").with("code", 481));
    return line_.respond(transaction, 481);
  }
  read_reginfo(notify);
  absl::StatusOr<sip::TokenParams> state = sip::TokenParams::parse(notify.header(HeaderId::subscription_state));
  bool over = state.ok() && state->is("terminated");
  line_.respond(transaction, 200);  // the request is gone after this
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

}  // namespace lapwing::labue
