// Requests, conditions and criteria in a word each, for the tests of filter criteria.
#pragma once

#include <gmock/gmock.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "common/sip/message.h"
#include "scscf/ifc/filter_criteria.h"

namespace lapwing::scscf {

inline constexpr SessionCase kSessionCases[] = {SessionCase::originating, SessionCase::terminating_registered,
                                                SessionCase::terminating_unregistered,
                                                SessionCase::originating_unregistered, SessionCase::originating_cdiv};

// --- Requests. ---

inline sip::Message request(const std::string& method, const std::string& uri, const std::string& lines = "",
                            const std::string& body = "", const std::string& from = "joe") {
  sip::ParseResult parsed =
      sip::Message::parse(absl::StrFormat("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\n"
                                          "From: <sip:%s@home.example>;tag=a\r\nTo: <sip:joe@home.example>\r\n"
                                          "Call-ID: c\r\nCSeq: 1 %s\r\n%sContent-Length: %d\r\n\r\n%s",
                                          method, uri, from, method, lines, body.size(), body),
                          sip::Framing::stream);
  EXPECT_TRUE(parsed.ok()) << method << " " << uri << "\n" << lines;
  return std::move(*parsed.message);
}
inline sip::Message of_method(const std::string& method) {
  return request(method, "sip:bob@home.example");
}
inline sip::Message to(const std::string& uri) {
  return request("INVITE", uri);
}
inline sip::Message with(const std::string& lines) {
  return request("INVITE", "sip:bob@home.example", lines);
}
inline sip::Message carrying(const std::string& type, const std::string& body) {
  return request("INVITE", "sip:bob@home.example", "Content-Type: " + type + "\r\n", body);
}

// --- Criteria. ---

inline Spt uri(const std::string& pattern) {
  return {.condition = Spt::RequestUri{pattern}, .groups = {0}};
}
inline Spt method(const std::string& name, const std::vector<RegistrationType>& types = {}) {
  return {.condition = Spt::Method{name}, .groups = {0}, .registration_types = types};
}
inline Spt header(const std::string& name, const std::optional<std::string>& content = std::nullopt) {
  return {.condition = Spt::SipHeader{name, content}, .groups = {0}};
}
inline Spt sdp(const std::string& line, const std::optional<std::string>& content = std::nullopt) {
  return {.condition = Spt::SessionDescription{line, content}, .groups = {0}};
}
inline Spt session(SessionCase session_case) {
  return {.condition = session_case, .groups = {0}};
}
inline Spt negated(Spt spt) {
  spt.negated = !spt.negated;
  return spt;
}
inline Spt in(const std::vector<uint32_t>& groups, Spt spt) {
  spt.groups = groups;
  return spt;
}

inline TriggerPoint cnf(const std::vector<Spt>& spts) {
  return {.cnf = true, .spts = spts};
}
inline TriggerPoint dnf(const std::vector<Spt>& spts) {
  return {.cnf = false, .spts = spts};
}

inline InitialFilterCriteria criterion(uint32_t priority, const std::string& server,
                                       const std::optional<TriggerPoint>& trigger = std::nullopt,
                                       std::optional<ProfilePart> part = std::nullopt) {
  return {.priority = priority,
          .trigger_point = trigger,
          .application_server = {.server_name = server},
          .profile_part = part};
}

inline bool meets(const TriggerPoint& trigger, const ServicePoint& point,
                  RequestUriPart part = RequestUriPart::host_or_number) {
  FilterCriteria criteria({criterion(0, "sip:as.example", trigger)}, part);
  EXPECT_THAT(criteria.faults(), testing::IsEmpty());
  return criteria.next(0, point) == 0;
}

// The servers that a request visits when each sends it back as it was: "as1 as2".
inline std::string visits(const FilterCriteria& criteria, const ServicePoint& point) {
  std::string text;
  size_t left = criteria.size();  // a wrong next() shall not hang the test
  for (size_t at = criteria.next(0, point); at < criteria.size() && left-- > 0; at = criteria.next(at + 1, point)) {
    text += (text.empty() ? "" : " ") + criteria.at(at).application_server.server_name;
  }
  return text;
}

}  // namespace lapwing::scscf
