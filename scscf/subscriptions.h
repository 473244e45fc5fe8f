// Subscriptions to the reg event package at the S-CSCF (RFC 6665, RFC 3680): their dialogs, found by dialog and by the
// identities they watch. A subscription belongs to the worker that accepted it; only its thread sends NOTIFYs.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "common/reginfo/reginfo.h"
#include "common/runtime/text.h"
#include "common/runtime/timers.h"
#include "common/sip/transport.h"

namespace lapwing::scscf {

struct Subscription {
  // Fixed at creation. There is one for each handset at least: 240 bytes and a shared_ptr's 16 fill a size class.
  uint32_t worker = 0;
  uint32_t device = 0;          // hash of the watcher's first Contact: tells its devices apart
  Text call_id, local, remote;  // local, remote: our and the watcher's From/To values with tags
  Text local_tag, remote_tag;
  Text watcher;  // the URI that was asserted, for the operator; of the core's CommonTexts
  Text watched;  // canonical identity
  Text contact;  // ours; of the core's CommonTexts
  // Touched on the owning worker only.
  Text target;     // the watcher's Contact
  Texts route;     // Record-Route of the SUBSCRIBE, in order
  sip::Flow flow;  // the way it came, for watchers without a route
  TimePoint expires;
  uint32_t cseq = 0, remote_cseq = 0, version = 0;
  bool sending = false, over = false;
  std::vector<reginfo::RegInfo> waiting;
  Timers::Id expiry = 0;
};

class Subscriptions {
 public:
  // limits: of all, and of one watched identity.
  explicit Subscriptions(size_t limit = 1'000'000, size_t per_identity = 16)
      : limit_(limit), per_identity_(per_identity) {}

  // False: a limit is reached. replaced: an earlier one of the same watcher's device, which that has lost (it has
  // started again): it counts no longer, and is the caller's to end.
  bool add(std::shared_ptr<Subscription> subscription, std::shared_ptr<Subscription>& replaced);
  void remove(const Subscription& subscription);
  std::shared_ptr<Subscription> find(const std::string& call_id, const std::string& local_tag,
                                     const std::string& remote_tag);
  std::vector<std::shared_ptr<Subscription>> watching(const std::string& canonical);
  std::vector<std::shared_ptr<Subscription>> all();
  size_t size();

 private:
  using Dialog = std::tuple<std::string_view, std::string_view, std::string_view>;
  using Shared = std::shared_ptr<Subscription>;
  static Dialog dialog_of(const Dialog& dialog) { return dialog; }
  static Dialog dialog_of(const Shared& s) { return {s->call_id.view(), s->local_tag.view(), s->remote_tag.view()}; }
  struct DialogHash {
    using is_transparent = void;
    size_t operator()(const auto& one) const { return absl::Hash<Dialog>{}(dialog_of(one)); }
  };
  struct DialogEqual {
    using is_transparent = void;
    bool operator()(const auto& left, const auto& right) const { return dialog_of(left) == dialog_of(right); }
  };
  void take_out(const Subscription& subscription);
  const size_t limit_, per_identity_;
  std::mutex mutex_;
  absl::flat_hash_set<Shared, DialogHash, DialogEqual> by_dialog_;
  TextMap<absl::InlinedVector<Shared, 1>> by_identity_;
};

}  // namespace lapwing::scscf
