// The causes that the program can name when a handset does not register or a call does not come about, and what an
// operator does about each.
//
//   core.report("register.rejected", impi, impu, "403: the response is wrong", Cause::wrong_response);
//   const Diagnosis* known = diagnosis::find("wrong-response");
//
// Procedures attach a cause to an event where they know it; doctor.h finds those that show only when several daemons'
// views are put together. docs/diagnoses.md is made from this table by docs/generate-diagnoses.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lapwing {

enum class Cause : uint8_t {
  none,
  // Nothing comes, or no answer to the challenge.
  no_packet,
  challenge_unanswered,
  esp_unknown_spi,
  esp_wrong_keys,
  esp_wrong_port,
  wrong_response,
  mac_failure,
  sqn_loop,
  answer_in_clear,
  answer_unprotected,
  // Security agreement.
  sec_agree_missing,
  security_client_missing,
  security_client_differs,
  security_verify_missing,
  security_verify_differs,
  no_common_algorithm,
  sa_of_other_user,
  no_such_sa,
  sa_ports_clash,
  sa_not_set_up,
  sa_missing_in_kernel,
  // Domain, time, life of a registration.
  foreign_domain,
  interval_too_brief,
  expired,
  left,
  ended_by_network,
  draining,
  nat,
  // The core and the HSS.
  core_silent,
  hss_not_connected,
  hss_silent,
  hss_user_unknown,
  hss_identities_differ,
  hss_not_registered,
  hss_roaming_refused,
  hss_barred,
  hss_scheme_refused,
  hss_error,
  no_vector,
  profile_unreadable,
  profile_without_identity,
  no_fitting_server,
  forgotten_by_scscf,
  forgotten_by_pcscf,
  // Registered, and yet.
  no_tel_identity,
  no_reg_subscription,
  notify_unanswered,
  service_failed,
  // Calls and messages.
  callee_unknown,
  callee_not_registered,
  callee_silent,
  callee_busy,
  callee_declined,
  media_refused,
  session_expired,
  sms_not_taken,
};
inline constexpr size_t cause_count = static_cast<size_t>(Cause::sms_not_taken) + 1;

struct Diagnosis {
  Cause cause;
  std::string_view code;    // stable: "wrong-response"
  bool failure;             // false: it works, and yet something is not as it should be
  std::string_view title;   // what is wrong, in a sentence
  std::string_view seen;    // how the program knows
  std::string_view advice;  // what to do, likeliest first, a line each
};

namespace diagnosis {

// Without Cause::none, in the order of the enumeration.
std::span<const Diagnosis> all();
const Diagnosis* find(Cause cause);                        // null: none
const Diagnosis* find(std::string_view code);              // null: no such code
std::string_view code_of(Cause cause);                     // "": none
std::vector<std::string> advice_of(const Diagnosis& one);  // its lines

}  // namespace diagnosis
}  // namespace lapwing
