#include "scscf/user_profile.h"

#include <re2/re2.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_format.h"
#include "common/runtime/log.h"
#include "common/sip/headers.h"
#include "common/sip/uri.h"
#include "common/xml/document.h"

namespace lapwing::scscf {
namespace {

// All of these are ASCII without what would break out of a name-addr.
bool fits_a_header(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c > 0x20 && c < 0x7f && c != '<' && c != '>' && c != '"'; });
}

// The form under which an identity is found; nothing when it is no SIP or tel URI. Two forms that RFC 3261 and RFC 3966
// do not have are identities all the same, since HSSs provision them and handsets register them: a local number
// without phone-context ("tel:0398765432100"), and a number where a host should be ("sip:0398765432100").
std::optional<std::string> canonical_impu(std::string_view text) {
  constexpr std::string_view kContext = ";phone-context=";
  constexpr std::string_view kSip = "sip:";
  if (const absl::StatusOr<sip::Uri> uri = sip::Uri::parse(text); uri.ok()) {
    if (uri->is_sip() || uri->scheme == sip::Scheme::tel) return uri->canonical();
    return std::nullopt;
  }
  if (text.size() > kSip.size() && text.starts_with(kSip) &&
      std::all_of(text.begin() + kSip.size(), text.end(), [](char c) { return c >= '0' && c <= '9'; }))
    return std::string(text);
  const std::string completed = std::string(text) + std::string(kContext) + "local";
  const absl::StatusOr<sip::Uri> uri = sip::Uri::parse(completed);
  if (!uri.ok() || uri->scheme != sip::Scheme::tel) return std::nullopt;
  const std::string canonical = uri->canonical();
  return canonical.substr(0, canonical.find(kContext));
}

// "sip:room!.*!@example.org" to "sip:roomx@example.org": what a wildcarded identity is but for its expression.
std::string without_expression(std::string_view text) {
  const size_t first = text.find('!');
  const size_t last = text.rfind('!');
  if (first == std::string_view::npos || last == first) return std::string(text);
  return std::string(text.substr(0, first)) + "x" + std::string(text.substr(last + 1));
}

// Extensions are nested once more for every release; an element is looked for at every level.
pugi::xml_node extension_child(pugi::xml_node node, const char* name) {
  for (pugi::xml_node extension = node.child("Extension"); extension; extension = extension.child("Extension")) {
    if (const pugi::xml_node found = extension.child(name)) return found;
  }
  return {};
}

// Reads one profile. The first error is kept; what is read after it is not used.
class Reader {
 public:
  explicit Reader(const ProfileLimits& limits) : limits_(limits) {}

  absl::StatusOr<UserProfile> read(pugi::xml_node root) {
    UserProfile profile;
    if (std::string_view(root.name()) != "IMSSubscription") {
      fail(root, "the root element is not IMSSubscription");
      return error_;
    }
    const pugi::xml_node impi = required(root, "PrivateID");
    profile.impi = line(impi);
    if (!fits_a_header(profile.impi)) fail(impi, "is not a private identity: ", profile.impi);
    for (const pugi::xml_node node : root.children("ServiceProfile")) {
      if (!error_.ok()) break;
      profile.service_profiles.push_back(service_profile(node));
      profile.service_profiles.back().identities.shrink_to_fit();  // there are tens of thousands of profiles
    }
    if (profile.service_profiles.empty()) fail(root, "has no ServiceProfile");
    if (!error_.ok()) return error_;
    return profile;
  }

  absl::StatusOr<InitialFilterCriteria> read_criterion(pugi::xml_node root) {
    if (std::string_view(root.name()) != "InitialFilterCriteria") fail(root, "is not an InitialFilterCriteria element");
    InitialFilterCriteria criterion;
    if (error_.ok()) criterion = filter_criteria(root);
    if (!error_.ok()) return error_;
    return criterion;
  }

 private:
  // Errors.
  void fail(pugi::xml_node node, std::string_view why, std::string_view value = {}) {
    if (!error_.ok()) return;
    const std::string shown = value.empty() ? "" : "'" + log::printable(value, 80) + "'";
    error_ = absl::InvalidArgumentError(absl::StrFormat("%s %s%s", xml::where(node), why, shown));
  }
  void count(pugi::xml_node node, size_t& counter, size_t limit, std::string_view what) {
    if (++counter <= limit || !error_.ok()) return;
    error_ =
        absl::ResourceExhaustedError(absl::StrFormat("%s is one of more than %d %s", xml::where(node), limit, what));
  }

  // Single elements.
  pugi::xml_node required(pugi::xml_node parent, const char* name) {
    const pugi::xml_node node = parent.child(name);
    if (!node) fail(parent, absl::StrFormat("has no %s", name));
    return node;
  }
  // Text of one line, white space around it left out. Most of it ends up in SIP headers or logs.
  std::string optional_line(pugi::xml_node node) {
    const std::string text = xml::text(node);
    const std::string_view trimmed = xml::trim(text);
    if (std::any_of(trimmed.begin(), trimmed.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }))
      fail(node, "has a control character");
    return std::string(trimmed);
  }
  std::string line(pugi::xml_node node) {
    std::string text = optional_line(node);
    if (text.empty() && node) fail(node, "is empty");
    return text;
  }
  // xs:boolean; absent: false.
  bool boolean(pugi::xml_node node) {
    if (!node) return false;
    const std::string text = line(node);
    if (text == "1" || text == "true") return true;
    if (text != "0" && text != "false") fail(node, "must be 0, 1, true or false, not ", text);
    return false;
  }
  uint32_t number(pugi::xml_node node, uint32_t largest = std::numeric_limits<int32_t>::max()) {
    const std::string text = line(node);
    uint32_t value = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc() || end != text.data() + text.size() || value > largest)
      fail(node, absl::StrFormat("must be a number from 0 to %d, not ", largest), text);
    return std::min(value, largest);
  }
  std::optional<uint32_t> optional_number(pugi::xml_node node, uint32_t largest = std::numeric_limits<int32_t>::max()) {
    if (!node) return std::nullopt;
    return number(node, largest);
  }
  std::optional<std::string> optional_pattern(pugi::xml_node node) {
    if (!node) return std::nullopt;
    return optional_line(node);
  }

  ServiceProfile service_profile(pugi::xml_node node) {
    ServiceProfile profile;
    ++service_profiles_;
    for (const pugi::xml_node child : node.children("PublicIdentity")) {
      count(child, identities_, limits_.identities, "public identities");
      if (!error_.ok()) return profile;
      PublicIdentity identity = public_identity(child);
      if (error_.ok() && is_new(child, identity)) profile.identities.push_back(std::move(identity));
    }
    if (profile.identities.empty()) fail(node, "has no PublicIdentity");
    if (const pugi::xml_node authorization = node.child("CoreNetworkServicesAuthorization")) {
      profile.subscribed_media_profile = optional_number(authorization.child("SubscribedMediaProfileId"));
      for (const pugi::xml_node id : extension_child(authorization, "ListOfServiceIds").children("ServiceId"))
        profile.service_ids.push_back(line(id));
    }
    for (const pugi::xml_node child : node.children("InitialFilterCriteria")) {
      count(child, criteria_, limits_.criteria, "initial filter criteria");
      if (!error_.ok()) return profile;
      profile.criteria.push_back(filter_criteria(child));
    }
    for (pugi::xml_node set = extension_child(node, "SharedIFCSetID"); set; set = set.next_sibling("SharedIFCSetID"))
      profile.shared_ifc_sets.push_back(number(set));
    return profile;
  }

  PublicIdentity public_identity(pugi::xml_node node) {
    PublicIdentity identity;
    identity.barred = boolean(node.child("BarringIndication"));
    const pugi::xml_node wildcarded_psi = extension_child(node, "WildcardedPSI");
    const pugi::xml_node wildcarded_impu = extension_child(node, "WildcardedIMPU");
    if (const pugi::xml_node type = extension_child(node, "IdentityType")) {
      identity.type = static_cast<IdentityType>(number(type, 4));
    } else if (wildcarded_psi) {
      identity.type = IdentityType::wildcarded_psi;
    } else if (wildcarded_impu) {
      identity.type = IdentityType::wildcarded_impu;
    }
    IdentityDetails details;
    if (wildcarded_psi) details.wildcard = uri(wildcarded_psi, true).identity;
    if (wildcarded_impu) details.wildcard = uri(wildcarded_impu, true).identity;
    const bool wildcarded =
        identity.type == IdentityType::wildcarded_psi || identity.type == IdentityType::wildcarded_impu;
    const Identity text = uri(required(node, "Identity"), wildcarded);
    identity.identity = text.identity;
    identity.canonical = text.canonical == text.identity ? identity.identity : Text(text.canonical);
    details.display_name = optional_line(extension_child(node, "DisplayName"));
    details.alias_group = optional_line(extension_child(node, "AliasIdentityGroupID"));
    details.service_priority = optional_number(extension_child(node, "ServicePriorityLevel"), 4);
    details.max_registrations = optional_number(extension_child(node, "MaxNumOfAllowedSimultRegistrations"));
    if (details != IdentityDetails{}) identity.details = std::make_shared<const IdentityDetails>(std::move(details));
    return identity;
  }

  struct Identity {
    std::string identity;
    std::string canonical;
  };
  Identity uri(pugi::xml_node node, bool wildcarded) {
    Identity result;
    if (!node) return result;
    result.identity = line(node);
    if (!error_.ok()) return result;
    if (!fits_a_header(result.identity)) {
      fail(node, "has characters that a URI cannot have: ", result.identity);
      return result;
    }
    if (auto canonical = canonical_impu(result.identity)) {
      result.canonical = std::move(*canonical);
    } else if (wildcarded && canonical_impu(without_expression(result.identity))) {
      // An expression may hold what a URI may not; the rest is still one.
      result.canonical = result.identity;
    } else {
      fail(node, "is not a SIP or tel URI: ", result.identity);
    }
    return result;
  }

  // False for an exact repetition, which some HSSs send. Anything else that stands twice would leave open which counts.
  bool is_new(pugi::xml_node node, const PublicIdentity& identity) {
    const auto [found, inserted] =
        seen_.try_emplace(identity.canonical.str(), Seen{service_profiles_, identity.barred});
    if (inserted) return true;
    if (found->second.service_profile != service_profiles_)
      fail(node, "stands in another ServiceProfile too: ", identity.identity);
    if (found->second.barred != identity.barred) fail(node, "stands here barred and not barred: ", identity.identity);
    return false;
  }

  InitialFilterCriteria filter_criteria(pugi::xml_node node) {
    InitialFilterCriteria criteria;
    criteria.priority = number(required(node, "Priority"));
    if (const pugi::xml_node trigger = node.child("TriggerPoint")) criteria.trigger_point = trigger_point(trigger);
    const pugi::xml_node server = required(node, "ApplicationServer");
    if (!error_.ok()) return criteria;
    criteria.application_server = application_server(server);
    if (const auto part = optional_number(node.child("ProfilePartIndicator"), 1))
      criteria.profile_part = static_cast<ProfilePart>(*part);
    return criteria;
  }

  TriggerPoint trigger_point(pugi::xml_node node) {
    TriggerPoint trigger;
    trigger.cnf = boolean(required(node, "ConditionTypeCNF"));
    for (const pugi::xml_node child : node.children("SPT")) {
      count(child, spts_, limits_.spts, "service point triggers");
      if (!error_.ok()) return trigger;
      trigger.spts.push_back(spt(child));
    }
    if (trigger.spts.empty()) fail(node, "has no SPT");
    return trigger;
  }

  Spt spt(pugi::xml_node node) {
    Spt spt;
    spt.negated = boolean(node.child("ConditionNegated"));
    size_t groups = 0;
    for (const pugi::xml_node group : node.children("Group")) {
      count(group, groups, limits_.groups, "groups of an SPT");
      if (!error_.ok()) return spt;
      spt.groups.push_back(number(group));
    }
    if (spt.groups.empty()) fail(node, "has no Group");
    condition(node, spt);
    for (pugi::xml_node type = extension_child(node, "RegistrationType"); type;
         type = type.next_sibling("RegistrationType")) {
      const auto value = static_cast<RegistrationType>(number(type, 2));
      auto& types = spt.registration_types;
      if (std::find(types.begin(), types.end(), value) == types.end()) types.push_back(value);
    }
    return spt;
  }

  void condition(pugi::xml_node node, Spt& spt) {
    size_t found = 0;
    for (const pugi::xml_node child : node.children()) {
      const std::string_view name = child.name();
      if (name == "RequestURI") {
        spt.condition = Spt::RequestUri{line(child)};
      } else if (name == "Method") {
        spt.condition = Spt::Method{line(child)};
      } else if (name == "SIPHeader") {
        spt.condition = Spt::SipHeader{line(required(child, "Header")), optional_pattern(child.child("Content"))};
      } else if (name == "SessionCase") {
        spt.condition = static_cast<SessionCase>(number(child, 4));
      } else if (name == "SessionDescription") {
        spt.condition =
            Spt::SessionDescription{line(required(child, "Line")), optional_pattern(child.child("Content"))};
      } else {
        continue;
      }
      ++found;
    }
    if (found != 1)
      fail(node, "must have exactly one of RequestURI, Method, SIPHeader, SessionCase and SessionDescription");
  }

  ApplicationServer application_server(pugi::xml_node node) {
    ApplicationServer server;
    const pugi::xml_node name = required(node, "ServerName");
    server.server_name = line(name);
    const absl::StatusOr<sip::Uri> parsed = sip::Uri::parse(server.server_name);
    if (!fits_a_header(server.server_name) || !parsed.ok() || !parsed->is_sip())
      fail(name, "is not a SIP URI: ", server.server_name);
    server.default_handling =
        static_cast<DefaultHandling>(optional_number(node.child("DefaultHandling"), 1).value_or(0));
    server.service_info = xml::text(node.child("ServiceInfo"));
    server.include_register_request = static_cast<bool>(extension_child(node, "IncludeRegisterRequest"));
    server.include_register_response = static_cast<bool>(extension_child(node, "IncludeRegisterResponse"));
    return server;
  }

  struct Seen {
    size_t service_profile;
    bool barred;
  };

  const ProfileLimits& limits_;
  absl::Status error_;
  size_t service_profiles_ = 0;
  size_t identities_ = 0;
  size_t criteria_ = 0;
  size_t spts_ = 0;
  absl::flat_hash_map<std::string, Seen> seen_;
};

struct Found {
  const ServiceProfile* service_profile = nullptr;
  const PublicIdentity* identity = nullptr;
};

Found find(const UserProfile& profile, std::string_view impu) {
  const std::optional<std::string> canonical = canonical_impu(impu);
  if (!canonical) return {};
  for (const ServiceProfile& service : profile.service_profiles) {
    for (const PublicIdentity& identity : service.identities) {
      if (identity.canonical == canonical) return {&service, &identity};
    }
  }
  return {};
}

}  // namespace

absl::StatusOr<UserProfile> parse_user_profile(std::string_view xml, const ProfileLimits& limits) {
  const absl::StatusOr<pugi::xml_document> document = xml::load(xml, {.bytes = limits.bytes, .depth = limits.depth});
  if (!document.ok()) return document.status();
  return Reader(limits).read(document->document_element());
}

absl::StatusOr<InitialFilterCriteria> parse_filter_criteria(std::string_view xml, const ProfileLimits& limits) {
  const absl::StatusOr<pugi::xml_document> document = xml::load(xml, {.bytes = limits.bytes, .depth = limits.depth});
  if (!document.ok()) return document.status();
  return Reader(limits).read_criterion(document->document_element());
}

const IdentityDetails& PublicIdentity::more() const {
  static const IdentityDetails none;
  return details ? *details : none;
}

const PublicIdentity* first_in_set(const UserProfile& profile,
                                   absl::FunctionRef<bool(const PublicIdentity& identity)> fits) {
  for (const ServiceProfile& service : profile.service_profiles) {
    for (const PublicIdentity& identity : service.identities) {
      bool is_psi = identity.type == IdentityType::distinct_psi || identity.type == IdentityType::wildcarded_psi;
      if (!is_psi && fits(identity)) return &identity;
    }
  }
  return nullptr;
}

std::vector<const PublicIdentity*> implicit_set(const UserProfile& profile) {
  std::vector<const PublicIdentity*> set;
  first_in_set(profile, [&](const PublicIdentity& identity) {
    set.push_back(&identity);
    return false;
  });
  return set;
}

const PublicIdentity* default_impu(const UserProfile& profile) {
  return first_in_set(profile, [](const PublicIdentity& identity) {
    return !identity.barred && identity.type != IdentityType::wildcarded_impu;
  });
}

const PublicIdentity* find_identity(const UserProfile& profile, std::string_view impu) {
  return find(profile, impu).identity;
}

const ServiceProfile* find_service_profile(const UserProfile& profile, std::string_view impu) {
  return find(profile, impu).service_profile;
}

const ServiceProfile* service_profile_of(const UserProfile& profile, std::string_view canonical) {
  const ServiceProfile* by_wildcard = nullptr;
  for (const ServiceProfile& service : profile.service_profiles) {
    for (const PublicIdentity& identity : service.identities) {
      if (identity.canonical == canonical) return &service;
      if (!by_wildcard && wildcard_matches(identity, canonical)) by_wildcard = &service;
    }
  }
  return by_wildcard;
}

bool wildcard_matches(const PublicIdentity& identity, std::string_view canonical) {
  std::string_view text = identity.more().wildcard;
  if (text.empty()) text = identity.identity;
  size_t first = text.find('!'), last = text.rfind('!');
  if (first == std::string_view::npos || last == first) return false;
  std::string_view before = text.substr(0, first), after = text.substr(last + 1);
  if (canonical.size() < before.size() + after.size()) return false;
  size_t length = canonical.size() - before.size() - after.size();
  if (!sip::equals_ignoring_case(canonical.substr(0, before.size()), before) ||
      !sip::equals_ignoring_case(canonical.substr(before.size() + length), after)) {
    return false;
  }
  re2::RE2 expression(std::string(text.substr(first + 1, last - first - 1)), re2::RE2::Quiet);
  std::string middle(canonical.substr(before.size(), length));
  return expression.ok() && re2::RE2::FullMatch(middle, expression);
}

bool is_barred(const UserProfile& profile, std::string_view impu) {
  const PublicIdentity* identity = find_identity(profile, impu);
  return identity != nullptr && identity->barred;
}

}  // namespace lapwing::scscf
