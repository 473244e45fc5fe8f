// Third-party registration: application servers whose filter criteria ask for it are told of registrations (TS 24.229
// section 5.4.1.7, TS 23.218 section 6.3).
#pragma once

#include "scscf/ifc/filter_criteria.h"
#include "scscf/procedures/register_request.h"

namespace lapwing::scscf {

struct ThirdPartyRegistration {
  RegistrationType type = RegistrationType::initial;
  std::string impi, identity;  // identity: a public one of the set that is not barred
  std::string charging;        // see charging.h; empty: none
  std::shared_ptr<const FilterCriteria> criteria;
  Duration expires{};  // what is left of the registration; zero: it has ended
  // The handset's REGISTER and what it got: for criteria with IncludeRegisterRequest and -Response. Null and empty: no
  // REGISTER brought this about.
  std::shared_ptr<sip::ServerTransaction> request = nullptr;
  std::string response = {};
};

// Of this registration, as it is now; criteria are those of `identity`, or of the default identity where empty.
ThirdPartyRegistration third_party_of(const Core& core, const std::string& impi, const Registration& registration,
                                      const std::string& canonical, RegistrationType type);

// A REGISTER to each application server whose criterion is met, all at once and in the background. One that fails ends
// the registration where its criterion says so (DefaultHandling 1).
void register_with_services(Core& core, Site& site, ThirdPartyRegistration registration);

}  // namespace lapwing::scscf
