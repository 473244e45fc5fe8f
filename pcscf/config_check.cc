#include "pcscf/config_check.h"

#include "absl/strings/str_format.h"
#include "pcscf/ipsec/sa.h"

namespace lapwing::pcscf {

absl::Status check(const v1::PcscfConfig& config, const config::Locations& where) {
  if (config.ipsec().spi_min() > config.ipsec().spi_max()) {
    return where.error("ipsec.spi_min", "is above ipsec.spi_max");
  }
  for (int i = 0; i < config.ipsec().algorithms_size(); ++i) {
    auto pair = ipsec::algorithms_from(config.ipsec().algorithms(i));
    if (!pair.ok())
      return where.error(absl::StrFormat("ipsec.algorithms[%d]", i), std::string(pair.status().message()));
  }
  if (config.gm().protected_client_ports_size() < 3) {
    return where.error("gm.protected_client_ports", "give three ports at least: they alternate on re-registration");
  }
  for (int i = 0; i < config.gm().protected_client_ports_size(); ++i) {
    if (config.gm().protected_client_ports(i) == config.gm().protected_server_port()) {
      return where.error("gm.protected_client_ports", "holds the protected server port: they must differ");
    }
  }
  return absl::OkStatus();
}

}  // namespace lapwing::pcscf
