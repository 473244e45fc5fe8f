// MAR: authentication vectors, and resynchronisation. TS 29.228 section 6.3.
#include <algorithm>
#include <span>

#include "absl/strings/match.h"
#include "lab/labhss/cx_service_parts.h"

namespace lapwing::labhss {
namespace {

constexpr std::string_view aka_scheme = "Digest-AKAv1-MD5";
constexpr uint32_t max_vectors = 5;
constexpr size_t resynchronisation_size = 30;  // RAND || AUTS

}  // namespace

cx::MultimediaAuthAnswer CxService::authenticate(const cx::MultimediaAuthRequest& request) {
  auto answer = begin<cx::MultimediaAuthAnswer>(request.routing);
  answer.impi = request.impi;
  answer.impu = request.impu;
  answer.features = common_features(request.features);
  std::optional<cx::RegistrationTerminationRequest> termination;
  std::string why;
  {
    std::lock_guard lock(mutex_);
    why = decide(request, answer, termination);
  }
  count(counters_.mar, answer.result);
  log_answer("MAR", request.impi, answer.result, why);
  if (termination && send_termination_) send_termination_(*std::move(termination));
  return answer;
}

std::string CxService::decide(const cx::MultimediaAuthRequest& request, cx::MultimediaAuthAnswer& answer,
                              std::optional<cx::RegistrationTerminationRequest>& termination) {
  // Steps 1 and 2: the identities.
  const Found found = find(request.impi, request.impu);
  answer.result = found.result;
  if (found.subscriber == nullptr) return found.why;
  const Subscriber& subscriber = *found.subscriber;
  if (request.server_name.empty()) {
    answer.result = cx::base::missing_avp;
    return "Server-Name is empty";
  }

  // Step 3: the scheme. `Unknown` asks for whatever a SIP Digest or NASS user has; there are none here.
  if (request.item.scheme.empty()) {
    answer.result = cx::base::missing_avp;
    return "SIP-Authentication-Scheme is empty";
  }
  if (!absl::EqualsIgnoreCase(request.item.scheme, absl::string_view(aka_scheme.data(), aka_scheme.size()))) {
    answer.result = cx::experimental::auth_scheme_not_supported;
    return "the scheme is " + log::printable(request.item.scheme) + ", subscribers here have Digest-AKAv1-MD5";
  }

  // Step 4: synchronisation failure.
  std::string done = "a vector";
  if (!request.item.authorization.empty()) {
    done = resynchronise(request, subscriber, answer.result);
    if (!answer.result.success()) return done;
  }
  const std::string made = make_vectors(request.items, subscriber, answer);
  if (!answer.result.success()) return made;

  // Step 5: this S-CSCF authenticates from now on. One that still serves the user is told to forget it.
  Assignment& state = state_of(subscriber);
  if (state.server_name != request.server_name) {
    if (state.state() != RegistrationState::not_registered && !state.origin_host.empty()) {
      termination = termination_of(subscriber, state, cx::DeregistrationReason::new_server_assigned);
    }
    state.server_name = request.server_name;
  }
  state.origin_host = request.routing.origin_host;
  state.origin_realm = request.routing.origin_realm;
  state.authentication_pending = true;
  return done;
}

// Section 6.3.1 with TS 33.102 section 6.3.5.
std::string CxService::resynchronise(const cx::MultimediaAuthRequest& request, const Subscriber& subscriber,
                                     cx::Result& result) {
  const std::span<const uint8_t> bytes = request.item.authorization.reveal();
  if (bytes.size() != resynchronisation_size) {
    result = cx::base::invalid_avp_value;
    return "SIP-Authorization must have 30 bytes, RAND and AUTS";
  }
  if (const Assignment& state = state_of(subscriber);
      !state.server_name.empty() && state.server_name != request.server_name) {
    result = cx::base::unable_to_comply;
    return "resynchronisation asked for by an S-CSCF that did not challenge";
  }
  result = cx::base::unable_to_comply;
  absl::StatusOr<aka::Milenage> milenage = aka::Milenage::create(subscriber.k, subscriber.opc);
  if (!milenage.ok()) return std::string(milenage.status().message());
  aka::Block rand;
  std::ranges::copy(bytes.first(rand.size()), rand.begin());
  const absl::StatusOr<aka::Sqn> sqn_ms = aka::check_auts(*milenage, rand, bytes.subspan(rand.size()));
  if (!sqn_ms.ok()) return "AUTS is not from this SIM: check K and OPc of the subscriber";
  if (absl::Status stored = sqns_.resynchronise(subscriber.impi, *sqn_ms); !stored.ok()) {
    return std::string(stored.message());
  }
  result = cx::base::success;
  return absl::StrFormat("resynchronised to the SIM's SEQ %d", aka::seq_of(*sqn_ms));
}

std::string CxService::make_vectors(uint32_t count, const Subscriber& subscriber, cx::MultimediaAuthAnswer& answer) {
  absl::StatusOr<aka::Milenage> milenage = aka::Milenage::create(subscriber.k, subscriber.opc);
  if (!milenage.ok()) {
    answer.result = cx::base::unable_to_comply;
    return std::string(milenage.status().message());
  }
  for (uint32_t i = 0; i < std::min(count, max_vectors); ++i) {
    const absl::StatusOr<aka::Sqn> sqn = sqns_.next(subscriber.impi, subscriber.sqn_index);
    if (!sqn.ok()) {
      answer.result = cx::base::unable_to_comply;
      answer.vectors.clear();
      return std::string(sqn.status().message());
    }
    aka::AuthVector vector = aka::make_vector(*milenage, make_rand_(), *sqn, subscriber.amf);
    cx::AuthDataItem& item = answer.vectors.emplace_back();
    item.item_number = i + 1;
    item.scheme = aka_scheme;
    item.authenticate = vector.authenticate();
    item.authorization = std::move(vector.xres);
    item.confidentiality_key = std::move(vector.ck);
    item.integrity_key = std::move(vector.ik);
  }
  answer.items = static_cast<uint32_t>(answer.vectors.size());
  return {};
}

}  // namespace lapwing::labhss
