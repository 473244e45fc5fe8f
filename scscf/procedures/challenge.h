// The challenge of IMS AKA (TS 24.229 sections 5.4.1.2.1 and 5.4.1.2.3, TS 33.203 section 6.1): a vector from the HSS,
// the 401 that carries it, the wait for the answer, and the judgement of the answer.
#pragma once

#include <optional>

#include "scscf/procedures/register_request.h"

namespace lapwing::scscf {

// RAND || AUTS of a synchronisation failure.
struct Resynchronisation {
  aka::Block rand{};
  aka::Auts auts{};
  uint32_t count = 1;  // in a row
};

// MAR and 401. The caller holds the user's turn. A challenge that was outstanding is superseded.
Task<Outcome> challenge(Core& core, Site& site, SharedRegisterRequest request, std::optional<Resynchronisation> failed);

// reg-await-auth: ends the challenge when its time is over.
Task<void> challenge_unanswered(Core& core, Site& site, std::string impi);

// What an answer to the outstanding challenge is.
struct Verdict {
  enum class Kind {
    right,
    wrong,            // the response does not fit
    synchronise,      // auts: the SIM's sequence number is ahead
    refused_network,  // an empty response without auts: the SIM did not accept AUTN
    other             // not an answer to this challenge
  };
  Kind kind = Kind::other;
  std::string why;
  std::optional<aka::Auts> auts;
  Cause cause = Cause::none;
};
Verdict judge(const RegisterRequest& request, const Challenge& challenge, const Settings& settings);

// TS 24.229 section 5.4.1.2.2: SAR AUTHENTICATION_FAILURE or AUTHENTICATION_TIMEOUT clears the pending state in the
// HSS.
Task<void> clear_pending(Core& core, Site& site, std::string impi, std::string impu, std::string hss_host,
                         cx::ServerAssignmentType type);

// The response for an HSS that gave no usable answer, and for a result that is not success.
Cause cause_of(const cx::Result& result);  // that is not success
Outcome hss_failed(const HssFailure& failure, std::string_view command);
Outcome hss_refused(const cx::Result& result, std::string_view command);

}  // namespace lapwing::scscf
