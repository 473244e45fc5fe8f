#include "common/runtime/one_shot.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>

namespace lapwing {
namespace {

using namespace std::chrono_literals;

class OneShotTest : public testing::Test {
 protected:
  // What the procedures below write when they go on.
  struct Seen {
    std::string text;
    std::optional<OneShot<int>::Sink> sink;
  };

  static Task<void> wait(Worker& worker, Seen& seen, Duration deadline) {
    OneShot<int> answer(worker);
    seen.sink = answer.sink();
    std::optional<int> value = co_await answer.wait(deadline);
    seen.text += value ? std::to_string(*value) : "deadline";
  }

  void pass(Duration time) {
    clock_.advance(time);
    worker_->timers().run_due();
    worker_->run_ready();
  }

  ManualClock clock_;
  std::unique_ptr<Worker> worker_ = std::make_unique<Worker>(0, clock_);
  Seen seen_;
};

TEST_F(OneShotTest, when_the_value_arrives_then_the_procedure_goes_on_with_it) {
  worker_->spawn(wait(*worker_, seen_, 2s));
  worker_->run_ready();
  EXPECT_EQ(seen_.text, "");
  seen_.sink->set(7);
  worker_->run_ready();
  EXPECT_EQ(seen_.text, "7");
  EXPECT_EQ(worker_->timers().size(), 0u) << "the deadline is gone";
}

TEST_F(OneShotTest, when_the_value_is_set_on_the_worker_then_the_procedure_does_not_run_inside_the_caller) {
  worker_->spawn(wait(*worker_, seen_, 2s));
  worker_->run_ready();
  worker_->post([this] {
    seen_.sink->set(7);
    seen_.text += "set ";
  });
  worker_->run_ready();
  EXPECT_EQ(seen_.text, "set 7");
}

TEST_F(OneShotTest, when_the_deadline_passes_then_there_is_no_value) {
  worker_->spawn(wait(*worker_, seen_, 2s));
  worker_->run_ready();
  pass(1999ms);
  EXPECT_EQ(seen_.text, "");
  pass(1ms);
  EXPECT_EQ(seen_.text, "deadline");
}

TEST_F(OneShotTest, when_the_value_comes_after_the_deadline_then_it_is_dropped) {
  worker_->spawn(wait(*worker_, seen_, 2s));
  worker_->run_ready();
  pass(2s);
  seen_.sink->set(7);
  worker_->run_ready();
  EXPECT_EQ(seen_.text, "deadline");
}

TEST_F(OneShotTest, when_the_value_comes_twice_then_the_first_counts) {
  worker_->spawn(wait(*worker_, seen_, 2s));
  worker_->run_ready();
  seen_.sink->set(7);
  seen_.sink->set(8);
  worker_->run_ready();
  EXPECT_EQ(seen_.text, "7");
}

TEST_F(OneShotTest, when_the_value_and_the_deadline_come_together_then_the_procedure_goes_on_once) {
  worker_->spawn(wait(*worker_, seen_, 2s));
  worker_->run_ready();
  worker_->post([this] { seen_.sink->set(7); });
  pass(2s);  // the deadline runs first, the value is still queued
  EXPECT_EQ(seen_.text, "deadline");
}

TEST_F(OneShotTest, when_the_value_was_there_before_the_wait_then_nobody_waits) {
  Seen& seen = seen_;
  worker_->spawn([](Worker& worker, Seen& out) -> Task<void> {
    OneShot<int> answer(worker);
    answer.sink().set(7);
    std::optional<int> value = co_await answer.wait(2s);
    out.text = value ? std::to_string(*value) : "deadline";
  }(*worker_, seen));
  worker_->run_ready();
  EXPECT_EQ(seen_.text, "7");
}

TEST_F(OneShotTest, when_another_thread_sets_the_value_then_the_procedure_goes_on_with_it) {
  worker_->spawn(wait(*worker_, seen_, 2s));
  worker_->run_ready();
  std::thread([sink = *seen_.sink] { sink.set(7); }).join();
  EXPECT_EQ(seen_.text, "");
  worker_->run_ready();
  EXPECT_EQ(seen_.text, "7");
}

TEST_F(OneShotTest, when_the_sink_outlives_the_one_shot_then_setting_is_harmless) {
  std::optional<OneShot<int>::Sink> sink;
  {
    OneShot<int> answer(*worker_);
    sink = answer.sink();
  }
  sink->set(7);
  worker_->run_ready();
}

TEST_F(OneShotTest, when_sleeping_then_the_procedure_goes_on_at_the_instant) {
  Seen& seen = seen_;
  worker_->spawn([](Worker& worker, Seen& out) -> Task<void> {
    co_await worker.sleep(1s);
    out.text += "1";
    co_await worker.sleep(2s);
    out.text += "3";
  }(*worker_, seen));
  worker_->run_ready();
  pass(1s);
  EXPECT_EQ(seen_.text, "1");
  pass(1s);
  EXPECT_EQ(seen_.text, "1");
  pass(1s);
  EXPECT_EQ(seen_.text, "13");
}

struct Canceller {
  Worker& worker;
  Timers::Id id;
  bool& gone;
  ~Canceller() {
    worker.timers().cancel(id);
    gone = true;
  }
};

Task<void> wait_with_a_timer_to_cancel(Worker& worker, std::optional<OneShot<int>::Sink>& sink, bool& gone) {
  Canceller canceller{worker, worker.timers().after(1h, [] {}), gone};
  OneShot<int> answer(worker);
  sink = answer.sink();
  std::optional<int> value = co_await answer.wait(2s);
  ADD_FAILURE() << "went on with " << value.value_or(-1);
}

TEST_F(OneShotTest, when_the_worker_goes_then_a_waiting_procedure_goes_with_it) {
  bool gone = false;
  worker_->spawn(wait_with_a_timer_to_cancel(*worker_, seen_.sink, gone));
  worker_->run_ready();
  seen_.sink.reset();
  worker_.reset();
  EXPECT_TRUE(gone);
}

TEST_F(OneShotTest, when_the_worker_goes_then_a_procedure_about_to_go_on_goes_with_it) {
  bool gone = false;
  worker_->spawn(wait_with_a_timer_to_cancel(*worker_, seen_.sink, gone));
  worker_->run_ready();
  worker_->post([this] {
    seen_.sink->set(7);  // posts the procedure, which never gets its turn
    worker_->stop();
  });
  worker_->run_ready();
  seen_.sink.reset();
  worker_.reset();
  EXPECT_TRUE(gone);
}

}  // namespace
}  // namespace lapwing
