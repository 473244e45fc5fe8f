// The calls that `labue load` makes: who calls whom, how many at a time, how fast.
#include "lab/labue/load.h"
#include "tests/unit/labue/call_network.h"

namespace lapwing::labue {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class LoadCalls : public CallNetwork {
 protected:
  // Runs the plan to its end; the relay takes REGISTER for the registrar.
  void run(LoadPlan plan, const std::function<void(HandsetOptions&)>& change = {}) {
    make_phones([&](HandsetOptions& options) {
      options.answering.ring = Duration::zero();
      if (change) change(options);
    });
    keep_back_ = [this](const std::string& what) {
      if (what.ends_with(" REGISTER")) register_again(phone(what.front() - '0'));
      return what.ends_with(" REGISTER");
    };
    load_ = std::make_unique<Load>(worker_, std::vector{phone(1).handset.get(), phone(2).handset.get()}, plan,
                                   [this](const PhaseResult& result) { told_.push_back(result.name); });
    worker_.spawn(load_->run());
    settle();
  }
  void register_again(Phone& phone) {
    sip::Message request = message(phone.name + " REGISTER");
    sip::Writer writer = sip::response_to(request, 200, "OK", "net1");
    writer.add(sip::HeaderId::contact, "<sip:x>;expires=3600");
    writer.add(sip::HeaderId::p_associated_uri, absl::StrFormat("<tel:%s>", phone.number()));
    deliver(phone, std::move(writer).finish());
  }
  const PhaseResult& result(std::string_view phase) {
    for (const PhaseResult& one : load_->results()) {
      if (one.name == phase) return one;
    }
    ADD_FAILURE() << "no phase " << phase << " has ended";
    std::abort();
  }

  std::unique_ptr<Load> load_;
  std::vector<std::string> told_;
};

TEST_F(LoadCalls, when_calls_are_asked_for_then_the_first_calls_the_second_and_hangs_up) {
  run({.window = 10, .calls = 3});
  pass(seconds(1));
  EXPECT_EQ(told_, (std::vector<std::string>{"register", "call"}));
  EXPECT_EQ(result("call").attempts, 3u);
  EXPECT_EQ(result("call").successes, 3u);
  EXPECT_TRUE(load_->all_succeeded());
  EXPECT_EQ(count("1 INVITE"), 3u);
  EXPECT_EQ(count("1 ACK"), 3u);
  EXPECT_EQ(count("1 BYE"), 3u);
  EXPECT_EQ(count("2 INVITE"), 0u);
  EXPECT_FALSE(phone(1).calls().busy());
  EXPECT_FALSE(phone(2).calls().busy());
}

TEST_F(LoadCalls, when_a_call_is_refused_then_it_counts_under_its_code_and_the_others_go_on) {
  run({.calls = 2}, [](HandsetOptions& options) { options.answering.mode = Answering::Mode::busy; });
  pass(seconds(1));
  EXPECT_EQ(result("call").attempts, 2u);
  EXPECT_EQ(result("call").successes, 0u);
  EXPECT_EQ(result("call").failures.at("486"), 2u);
  EXPECT_EQ(count("1 BYE"), 0u);
  EXPECT_FALSE(load_->all_succeeded());
}

TEST_F(LoadCalls, when_a_rate_is_given_then_calls_begin_at_that_rate) {
  run({.calls = 4, .call_rate = 2});
  pass(milliseconds(900));
  EXPECT_EQ(count("1 INVITE"), 2u);
  pass(milliseconds(700));
  EXPECT_EQ(count("1 INVITE"), 4u);
  EXPECT_EQ(result("call").successes, 4u);
}

TEST_F(LoadCalls, when_no_pair_is_free_then_the_next_call_waits_for_one) {
  run({.calls = 2, .call_rate = 100}, [](HandsetOptions& options) { options.answering.ring = seconds(3); });
  pass(seconds(2));
  EXPECT_EQ(count("1 INVITE"), 1u);
  pass(seconds(5));
  EXPECT_EQ(count("1 INVITE"), 2u);
  EXPECT_EQ(result("call").successes, 2u);
}

}  // namespace
}  // namespace lapwing::labue
