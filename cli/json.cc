#include "cli/json.h"

#include <google/protobuf/util/json_util.h>
#include <google/protobuf/wrappers.pb.h>

#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace lapwing::cli {
namespace {

std::string_view code_name(grpc::StatusCode code) {
  static constexpr std::array<std::string_view, 17> names = {
      "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
      "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
      "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
      "DATA_LOSS", "UNAUTHENTICATED"};
  const auto number = static_cast<size_t>(code);
  return number < names.size() ? names[number] : "UNKNOWN";
}

std::string quoted(const std::string& text) {
  google::protobuf::StringValue value;
  value.set_value(text);
  return json_text(value, false);
}

// A nested document, six columns to the right. JSON has no line break inside a string.
std::string moved_right(std::string json) {
  while (!json.empty() && json.back() == '\n') json.pop_back();
  return absl::StrReplaceAll(json, {{"\n", "\n      "}});
}

}  // namespace

std::string json_text(const google::protobuf::Message& message, bool indented) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = indented;
  options.always_print_primitive_fields = true;
  std::string out;
  if (!google::protobuf::util::MessageToJsonString(message, &out, options).ok()) return "{}";
  return out;
}

void JsonReplies::add(const Daemon& daemon, const grpc::Status& status, const google::protobuf::Message* reply,
                      std::chrono::milliseconds timeout) {
  absl::StrAppend(&entries_, entries_.empty() ? "" : ",",
                  "\n    {\n      \"daemon\": ", quoted(std::string(program(daemon.role()))),
                  ",\n      \"address\": ", quoted(daemon.address()), ",\n");
  if (status.ok() && reply != nullptr) {
    absl::StrAppend(&entries_, "      \"reply\": ", moved_right(json_text(*reply, true)), "\n    }");
    return;
  }
  absl::StrAppend(&entries_, "      \"error\": {\"code\": ", quoted(std::string(code_name(status.error_code()))),
                  ", \"text\": ", quoted(failure_text(daemon, status, timeout)), "}\n    }");
}

std::string JsonReplies::text() const {
  return absl::StrCat("{\n  \"replies\": [", entries_, entries_.empty() ? "" : "\n  ", "]\n}\n");
}

}  // namespace lapwing::cli
