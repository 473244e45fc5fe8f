// Calls as programs get them: in the operator's list, and as the record of each that has ended.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "lapwing/v1/control.pb.h"
#include "scscf/calls.h"

namespace lapwing::scscf {

// Takes the call's lock.
v1::Call to_message(Call& call);
v1::CallRecord to_record(Call& call);

// A file with one line of JSON (v1::CallRecord) for each call that has ended. Written by a thread of its own; a worker
// waits only when thousands of records are queued. A full disk loses records, and is told in the log.
class CallRecords {
 public:
  // megabytes: at this size calls.jsonl becomes calls.1.jsonl, and so on; files: how many older ones are kept. Error:
  // it cannot be written.
  static absl::StatusOr<CallRecords> open(const std::string& file, size_t megabytes, size_t files);
  CallRecords(CallRecords&& other) noexcept;
  CallRecords& operator=(CallRecords&&) = delete;
  ~CallRecords();  // writes what is queued
  void write(Call& call);

 private:
  struct Parts;
  explicit CallRecords(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace lapwing::scscf
