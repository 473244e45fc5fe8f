#include "scscf/explain_call.h"

#include "absl/strings/str_format.h"
#include "common/sip/headers.h"
#include "common/sip/validate.h"
#include "scscf/procedures/served_user.h"

namespace lapwing::scscf {
namespace {

using sip::HeaderId;

// What a handset offers in an ordinary call.
constexpr std::string_view usual_offer =
    "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 50000 RTP/AVP 96 97\r\n"
    "a=rtpmap:96 AMR-WB/16000\r\na=rtpmap:97 AMR/8000\r\n";

// A number as it is typed is a tel URI; a local one is dialled in the home network.
std::string dialled(const std::string& typed, const std::string& home_domain) {
  if (sip::Uri::parse(typed).ok()) return typed;
  bool global = typed.starts_with('+');
  return "tel:" + typed + (global ? "" : ";phone-context=" + home_domain);
}

absl::StatusOr<sip::Message> make_request(const Core& core, const v1::ExplainCallRequest& asked,
                                          const std::string& caller, const std::string& callee) {
  std::string method = asked.method().empty() ? "INVITE" : asked.method();
  std::string text = absl::StrFormat(
      "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKexplain\r\nMax-Forwards: 70\r\nFrom: <%s>;tag=explain\r\n"
      "To: <%s>\r\nCall-ID: explain\r\nCSeq: 1 %s\r\nContact: <%s>\r\nP-Asserted-Identity: <%s>\r\n",
      method, callee, core.settings().listen.front().text(), caller, callee, method, caller, caller);
  for (const std::string& header : asked.headers()) text += header + "\r\n";
  std::string body = asked.body();
  if (body.empty() && method == "INVITE") body = usual_offer;
  if (!body.empty()) text += "Content-Type: application/sdp\r\n";
  text += absl::StrFormat("Content-Length: %d\r\n\r\n%s", body.size(), body);
  sip::ParseResult parsed = sip::Message::parse(std::move(text), sip::Framing::stream);
  if (!parsed.ok()) {
    return absl::InvalidArgumentError("no request can be made of it: " +
                                      parsed.failure.value_or(sip::ParseFailure{.why = "it is not whole"}).why);
  }
  if (sip::Verdict verdict = sip::validate_request(*parsed.message); !verdict.ok()) {
    return absl::InvalidArgumentError("no request can be made of it: " + verdict.why);
  }
  return std::move(*parsed.message);
}

void explain_side(v1::ExplainedSide& side, const ServedUser& user, SessionCase session_case,
                  const sip::Message& request) {
  side.set_session_case(std::string(text_of(session_case)));
  side.set_identity(user.identity.uri);
  if (!user.services || user.services->size() == 0) {
    side.set_text("the user's profile has no initial filter criteria");
    return;
  }
  const FilterCriteria& criteria = *user.services;
  ServicePoint point{.request = request, .session_case = session_case};
  size_t next = criteria.next(0, point), met = 0;
  for (size_t i = 0; i < criteria.size(); ++i) {
    const InitialFilterCriteria& one = criteria.at(i);
    v1::ExplainedCriterion& out = *side.add_criteria();
    out.set_priority(one.priority);
    out.set_server(one.application_server.server_name);
    out.set_default_handling(static_cast<uint32_t>(one.application_server.default_handling));
    for (const std::string& line : criteria.explain(i, point)) out.add_conditions(line);
    if (i != next) continue;
    out.set_met(true);
    ++met;
    next = criteria.next(i + 1, point);
  }
  side.set_text(met == 0 ? "no criterion is met: the request goes past the application servers"
                         : absl::StrFormat("%d of %d criteria are met, as long as the servers send it back unchanged",
                                           met, criteria.size()));
}

}  // namespace

absl::StatusOr<v1::ExplainCallReply> explain_call(Core& core, const v1::ExplainCallRequest& asked) {
  std::string impi = core.registrar.find(asked.caller());
  std::string canonical;
  core.registrar.with_existing(impi, [&](User& user) {
    for (const Registration& registration : user.registrations) {
      const PublicIdentity* identity = registration.default_impu();
      if (identity && canonical.empty()) canonical = identity->canonical;
    }
  });
  std::optional<ServedUser> caller;
  if (!canonical.empty()) caller = find_served_user(core, canonical);
  if (!caller) return absl::NotFoundError(absl::StrFormat("%s is not registered here", asked.caller()));

  std::string target = dialled(asked.callee(), core.settings().home_domain);
  absl::StatusOr<sip::Message> request = make_request(core, asked, caller->identity.uri, target);
  if (!request.ok()) return request.status();
  v1::ExplainCallReply reply;
  explain_side(*reply.add_sides(), *caller, SessionCase::originating, *request);

  auto uri = sip::Uri::parse(request->request_uri());
  v1::ExplainedSide& terminating = *reply.add_sides();
  terminating.set_session_case(std::string(text_of(SessionCase::terminating_registered)));
  if (!uri.ok() || !is_home(*uri, core.settings().home_domain)) {
    terminating.set_text(target + " is not of the home domain: nobody is served for it");
    return reply;
  }
  for (const std::string& identity : possible_identities(core.settings().numbers, *uri, core.settings().home_domain)) {
    std::optional<ServedUser> callee = find_served_user(core, identity);
    if (!callee) continue;
    explain_side(terminating, *callee, SessionCase::terminating_registered, *request);
    return reply;
  }
  terminating.set_session_case(std::string(text_of(SessionCase::terminating_unregistered)));
  terminating.set_text(target +
                       " is not registered here: the HSS would be asked who serves it (LIR), and when that is "
                       "us, for its profile (SAR)");
  return reply;
}

}  // namespace lapwing::scscf
