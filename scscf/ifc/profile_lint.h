// What is allowed in a user profile and yet makes handsets or services fail: shown by `imsctl profile lint`, for a
// profile in a file or the one of a registered user.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/sip/next_hop.h"
#include "lapwing/v1/control.pb.h"
#include "scscf/ifc/filter_criteria.h"
#include "scscf/user_profile.h"

namespace lapwing::scscf {

struct ProfileFinding {
  enum class Weight : uint8_t { error, warning };  // error: something cannot work
  Weight weight = Weight::warning;
  std::string where;  // "identity tel:+15550100042", "criterion of priority 10"
  std::string text;   // what is wrong, and what comes of it
  std::string advice;
};

struct LintContext {
  std::string home_domain = {};  // empty: not known
  RequestUriPart request_uri = RequestUriPart::host_or_number;
  const sip::Hosts* hosts = nullptr;                         // null: names of servers are not looked at
  std::optional<std::vector<uint32_t>> media_profiles = {};  // those that are configured; nullopt: not known
};

// As parse_user_profile() gives it, or Profiles::read(). Errors first.
std::vector<ProfileFinding> lint_profile(const UserProfile& profile, const LintContext& context);

// As the operator's interface has them.
void add_findings(v1::LintProfileReply& reply, const std::vector<ProfileFinding>& findings);

}  // namespace lapwing::scscf
