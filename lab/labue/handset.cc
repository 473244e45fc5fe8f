#include "lab/labue/handset.h"

#include <utility>

#include "absl/strings/str_format.h"
#include "common/runtime/ids.h"
#include "common/sip/headers.h"

namespace lapwing::labue {
namespace {

using sip::HeaderId;

constexpr int max_challenges = 5;       // in one registration
constexpr uint32_t expiry_margin = 30;  // s; TS 33.203 section 7.4

std::string no_answer_text(const sip::Answer& answer) {
  return answer.outcome == sip::Answer::Outcome::timed_out ? "no answer came" : "not sent: " + answer.why;
}

std::string status_text(const sip::Message& response) {
  std::string text = absl::StrFormat("the network answered %d %s", response.status(), response.reason());
  if (response.has(HeaderId::warning)) absl::StrAppendFormat(&text, " (%s)", response.header(HeaderId::warning));
  return text;
}

}  // namespace

Handset::Handset(Worker& worker, sip::TransactionLayer& layer, ipsec::Kernel* kernel, Ports& ports, Sim sim,
                 HandsetOptions options, EventSink sink)
    : worker_(worker),
      layer_(layer),
      kernel_(kernel),
      ports_(ports),
      sim_(std::move(sim)),
      line_(worker, layer, ports, std::move(options), std::move(sink)),
      options_(line_.options),
      calls_(line_),
      texts_(line_) {}

absl::Status Handset::start() {
  Endpoint local{options_.address, options_.port};
  absl::Status status = ports_.open(sip::Protocol::udp, local);
  if (status.ok() && options_.first == sip::Protocol::tcp) status = ports_.open(sip::Protocol::tcp, local);
  return status;
}

void Handset::forget() {
  registered_ = false;
  granted_ = 0;
  challenge_.reset();
  res_.wipe();
  line_.service_route.clear();
  line_.associated.clear();
}

Task<Outcome> Handset::register_() {
  forget();
  subscription_.reset();
  if (line_.sets.current) retire(std::exchange(line_.sets.current, nullptr), options_.linger);
  call_id_ = random_hex(22) + "@" + sip::host_text(options_.address);
  from_tag_ = random_hex(8);
  cseq_ = 0;
  co_return co_await registration(Plan{.expires = options_.expires});
}

Task<Outcome> Handset::reregister() {
  if (!registered_) co_return Outcome{false, 0, "there is no registration to renew"};
  if (options_.misbehave == Misbehave::clear_text) co_return co_await send_clear_text();
  Plan plan{.expires = options_.expires};
  plan.unprotected = options_.misbehave == Misbehave::unprotected;
  plan.spoof = options_.misbehave == Misbehave::spoof;
  co_return co_await registration(plan);
}

Task<Outcome> Handset::deregister(bool any_contact) {
  if (!registered_) co_return Outcome{false, 0, "there is no registration to end"};
  co_return co_await registration(Plan{.expires = 0, .any_contact = any_contact});
}

// The steps of TS 24.229 section 5.1.1.2: a REGISTER, its challenge answered, and so on until a final response.
Task<Outcome> Handset::registration(Plan plan) {
  Step step = first_step(plan);
  bool raised = false;
  for (int challenges = 0;;) {
    sip::Answer answer = co_await send_register(plan, step);
    if (answer.outcome != sip::Answer::Outcome::answered) co_return refused(plan, 0, no_answer_text(answer));
    std::shared_ptr<const sip::Message> response = answer.response;
    int code = response->status();
    if (code / 100 == 2) co_return co_await accepted(plan, step, response);
    if (code == 423 && !raised && plan.expires > 0) {
      raised = true;  // section 5.1.1.2.1: again with at least Min-Expires
      plan.expires = std::max(plan.expires, sip::parse_seconds(response->header(HeaderId::min_expires)).value_or(0));
      continue;
    }
    if (code != 401) co_return refused(plan, code, status_text(*response));
    tell(Event("challenged", options_.who.imsi).with("code", code));
    if (options_.misbehave == Misbehave::no_answer) {
      co_return refused(plan, code, "the challenge is left without an answer, as asked");
    }
    if (++challenges > max_challenges) co_return refused(plan, code, "the network challenged again and again");
    absl::StatusOr<Step> next = co_await answer_challenge(step, response);
    if (!next.ok()) co_return refused(plan, code, std::string(next.status().message()));
    step = std::move(*next);
  }
}

Handset::Step Handset::first_step(const Plan& plan) {
  Step step;
  if (!plan.unprotected) step.over = step.asked_over = line_.sets.current;
  if (kernel_) step.offer = new_offer();
  if (plan.spoof) {
    step.authorization = initial_authorization(options_.other);
  } else if (registered_ && !plan.unprotected && challenge_) {
    step.authorization = challenge_->answer(options_.who, res_, "REGISTER", {}, ++nonce_count_);
  } else {
    step.authorization = initial_authorization(options_.who);
  }
  return step;
}

const Identity& Handset::claimed(const Plan& plan, const Step& step) const {
  bool lie = plan.spoof || (step.answers_challenge && options_.misbehave == Misbehave::spoof_answer);
  return lie ? options_.other : options_.who;
}

Task<sip::Answer> Handset::send_register(Plan plan, Step step) {
  RegisterShape shape;
  shape.hop.protocol = step.over ? options_.protected_register : options_.first;
  shape.hop.sent_by = line_.sent_by(step.over.get());
  shape.hop.branch = layer_.new_branch();
  if (step.over || !kernel_) shape.hop.access_network = options_.access_network;
  shape.require_sec_agree = kernel_ != nullptr;
  if (kernel_) {
    shape.hop.security_client = security_client(step);
    shape.hop.security_verify = security_verify(step);
  }
  if (options_.user_in_contact) shape.contact_user = options_.who.imsi;
  shape.any_contact = plan.any_contact;
  shape.call_id = call_id_;
  shape.from_tag = from_tag_;
  shape.authorization = step.authorization;
  shape.cseq = ++cseq_;
  shape.expires = plan.expires;
  std::string wire = register_request(claimed(plan, step), shape);
  sip::Flow flow = line_.flow_over(step.over.get(), shape.hop.protocol);
  co_return co_await transact(sip::Method::register_, shape.hop.branch, std::move(wire), flow);
}

Task<sip::Answer> Handset::transact(sip::Method method, std::string branch, std::string wire, sip::Flow flow) {
  sip::ClientRequest request;
  request.method = method;
  request.branch = std::move(branch);
  request.wire = std::move(wire);
  request.flow = flow;
  request.timers = options_.timers;
  co_return co_await layer_.request(std::move(request));
}

// Sections 5.1.1.5.1 (answer), 5.1.1.5.3 (MAC or SQN failure: sent as the first REGISTER was, with a new offer).
Task<absl::StatusOr<Handset::Step>> Handset::answer_challenge(Step last, std::shared_ptr<const sip::Message> response) {
  absl::StatusOr<Challenge> challenge = Challenge::parse(response->header(HeaderId::www_authenticate));
  if (!challenge.ok()) co_return challenge.status();
  bool first = !last.answers_challenge && last.authorization.find("auts=") == std::string::npos;
  if (options_.misbehave == Misbehave::always_stale || (options_.misbehave == Misbehave::stale_sqn && first)) {
    sim_.run_ahead();
  }
  Sim::Verdict verdict = sim_.authenticate(challenge->rand, challenge->autn);
  if (options_.misbehave == Misbehave::bad_mac) verdict = Sim::NetworkRejected{};
  if (line_.sets.pending) retire(std::exchange(line_.sets.pending, nullptr), options_.linger);

  Step next;
  next.over = next.asked_over = last.asked_over;
  auto* accepted = std::get_if<Sim::Accepted>(&verdict);
  if (!accepted) {
    if (kernel_) next.offer = new_offer();
    auto* stale = std::get_if<Sim::Stale>(&verdict);
    next.authorization = stale ? challenge->resynchronise(options_.who, stale->auts, "REGISTER")
                               : challenge->reject_network(options_.who);
    tell(Event(stale ? "resynchronising" : "network_rejected", options_.who.imsi));
    co_return next;
  }
  if (kernel_) {
    absl::StatusOr<std::shared_ptr<Security>> agreed = co_await agree(last.offer, response, accepted->ck, accepted->ik);
    if (!agreed.ok()) co_return agreed.status();
    line_.sets.pending = next.over = *agreed;
  }
  challenge_ = std::move(*challenge);
  res_ = std::move(accepted->res);
  if (options_.misbehave == Misbehave::wrong_res) {
    std::vector<uint8_t> wrong(res_.reveal().begin(), res_.reveal().end());
    wrong.back() = static_cast<uint8_t>(wrong.back() ^ 1);
    res_ = Secret(wrong);
  }
  nonce_count_ = 1;
  next.offer = last.offer;
  next.answers_challenge = true;
  const Identity& who = options_.misbehave == Misbehave::spoof_answer ? options_.other : options_.who;
  next.authorization = challenge_->answer(who, res_, "REGISTER", {}, nonce_count_);
  co_return next;
}

// Section 5.1.1.2.1 and 5.1.1.6: what the 200 brings.
Task<Outcome> Handset::accepted(Plan plan, Step step, std::shared_ptr<const sip::Message> response) {
  int code = response->status();
  if (plan.expires == 0) {
    for (std::shared_ptr<Security>* set : {&line_.sets.current, &line_.sets.pending}) {
      if (*set) retire(std::exchange(*set, nullptr), options_.linger);
    }
    forget();
    tell(Event("deregistered", options_.who.imsi).with("code", code));
    co_return Outcome{true, code, {}};
  }
  if (!plan.spoof) {
    registered_ = true;
    granted_ = granted_by(*response, plan.expires);
    line_.service_route.clear();
    line_.associated.clear();
    for (std::string_view route : response->values(HeaderId::service_route)) line_.service_route.emplace_back(route);
    for (std::string_view uri : response->values(HeaderId::p_associated_uri)) {
      absl::StatusOr<sip::NameAddr> address = sip::NameAddr::parse(uri);
      if (address.ok()) line_.associated.emplace_back(address->uri.text);
    }
    if (kernel_) co_await keep_sets(step);
  }
  Event event("registered", options_.who.imsi);
  event.with("code", code).with("expires", granted_);
  event.with("alg", line_.sets.current ? ipsec::text(line_.sets.current->set.algorithms) : "none");
  tell(event.with("impus", line_.associated).with("service_route", line_.service_route));
  co_return Outcome{true, code, {}};
}

// The set of an answered challenge becomes current; a registration without challenge prolongs the one that carried it.
Task<void> Handset::keep_sets(Step step) {
  if (line_.sets.pending && step.over == line_.sets.pending) {
    Duration longest = step.asked_over ? options_.timers.t1 * 64 : options_.linger;
    if (line_.sets.current) retire(std::exchange(line_.sets.current, nullptr), longest);
    line_.sets.current = std::exchange(line_.sets.pending, nullptr);
  }
  if (!line_.sets.current) co_return;
  ipsec::SaSet set = line_.sets.current->set;
  absl::Status status =
      co_await kernel_->set_lifetime(worker_, std::move(set), std::chrono::seconds(granted_ + expiry_margin));
  if (!status.ok()) {
    tell(Event("warning", options_.who.imsi).with("why", std::string(status.message())));
  }
}

Outcome Handset::refused(const Plan& plan, int code, std::string why) {
  if (line_.sets.pending) retire(std::exchange(line_.sets.pending, nullptr), options_.linger);
  tell(Event(plan.expires == 0 ? "deregistration_failed" : "registration_failed", options_.who.imsi)
           .with("code", code)
           .with("why", why));
  return Outcome{false, code, std::move(why)};
}

Task<Outcome> Handset::send_clear_text() {
  if (!line_.sets.current) co_return Outcome{false, 0, "there is no protected port to send clear text to"};
  Hop hop;
  hop.sent_by = line_.sent_by(nullptr);
  hop.branch = layer_.new_branch();
  sip::Flow flow = line_.flow_over(nullptr, sip::Protocol::udp);
  flow.remote.port = line_.sets.current->set.ps.value;
  std::string wire = options_request(options_.who, hop, "sip:" + flow.remote.text());
  tell(Event("clear_text_sent", options_.who.imsi).with("to", flow.remote.text()));
  sip::Answer answer = co_await transact(sip::Method::options, hop.branch, std::move(wire), flow);
  if (answer.outcome != sip::Answer::Outcome::answered) co_return Outcome{false, 0, no_answer_text(answer)};
  co_return Outcome{false, answer.response->status(), status_text(*answer.response)};
}

// Our binding's expires in Contact, else the header, else what was asked for.
uint32_t Handset::granted_by(const sip::Message& response, uint32_t asked) const {
  std::optional<uint32_t> any;
  for (std::string_view value : response.values(HeaderId::contact)) {
    absl::StatusOr<sip::Contact> contact = sip::Contact::parse(value);
    if (!contact.ok() || !contact->expires) continue;
    if (contact->instance == "<" + options_.who.instance + ">") return *contact->expires;
    if (!any) any = contact->expires;
  }
  if (any) return *any;
  return sip::parse_seconds(response.header(HeaderId::expires)).value_or(asked);
}

}  // namespace lapwing::labue
