#include <algorithm>

#include "absl/strings/str_format.h"
#include "common/sip/body.h"
#include "common/sip/headers.h"
#include "scscf/procedures/locate.h"
#include "scscf/procedures/short_message.h"
#include "scscf/state.h"

namespace lapwing::scscf {
namespace {

using sip::HeaderId;

constexpr uint8_t congestion = 42;  // RP cause (TS 24.011 section 8.2.5.4)

// Who gets it: a mailbox, or the RP cause of a refusal.
struct Receiver {
  std::string mailbox;
  uint8_t cause = 0;
  std::string why;
};

Task<Receiver> find_receiver(Core& core, Site& site, sms::Address number) {
  std::string text = "tel:" + number.number();
  auto uri = sip::Uri::parse(text);
  if (number.is_alphanumeric() || !uri.ok()) {
    co_return Receiver{"", static_cast<uint8_t>(sms::RpCause::invalid_mandatory_information),
                       "no number to send it to"};
  }
  std::vector<std::string> identities = possible_identities(core.settings().numbers, *uri, core.settings().home_domain);
  for (const std::string& identity : identities) {
    auto user = find_served_user(core, identity);
    if (!user) continue;
    if (!user->identity.barred) co_return Receiver{user->identity.canonical, 0, ""};
    co_return Receiver{"", static_cast<uint8_t>(sms::RpCause::unassigned_number), identity + " is barred"};
  }
  Location found = co_await locate(core, site, identities);
  const auto* nowhere = std::get_if<Outcome>(&found.where);
  bool away = (nowhere && nowhere->code == 480) || std::holds_alternative<ServedHere>(found.where);
  if (away) co_return Receiver{found.identity, 0, ""};
  bool unknown = nowhere && nowhere->code == 404;
  co_return Receiver{
      "", static_cast<uint8_t>(unknown ? sms::RpCause::unassigned_number : sms::RpCause::network_out_of_order),
      nowhere ? nowhere->why : "the receiver is served by another S-CSCF"};
}

// The sender as the receiver sees it: its number where it has one.
sms::Address originator_of(const ServedUser& sender) {
  for (const std::string& identity : {sender.identity.uri, sender.other_identity}) {
    auto uri = sip::Uri::parse(identity);
    if (!uri.ok()) continue;
    std::string user = sip::unescape(uri->user);
    if (auto number = sms::Address::from_number(user); number.ok()) return *number;
  }
  auto uri = sip::Uri::parse(sender.identity.uri);
  std::string name = uri.ok() ? sip::unescape(uri->user) : "unknown";
  return sms::Address::from_name(name);
}

// The handset that sent it: the lowest Via is its own.
std::string sending_host(const sip::Message& request) {
  std::string host;
  for (std::string_view value : request.values(HeaderId::via)) {
    auto via = sip::Via::parse(value);
    if (via.ok()) host = std::string(via->host);
  }
  return host;
}

struct Submitter {
  ServedUser user;
  std::string host, call_id;
};

// The service centre's report to the handset that submitted.
Task<void> answer(Core& core, Site& site, Submitter submitter, sms::RpMessage report) {
  std::optional<RpTarget> target = rp_target(core, submitter.user, submitter.host);
  std::string identity = submitter.user.identity.uri;
  int code = 0;
  if (target) {
    sip::Answer answer =
        co_await send_rp(core, site, std::move(*target), identity, std::move(report), submitter.call_id);
    code = answer.response ? answer.response->status() : 408;
  }
  if (code >= 200 && code < 300) co_return;
  core.report("sms.report_failed", submitter.user.impi, identity,
              target ? absl::StrFormat("the report of a short message was answered %d", code)
                     : "no contact of the sender says that it takes short messages (+g.3gpp.smsip)");
}

Task<void> submit(Core& core, Site& site, Submitter submitter, sms::RpData data) {
  auto refuse = [&](uint8_t cause, const std::string& why) {
    core.report("sms.refused", submitter.user.impi, submitter.user.identity.uri, why);
    return answer(core, site, submitter, sms::RpError{sms::Side::network, data.reference, cause, std::nullopt});
  };
  auto tpdu = sms::read_submit(data.tpdu);
  if (!tpdu.ok()) {
    co_return co_await refuse(static_cast<uint8_t>(sms::RpCause::invalid_mandatory_information),
                              std::string(tpdu.status().message()));
  }
  Receiver receiver = co_await find_receiver(core, site, tpdu->destination);
  if (receiver.cause != 0) co_return co_await refuse(receiver.cause, receiver.why);
  WallTime now = core.clock.wall();
  Duration longest = core.settings().short_messages.longest;
  ShortMessage message{
      .submit = data.tpdu,
      .deliver = {},
      .originator = originator_of(submitter.user),
      .sent = now,
      .expires =
          core.clock.now() +
          std::min<Duration>(
              longest, validity_of(*tpdu, now).value_or(std::chrono::duration_cast<std::chrono::seconds>(longest))),
      .sender = tpdu->status_report ? submitter.user.identity.canonical : "",
      .reference = tpdu->reference,
      .recipient = tpdu->destination};
  if (!core.short_messages.put(receiver.mailbox, std::move(message))) {
    co_return co_await refuse(congestion, "too many short messages wait for " + receiver.mailbox);
  }
  // RP-ACK promises that it is kept.
  co_await core.store->committed(site.worker, commit_patience);
  core.report("sms.submitted", submitter.user.impi, submitter.user.identity.uri,
              "a short message for " + receiver.mailbox);
  co_await answer(core, site, submitter,
                  sms::RpAck{sms::Side::network, data.reference, sms::write_submit_report(sms::Timestamp::of(now))});
  deliver_short_messages(core, site, receiver.mailbox);
}

// RP-SMMA: the handset has memory again.
Task<void> memory_available(Core& core, Site& site, Submitter submitter, uint8_t reference) {
  std::vector<Identity> set;
  core.registrar.with_existing(submitter.user.impi, [&](User& user) {
    if (Registration* registration = user.registration_of(submitter.user.identity.canonical)) set = registration->set();
  });
  for (const Identity& identity : set) core.short_messages.memory_available(identity.canonical);
  co_await answer(core, site, submitter, sms::RpAck{sms::Side::network, reference, std::nullopt});
  for (const Identity& identity : set) deliver_short_messages(core, site, identity.canonical);
}

bool from_network(const sms::RpMessage& message) {
  return std::visit(
      [](const auto& one) {
        if constexpr (requires { one.from; }) return one.from == sms::Side::network;
        return false;
      },
      message);
}

}  // namespace

bool is_short_message(const Core& core, const sip::Message& request) {
  if (!core.settings().short_messages.enabled || request.method() != sip::Method::message) return false;
  return sip::body_is(request, sms::rp_content_type);
}

Task<void> take_short_message(Core& core, Site& site, Passage passage, ServedUser sender) {
  const sip::Message& request = passage.request();
  auto message = sms::read_rp(request.body());
  if (!message.ok() || from_network(*message)) {
    co_return passage.transaction->reject(400, message.ok() ? "RP Message Of Networks" : "Bad RP Message");
  }
  Submitter submitter{std::move(sender), sending_host(request), std::string(request.header(HeaderId::call_id))};
  passage.transaction->reject(202);
  if (auto* data = std::get_if<sms::RpData>(&*message)) {
    co_await submit(core, site, std::move(submitter), std::move(*data));
  } else if (auto* smma = std::get_if<sms::RpSmma>(&*message)) {
    co_await memory_available(core, site, std::move(submitter), smma->reference);
  } else {
    uint8_t reference = reference_of(*message);
    core.short_messages.report(submitter.user.impi, reference, std::move(*message));
  }
}

}  // namespace lapwing::scscf
