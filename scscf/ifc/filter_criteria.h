// Which application server a request goes to next: the initial filter criteria of a service profile, made ready to be
// looked at (TS 23.218 section 5.2, TS 24.229 section 5.4.3, TS 29.228 Annex C and F).
//
//   size_t met = criteria.next(0, {.request = invite, .session_case = SessionCase::originating});
//   if (met < criteria.size()) ... criteria.at(met).application_server.server_name ...
//   met = criteria.next(met + 1, ...);   // when the request has come back from there
//
// Immutable, so that all users with the same services share one (profiles.h).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/sip/message.h"
#include "scscf/ifc/criteria.h"

namespace lapwing::scscf {

// What a criterion looks at.
struct ServicePoint {
  const sip::Message& request;
  SessionCase session_case = SessionCase::originating;  // of REGISTER: originating
  RegistrationType registration = RegistrationType::initial;
  bool registered() const {
    return session_case != SessionCase::terminating_unregistered &&
           session_case != SessionCase::originating_unregistered;
  }
};

// What an SPT of kind RequestURI is compared with. The standard: host and port of a SIP URI, the number of a tel URI
// (TS 29.228 Annex F). Profiles that were written for other S-CSCFs expect the whole URI.
enum class RequestUriPart : uint8_t { host_or_number, whole };

// By ascending priority; equal ones stay in their order.
std::vector<InitialFilterCriteria> in_order(std::vector<InitialFilterCriteria> criteria);

class FilterCriteria {
 public:
  explicit FilterCriteria(std::vector<InitialFilterCriteria> criteria,
                          RequestUriPart uri_part = RequestUriPart::host_or_number);
  ~FilterCriteria();
  FilterCriteria(const FilterCriteria&) = delete;
  FilterCriteria& operator=(const FilterCriteria&) = delete;

  size_t size() const { return criteria_.size(); }
  // In ascending order of priority; equal ones in the profile's order.
  const InitialFilterCriteria& at(size_t index) const { return criteria_[index]; }
  const std::vector<InitialFilterCriteria>& all() const { return criteria_; }
  // The first one at or behind `from` that the request meets; size(): none.
  size_t next(size_t from, const ServicePoint& point) const;
  // Why it is met, or why not, in a line for each condition that was looked at.
  std::vector<std::string> explain(size_t index, const ServicePoint& point) const;
  // Expressions that cannot be read. Their criterion is never met.
  const std::vector<std::string>& faults() const { return faults_; }

 private:
  struct Trigger;
  bool meets(size_t index, const ServicePoint& point) const;

  RequestUriPart uri_part_;
  std::vector<InitialFilterCriteria> criteria_;
  std::vector<Trigger> triggers_;  // of each
  std::vector<std::string> faults_;
};

// A condition in words: "not Method INVITE", "SIPHeader Event: .*reg.*", "SessionCase 0 (originating)".
std::string text_of(const Spt& spt);
std::string_view text_of(SessionCase session_case);

}  // namespace lapwing::scscf
