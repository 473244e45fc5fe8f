#include "pcscf/procedures/security_agreement.h"

#include "absl/strings/str_format.h"
#include "common/sip/headers.h"

namespace lapwing::pcscf {
namespace {

using sip::HeaderId;

bool wants_sec_agree(const sip::Message& request) {
  return sip::has_token(request, HeaderId::require, "sec-agree") ||
         sip::has_token(request, HeaderId::proxy_require, "sec-agree") ||
         sip::has_token(request, HeaderId::supported, "sec-agree");
}

Agreement refuse(int code, std::string why, Cause cause, bool abort_temporary = false) {
  Agreement no;
  no.refuse = code;
  no.why = std::move(why);
  no.cause = cause;
  no.abort_temporary = abort_temporary;
  return no;
}

std::string all_values(const sip::Message& request, HeaderId header) {
  std::string text;
  for (std::string_view value : request.values(header)) text += (text.empty() ? "" : ", ") + sip::unfold(value);
  return text;
}

// SM7 of TS 33.203: it repeats our list and its own, or somebody between us changed them.
std::optional<Agreement> check_answer(const sip::Message& request, const SaEntry& entry) {
  if (!request.has(HeaderId::security_verify))
    return refuse(400, "Security-Verify is missing", Cause::security_verify_missing, true);
  if (!ipsec::repeats(request, HeaderId::security_verify, entry.security_server)) {
    return refuse(494, "Security-Verify differs from the Security-Server that was sent", Cause::security_verify_differs,
                  true);
  }
  if (!ipsec::repeats(request, HeaderId::security_client, entry.security_client)) {
    return refuse(494, "Security-Client differs from that of the first REGISTER", Cause::security_client_differs, true);
  }
  return std::nullopt;
}

}  // namespace

std::string own_list(const Core& core) {
  std::string list;
  int q = static_cast<int>(core.settings().algorithms.size());
  for (const ipsec::Algorithms& algorithms : core.settings().algorithms) {
    list += absl::StrFormat("%sipsec-3gpp;q=0.%d;prot=esp;mod=trans;alg=%s;ealg=%s", list.empty() ? "" : ", ",
                            std::min(q--, 9), ipsec::token(algorithms.integrity), ipsec::token(algorithms.encryption));
  }
  return list;
}

Agreement agree(const Core& core, const sip::Message& request, const std::optional<Carrier>& carrier) {
  Agreement yes;
  if (carrier && carrier->entry.state == SetState::temporary) {
    std::optional<Agreement> refused = check_answer(request, carrier->entry);
    return refused ? *refused : yes;
  }
  if (!carrier) {
    if (core.settings().policy == IpsecPolicy::off) return yes;
    if (!wants_sec_agree(request)) {
      if (core.settings().policy == IpsecPolicy::optional) return yes;
      return refuse(421, "the handset does not offer sec-agree, and `ipsec.policy` is required",
                    Cause::sec_agree_missing);
    }
  } else if (request.has(HeaderId::security_verify) &&
             !ipsec::repeats(request, HeaderId::security_verify, carrier->entry.security_server)) {
    return refuse(494, "Security-Verify differs from the Security-Server of the set it came on",
                  Cause::security_verify_differs);
  } else if (!request.has(HeaderId::security_client)) {
    return yes;  // a refresh by a handset that keeps its set; a challenge to it would have no ports to go with
  }
  auto offered = ipsec::parse_offer(request, HeaderId::security_client);
  if (!offered.ok())
    return refuse(494, "Security-Client: " + std::string(offered.status().message()), Cause::security_client_missing);
  if (offered->empty())
    return refuse(494, "Security-Client is missing, or offers no mechanism known here", Cause::security_client_missing);
  std::optional<ipsec::Algorithms> chosen = ipsec::choose(core.settings().algorithms, *offered);
  if (!chosen) {
    std::string theirs;
    for (const ipsec::Mechanism& m : *offered) theirs += (theirs.empty() ? "" : ", ") + ipsec::text(m.algorithms);
    return refuse(494, "no algorithm in common: the handset offers " + theirs + " (see `ipsec.algorithms`)",
                  Cause::no_common_algorithm);
  }
  yes.ipsec = true;
  yes.offered = std::move(*offered);
  yes.algorithms = *chosen;
  yes.security_client = all_values(request, HeaderId::security_client);
  return yes;
}

}  // namespace lapwing::pcscf
