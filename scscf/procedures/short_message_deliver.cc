#include "absl/strings/str_format.h"
#include "common/runtime/ids.h"
#include "common/sip/headers.h"
#include "common/sip/next_hop.h"
#include "scscf/procedures/short_message.h"

namespace lapwing::scscf {
namespace {

using sip::HeaderId;
using End = ShortMessages::End;

// How long a handset may take for its report: TR1N of TS 24.011 section 10, and the time for the way.
constexpr Duration report_patience = std::chrono::seconds(45);

bool takes_short_messages(const Binding& contact) {
  for (std::string_view rest = contact.params; auto item = sip::Params::take(rest);) {
    if (item->name.empty()) break;
    if (sip::equals_ignoring_case(item->name, "+g.3gpp.smsip")) return true;
  }
  return false;
}

bool is_at(const Binding& contact, std::string_view host) {
  auto uri = sip::Uri::parse(contact.uri);
  return uri.ok() && sip::equals_ignoring_case(uri->host, host);
}

// A P-CSCF takes requests for a handset once it has dealt with the 200 to its REGISTER, which it may do on another
// worker, and after a word with its kernel.
constexpr Duration after_registration = std::chrono::milliseconds(500);

// What became of one message.
enum class Sent { delivered, refused, later, absent, memory_full };

Sent judge(const sms::RpMessage& report) {
  const auto* error = std::get_if<sms::RpError>(&report);
  if (!error) return Sent::delivered;
  return error->cause == static_cast<uint8_t>(sms::RpCause::memory_capacity_exceeded) ? Sent::memory_full
                                                                                      : Sent::refused;
}

Sent judge(const sip::Answer& answer) {
  if (!answer.response) return Sent::later;
  switch (answer.response->status()) {
    case 404:
    case 408:
    case 480:
      return Sent::later;  // not within reach for now
    case 415:
    case 488:
      return Sent::refused;
    default:
      return answer.response->status() >= 500 ? Sent::later : Sent::refused;
  }
}

Task<Sent> deliver(Core& core, Site& site, std::string receiver, ShortMessages::Next next) {
  std::optional<ServedUser> user = find_served_user(core, receiver);
  if (!user) co_return Sent::absent;
  std::optional<RpTarget> target = rp_target(core, *user, "");
  if (!target) {
    core.report("sms.not_delivered", user->impi, user->identity.uri,
                "no contact of the user says that it takes short messages (+g.3gpp.smsip)", Cause::sms_not_taken);
    co_return Sent::absent;
  }
  const ShortMessage& message = next.message;
  sms::RpData data{
      .from = sms::Side::network, .reference = 0, .address = core.settings().short_messages.address, .tpdu = {}};
  data.tpdu = message.submit.empty()
                  ? message.deliver
                  : sms::deliver_of(message.submit, message.originator, sms::Timestamp::of(message.sent), next.more);
  OneShot<sms::RpMessage> report(site.worker);
  data.reference = core.short_messages.expect_report(user->impi, report.sink());
  uint8_t reference = data.reference;
  std::string impi = user->impi, identity = user->identity.uri;
  sip::Answer answer = co_await send_rp(core, site, std::move(*target), identity, std::move(data), "");
  bool taken = answer.response && answer.response->status() < 300;
  std::optional<sms::RpMessage> came;
  if (taken) came = co_await report.wait(report_patience);
  core.short_messages.forget_report(impi, reference);
  Sent sent = !taken ? judge(answer) : came ? judge(*came) : Sent::later;
  std::string how = sent == Sent::delivered     ? "delivered"
                    : sent == Sent::memory_full ? "the handset's memory is full"
                    : !taken
                        ? absl::StrFormat("the handset answered %d", answer.response ? answer.response->status() : 408)
                    : came ? "the handset refused it"
                           : "no report came from the handset";
  core.report(sent == Sent::delivered ? "sms.delivered" : "sms.not_delivered", impi, identity,
              absl::StrFormat("from %s: %s", message.originator.number(), how),
              sent == Sent::delivered ? Cause::none : Cause::sms_not_taken);
  co_return sent;
}

// TS 23.040 section 9.2.2.3: to the sender, when it asked for one.
void report_status(Core& core, Site& site, const ShortMessage& message, uint8_t status) {
  if (message.sender.empty()) return;
  WallTime now = core.clock.wall();
  ShortMessage report{.deliver = sms::write_status_report({.reference = message.reference,
                                                           .recipient = message.recipient,
                                                           .sent = sms::Timestamp::of(message.sent),
                                                           .done = sms::Timestamp::of(now),
                                                           .status = status}),
                      .originator = message.recipient,
                      .sent = now,
                      .expires = core.clock.now() + core.settings().short_messages.longest};
  if (core.short_messages.put(message.sender, std::move(report))) deliver_short_messages(core, site, message.sender);
}

Task<End> send_all(Core& core, Site& site, std::string receiver) {
  while (auto next = core.short_messages.next(receiver)) {
    const ShortMessage message = next->message;
    Sent sent = co_await deliver(core, site, receiver, std::move(*next));
    if (sent == Sent::later) co_return End::try_later;
    if (sent == Sent::absent) co_return End::receiver_absent;
    if (sent == Sent::memory_full) co_return End::memory_full;
    core.short_messages.remove_first(receiver);
    report_status(core, site, message, sent == Sent::delivered ? sms::status_delivered : sms::status_refused);
  }
  co_return End::all_sent;
}

Task<void> run(Core& core, Site& site, std::string receiver) {
  End how = co_await send_all(core, site, receiver);
  std::optional<ShortMessages::Pause> pause = core.short_messages.end(receiver, how);
  if (!pause) co_return;
  site.worker.timers().after(pause->length, [&core, &site, receiver, retry = pause->retry] {
    if (core.short_messages.begin(receiver, retry)) site.worker.spawn(run(core, site, receiver));
  });
}

}  // namespace

void deliver_short_messages(Core& core, Site& site, const std::string& receiver) {
  if (core.short_messages.begin(receiver)) site.worker.spawn(run(core, site, receiver));
}

void expire_short_messages(Core& core, Site& site) {
  for (const auto& [receiver, message] : core.short_messages.take_expired(core.clock.now())) {
    core.report("sms.expired", "", receiver,
                absl::StrFormat("from %s: nobody came for it", message.originator.number()));
    report_status(core, site, message, sms::status_expired);
  }
}

void deliver_short_messages_to(Core& core, Site& site, const std::vector<Identity>& set) {
  if (core.short_messages.empty()) return;
  site.worker.timers().after(after_registration, [&core, &site, set] {
    for (const Identity& identity : set) deliver_short_messages(core, site, identity.canonical);
  });
}

std::optional<RpTarget> rp_target(const Core& core, const ServedUser& user, std::string_view preferred_host) {
  const Binding* best = nullptr;
  auto better = [&](const Binding& one) {
    if (!best) return true;
    bool here = is_at(one, preferred_host), there = is_at(*best, preferred_host);
    if (here != there) return here;
    return one.q != best->q ? one.q > best->q : one.expires > best->expires;
  };
  for (const Binding& contact : user.contacts) {
    if (takes_short_messages(contact) && better(contact)) best = &contact;
  }
  if (!best) return std::nullopt;
  std::vector<std::string> path = strings(best->path);
  auto hop = sip::first_hop(path, best->uri, core.settings().listen, sip::Protocol::udp, core.settings().hosts);
  if (!hop.ok()) return std::nullopt;
  return RpTarget{best->uri, std::move(path), hop->flow};
}

Task<sip::Answer> send_rp(Core& core, Site& site, RpTarget target, std::string identity, sms::RpMessage message,
                          std::string in_reply_to) {
  const std::string& centre = core.settings().short_messages.uri;
  sip::ClientRequest request;
  request.method = sip::Method::message;
  request.branch = site.transactions.new_branch();
  request.flow = target.flow;
  request.timers = core.settings().timers;
  sip::Writer text = sip::Writer::request("MESSAGE", target.request_uri);
  text.add(HeaderId::via, sip::TransactionLayer::via(target.flow.protocol, sent_by(core, target.flow), request.branch));
  for (const std::string& hop : target.route) text.add(HeaderId::route, hop);
  text.add(HeaderId::max_forwards, "70");
  text.add(HeaderId::from, absl::StrFormat("<%s>;tag=%s", centre, random_hex(16)));
  text.add(HeaderId::to, "<" + identity + ">");
  text.add(HeaderId::call_id, random_hex(32));
  text.add(HeaderId::cseq, "1 MESSAGE");
  text.add(HeaderId::p_asserted_identity, "<" + centre + ">");
  text.add(HeaderId::p_called_party_id, "<" + identity + ">");
  text.add(HeaderId::p_charging_vector,
           absl::StrFormat("icid-value=%s;orig-ioi=%s", random_hex(32), sip::quote(core.settings().home_domain)));
  if (!in_reply_to.empty()) text.add(HeaderId::in_reply_to, in_reply_to);
  text.add(HeaderId::request_disposition, "no-fork");
  text.add(HeaderId::accept_contact, "*;+g.3gpp.smsip;require;explicit");
  request.wire = std::move(text).finish(sms::rp_content_type, sms::write_rp(message));
  co_return co_await site.transactions.request(std::move(request));
}

}  // namespace lapwing::scscf
