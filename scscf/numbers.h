// Telephone numbers as people dial them (TS 24.229 section 5.4.3.2, RFC 3966), and the identities they may be.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/sip/uri.h"

namespace lapwing::scscf {

// How numbers are dialled in the home network.
struct NumberPlan {
  std::string country_code = {};  // digits; empty: local numbers stay as they are
  std::string area_code = {};     // digits, of numbers without the national prefix; empty: there are none
  std::string international_prefix = "00";
  std::string national_prefix = "0";
};

// Is it for this network to find whom the URI means: a tel URI, a SIP URI of the home domain, or one with user=phone
// whose host is digits? The last is no domain: handsets without one in their identity write their own number there
// ("sip:0398765432100;phone-context=0498765432100@0498765432100;user=phone").
bool is_home(const sip::Uri& uri, std::string_view home_domain);

// The digits of a URI of this network that stands for a number, without separators: a tel URI; a SIP URI with
// user=phone, or whose user is nothing but a number. nullopt: it does not.
std::optional<std::string> dialled_number(const sip::Uri& uri, std::string_view home_domain);

// The number in global form, "+15550100042"; nullopt: it is local, and the plan does not say more. `number` as
// dialled_number() returns it; context: phone-context of the tel URI or of the user part of a SIP URI, or empty.
std::optional<std::string> global_number(const NumberPlan& plan, std::string_view number, std::string_view context);

// The public identities that the Request-URI may mean, in canonical form, the likeliest first: as it stands; the number
// as it was dialled, then in global form, each as tel URI and as SIP URI of the home domain.
std::vector<std::string> possible_identities(const NumberPlan& plan, const sip::Uri& uri, std::string_view home_domain);

// A local number that the plan cannot complete: it lacks a country code, or the number is none that it has.
bool is_incomplete(const NumberPlan& plan, const sip::Uri& uri, std::string_view home_domain);

}  // namespace lapwing::scscf
