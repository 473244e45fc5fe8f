#include "scscf/call_records.h"

#include <google/protobuf/util/json_util.h>
#include <spdlog/async.h>
#include <spdlog/sinks/rotating_file_sink.h>

#include "absl/strings/str_format.h"
#include "common/control/timestamps.h"
#include "common/runtime/log.h"
#include "common/sdp/summary.h"

namespace lapwing::scscf {
namespace {

using control::set_time;

constexpr size_t queue_length = 8192;

std::string media_of(const Call& call) {
  if (call.offer.empty()) return {};
  auto offer = sdp::parse(call.offer);
  if (!offer.ok()) return "cannot be read";
  auto answer = sdp::parse(call.answer);
  return sdp::summary(*offer, call.answer.empty() || !answer.ok() ? nullptr : &*answer);
}

std::string last_message(const Call& call) {
  std::string method(sip::method_text(call.last_method));
  return call.last_code == 0 ? method : absl::StrFormat("%d to %s", call.last_code, method);
}

}  // namespace

v1::Call to_message(Call& call) {
  v1::Call out;
  std::lock_guard lock(call.mutex);
  out.set_id(call.id);
  out.set_caller(call.caller.identity);
  out.set_callee(call.callee.identity);
  out.set_caller_impi(call.caller.impi);
  out.set_callee_impi(call.callee.impi);
  out.set_state(state_text(call.state).data());
  set_time(out.mutable_started(), call.started);
  if (call.answered != WallTime{}) set_time(out.mutable_answered(), call.answered);
  out.set_icid(call.icid);
  out.set_call_id(call.call_id);
  out.set_media(media_of(call));
  out.set_last_message(last_message(call));
  if (call.ends != WallTime{}) set_time(out.mutable_ends(), call.ends);
  return out;
}

v1::CallRecord to_record(Call& call) {
  v1::CallRecord out;
  std::lock_guard lock(call.mutex);
  set_time(out.mutable_start(), call.started);
  if (call.answered != WallTime{}) {
    set_time(out.mutable_answer(), call.answered);
    auto talked = std::chrono::duration_cast<std::chrono::milliseconds>(call.ended - call.answered);
    out.set_seconds(static_cast<double>(talked.count()) / 1000);
  }
  set_time(out.mutable_end(), call.ended);
  out.set_caller(call.caller.identity);
  out.set_callee(call.callee.identity);
  out.set_caller_impi(call.caller.impi);
  out.set_callee_impi(call.callee.impi);
  out.set_call_id(call.call_id);
  out.set_icid(call.icid);
  out.set_code(static_cast<uint32_t>(call.code));
  out.set_reason(call.reason);
  return out;
}

struct CallRecords::Parts {
  std::shared_ptr<spdlog::details::thread_pool> thread =
      std::make_shared<spdlog::details::thread_pool>(queue_length, 1);
  std::shared_ptr<spdlog::async_logger> file;
};

CallRecords::CallRecords(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
CallRecords::CallRecords(CallRecords&& other) noexcept = default;
CallRecords::~CallRecords() = default;

absl::StatusOr<CallRecords> CallRecords::open(const std::string& file, size_t megabytes, size_t files) {
  auto parts = std::make_unique<Parts>();
  try {
    auto sink = std::make_shared<spdlog::sinks::rotating_file_sink_mt>(file, megabytes * 1024 * 1024, files);
    parts->file = std::make_shared<spdlog::async_logger>("call records", std::move(sink), parts->thread,
                                                         spdlog::async_overflow_policy::block);
  } catch (const spdlog::spdlog_ex& error) {
    return absl::PermissionDeniedError(absl::StrFormat("calls.records: %s cannot be written: %s", file, error.what()));
  }
  parts->file->set_pattern("%v");
  parts->file->flush_on(spdlog::level::info);
  parts->file->set_error_handler(
      [file](const std::string& why) { LW_LOG(error, "call records are lost: %s: %s", file, why); });
  return CallRecords(std::move(parts));
}

void CallRecords::write(Call& call) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string line;
  if (google::protobuf::util::MessageToJsonString(to_record(call), &line, options).ok()) parts_->file->info(line);
}

}  // namespace lapwing::scscf
