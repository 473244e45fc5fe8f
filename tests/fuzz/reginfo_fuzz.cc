// Any bytes as a reg event body: what is read can be written, and what is written reads back the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "common/reginfo/reginfo.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace reginfo = lapwing::reginfo;
  const auto first = reginfo::parse(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!first.ok()) {
    if (first.status().message().empty()) std::abort();
    return 0;
  }
  // The limits of the writer's output are wider: escapes may make it longer than what was read.
  const reginfo::Limits wide{.bytes = 8 * 1024 * 1024};
  const auto second = reginfo::parse(reginfo::write(*first), wide);
  if (!second.ok() || second->registrations.size() != first->registrations.size()) std::abort();
  // The first writing leaves out what is an attribute already; from then on nothing changes.
  const auto third = reginfo::parse(reginfo::write(*second), wide);
  if (!third.ok() || !(*third == *second)) std::abort();
  return 0;
}
