// A worker: one thread, one io_context, one set of timers. Everything that belongs to a worker is touched by its
// thread alone; other threads post to it.
//
// Procedures are coroutines of type Task<T> that run on one worker from start to end:
//
//   Task<void> procedure(Worker& worker) { co_await worker.sleep(std::chrono::seconds(1)); }
//   worker.spawn(procedure(worker));
#pragma once

#include <asio/awaitable.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "common/runtime/clock.h"
#include "common/runtime/timers.h"

namespace lapwing {

template <typename T>
using Task = asio::awaitable<T, asio::io_context::executor_type>;

class Worker {
 public:
  // index: 0-based, unique in its pool; it is written into branches (see common/sip/transaction_layer.h).
  Worker(uint32_t index, const Clock& clock);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  uint32_t index() const { return index_; }
  asio::io_context& context() { return context_; }
  Timers& timers() { return timers_; }
  const Clock& clock() const { return timers_.clock(); }

  // Runs the function on this worker's thread; callable from any thread.
  template <typename F>
  void post(F&& function) {
    asio::post(context_, std::forward<F>(function));
  }
  bool on_this_thread() { return context_.get_executor().running_in_this_thread(); }
  // Starts a procedure on this worker; call on its thread. An exception that escapes it stops the program: procedures
  // answer what comes from outside, so an escape is a broken invariant.
  void spawn(Task<void> task);
  Task<void> sleep(Duration delay);

  // Production: run until stop(). Timers are driven by the real clock.
  void run();
  void stop();  // any thread
  // Tests: run what is ready now, without waiting.
  void run_ready();

 private:
  void arm();

  const uint32_t index_;
  Timers timers_;  // outlives the context: procedures that go with the context may still cancel timers
  asio::io_context context_;
  asio::steady_timer alarm_;
  std::optional<TimePoint> armed_;
};

// N workers and their threads.
class WorkerPool {
 public:
  WorkerPool(uint32_t count, const Clock& clock);
  ~WorkerPool();
  uint32_t size() const { return static_cast<uint32_t>(workers_.size()); }
  Worker& at(uint32_t index) { return *workers_[index]; }
  void start();
  void stop();  // returns when every thread has ended

 private:
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::thread> threads_;
};

}  // namespace lapwing
