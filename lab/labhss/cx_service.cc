#include "lab/labhss/cx_service.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "lab/labhss/cx_service_parts.h"
#include "lab/labhss/user_profile_xml.h"

namespace lapwing::labhss {

std::string_view state_text(RegistrationState state) {
  switch (state) {
    case RegistrationState::not_registered:
      return "not registered";
    case RegistrationState::unregistered:
      return "unregistered";
    case RegistrationState::registered:
      return "registered";
  }
  return "";
}

void Assignment::enter(size_t set, RegistrationState next) {
  if (sets.size() <= set) sets.resize(set + 1, RegistrationState::not_registered);
  sets[set] = next;
  if (next != RegistrationState::registered && set < restoration.size()) restoration[set] = {};
}

RegistrationState Assignment::state() const {
  return sets.empty() ? RegistrationState::not_registered : *std::ranges::max_element(sets);
}

CxService::CxService(Settings settings, SqnStore& sqns, std::function<aka::Block()> make_rand)
    : settings_(std::move(settings)), make_rand_(std::move(make_rand)), sqns_(sqns) {}

const Assignment& CxService::state_of(const Subscriber& subscriber) const {
  static const Assignment none;
  const auto found = assignments_.find(subscriber.impi);
  return found == assignments_.end() ? none : found->second;
}

// Steps 1 and 2 of UAR and MAR: both identities are known, and belong together.
CxService::Found CxService::find(const std::string& impi, const std::string& impu) const {
  if (impi.empty()) return {.result = cx::base::missing_avp, .why = "User-Name is empty"};
  if (impu.empty()) return {.result = cx::base::missing_avp, .why = "Public-Identity is empty"};
  const Subscriber* subscriber = subscribers_.by_impi(impi);
  if (subscriber == nullptr) {
    return {.result = cx::experimental::user_unknown, .why = "the private identity is not in the subscriber file"};
  }
  const Subscriber* owner = subscribers_.by_impu(impu);
  if (owner == nullptr) {
    return {.result = cx::experimental::user_unknown,
            .why = "the public identity " + log::printable(impu) + " is not in the subscriber file"};
  }
  if (owner != subscriber) {
    return {.result = cx::experimental::identities_dont_match,
            .why = "the public identity " + log::printable(impu) + " belongs to " + owner->impi};
  }
  return {.subscriber = subscriber, .result = cx::base::success, .why = {}};
}

std::vector<cx::SupportedFeatures> CxService::common_features(const std::vector<cx::SupportedFeatures>& offered) const {
  const uint32_t ours = cx::ims_restoration | (settings_.pcscf_restoration ? cx::pcscf_restoration : 0);
  for (const cx::SupportedFeatures& one : offered) {
    if (one.list_id == 1) return {{.list_id = 1, .features = ours & one.features}};
  }
  return {};
}

bool CxService::may_visit(const std::string& network) const {
  if (settings_.visited_networks.empty() || absl::EqualsIgnoreCase(network, settings_.home_domain)) return true;
  return std::ranges::any_of(settings_.visited_networks,
                             [&](const std::string& allowed) { return absl::EqualsIgnoreCase(allowed, network); });
}

std::optional<cx::ServerCapabilities> CxService::capabilities(const Subscriber& subscriber) {
  const ServiceProfile& profile = subscriber.profile;
  if (profile.mandatory_capabilities.empty() && profile.optional_capabilities.empty()) return std::nullopt;
  return cx::ServerCapabilities{
      .mandatory = profile.mandatory_capabilities, .optional = profile.optional_capabilities, .server_names = {}};
}

absl::Status CxService::replace(Subscribers subscribers) {
  std::vector<std::string> impis;
  for (const Subscriber& subscriber : subscribers.all()) impis.push_back(subscriber.impi);
  std::lock_guard lock(mutex_);
  if (absl::Status prepared = sqns_.prepare(impis); !prepared.ok()) return prepared;
  subscribers_ = std::move(subscribers);
  absl::erase_if(assignments_, [&](const auto& entry) { return subscribers_.by_impi(entry.first) == nullptr; });
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> CxService::change(std::string_view identity,
                                                           const Subscribers::Change& change) {
  std::lock_guard lock(mutex_);
  if (absl::Status done = subscribers_.change(identity, change); !done.ok()) return done;
  const Subscriber* subscriber = subscribers_.find(identity);
  // It may have been found by an identity that it has no more.
  if (subscriber == nullptr) return std::vector<std::string>();
  std::vector<std::string> profiles;
  for (size_t set = 0; set < subscriber->sets(); ++set) profiles.push_back(user_profile_xml(*subscriber, set));
  return profiles;
}

void CxService::count(std::atomic<uint64_t>& command, const cx::Result& result) {
  ++command;
  if (!accepted(result)) ++counters_.refused;
}

std::vector<CxService::Listed> CxService::list() const {
  std::lock_guard lock(mutex_);
  std::vector<Listed> out;
  out.reserve(subscribers_.all().size());
  for (const Subscriber& subscriber : subscribers_.all()) {
    Listed& listed = out.emplace_back();
    listed.imsi = subscriber.imsi;
    listed.impi = subscriber.impi;
    for (const PublicIdentity& identity : subscriber.identities) listed.impus.push_back(identity.uri);
    listed.assignment = state_of(subscriber);
    if (const uint64_t seq = sqns_.last_seq(subscriber.impi); seq != 0) {
      listed.sqn = aka::sqn_of(seq, subscriber.sqn_index);
    }
  }
  return out;
}

size_t CxService::subscribers() const {
  std::lock_guard lock(mutex_);
  return subscribers_.all().size();
}

size_t CxService::registered() const {
  std::lock_guard lock(mutex_);
  return static_cast<size_t>(std::ranges::count_if(
      assignments_, [](const auto& entry) { return entry.second.state() == RegistrationState::registered; }));
}

}  // namespace lapwing::labhss
