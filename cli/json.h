// Replies for programs: one document whatever was asked,
//
//   {"replies": [{"daemon": "pcscf", "address": "unix:/run/lapwing/pcscf.sock", "reply": {...}},
//                {"daemon": "scscf", "address": "...", "error": {"code": "UNAVAILABLE", "text": "..."}}]}
//
// where `reply` is the message of control.proto in Protobuf's JSON, fields with their default value included.
#pragma once

#include <google/protobuf/message.h>

#include <chrono>
#include <string>
#include <vector>

#include "cli/daemons.h"

namespace lapwing::cli {

// One line, or indented.
std::string json_text(const google::protobuf::Message& message, bool indented);

class JsonReplies {
 public:
  // reply: nullptr where the call failed.
  void add(const Daemon& daemon, const grpc::Status& status, const google::protobuf::Message* reply,
           std::chrono::milliseconds timeout);
  std::string text() const;

 private:
  std::string entries_;
};

}  // namespace lapwing::cli
