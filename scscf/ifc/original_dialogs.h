// Requests that are with an application server: by the original dialog identifier in our own Route behind the server's
// (TS 24.229 section 5.4.3.2, step 5) the S-CSCF knows them again when they come back, even as another dialog.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "common/runtime/clock.h"
#include "scscf/calls.h"
#include "scscf/ifc/filter_criteria.h"

namespace lapwing::scscf {

// Where a request stands in the services of the user it is served for.
struct Services {
  SessionCase session_case = SessionCase::originating;
  std::string identity, canonical, impi;  // of the served user
  std::shared_ptr<const FilterCriteria> criteria;
  size_t next = 0;  // the criteria before it have been looked at
};

struct OriginalDialog {
  Services services;
  std::string request_uri;   // as it went to the application server
  std::string call_id;       // likewise
  std::weak_ptr<Call> call;  // of an INVITE
  TimePoint sent = {};
};

class OriginalDialogs {
 public:
  explicit OriginalDialogs(size_t limit = 200'000) : limit_(limit) {}

  // Returns its identifier, fit for the user part of a URI; empty: the limit is reached.
  std::string keep(OriginalDialog dialog);
  std::optional<OriginalDialog> find(const std::string& identifier);
  void forget(const std::string& identifier);
  // Those older than this whose call is over go: an application server that calls back on its own account does so soon.
  void sweep(TimePoint older_than);
  size_t size();
  static bool is_identifier(std::string_view user);

 private:
  const size_t limit_;
  std::mutex mutex_;
  absl::flat_hash_map<std::string, OriginalDialog> dialogs_;
};

}  // namespace lapwing::scscf
