// Registrations that outlive their S-CSCF (TS 23.380 section 4, TS 29.228 section 6.1.2): at each registration the HSS
// gets the contacts with their Path, where it supports that; an S-CSCF that meets a user whom it does not know, after a
// restart without its state or in the place of another that is down, takes the registration up from there.
#pragma once

#include "scscf/procedures/register_request.h"

namespace lapwing::scscf {

// Supported-Features, to be sent with MAR and SAR, and what the HSS has of them: bits of feature list 1.
std::vector<cx::SupportedFeatures> our_features();
uint32_t features_of_hss(const std::vector<cx::SupportedFeatures>& features);

// What the HSS is to keep of a registration; put into the SAR that brings it about.
cx::ScscfRestorationInfo restoration_info(const Core& core, const std::string& impi, const Registration& registration);

// Asks the HSS for a user who claims to be registered with us (SAR type NO_ASSIGNMENT). impi may be empty, where only a
// public identity is known. True: it is registered now as it was. has_turn: the caller has the user's turn.
Task<bool> restore_registration(Core& core, Site& site, std::string impi, std::string impu, bool has_turn = false);
// Takes up what came with an SAA of any type. False: there is nothing of use in it.
Task<bool> take_up_registration(Core& core, Site& site, std::string impu, cx::ServerAssignmentAnswer saa,
                                bool has_turn = false);

}  // namespace lapwing::scscf
