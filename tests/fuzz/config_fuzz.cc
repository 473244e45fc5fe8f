// Any text as a configuration file: the loader answers with a message or with errors, and what it accepts keeps the
// rules.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "common/runtime/config.h"
#include "lapwing/v1/config.pb.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  lapwing::config::Locations where;
  lapwing::v1::PcscfConfig pcscf;
  if (lapwing::config::read_yaml(text, "fuzz", pcscf, &where).ok()) {
    if (pcscf.name().empty() || pcscf.workers() > 64 || pcscf.gm().listen().empty()) std::abort();
    for (const std::string& listen : pcscf.gm().listen()) {
      if (!lapwing::endpoint_from(listen).ok()) std::abort();
    }
    lapwing::config::duration(pcscf.ipsec().grace());
  }
  lapwing::v1::LabHssConfig hss;
  if (lapwing::config::read_yaml(text, "fuzz", hss).ok() && hss.plmn().size() < 6) std::abort();
  return 0;
}
