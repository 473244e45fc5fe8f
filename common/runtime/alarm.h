// The one timer behind something that several workers change. Setting it anew replaces it, so that what is over leaves
// no timer behind, however long it was to last.
//
//   std::lock_guard lock(handset.mutex);
//   handset.alarm.by(worker, earliest, [...] { ... });   // rings on this worker, at that time at the latest
//   ...
//   handset.alarm.rang();    // first thing when it rings: then look what is due, and set it again for what is not
//   handset.alarm.cancel();  // nothing to wait for any more
//
// Guarded by the owner's lock. It may ring once too often: when another worker replaces it while it rings.
#pragma once

#include <utility>

#include "common/runtime/worker.h"

namespace lapwing {

class Alarm {
 public:
  // On the worker's own thread. An alarm that is set for an earlier time stays: what it finds then sets it again.
  void by(Worker& worker, TimePoint at, Timers::Callback ring) {
    if (id_ != 0 && at_ <= at) return;
    cancel();
    worker_ = &worker;
    at_ = at;
    id_ = worker.timers().after(at - worker.clock().now(), std::move(ring));
  }
  void rang() { id_ = 0; }
  void cancel() {
    if (id_ == 0) return;
    if (worker_->on_this_thread()) {
      worker_->timers().cancel(id_);
    } else {
      worker_->post([worker = worker_, id = id_] { worker->timers().cancel(id); });
    }
    id_ = 0;
  }

 private:
  Worker* worker_ = nullptr;
  Timers::Id id_ = 0;
  TimePoint at_;
};

}  // namespace lapwing
