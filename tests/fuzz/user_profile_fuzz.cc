// Any bytes as User-Data: the parser answers with a profile or an error, and a profile it gives keeps its promises.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "scscf/user_profile.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

bool fits_a_header(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == text.npos;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace lapwing::scscf;
  const auto profile = parse_user_profile(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!profile.ok()) {
    require(!profile.status().message().empty());
    return 0;
  }
  require(fits_a_header(profile->impi) && !profile->service_profiles.empty());
  for (const ServiceProfile& service : profile->service_profiles) {
    require(!service.identities.empty());
    for (const PublicIdentity& identity : service.identities) {
      require(!identity.identity.empty() && !identity.canonical.empty());
      require(fits_a_header(identity.identity) && fits_a_header(identity.more().wildcard));
      require(fits_a_header(identity.more().display_name));
      // A canonical form is its own canonical form, so what is kept is found.
      if (identity.more().wildcard.empty()) {
        const PublicIdentity* found = find_identity(*profile, identity.identity);
        require(found == &identity || identity.canonical == identity.identity);
      }
    }
    for (const InitialFilterCriteria& criteria : service.criteria) {
      require(fits_a_header(criteria.application_server.server_name));
      if (!criteria.trigger_point) continue;
      require(!criteria.trigger_point->spts.empty());
      for (const Spt& spt : criteria.trigger_point->spts) require(!spt.groups.empty());
    }
  }
  if (const PublicIdentity* found = default_impu(*profile)) require(!found->barred);
  return 0;
}
