#include "scscf/ifc/profile_lint.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "common/runtime/values.h"
#include "common/sip/headers.h"
#include "common/sip/uri.h"

namespace lapwing::scscf {
namespace {

using Weight = ProfileFinding::Weight;

const std::vector<InitialFilterCriteria>& criteria_of(const ServiceProfile& service) {
  return service.criteria.empty() && service.services ? service.services->all() : service.criteria;
}

class Lint {
 public:
  explicit Lint(const LintContext& context) : context_(context) {}

  void profile(const UserProfile& profile) {
    if (profile.impi.starts_with("sip:") || profile.impi.starts_with("tel:")) {
      error("PrivateID", profile.impi + " is a public identity: handsets authenticate with a private one",
            "write it as IMSI@DOMAIN, without a scheme");
    }
    identities(profile);
    for (const ServiceProfile& service : profile.service_profiles) {
      services(service);
      media(service);
    }
  }

  std::vector<ProfileFinding> take() {
    std::vector<ProfileFinding> ordered;
    for (Weight weight : {Weight::error, Weight::warning}) {
      for (const ProfileFinding& one : findings_) {
        if (one.weight == weight) ordered.push_back(one);
      }
    }
    return ordered;
  }

 private:
  void error(std::string where, std::string text, std::string advice) {
    findings_.push_back({Weight::error, std::move(where), std::move(text), std::move(advice)});
  }
  void warn(std::string where, std::string text, std::string advice) {
    findings_.push_back({Weight::warning, std::move(where), std::move(text), std::move(advice)});
  }

  void media(const ServiceProfile& service) {
    if (!service.subscribed_media_profile || !context_.media_profiles) return;
    uint32_t number = *service.subscribed_media_profile;
    if (std::ranges::count(*context_.media_profiles, number) > 0) return;
    warn("SubscribedMediaProfileId",
         absl::StrFormat("the number %d is not in `services.media_profiles`: the user may use all media", number),
         "add it there, or take it out of the profile");
  }

  void identities(const UserProfile& profile) {
    std::vector<const PublicIdentity*> set = implicit_set(profile);
    auto open = [&](std::string_view scheme) {
      return std::any_of(set.begin(), set.end(), [&](const PublicIdentity* one) {
        return !one->barred && one->type != IdentityType::wildcarded_impu && one->canonical.starts_with(scheme);
      });
    };
    const PublicIdentity* first = default_impu(profile);
    if (!first) {
      return error("PublicIdentity", "every identity is barred: the user may register and nothing else",
                   "add a SIP and a tel URI with the number, not barred");
    }
    if (!open("tel:")) {
      warn("PublicIdentity",
           "there is no tel URI: handsets do not learn their number, and some do not subscribe to "
           "their registration, nor send short messages",
           "add tel:+NUMBER, not barred, in the same ServiceProfile");
    }
    if (!open("sip:")) {
      error("PublicIdentity", "there is no SIP URI that is not barred: handsets take the first one as their address",
            "add sip:+NUMBER@DOMAIN before the tel URI");
    } else if (first->canonical.starts_with("tel:")) {
      warn("identity " + first->identity,
           "the default identity is a tel URI: handsets put it into From and Contact "
           "where they need a SIP URI",
           "put the SIP URI first");
    }
    for (const PublicIdentity* one : set) identity(*one, profile.impi);
  }

  void identity(const PublicIdentity& one, const std::string& impi) {
    auto uri = sip::Uri::parse(one.canonical);
    std::string where = "identity " + one.identity;
    if (!uri.ok()) return;
    if (uri->is_sip() && (uri->user.empty() || all_digits(uri->host))) {
      warn(where,
           "the SIP URI has a number where its domain should be: Samsung handsets then dial "
           "phone-context=NUMBER@NUMBER",
           "write sip:+NUMBER@DOMAIN");
    }
    if (uri->is_sip() && !context_.home_domain.empty() && !all_digits(uri->host) &&
        !sip::equals_ignoring_case(uri->host, context_.home_domain)) {
      warn(where, "it is not in the home domain " + context_.home_domain + ": calls to it are not for this network",
           "use the home domain, or set home_domain of the S-CSCF to this one");
    }
    if (uri->scheme == sip::Scheme::tel && !uri->user.starts_with('+')) {
      warn(where, "the number is local: a call that is dialled with the country's code does not find it",
           "write the number in international form, with +");
    }
    std::string imsi = impi.substr(0, impi.find('@'));
    if (uri->is_sip() && !one.barred && all_digits(imsi) && uri->user == imsi) {
      warn(where,
           "the temporary identity, which is made from the IMSI, is not barred: calls may show the IMSI "
           "(TS 23.003 section 13.4B)",
           "add <BarringIndication>1</BarringIndication> to it");
    }
  }

  void services(const ServiceProfile& service) {
    const std::vector<InitialFilterCriteria>& criteria = criteria_of(service);
    FilterCriteria compiled(criteria, context_.request_uri);
    for (const std::string& fault : compiled.faults()) {
      error("InitialFilterCriteria", fault, "the expressions are those of RE2; escape what is meant literally");
    }
    for (const InitialFilterCriteria& one : criteria) criterion(one, criteria);
  }

  void criterion(const InitialFilterCriteria& one, const std::vector<InitialFilterCriteria>& all) {
    std::string where = absl::StrFormat("criterion of priority %d", one.priority);
    auto same = std::count_if(all.begin(), all.end(), [&](auto& other) { return other.priority == one.priority; });
    if (same > 1) {
      warn(where, "other criteria have the same priority: their order is not defined", "give each one of its own");
    }
    server(one, where);
    if (!one.trigger_point) return;
    bool of_register = false, other_method = false, session_case = false, initial = false, typed = false;
    for (const Spt& spt : one.trigger_point->spts) {
      if (spt.negated) continue;
      session_case = session_case || std::holds_alternative<SessionCase>(spt.condition);
      if (const auto* method = std::get_if<Spt::Method>(&spt.condition)) {
        bool is_register = method->name == "REGISTER";
        (is_register ? of_register : other_method) = true;
        if (is_register) {
          typed = typed || !spt.registration_types.empty();
          initial = initial || spt.registration_types.empty() ||
                    std::find(spt.registration_types.begin(), spt.registration_types.end(),
                              RegistrationType::initial) != spt.registration_types.end();
        }
        spelling(*method, where);
      }
      if (const auto* uri = std::get_if<Spt::RequestUri>(&spt.condition)) request_uri(*uri, where);
    }
    if (of_register && typed && !initial) {
      warn(where, "the server hears of re-registrations and not of the first registration", "add RegistrationType 0");
    }
    if (of_register && one.application_server.default_handling == DefaultHandling::session_terminated) {
      warn(where, "DefaultHandling 1 with REGISTER: while the server is down every handset is deregistered",
           "use 0 unless that is meant");
    }
    if (of_register && session_case && !other_method && one.trigger_point->cnf) {
      warn(where, "a SessionCase together with REGISTER: a REGISTER counts as originating (0) only",
           "leave the SessionCase out");
    }
  }

  void spelling(const Spt::Method& method, const std::string& where) {
    const std::string upper = absl::AsciiStrToUpper(method.name);
    if (upper == method.name) return;
    error(where, "methods are written in capitals: no request has the method " + method.name, "write " + upper);
  }

  void request_uri(const Spt::RequestUri& uri, const std::string& where) {
    if (context_.request_uri == RequestUriPart::whole) return;
    bool whole = uri.pattern.find("sip:") != std::string::npos || uri.pattern.find("tel:") != std::string::npos ||
                 uri.pattern.find('@') != std::string::npos;
    if (!whole) return;
    error(where, "RequestURI " + uri.pattern + " is compared with host and port, or the number, only: it is never met",
          "write it for these, or set services.request_uri: whole");
  }

  void server(const InitialFilterCriteria& one, const std::string& where) {
    const std::string& name = one.application_server.server_name;
    auto uri = sip::Uri::parse(name);
    if (!uri.ok() || !context_.hosts || uri->address()) return;
    if (context_.hosts->contains(absl::AsciiStrToLower(std::string(uri->host)))) return;
    error(where, name + " is a name that is not in `hosts`: the server is not reached",
          "add the name with its address to `hosts` of the S-CSCF");
  }

  const LintContext& context_;
  std::vector<ProfileFinding> findings_;
};

}  // namespace

std::vector<ProfileFinding> lint_profile(const UserProfile& profile, const LintContext& context) {
  Lint lint(context);
  lint.profile(profile);
  return lint.take();
}

void add_findings(v1::LintProfileReply& reply, const std::vector<ProfileFinding>& findings) {
  for (const ProfileFinding& finding : findings) {
    v1::ProfileFinding& out = *reply.add_findings();
    out.set_weight(finding.weight == ProfileFinding::Weight::error ? "error" : "warning");
    out.set_where(finding.where);
    out.set_text(finding.text);
    out.set_advice(finding.advice);
  }
}

}  // namespace lapwing::scscf
