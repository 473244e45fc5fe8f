#include "common/control/metrics_endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lapwing::control {
namespace {

using namespace std::chrono_literals;
using metrics::Sheet;
using testing::HasSubstr;
using testing::Not;

class Small : public Operator {
 public:
  void gauges(v1::StatusReply& reply) override {
    reply.set_draining(true);
    add_gauge(reply, "registrations", 17);
    add_gauge(reply, "dropped_unknown_spi", 2);
    add_gauge(reply, "dropped_replayed", 1);
    add_gauge(reply, "server_transactions", 5);
  }
  void metrics(Sheet& sheet) override {
    RequestTimes times;
    times.server.observe(sip::Method::register_, 401, 7ms);
    times.client.observe(sip::Method::invite, sip::RequestTimes::no_answer, 3s);
    add_request_times(sheet, times);
  }
};

TEST(MetricsEndpointTest, when_it_is_read_then_counts_events_and_every_diagnosis_are_there) {
  ManualClock clock;
  Events events(clock);
  events.publish({.time = {},
                  .kind = "register.rejected",
                  .impi = "a@x",
                  .impu = "",
                  .text = "no",
                  .cause = Cause::wrong_response});
  events.publish({.time = {},
                  .kind = "register.rejected",
                  .impi = "b@x",
                  .impu = "",
                  .text = "no",
                  .cause = Cause::wrong_response});
  events.publish({.time = {}, .kind = "audit", .impi = "", .impu = "", .text = "user ann"});
  Small oper;
  const std::string text = metrics_text(Sheet::Format::text, {"pcscf", "pcscf.example.org"}, oper, events);
  EXPECT_THAT(text, HasSubstr("lapwing_info{program=\"pcscf\",name=\"pcscf.example.org\",version=\""));
  EXPECT_THAT(text, HasSubstr("\nlapwing_draining 1\n"));
  EXPECT_THAT(text, HasSubstr("\nlapwing_registrations 17\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE lapwing_esp_dropped_total counter\n"
                              "lapwing_esp_dropped_total{reason=\"unknown-spi\"} 2\n"
                              "lapwing_esp_dropped_total{reason=\"replayed\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("\nlapwing_events_total{kind=\"register.rejected\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("\nlapwing_events_total{kind=\"audit\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("\nlapwing_diagnoses_total{code=\"wrong-response\"} 2\n"));
  for (const Diagnosis& one : diagnosis::all()) EXPECT_THAT(text, HasSubstr(std::string(one.code)));
  EXPECT_THAT(text, HasSubstr("lapwing_sip_server_seconds_count{method=\"REGISTER\",code=\"401\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("lapwing_sip_client_seconds_count{method=\"INVITE\",code=\"none\"} 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("a@x"))) << "identities are for nobody who scrapes";
}

TEST(RequestTimesTest, when_a_peer_makes_up_codes_then_there_are_no_more_histograms) {
  sip::RequestTimes times;
  for (int code = 100; code < 700; ++code) times.observe(sip::Method::invite, code, 1ms);
  EXPECT_LT(times.all().size(), 90U);
  uint64_t all = 0;
  for (const auto& [key, distribution] : times.all()) all += distribution.count();
  EXPECT_EQ(all, 600U);
  sip::RequestTimes sum;
  sum.add(times);
  sum.add(times);
  EXPECT_EQ(sum.all().at({sip::Method::invite, 486}).count(), 2U);
}

TEST(MetricsEndpointTest, when_nothing_is_configured_then_nothing_listens) {
  ManualClock clock;
  Events events(clock);
  Small oper;
  auto server = serve_metrics({}, {"pcscf", "x"}, oper, events);
  ASSERT_TRUE(server.ok());
  EXPECT_EQ(*server, nullptr);
}

}  // namespace
}  // namespace lapwing::control
