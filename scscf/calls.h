// The calls that pass through the S-CSCF: who, in which state, and what it takes to end them with a BYE in both
// directions (TS 24.229 section 5.4.5). Found by the token that our Record-Route carries, and by the identities of
// their parties. Messages pass also when their call is unknown here (after a restart): they are routed by their own
// headers.
//
// Each Call has its own lock for short critical sections: never held across a co_await, never two at once, never while
// the table is asked.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/runtime/alarm.h"
#include "common/runtime/clock.h"
#include "common/sip/forwarding.h"

namespace lapwing::scscf {

enum class CallState : uint8_t { calling, ringing, answered, ended };
std::string_view state_text(CallState state);

// One side of a call.
struct Party {
  std::string identity;            // as asserted, or as it was called
  std::string canonical, impi;     // of a user served here; else empty
  std::string name_addr;           // of From or To, with its tag
  std::string tag;                 // empty: not answered yet
  std::string target;              // its Contact
  std::vector<std::string> route;  // from us to it
  uint32_t cseq = 0;               // of its last request
};

struct Call {
  // Fixed once the call is in the table.
  std::string id;       // the token
  uint32_t worker = 0;  // of the INVITE
  std::string call_id, icid;
  WallTime started;
  std::weak_ptr<sip::Forwarding> inviting;  // touched on its worker only

  std::mutex mutex;
  Party caller, callee;  // the caller's identity, canonical and impi are fixed too
  CallState state = CallState::calling;
  WallTime since, answered, ended;
  sip::Method last_method = sip::Method::invite;
  int last_code = 0;          // 0: it was a request
  std::string offer, answer;  // session descriptions as they came last; answer empty: not yet there
  bool offered_by_caller = true;
  int code = 0;        // of the end: 200 for a call that was answered
  std::string reason;  // of the end, in plain words
  // The session timer (RFC 4028): a call that nobody refreshes ends at the deadline.
  Duration interval{};  // zero: nobody refreshes
  bool caller_supports_timer = false;
  TimePoint deadline;
  WallTime ends;  // the same, for the operator
  Alarm alarm;

  // Whose request it is, by the tag of its From; null: of another dialog of a forked call.
  Party* party_with_tag(std::string_view tag) {
    return tag == caller.tag ? &caller : tag == callee.tag && !tag.empty() ? &callee : nullptr;
  }
};

class Calls {
 public:
  explicit Calls(size_t limit = 200'000) : limit_(limit) {}

  // False: the limit is reached.
  bool add(const std::shared_ptr<Call>& call);
  void remove(const Call& call);
  // Who it is for, as that is found out; a call that diverts is for another user then.
  void set_callee(const std::shared_ptr<Call>& call, std::string identity, std::string canonical, std::string impi);
  std::shared_ptr<Call> find(const std::string& id);
  // Those with a party of this canonical identity.
  std::vector<std::shared_ptr<Call>> of(const std::string& canonical);
  std::vector<std::shared_ptr<Call>> all();
  size_t size();

 private:
  void index(const std::string& canonical, const std::shared_ptr<Call>& call);
  void unindex(const std::string& canonical, const Call& call);

  const size_t limit_;
  std::mutex mutex_;  // taken before a call's own
  absl::flat_hash_map<std::string, std::shared_ptr<Call>> by_id_;
  absl::flat_hash_map<std::string, std::vector<std::shared_ptr<Call>>> by_identity_;
};

}  // namespace lapwing::scscf
