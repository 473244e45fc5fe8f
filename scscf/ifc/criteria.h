// Initial filter criteria as the user profile has them (TS 29.228 Annex B and F), as plain values.
// filter_criteria.h tells which of them a request meets.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace lapwing::scscf {

enum class SessionCase : uint8_t {  // the values of the XML
  originating = 0,
  terminating_registered = 1,
  terminating_unregistered = 2,
  originating_unregistered = 3,
  originating_cdiv = 4,
};

enum class RegistrationType : uint8_t { initial = 0, re_registration = 1, de_registration = 2 };

// A service point trigger. Patterns are extended regular expressions, not looked into here.
struct Spt {
  struct RequestUri {
    std::string pattern;
    bool operator==(const RequestUri&) const = default;
  };
  struct Method {
    std::string name;
    bool operator==(const Method&) const = default;
  };
  struct SipHeader {
    std::string name;                    // a pattern
    std::optional<std::string> content;  // a pattern; absent: the header's presence is enough
    bool operator==(const SipHeader&) const = default;
  };
  struct SessionDescription {
    std::string line;                    // a pattern
    std::optional<std::string> content;  // a pattern; absent: the line's presence is enough
    bool operator==(const SessionDescription&) const = default;
  };

  std::variant<RequestUri, Method, SipHeader, SessionCase, SessionDescription> condition;
  bool negated = false;
  std::vector<uint32_t> groups = {};                      // one at least; an SPT may be in several
  std::vector<RegistrationType> registration_types = {};  // for REGISTER; empty: all
  bool operator==(const Spt&) const = default;
};

struct TriggerPoint {
  bool cnf = false;            // true: groups are ORs, ANDed together; false: groups are ANDs, ORed together
  std::vector<Spt> spts = {};  // one at least
  bool operator==(const TriggerPoint&) const = default;
};

enum class DefaultHandling : uint8_t { session_continued = 0, session_terminated = 1 };

struct ApplicationServer {
  std::string server_name = {};  // a SIP URI
  DefaultHandling default_handling = DefaultHandling::session_continued;
  std::string service_info = {};  // verbatim, white space included; empty: none
  bool include_register_request = false;
  bool include_register_response = false;
  bool operator==(const ApplicationServer&) const = default;
};

enum class ProfilePart : uint8_t { registered = 0, unregistered = 1 };

struct InitialFilterCriteria {
  uint32_t priority = 0;                           // 0 is the highest
  std::optional<TriggerPoint> trigger_point = {};  // absent: always matches
  ApplicationServer application_server = {};
  std::optional<ProfilePart> profile_part = {};  // absent: both
  bool operator==(const InitialFilterCriteria&) const = default;
};

}  // namespace lapwing::scscf
