#include "scscf/procedures/served_user.h"

#include <algorithm>

#include "common/sip/headers.h"

namespace lapwing::scscf {
namespace {

bool is_tel(const std::string& uri) {
  return uri.starts_with("tel:");
}

// The alias that P-Asserted-Identity carries beside the identity: the first of the other kind that is not barred.
std::string other_of(const Registration& registration, const Identity& identity) {
  const PublicIdentity* other = first_in_set(*registration.profile, [&](const PublicIdentity& one) {
    return !one.barred && is_tel(one.canonical) != is_tel(identity.canonical);
  });
  return other ? other->identity : "";
}

}  // namespace

std::optional<ServedUser> find_served_user(Core& core, const std::string& canonical) {
  std::optional<ServedUser> user;
  for (const std::string& impi : core.registrar.impis_of(canonical)) {
    core.registrar.with_existing(impi, [&](User& registered) {
      Registration* registration = registered.registration_of(canonical);
      if (!registration) return;
      if (!user) {
        Identity identity = to_identity(*registration->find(canonical));
        const ServiceProfile* service = service_profile_of(*registration->profile, canonical);
        user = ServedUser{.impi = impi,
                          .identity = identity,
                          .other_identity = other_of(*registration, identity),
                          .contacts = {},
                          .services = service ? service->services : nullptr,
                          .profile = std::shared_ptr<const ServiceProfile>(registration->profile, service),
                          .charging = registration->charging,
                          .hss_features = registered.hss_features};
      }
      user->contacts.insert(user->contacts.end(), registration->bindings.begin(), registration->bindings.end());
    });
  }
  return user;
}

Services services_of(const ServedUser& user, SessionCase session_case) {
  return {.session_case = session_case,
          .identity = user.identity.uri,
          .canonical = user.identity.canonical,
          .impi = user.impi,
          .criteria = user.services,
          .next = 0};
}

void note_user(Party& party, const ServedUser& user) {
  party.identity = user.identity.uri;
  party.canonical = user.identity.canonical;
  party.impi = user.impi;
}

std::optional<sip::Uri> asserted_identity(const sip::Message& request) {
  for (std::string_view value : request.values(sip::HeaderId::p_asserted_identity)) {
    auto identity = sip::NameAddr::parse(value);
    if (identity.ok()) return identity->uri;
  }
  return std::nullopt;
}

}  // namespace lapwing::scscf
