#include <openssl/crypto.h>

#include <algorithm>
#include <cctype>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "hss-client/cx_codec.h"

namespace lapwing::cx {
namespace {

using diameter::Avp;
using diameter::Fault;
using Avps = std::vector<Avp>;

constexpr uint32_t avp_unsupported = 5001, invalid_value = 5004, missing_avp = 5005, too_many = 5009,
                   invalid_length = 5014;
constexpr size_t max_vectors = 32;  // of a MAA; what is beyond is ignored

std::string avp_name(uint32_t code, uint32_t vendor) {
  const AvpDefinition* known = definition(code, vendor);
  return known ? known->name : absl::StrFormat("AVP %d of vendor %d", code, vendor);
}

// An unknown AVP with the M flag, at any level (groups are nested at most diameter::max_depth deep).
const Avp* unsupported(const Avps& avps) {
  for (const Avp& avp : avps) {
    if (avp.mandatory && definition(avp.code, avp.vendor) == nullptr) return &avp;
    if (const Avp* inner = unsupported(avp.children)) return inner;
  }
  return nullptr;
}

// Reads one message or group. The first fault is kept, and what is read after it is empty.
class Reader {
 public:
  Reader(const Avps& avps, std::optional<Fault>& fault) : avps_(avps), fault_(fault) {}

  // Text that goes into identities and headers: no control characters.
  std::string text(uint32_t code, uint32_t vendor = vendor_3gpp) {
    const Avp* avp = diameter::find(avps_, code, vendor);
    return avp ? clean(*avp) : std::string();
  }
  std::string required_text(uint32_t code, uint32_t vendor = vendor_3gpp) {
    const Avp* avp = required(code, vendor);
    if (avp == nullptr) return {};
    if (avp->data.empty()) fail(invalid_value, "is empty", *avp);
    return clean(*avp);
  }
  std::vector<std::string> texts(uint32_t code, uint32_t vendor = vendor_3gpp) {
    std::vector<std::string> out;
    for (const Avp& avp : avps_) {
      if (avp.code == code && avp.vendor == vendor && !avp.data.empty()) out.push_back(clean(avp));
    }
    return out;
  }
  std::string bytes(uint32_t code, uint32_t vendor = vendor_3gpp) {
    const Avp* avp = diameter::find(avps_, code, vendor);
    return avp ? avp->data : std::string();
  }
  Secret secret(uint32_t code, uint32_t vendor = vendor_3gpp) {
    const Avp* avp = diameter::find(avps_, code, vendor);
    if (avp == nullptr) return {};
    return Secret({reinterpret_cast<const uint8_t*>(avp->data.data()), avp->data.size()});
  }
  std::optional<uint32_t> number(uint32_t code, uint32_t vendor = vendor_3gpp) {
    const Avp* avp = diameter::find(avps_, code, vendor);
    return avp ? number_of(*avp) : std::nullopt;
  }
  uint32_t required_number(uint32_t code, uint32_t vendor = vendor_3gpp) {
    const Avp* avp = required(code, vendor);
    return avp ? number_of(*avp).value_or(0) : 0;
  }
  std::vector<uint32_t> numbers(uint32_t code) {
    std::vector<uint32_t> out;
    for (const Avp& avp : avps_) {
      if (avp.code != code || avp.vendor != vendor_3gpp) continue;
      if (auto value = number_of(avp)) out.push_back(*value);
    }
    return out;
  }
  // An Enumerated of values 0..last.
  template <typename E>
  std::optional<E> choice(uint32_t code, E last) {
    const Avp* avp = diameter::find(avps_, code, vendor_3gpp);
    return avp ? choice_of(*avp, last) : std::nullopt;
  }
  template <typename E>
  E required_choice(uint32_t code, E last) {
    const Avp* avp = required(code, vendor_3gpp);
    return avp ? choice_of(*avp, last).value_or(E{}) : E{};
  }
  std::optional<bool> flag(uint32_t code) {
    auto value = choice(code, uint32_t{1});
    return value ? std::optional<bool>(*value == 1) : std::nullopt;
  }
  // The members of the first group of this code.
  std::optional<Reader> group(uint32_t code, uint32_t vendor = vendor_3gpp) {
    const Avp* avp = diameter::find(avps_, code, vendor);
    return avp ? std::optional<Reader>(Reader(avp->children, fault_)) : std::nullopt;
  }
  template <typename F>
  void each_group(uint32_t code, F&& read) {
    for (const Avp& avp : avps_) {
      if (avp.code == code && avp.vendor == vendor_3gpp) read(Reader(avp.children, fault_));
    }
  }
  const Avp* required(uint32_t code, uint32_t vendor) {
    const Avp* avp = diameter::find(avps_, code, vendor);
    if (avp == nullptr) {
      if (!fault_) {
        // RFC 6733 section 7.5: an example of the missing AVP, with zeroes of its least length.
        fault_ =
            Fault{missing_avp, absl::StrFormat("%s is missing", avp_name(code, vendor)),
                  Avp{.code = code, .vendor = vendor, .mandatory = true, .group = false, .data = {}, .children = {}}};
      }
      return nullptr;
    }
    bool twice = std::any_of(avp + 1, avps_.data() + avps_.size(),
                             [&](const Avp& other) { return other.code == code && other.vendor == vendor; });
    if (twice) fail(too_many, "is there twice", *avp);
    return avp;
  }
  void fail(uint32_t code, std::string_view what, const Avp& avp) {
    if (!fault_) fault_ = Fault{code, absl::StrFormat("%s %s", avp_name(avp.code, avp.vendor), what), avp};
  }
  void fail_request_unsupported() {
    if (fault_) return;
    if (const Avp* avp = unsupported(avps_)) {
      fault_ = Fault{avp_unsupported,
                     absl::StrFormat("%s has the M flag and is not known", avp_name(avp->code, avp->vendor)), *avp};
    }
  }
  bool failed() const { return fault_.has_value(); }

 private:
  std::string clean(const Avp& avp) {
    bool control = std::any_of(avp.data.begin(), avp.data.end(),
                               [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
    if (control) fail(invalid_value, "holds a control character", avp);
    return control ? std::string() : avp.data;
  }
  std::optional<uint32_t> number_of(const Avp& avp) {
    auto value = diameter::value32(avp);
    if (!value) fail(invalid_length, absl::StrFormat("is %d bytes, 4 wanted", avp.data.size()), avp);
    return value;
  }
  template <typename E>
  std::optional<E> choice_of(const Avp& avp, E last) {
    auto value = number_of(avp);
    if (!value) return std::nullopt;
    if (*value > static_cast<uint32_t>(last)) {
      fail(invalid_value, absl::StrFormat("%d is no known value", *value), avp);
      return std::nullopt;
    }
    return static_cast<E>(*value);
  }

  const Avps& avps_;
  std::optional<Fault>& fault_;
};

Routing read_routing(Reader& in) {
  return Routing{in.text(264, 0), in.text(296, 0), in.text(293, 0), in.text(283, 0)};
}

std::vector<SupportedFeatures> read_features(Reader& in) {
  std::vector<SupportedFeatures> out;
  in.each_group(628, [&](Reader members) {
    if (members.number(266, 0).value_or(vendor_3gpp) != vendor_3gpp) return;
    out.push_back({members.number(629).value_or(1), members.number(630).value_or(0)});
  });
  return out;
}

std::optional<ServerCapabilities> read_capabilities(Reader& in) {
  auto members = in.group(603);
  if (!members) return std::nullopt;
  return ServerCapabilities{members->numbers(604), members->numbers(605), members->texts(602)};
}

std::optional<ChargingInformation> read_charging(Reader& in) {
  auto members = in.group(618);
  if (!members) return std::nullopt;
  return ChargingInformation{members->text(619), members->text(620), members->text(621), members->text(622)};
}

std::vector<std::string> read_identities(Reader& in, uint32_t code) {
  auto members = in.group(code);
  return members ? members->texts(1, 0) : std::vector<std::string>();
}

AuthDataItem read_item(Reader& in) {
  AuthDataItem item;
  item.item_number = in.number(613);
  item.scheme = in.text(608);
  item.authenticate = in.bytes(609);
  item.authorization = in.secret(610);
  item.context = in.bytes(611);
  item.confidentiality_key = in.secret(625);
  item.integrity_key = in.secret(626);
  if (auto digest = in.group(635)) {
    item.digest = SipDigest{digest->text(104, 0), digest->text(111, 0), digest->text(110, 0), digest->secret(121, 0)};
  }
  return item;
}

bool aka_scheme(std::string_view scheme) {
  return absl::StartsWithIgnoreCase(absl::string_view(scheme.data(), scheme.size()), "Digest-AKAv");
}

// What makes a vector of a MAA unusable; empty when nothing does (TS 29.228 section 6.3.1, TS 33.203).
std::string vector_fault(const AuthDataItem& item) {
  if (!aka_scheme(item.scheme)) return {};
  if (item.authenticate.size() != 32) {
    return absl::StrFormat("SIP-Authenticate is %d bytes, 32 wanted", item.authenticate.size());
  }
  if (item.authorization.size() < 4 || item.authorization.size() > 16) {
    return absl::StrFormat("SIP-Authorization is %d bytes, 4 to 16 wanted", item.authorization.size());
  }
  if (item.confidentiality_key.size() != 16) {
    return absl::StrFormat("Confidentiality-Key is %d bytes, 16 wanted", item.confidentiality_key.size());
  }
  if (item.integrity_key.size() != 16) {
    return absl::StrFormat("Integrity-Key is %d bytes, 16 wanted", item.integrity_key.size());
  }
  return {};
}

std::optional<Subscription> read_subscription(Reader& in, uint32_t code) {
  auto members = in.group(code);
  if (!members) return std::nullopt;
  return Subscription{members->text(643), members->text(644), members->text(645), members->text(646),
                      members->text(641)};
}

ScscfRestorationInfo read_restoration(Reader& in) {
  ScscfRestorationInfo info;
  info.impi = in.text(1, 0);
  in.each_group(649, [&](Reader members) {
    RestorationInfo contact;
    contact.path = members.text(640);
    contact.contact = members.text(641);
    contact.initial_cseq = members.number(654);
    contact.call_id = members.text(643);
    contact.ue = read_subscription(members, 642);
    contact.pcscf = read_subscription(members, 660);
    info.contacts.push_back(std::move(contact));
  });
  info.registration_timeout = in.number(661);
  info.scheme = in.text(608);
  return info;
}

void read(Reader& in, UserAuthorizationRequest& r) {
  r.impi = in.required_text(1, 0);
  r.impu = in.required_text(601);
  r.visited_network = in.required_text(600);
  r.type = in.choice(623, UserAuthorizationType::registration_and_capabilities)
               .value_or(UserAuthorizationType::registration);
  r.emergency = (in.number(637).value_or(0) & 1) != 0;
  r.features = read_features(in);
}

void read(Reader& in, UserAuthorizationAnswer& a) {
  a.server_name = in.text(602);
  a.capabilities = read_capabilities(in);
  a.features = read_features(in);
}

void read(Reader& in, ServerAssignmentRequest& r) {
  r.impi = in.text(1, 0);
  r.impus = in.texts(601);
  r.wildcarded_impu = in.text(634);
  r.server_name = in.required_text(602);
  r.type = in.required_choice(614, ServerAssignmentType::deregistration_too_much_data);
  r.user_data_available = in.required_choice(624, uint32_t{1}) == 1;
  if (auto info = in.group(639)) r.restoration = read_restoration(*info);
  r.multiple_registration = in.flag(648);
  r.session_priority = in.choice(650, uint32_t{4});
  r.pcscf_restoration = (in.number(655).value_or(0) & 1) != 0;
  r.features = read_features(in);
}

void read(Reader& in, ServerAssignmentAnswer& a) {
  a.impi = in.text(1, 0);
  a.user_data = in.bytes(606);
  a.charging = read_charging(in);
  a.associated_identities = read_identities(in, 632);
  a.associated_registered_identities = read_identities(in, 647);
  in.each_group(639, [&](Reader members) { a.restoration.push_back(read_restoration(members)); });
  a.loose_route = in.flag(638);
  a.privileged_sender = in.flag(652);
  a.server_name = in.text(602);
  a.wildcarded_impu = in.text(634);
  a.features = read_features(in);
}

void read(Reader& in, LocationInfoRequest& r) {
  r.impu = in.required_text(601);
  r.originating = in.choice(633, uint32_t{0}).has_value();
  r.type = in.choice(623, UserAuthorizationType::registration_and_capabilities);
  r.session_priority = in.choice(650, uint32_t{4});
  r.features = read_features(in);
}

void read(Reader& in, LocationInfoAnswer& a) {
  a.server_name = in.text(602);
  a.capabilities = read_capabilities(in);
  a.wildcarded_impu = in.text(634);
  a.flags = in.number(653);
  a.features = read_features(in);
}

void read(Reader& in, MultimediaAuthRequest& r) {
  r.impi = in.required_text(1, 0);
  r.impu = in.required_text(601);
  r.server_name = in.required_text(602);
  r.items = in.required_number(607);
  const Avp* item = in.required(612, vendor_3gpp);
  if (item == nullptr) return;
  Reader members = *in.group(612);
  r.item = read_item(members);
  // Only a resynchronisation carries SIP-Authorization: RAND || AUTS (TS 29.229 section 6.3.11).
  if (aka_scheme(r.item.scheme) && !r.item.authorization.empty() && r.item.authorization.size() != 30) {
    in.fail(invalid_value,
            absl::StrFormat("has a SIP-Authorization of %d bytes, 30 wanted", r.item.authorization.size()),
            Avp{.code = 612, .vendor = vendor_3gpp, .mandatory = true, .group = true, .data = {}, .children = {}});
  }
  r.features = read_features(in);
}

void read(Reader& in, MultimediaAuthAnswer& a) {
  a.impi = in.text(1, 0);
  a.impu = in.text(601);
  a.items = in.number(607);
  a.features = read_features(in);
  std::string unusable;
  in.each_group(612, [&](Reader members) {
    AuthDataItem item = read_item(members);
    std::string why = vector_fault(item);
    if (why.empty()) {
      // Several vectors: the lower SIP-Item-Number is used first (TS 29.229 section 6.3.14).
      if (a.vectors.size() == max_vectors) return;
      auto place = std::upper_bound(a.vectors.begin(), a.vectors.end(), item, [](const auto& x, const auto& y) {
        return x.item_number.value_or(UINT32_MAX) < y.item_number.value_or(UINT32_MAX);
      });
      a.vectors.insert(place, std::move(item));
    } else if (unusable.empty()) {
      unusable = std::move(why);
    }
  });
  if (a.vectors.empty() && !unusable.empty()) {
    in.fail(invalid_value, "has no usable vector: " + unusable,
            Avp{.code = 612, .vendor = vendor_3gpp, .mandatory = true, .group = true, .data = {}, .children = {}});
  }
}

void read(Reader& in, RegistrationTerminationRequest& r) {
  r.impi = in.required_text(1, 0);
  r.associated_identities = read_identities(in, 632);
  r.impus = in.texts(601);
  if (in.required(615, vendor_3gpp) != nullptr) {
    Reader reason = *in.group(615);
    r.reason = reason.required_choice(616, DeregistrationReason::remove_scscf);
    r.reason_info = reason.bytes(617);
  }
  r.flags = in.number(659);
  r.features = read_features(in);
}

void read(Reader& in, RegistrationTerminationAnswer& a) {
  a.associated_identities = read_identities(in, 632);
  in.each_group(651, [&](Reader members) { a.emergency.push_back({members.text(1, 0), members.text(601)}); });
}

void read(Reader& in, PushProfileRequest& r) {
  r.impi = in.required_text(1, 0);
  r.user_data = in.bytes(606);
  r.charging = read_charging(in);
  if (auto item = in.group(612)) r.digest = read_item(*item);
  r.features = read_features(in);
}

void read(Reader&, PushProfileAnswer&) {}

template <typename T>
concept IsAnswer = requires(T value) { value.result; };

}  // namespace

diameter::Parsed<Result> result_of(const Avps& avps) {
  std::optional<Fault> fault;
  Reader in(avps, fault);
  std::optional<Result> result;
  // Some HSSs leave Vendor-Id out or set it to 0: the code alone says it.
  if (auto members = in.group(297, 0)) {
    if (auto code = members->number(298, 0)) result = Result{true, *code};
  }
  if (auto code = in.number(268, 0); code && !result) result = Result{false, *code};
  if (fault) return std::move(*fault);
  if (!result) return Fault{missing_avp, "neither Result-Code nor Experimental-Result", {}};
  return *result;
}

template <typename T>
diameter::Parsed<T> decode(const Avps& avps) {
  T value;
  std::optional<Fault> fault;
  Reader in(avps, fault);
  if constexpr (IsAnswer<T>) {
    auto result = result_of(avps);
    if (auto* missing = std::get_if<Fault>(&result)) return std::move(*missing);
    value.result = std::get<Result>(result);
  } else {
    in.fail_request_unsupported();
    in.required_text(264, 0);
    in.required_text(296, 0);
  }
  value.routing = read_routing(in);
  read(in, value);
  if (fault) return std::move(*fault);
  return value;
}

template diameter::Parsed<UserAuthorizationRequest> decode(const Avps&);
template diameter::Parsed<UserAuthorizationAnswer> decode(const Avps&);
template diameter::Parsed<ServerAssignmentRequest> decode(const Avps&);
template diameter::Parsed<ServerAssignmentAnswer> decode(const Avps&);
template diameter::Parsed<LocationInfoRequest> decode(const Avps&);
template diameter::Parsed<LocationInfoAnswer> decode(const Avps&);
template diameter::Parsed<MultimediaAuthRequest> decode(const Avps&);
template diameter::Parsed<MultimediaAuthAnswer> decode(const Avps&);
template diameter::Parsed<RegistrationTerminationRequest> decode(const Avps&);
template diameter::Parsed<RegistrationTerminationAnswer> decode(const Avps&);
template diameter::Parsed<PushProfileRequest> decode(const Avps&);
template diameter::Parsed<PushProfileAnswer> decode(const Avps&);

void wipe_secrets(Avps& avps) {
  for (Avp& avp : avps) {
    bool holds_key =
        (avp.vendor == vendor_3gpp && (avp.code == 610 || avp.code == 625 || avp.code == 626 || avp.code == 663)) ||
        (avp.vendor == 0 && avp.code == 121);
    if (holds_key && !avp.data.empty()) OPENSSL_cleanse(avp.data.data(), avp.data.size());
    wipe_secrets(avp.children);
  }
}

}  // namespace lapwing::cx
