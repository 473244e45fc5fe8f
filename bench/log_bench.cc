// What a line of the log costs the thread that writes it: one below the level, one that the limit leaves out, one that
// is written, in each format, with what the log's own thread does for it. Run it with 2> /dev/null.
#include <benchmark/benchmark.h>

#include "common/runtime/log.h"
#include "lapwing/v1/config.pb.h"

namespace lapwing {
namespace {

v1::Log config(const char* format, uint32_t lines_per_second) {
  v1::Log out;
  out.set_level("info");
  out.set_format(format);
  out.set_lines_per_second(lines_per_second);
  return out;
}

void write_one(const std::string& impi) {
  LW_LOG(info, "%s is registered for %d s", impi, 3600);
}

const std::string impi = "001010000000001@ims.mnc001.mcc001.3gppnetwork.org";

void below_the_level(benchmark::State& state) {
  log::configure(config("text", 0));
  for (auto _ : state) LW_LOG(debug, "%s is registered for %d s", impi, 3600);
}
BENCHMARK(below_the_level);

void left_out(benchmark::State& state) {
  if (state.thread_index() == 0) (void)log::start("bench", config("text", 1));
  for (auto _ : state) write_one(impi);
  if (state.thread_index() == 0) log::stop();
}
BENCHMARK(left_out)->Threads(1)->Threads(2);

// As many as the queue takes, until the log's thread has written all.
void written(benchmark::State& state) {
  constexpr int lines = 8000;
  for (auto _ : state) {
    (void)log::start("bench", config(state.range(0) == 0 ? "text" : "json", 0));
    for (int i = 0; i < lines; ++i) {
      log::write(log::Level::info, {.text = "registered for 3600 s", .kind = "register.accepted", .impi = impi});
    }
    log::stop();
  }
  state.SetItemsProcessed(state.iterations() * lines);
  state.SetLabel(state.range(0) == 0 ? "text" : "json");
}
BENCHMARK(written)->Arg(0)->Arg(1)->UseRealTime();

}  // namespace
}  // namespace lapwing
