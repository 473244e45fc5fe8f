// A value that arrives once, awaited by one procedure with a deadline.
//
//   OneShot<int> answer(worker);
//   start_something([sink = answer.sink()](int v) { sink.set(v); });   // from any thread
//   std::optional<int> v = co_await answer.wait(std::chrono::seconds(2));   // nullopt: the deadline passed
//
// The sink may outlive the OneShot; a value that comes twice or after the deadline is dropped. The worker must outlive
// every sink. The waiting procedure is owned by its deadline in the worker's timers, so that nothing leaks at the end.
#pragma once

#include <asio/async_result.hpp>
#include <asio/use_awaitable.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "common/runtime/worker.h"

namespace lapwing {

template <typename T>
class OneShot {
  struct State {  // touched on the worker's thread only
    explicit State(Worker& on) : worker(on) {}
    Worker& worker;
    std::optional<T> value;
    Timers::Id waiting = 0;
    bool closed = false;

    void arrive(T arrived) {
      if (closed || value) return;
      value = std::move(arrived);
      if (waiting == 0) return;
      // Resume from the event loop, never inside the caller.
      worker.post(worker.timers().take(std::exchange(waiting, 0)));
    }
  };

 public:
  class Sink {
   public:
    explicit Sink(std::shared_ptr<State> state) : state_(std::move(state)) {}
    void set(T value) const {
      Worker& worker = state_->worker;
      if (worker.on_this_thread()) {
        state_->arrive(std::move(value));
      } else {
        worker.post([state = state_, value = std::move(value)]() mutable { state->arrive(std::move(value)); });
      }
    }

   private:
    std::shared_ptr<State> state_;
  };

  explicit OneShot(Worker& worker) : state_(std::make_shared<State>(worker)) {}
  ~OneShot() { state_->closed = true; }
  OneShot(const OneShot&) = delete;
  OneShot& operator=(const OneShot&) = delete;

  Sink sink() const { return Sink(state_); }

  // Once only, on the worker's thread.
  Task<std::optional<T>> wait(Duration deadline) {
    State* state = state_.get();
    if (!state->value) {
      co_await asio::async_initiate<const asio::use_awaitable_t<asio::io_context::executor_type>, void()>(
          [state, deadline](auto handler) {
            // Both the deadline and arrive() resume through this one callback.
            state->waiting = state->worker.timers().after(deadline, [state, handler = std::move(handler)]() mutable {
              state->waiting = 0;
              std::move(handler)();
            });
          },
          asio::use_awaitable_t<asio::io_context::executor_type>());
    }
    state->closed = true;
    co_return std::move(state->value);
  }

 private:
  std::shared_ptr<State> state_;
};

}  // namespace lapwing
