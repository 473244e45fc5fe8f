// A gRPC thread asks a worker and waits for the answer, with a deadline.
//
//   absl::StatusOr<size_t> ended = control::ask_worker<size_t>(worker, std::chrono::seconds(5), [&](auto answer) {
//     worker.spawn(end_registration(impi, std::move(answer)));       // calls answer(n), now or later, on any thread
//   });
//
// Errors: DeadlineExceeded; what was started goes on. Never call it on a worker: it blocks.
#pragma once

#include <atomic>
#include <future>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "common/runtime/worker.h"

namespace lapwing::control {

template <typename T, typename F>
absl::StatusOr<T> ask_worker(Worker& worker, Duration deadline, F start) {
  struct Shared {
    std::promise<T> promise;
    std::atomic<bool> answered{false};
  };
  auto shared = std::make_shared<Shared>();
  std::future<T> future = shared->promise.get_future();
  worker.post([shared, start = std::move(start)]() mutable {
    // A second answer is dropped.
    start([shared](T value) {
      if (!shared->answered.exchange(true)) shared->promise.set_value(std::move(value));
    });
  });
  if (future.wait_for(deadline) != std::future_status::ready) {
    return absl::DeadlineExceededError("no answer in time; what was asked for may still happen");
  }
  return future.get();
}

}  // namespace lapwing::control
