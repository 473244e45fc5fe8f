#include "common/runtime/worker.h"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <exception>
#include <utility>

#include "common/runtime/one_shot.h"

namespace lapwing {

Worker::Worker(uint32_t index, const Clock& clock) : index_(index), timers_(clock), context_(1), alarm_(context_) {}

Worker::~Worker() {
  timers_.clear();  // procedures that wait for a deadline go while the context, which their sockets need, is there
}

void Worker::spawn(Task<void> task) {
  asio::co_spawn(context_, std::move(task), [](std::exception_ptr escaped) {
    if (escaped) std::rethrow_exception(escaped);  // nobody catches it: the program stops, with the reason
  });
}

Task<void> Worker::sleep(Duration delay) {
  OneShot<bool> done(*this);
  co_await done.wait(delay);
}

void Worker::arm() {
  std::optional<TimePoint> next = timers_.next();
  if (!next || (armed_ && *armed_ <= *next)) return;
  armed_ = next;
  alarm_.expires_at(*next);
  alarm_.async_wait([this](const asio::error_code& error) {
    if (error) return;
    armed_.reset();
    timers_.run_due();
    arm();
  });
}

void Worker::run() {
  timers_.on_earlier([this] { arm(); });
  auto guard = asio::make_work_guard(context_);
  arm();
  context_.run();
}

void Worker::stop() {
  context_.stop();
}

void Worker::run_ready() {
  context_.restart();
  context_.poll();
}

WorkerPool::WorkerPool(uint32_t count, const Clock& clock) {
  for (uint32_t i = 0; i < count; ++i) workers_.push_back(std::make_unique<Worker>(i, clock));
}

WorkerPool::~WorkerPool() {
  stop();
}

void WorkerPool::start() {
  for (auto& worker : workers_) threads_.emplace_back([&worker] { worker->run(); });
}

void WorkerPool::stop() {
  for (auto& worker : workers_) worker->stop();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

}  // namespace lapwing
