// imsctl trace and imsctl capture: the daemons' messages as a ladder, as a picture, as a file for Wireshark.
#include <google/protobuf/util/json_util.h>

#include <fstream>
#include <functional>
#include <mutex>
#include <optional>
#include <sstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "cli/hep.h"
#include "cli/json.h"
#include "cli/ladder.h"
#include "cli/pcapng.h"
#include "cli/session.h"
#include "cli/trace.h"
#include "common/runtime/values.h"

namespace lapwing::cli {
namespace {

bool write_file(const std::string& path, const std::string& content, std::ostream& err) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << content;
  file.close();
  if (file) return true;
  err << "imsctl: " << path << ": cannot be written\n";
  return false;
}

}  // namespace

std::vector<grpc::Status> read_traces(const std::vector<const Daemon*>& daemons, const v1::TraceRequest& request,
                                      std::chrono::milliseconds timeout,
                                      const std::function<void(v1::TraceMessage)>& take) {
  std::vector<grpc::Status> ended(daemons.size());
  std::vector<std::thread> streams;
  for (size_t i = 0; i < daemons.size(); ++i) {
    streams.emplace_back([&, i] {
      grpc::ClientContext context;
      if (!request.follow()) context.set_deadline(std::chrono::system_clock::now() + timeout);
      const auto stream = daemons[i]->control().Trace(&context, request);
      v1::TraceMessage message;
      while (stream->Read(&message)) take(std::move(message));
      ended[i] = stream->Finish();
    });
  }
  for (std::thread& stream : streams) stream.join();
  return ended;
}

std::vector<const Daemon*> Session::recording() const {
  std::vector<const Daemon*> out;
  for (const Daemon& daemon : daemons_) {
    if (daemon.role() != Role::labhss) out.push_back(&daemon);
  }
  return out;
}

// False: nothing answered; `code` says how it ends.
bool Session::collect(std::vector<v1::TraceMessage>& messages, int& code) {
  if (!arguments_.from.empty()) {
    auto content = content_of(arguments_.from);
    if (!content) return code = usage, false;
    std::istringstream lines(*content);
    size_t number = 0;
    for (std::string line; std::getline(lines, line);) {
      ++number;
      if (line.empty()) continue;
      if (google::protobuf::util::JsonStringToMessage(line, &messages.emplace_back()).ok()) continue;
      err_ << "imsctl: " << arguments_.from << ":" << number << ": is no message of `imsctl trace --save`\n";
      return code = usage, false;
    }
    return true;
  }
  if (code = known({Role::pcscf, Role::scscf}); code != ok) return false;
  v1::TraceRequest request;
  request.set_identity(arguments_.identity);
  const auto daemons = recording();
  std::mutex taking;
  const auto ended = read_traces(daemons, request, arguments_.timeout, [&](v1::TraceMessage message) {
    std::lock_guard lock(taking);
    messages.push_back(std::move(message));
  });
  return judge(daemons, ended, code);
}

bool Session::judge(const std::vector<const Daemon*>& daemons, const std::vector<grpc::Status>& ended, int& code) {
  bool any = false;
  for (size_t i = 0; i < ended.size(); ++i) {
    any = any || ended[i].ok();
    if (!ended[i].ok()) err_ << "imsctl: " << failure_text(*daemons[i], ended[i], arguments_.timeout) << "\n";
  }
  code = any ? ok : not_reachable;
  return any;
}

int Session::trace() {
  if (arguments_.follow) return follow_trace();
  std::vector<v1::TraceMessage> messages;
  int code = ok;
  if (!collect(messages, code)) return code;
  if (!arguments_.save.empty()) {
    std::string lines;
    for (const v1::TraceMessage& one : messages) absl::StrAppend(&lines, json_text(one, false), "\n");
    if (!write_file(arguments_.save, lines, err_)) return usage;
  }
  const bool none = messages.empty();
  if (arguments_.json) {
    for (const v1::TraceMessage& one : messages) out_ << json_text(one, false) << "\n";
    return none ? not_found : ok;
  }
  const Ladder ladder = ladder_of(std::move(messages));
  const std::string title =
      absl::StrCat("Trace of ", arguments_.identity.empty() ? "all messages" : arguments_.identity);
  if (!arguments_.svg.empty() && !write_file(arguments_.svg, ladder_svg(ladder), err_)) return usage;
  if (!arguments_.html.empty() && !write_file(arguments_.html, ladder_html(ladder, title), err_)) return usage;
  if (none) {
    out_ << "No message of it is kept. The daemons keep the last "
         << "trace.megabytes of messages; a restart forgets them.\n";
    return not_found;
  }
  out_ << ladder_text(ladder, {.width = around_.width, .colour = around_.width > 0, .full = arguments_.full});
  return ok;
}

// Arrows as they come. Both ends of a message come within moments of each other: it waits for its twin.
int Session::follow_trace() {
  if (int code = known({Role::pcscf, Role::scscf}); code != ok) return code;
  v1::TraceRequest request;
  request.set_identity(arguments_.identity);
  request.set_follow(true);
  std::mutex taking;
  std::vector<v1::TraceMessage> waiting, all;
  bool over = false;
  std::string heading;
  auto print = [&] {
    std::vector<v1::TraceMessage> batch;
    {
      std::lock_guard lock(taking);
      batch.swap(waiting);
    }
    if (batch.empty()) return;
    if (arguments_.json) {
      for (const v1::TraceMessage& one : batch) out_ << json_text(one, false) << "\n";
      out_ << std::flush;
      return;
    }
    const Ladder ladder = ladder_of(std::move(batch));
    std::string text =
        ladder_text(ladder, {.width = around_.width, .colour = around_.width > 0, .full = arguments_.full});
    const std::string head = text.substr(0, text.find('\n') + 1);
    out_ << (head == heading ? text.substr(head.size()) : text) << std::flush;
    heading = head;
  };
  std::thread printer([&] {
    while (true) {
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
      print();
      std::lock_guard lock(taking);
      if (over && waiting.empty()) return;
    }
  });
  const auto daemons = recording();
  const auto ended = read_traces(daemons, request, arguments_.timeout, [&](v1::TraceMessage message) {
    std::lock_guard lock(taking);
    waiting.push_back(std::move(message));
  });
  {
    std::lock_guard lock(taking);
    over = true;
  }
  printer.join();
  int code = ok;
  judge(daemons, ended, code);
  return not_reachable;
}

// Where captured messages go: a file, a collector, or both.
class Session::CaptureSink {
 public:
  // False, and a sentence is printed: it cannot be opened.
  bool open(const Arguments& arguments, std::ostream& err) {
    if (!arguments.hep.empty()) {
      auto collector = endpoint_from(arguments.hep);
      if (!collector.ok()) {
        err << "imsctl: --hep \"" << arguments.hep << "\": " << collector.status().message() << "\n";
        return false;
      }
      auto sender = HepSender::to(*collector, arguments.hep_id);
      if (!sender.ok()) {
        err << "imsctl: --hep " << sender.status().message() << "\n";
        return false;
      }
      hep_.emplace(*std::move(sender));
    }
    if (arguments.output.empty()) return true;
    file_.open(arguments.output, std::ios::binary | std::ios::trunc);
    file_ << pcapng_head("imsctl " LAPWING_VERSION) << std::flush;
    if (file_) return true;
    err << "imsctl: " << arguments.output << ": cannot be written\n";
    return false;
  }
  void take(const v1::TraceMessage& message) {
    if (file_.is_open()) file_ << pcapng_block(message);
    ++taken_;
    if (hep_ && hep_->send(message)) ++sent_;
  }
  void flush() { file_.flush(); }
  bool close() {
    if (file_.is_open()) file_.close();
    return static_cast<bool>(file_);
  }
  size_t taken() const { return taken_; }
  size_t sent() const { return sent_; }

 private:
  std::ofstream file_;
  std::optional<HepSender> hep_;
  size_t taken_ = 0, sent_ = 0;
};

int Session::capture() {
  if (arguments_.output.empty() && arguments_.hep.empty()) {
    err_ << "imsctl: capture needs --output FILE or --hep ADDRESS\n";
    return usage;
  }
  CaptureSink sink;
  if (!sink.open(arguments_, err_)) return usage;
  int code = ok;
  if (arguments_.follow) {
    if (code = known({Role::pcscf, Role::scscf}); code != ok) return code;
    v1::TraceRequest request;
    request.set_identity(arguments_.identity);
    request.set_follow(true);
    std::mutex taking;
    const auto daemons = recording();
    const auto ended = read_traces(daemons, request, arguments_.timeout, [&](const v1::TraceMessage& message) {
      std::lock_guard lock(taking);
      sink.take(message);
      sink.flush();
    });
    judge(daemons, ended, code);
    return not_reachable;
  }
  std::vector<v1::TraceMessage> messages;
  if (!collect(messages, code)) return code;
  for (const v1::TraceMessage& message : without_doubles(std::move(messages))) sink.take(message);
  if (!sink.close()) {
    err_ << "imsctl: " << arguments_.output << ": cannot be written\n";
    return usage;
  }
  if (!arguments_.output.empty()) {
    out_ << sink.taken() << " messages are in " << arguments_.output << "; open it with Wireshark or tshark -r\n";
  }
  if (!arguments_.hep.empty()) out_ << sink.sent() << " SIP messages were sent to " << arguments_.hep << "\n";
  return sink.taken() > 0 ? ok : not_found;
}

}  // namespace lapwing::cli
