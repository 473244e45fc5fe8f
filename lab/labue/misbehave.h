// What a handset does wrong on purpose, so that tests can see how the network takes it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace lapwing::labue {

enum class Misbehave : uint8_t {
  none,
  // At the registration.
  no_answer,     // falls silent at the 401
  wrong_res,     // answers the challenge with a wrong RES
  stale_sqn,     // finds the first SQN stale: AUTS
  always_stale,  // finds every SQN stale
  bad_mac,       // rejects the network, as if MAC-A were wrong
  no_client,     // sec-agree without Security-Client
  wrong_client,  // Security-Client changes between the first and the second REGISTER
  no_verify,     // no Security-Verify
  wrong_verify,  // Security-Verify differs from Security-Server
  wrong_port,    // the protected REGISTER comes from another port than port-uc, under the right SPI and keys
  spoof_answer,  // the protected REGISTER names another user
  // Later: what reregister() does.
  spoof,       // a REGISTER for another user over its own security associations
  clear_text,  // a packet in clear to the protected port ps
  unprotected  // a re-registration outside the security associations
};

std::optional<Misbehave> misbehave_from(std::string_view name);  // "wrong-res"
std::string_view name_of(Misbehave misbehave);
std::string_view all_misbehaviours();  // for help texts, with '|' between
// Does it come about at re-registration only?
bool acts_at_reregistration(Misbehave misbehave);

}  // namespace lapwing::labue
