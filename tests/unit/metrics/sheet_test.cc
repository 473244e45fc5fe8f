#include "common/metrics/sheet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace lapwing::metrics {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using Format = Sheet::Format;
using Type = Sheet::Type;

TEST(SheetTest, when_a_client_asks_for_open_metrics_then_it_gets_them_and_else_text) {
  EXPECT_EQ(Sheet::format_for(""), Format::text);
  EXPECT_EQ(Sheet::format_for("*/*"), Format::text);
  EXPECT_EQ(Sheet::format_for("text/plain;version=0.0.4"), Format::text);
  // As Prometheus 2.42 sends it.
  EXPECT_EQ(Sheet::format_for("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
                              "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"),
            Format::open_metrics);
  EXPECT_EQ(Sheet::format_for("text/plain;q=0.9, application/openmetrics-text; q=0.5"), Format::text);
  EXPECT_EQ(Sheet::format_for("application/openmetrics-text;q=0"), Format::text);
  EXPECT_EQ(Sheet::format_for("application/openmetrics-text;q=x"), Format::text);
  EXPECT_EQ(Sheet::format_for(std::string(20'000, ',')), Format::text);
}

TEST(SheetTest, when_written_as_text_then_families_have_the_names_of_their_samples) {
  Sheet sheet(Format::text);
  sheet.family("lapwing_calls", Type::gauge, "Calls that are on.");
  sheet.value(3);
  sheet.family("lapwing_diagnoses", Type::counter, "By code.\nTwo lines \\ \"quoted\".");
  sheet.value(2, {{"code", "a\"b\\c\nd"}});
  sheet.family("lapwing", Type::info, "What runs here.");
  sheet.value(1, {{"program", "pcscf"}, {"version", "0.1.0"}});
  EXPECT_EQ(std::move(sheet).finish(),
            "# HELP lapwing_calls Calls that are on.\n"
            "# TYPE lapwing_calls gauge\n"
            "lapwing_calls 3\n"
            "# HELP lapwing_diagnoses_total By code.\\nTwo lines \\\\ \"quoted\".\n"
            "# TYPE lapwing_diagnoses_total counter\n"
            "lapwing_diagnoses_total{code=\"a\\\"b\\\\c\\nd\"} 2\n"
            "# HELP lapwing_info What runs here.\n"
            "# TYPE lapwing_info gauge\n"
            "lapwing_info{program=\"pcscf\",version=\"0.1.0\"} 1\n");
}

TEST(SheetTest, when_written_as_open_metrics_then_it_ends_with_eof_and_units_are_told) {
  Sheet sheet(Format::open_metrics);
  sheet.family("process_cpu_seconds", Type::counter, "CPU time.");
  sheet.value(1.25);
  sheet.family("lapwing", Type::info, "What runs here.");
  sheet.value(1, {{"program", "pcscf"}});
  EXPECT_EQ(std::move(sheet).finish(),
            "# HELP process_cpu_seconds CPU time.\n"
            "# TYPE process_cpu_seconds counter\n"
            "# UNIT process_cpu_seconds seconds\n"
            "process_cpu_seconds_total 1.25\n"
            "# HELP lapwing What runs here.\n"
            "# TYPE lapwing info\n"
            "lapwing_info{program=\"pcscf\"} 1\n"
            "# EOF\n");
}

TEST(SheetTest, when_a_distribution_is_written_then_buckets_add_up) {
  Distribution took(seconds_bounds);
  took.observe(1ms);  // a bound belongs to its bucket
  took.observe(3ms);
  took.observe(3s);
  took.observe(10min);
  for (const Format format : {Format::text, Format::open_metrics}) {
    Sheet sheet(format);
    sheet.family("x_seconds", Type::histogram, "X.");
    sheet.distribution(took, {{"method", "REGISTER"}});
    const std::string text = std::move(sheet).finish();
    EXPECT_THAT(text, HasSubstr("x_seconds_bucket{method=\"REGISTER\",le=\"0.001\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("x_seconds_bucket{method=\"REGISTER\",le=\"0.005\"} 2\n"));
    EXPECT_THAT(text, HasSubstr(format == Format::text ? "le=\"4\"} 3\n" : "le=\"4.0\"} 3\n"));
    EXPECT_THAT(text, HasSubstr(format == Format::text ? "le=\"30\"} 3\n" : "le=\"30.0\"} 3\n"));
    EXPECT_THAT(text, HasSubstr("x_seconds_bucket{method=\"REGISTER\",le=\"+Inf\"} 4\n"));
    EXPECT_THAT(text, HasSubstr("x_seconds_sum{method=\"REGISTER\"} 603.004\n"));
    EXPECT_THAT(text, HasSubstr("x_seconds_count{method=\"REGISTER\"} 4\n"));
  }
}

TEST(SheetTest, when_the_process_is_described_then_it_uses_something) {
  Sheet sheet(Format::text);
  add_process(sheet);
  const std::string text = std::move(sheet).finish();
  EXPECT_THAT(text, testing::ContainsRegex("\nprocess_resident_memory_bytes [1-9][0-9]{5}"));
  EXPECT_THAT(text, testing::ContainsRegex("\nprocess_open_fds [1-9]"));
}

TEST(DistributionTest, when_several_threads_observe_then_nothing_is_lost) {
  HistogramSet set(call_bounds);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 1000; ++i) set.observe({t % 2 == 0 ? "even" : "odd"}, 3s);
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto read = set.read();
  ASSERT_EQ(read.size(), 2U);
  EXPECT_EQ(read.at({"even"}).count(), 2000U);
  EXPECT_EQ(read.at({"odd"}).sum(), 6000s);
}

TEST(DistributionTest, when_added_up_then_both_are_in_it) {
  Histogram one(seconds_bounds);
  one.observe(1s);
  Distribution sum(seconds_bounds);
  sum.observe(2ms);
  sum.add(one.read());
  EXPECT_EQ(sum.count(), 2U);
  EXPECT_EQ(sum.sum(), 1002ms);
}

}  // namespace
}  // namespace lapwing::metrics
