#include "scscf/procedures/register_request.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "common/sip/headers.h"

namespace lapwing::scscf {
namespace {

using sip::HeaderId;

Outcome refuse(int code, std::string why) {
  return Outcome{.code = code, .why = std::move(why)};
}

Answered read_answer(const sip::Credentials& credentials) {
  Answered answer;
  answer.username = credentials.get("username");
  answer.realm = credentials.get("realm");
  answer.nonce = credentials.get("nonce");
  answer.uri = credentials.get("uri");
  answer.response = credentials.get("response");
  answer.algorithm = credentials.get("algorithm");
  answer.qop = credentials.get("qop");
  answer.nc = credentials.get("nc");
  answer.cnonce = credentials.get("cnonce");
  answer.auts = credentials.get("auts");
  answer.has_response = !answer.response.empty();
  return answer;
}

// Reads the Contact headers; empty on success.
std::optional<Outcome> read_contacts(const sip::Message& message, const Settings& settings, RegisterRequest& out) {
  uint32_t otherwise = seconds_of(settings.default_expires);
  if (message.has(HeaderId::expires)) {
    otherwise = sip::parse_seconds(message.header(HeaderId::expires)).value_or(otherwise);
  }
  for (std::string_view value : message.values(HeaderId::contact)) {
    if (value == "*") {
      out.star = true;
      continue;
    }
    auto contact = sip::Contact::parse(value);
    if (!contact.ok()) return refuse(400, "Contact: " + std::string(contact.status().message()));
    if (!contact->address.uri.is_sip()) return refuse(400, "Contact: not a SIP URI");
    uint32_t expires = contact->expires.value_or(otherwise);
    if (expires != 0 && expires < seconds_of(settings.min_expires)) {
      Outcome brief = refuse(423, absl::StrFormat("a registration of %d s is too short", expires));
      brief.headers.emplace_back(HeaderId::min_expires, std::to_string(seconds_of(settings.min_expires)));
      return brief;
    }
    out.contacts.push_back({std::string(contact->address.uri.text), kept_params(contact->address.params),
                            std::string(contact->instance), contact->reg_id, contact->q,
                            std::min(expires, seconds_of(settings.max_expires))});
  }
  if (out.contacts.size() > settings.max_contacts) return refuse(403, "more contacts than one user may register");
  if (out.star && (!out.contacts.empty() || otherwise != 0 || !message.has(HeaderId::expires))) {
    return refuse(400, "Contact: * stands alone and with Expires: 0 (RFC 3261 section 10.2.2)");
  }
  out.query = !out.star && out.contacts.empty();
  return std::nullopt;
}

Protection protection_of(const std::string& value) {
  if (sip::equals_ignoring_case(value, "yes")) return Protection::yes;
  if (value.empty() || sip::equals_ignoring_case(value, "no")) return Protection::no;
  return Protection::other;
}

}  // namespace

// The Contact's parameters without expires, as they came.
std::string kept_params(const sip::Params& params) {
  std::string kept;
  std::string_view rest = params.text();
  while (auto item = sip::Params::take(rest)) {
    if (sip::equals_ignoring_case(item->name, "expires")) continue;
    kept.append(1, ';').append(item->name);
    if (!item->value.empty()) kept.append(1, '=').append(item->value);
  }
  return kept;
}

bool RegisterRequest::deregisters() const {
  return star || (!contacts.empty() && std::all_of(contacts.begin(), contacts.end(),
                                                   [](const RequestedContact& c) { return c.expires == 0; }));
}

std::string path_text(const std::vector<std::string>& path) {
  std::string text;
  for (const std::string& hop : path) text += (text.empty() ? "" : ", ") + hop;
  return text;
}

bool same_binding(const Binding& binding, const RequestedContact& contact) {
  if (!binding.instance.empty() && !contact.instance.empty()) {
    return binding.instance == contact.instance && binding.reg_id == contact.reg_id;
  }
  return sip::uris_equal(binding.uri, contact.uri);
}

std::variant<SharedRegisterRequest, Outcome> read_register(std::shared_ptr<sip::ServerTransaction> transaction,
                                                           const Settings& settings, std::string came_to) {
  const sip::Message& message = transaction->request();
  RegisterRequest out;
  auto to = sip::NameAddr::parse(message.header(HeaderId::to));
  auto from = sip::NameAddr::parse(message.header(HeaderId::from));
  auto cseq = sip::CSeq::parse(message.header(HeaderId::cseq));
  if (!to.ok() || !from.ok() || !cseq.ok()) return refuse(400, "To, From or CSeq cannot be read");
  if (!to->uri.is_sip()) return refuse(400, "To: a SIP URI registers; other identities come with its implicit set");
  if (!to->uri.equals(from->uri)) return refuse(403, "From and To differ: third-party registration is not allowed");
  out.impu_uri = std::string(to->uri.text);
  out.impu = to->uri.canonical();
  out.call_id = std::string(message.header(HeaderId::call_id));
  out.cseq = cseq->number;

  if (message.has(HeaderId::authorization)) {
    auto credentials = sip::Credentials::parse(message.header(HeaderId::authorization));
    if (!credentials.ok()) return refuse(400, "Authorization: " + std::string(credentials.status().message()));
    if (credentials->is_digest()) {
      out.answer = read_answer(*credentials);
      out.protection = protection_of(credentials->get("integrity-protected"));
      out.impi = out.answer->username;
    }
  }
  // TS 24.229 section 5.4.1.2.1: without credentials the private identity is the public one without scheme and
  // parameters.
  if (out.impi.empty()) out.impi = out.impu.substr(out.impu.find(':') + 1);
  if (out.impi.size() > 255 || out.impi.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
    return refuse(400, "Authorization: username is not a private identity");
  }

  if (std::optional<Outcome> refused = read_contacts(message, settings, out)) return std::move(*refused);
  for (std::string_view value : message.values(HeaderId::path)) {
    auto hop = sip::NameAddr::parse(value);
    if (!hop.ok()) return refuse(400, "Path: " + std::string(hop.status().message()));
    out.path.push_back(sip::unfold(value));
  }
  out.user_agent = sip::unfold(message.header(HeaderId::user_agent));
  out.access = sip::unfold(message.header(HeaderId::p_access_network_info));
  out.visited_network = sip::unquote(sip::unfold(message.header(HeaderId::p_visited_network_id)));
  std::string_view vector = message.header(HeaderId::p_charging_vector);
  if (!vector.empty()) {
    std::string whole = ";" + sip::unfold(vector);
    sip::Params params{whole};
    out.icid = params.unquoted("icid-value");
    out.orig_ioi = params.unquoted("orig-ioi");
  }
  out.body = std::string(message.body());
  out.came_to = std::move(came_to);
  out.transaction = std::move(transaction);
  return std::make_shared<const RegisterRequest>(std::move(out));
}

}  // namespace lapwing::scscf
