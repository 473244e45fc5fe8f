// Wireshark's file esp_sa (its preferences: Protocols, ESP, "ESP SAs"): a line for each security association, with its
// keys.
//
//   "IPv4","10.47.1.1","10.46.0.1","0x0021c54e","AES-CBC [RFC3602]","0x...","HMAC-SHA-1-96 [RFC2404]","0x..."
//
// The columns: protocol, source, destination, SPI, encryption and its key, authentication and its key. Wireshark takes
// the first line whose addresses and SPI fit a packet.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lapwing/v1/control.pb.h"

namespace lapwing::cli {

// Without a line end. nullopt: Wireshark cannot decipher these algorithms (aes-gmac, as of 4.0).
std::optional<std::string> esp_sa_line(const v1::EspSa& sa);

// The file with these lines in it: they come first, and take the place of lines for the same addresses and SPI. What
// else stands in it stays. Errors: InvalidArgument, with the line's number: `before` is another kind of file.
absl::StatusOr<std::string> with_esp_sas(std::string_view before, const std::vector<std::string>& lines);

// A file that nobody but its owner may read.
//
// What is in it; empty when there is none. Errors: FailedPrecondition, with the reason: it cannot be read, is no file,
// or belongs to somebody else, who would read what we write.
absl::StatusOr<std::string> read_private(const std::string& path);
// Replaces it by a new file with mode 0600, whatever mode it had: who has the old one open does not see the new one.
// Errors: FailedPrecondition, with the reason; then the old one is there as it was.
absl::Status write_private(const std::string& path, std::string_view content);

}  // namespace lapwing::cli
