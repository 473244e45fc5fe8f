// Configuration files: YAML into the messages of proto/lapwing/v1/config.proto, checked against the rules that stand
// there beside each field. All errors are found in one go, each with its line:
//
//   v1::PcscfConfig config;
//   config::Locations where;
//   if (absl::Status read = config::load_yaml("pcscf.yaml", config, &where); !read.ok()) std::cerr << read.message() <<
//   "\n";
//
//   pcscf.yaml:4: gm.lisen: is not a key here: did you mean "listen"?
//   pcscf.yaml:9: ipsec.await_auth: "4" is not right: write a whole number with a unit, as 500ms, 2s, 4m, 1h or 1d
//
// What the rules cannot say (spi_min below spi_max) the caller checks and reports with where.error(). After an OK every
// field has a value: absent ones have their default, also those of absent sub-messages, unless these have no defaults.
//
// Errors: NotFound or PermissionDenied (the file), InvalidArgument (what is in it; at most 100 lines of errors).
#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "common/runtime/values.h"

namespace lapwing::config {

inline constexpr size_t file_limit = size_t{1} << 20;
inline constexpr size_t subscriber_file_limit = size_t{64} << 20;

// Where in the file a key stands.
class Locations {
 public:
  // path: "gm.listen[0]". An absent key's line is that of the nearest key around it.
  int line(std::string_view path) const;
  // InvalidArgument, "FILE:LINE: PATH: TEXT".
  absl::Status error(std::string_view path, std::string_view text) const;

  void start(std::string_view file);
  void add(std::string path, int line) { lines_.insert_or_assign(std::move(path), line); }

 private:
  std::string file_;
  absl::flat_hash_map<std::string, int> lines_;
};

// out is cleared first. where may be null: a file of 100,000 subscribers needs no map of its lines.
absl::Status load_yaml(const std::string& path, google::protobuf::Message& out, Locations* where = nullptr,
                       size_t limit = file_limit);
// The same from text; name stands for the file in errors.
absl::Status read_yaml(std::string_view text, std::string_view name, google::protobuf::Message& out,
                       Locations* where = nullptr);

// Durations whose form the loader has checked: a bad one stops the program.
Duration duration(std::string_view checked);

}  // namespace lapwing::config
