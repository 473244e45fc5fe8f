#include "common/control/debugging.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "common/control/timestamps.h"
#include "common/diagnosis/cause.h"
#include "common/runtime/log.h"
#include "common/runtime/values.h"
#include "common/sip/message.h"

namespace lapwing::control {
namespace {

constexpr auto look_every = std::chrono::milliseconds(100);
constexpr size_t value_limit = 200;  // bytes of a header field in the line

// The start line and the header fields by which people know a message.
std::string sip_line(const std::string& bytes) {
  using enum sip::HeaderId;
  sip::ParseResult parsed = sip::Message::parse(bytes, sip::Framing::datagram);
  if (!parsed.message) {
    std::string_view first = std::string_view(bytes).substr(0, bytes.find_first_of("\r\n"));
    return absl::StrCat(log::printable(first), ", which cannot be read",
                        parsed.failure ? absl::StrCat(": ", parsed.failure->why) : "");
  }
  std::string out = log::printable(parsed.message->start_line());
  for (sip::HeaderId id : {call_id, cseq, from, to, p_asserted_identity}) {
    if (!parsed.message->has(id)) continue;
    absl::StrAppend(&out, ", ", std::string(sip::header_name(id)), ": ",
                    log::printable(sip::unfold(parsed.message->header(id)), value_limit));
  }
  return out;
}

// Empty where it is not known.
std::string text_of(const trace::Party& party) {
  return party.address.is_unspecified() ? "" : Endpoint{party.address, party.port}.text();
}

std::string time_text(WallTime at) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%S", absl::FromChrono(at), absl::LocalTimeZone());
}

void say(const std::string& identity, std::string_view what) {
  const std::string who = log::printable(identity);
  log::write(log::Level::info, {.text = what, .debugged = who});
}

}  // namespace

// Something to be written: one of the two.
struct Debugging::Told {
  WallTime at;
  size_t place;  // among those of the same moment
  const One* one;
  const trace::Record* record;
  const Event* event;
};

Debugging::Debugging(Options options, const Clock& clock, Events& events)
    : options_(std::move(options)), clock_(clock), events_(events) {}

Debugging::~Debugging() {
  stop();
}

absl::StatusOr<v1::DebugReply> Debugging::change(const v1::DebugRequest& request) {
  const std::chrono::seconds length(request.seconds());
  if (length > longest) {
    return absl::InvalidArgumentError(absl::StrFormat("a user or call is debugged for %d h at most",
                                                      std::chrono::duration_cast<std::chrono::hours>(longest).count()));
  }
  std::lock_guard lock(mutex_);
  if (!request.identity().empty() && length.count() > 0) {
    if (absl::Status begun = begin(request.identity(), length); !begun.ok()) return begun;
  } else if (!request.identity().empty()) {
    auto found = std::find_if(debugged_.begin(), debugged_.end(),
                              [&](const auto& one) { return one->identity == request.identity(); });
    if (found == debugged_.end()) {
      return absl::NotFoundError(absl::StrFormat("%s is not debugged", request.identity()));
    }
    look();
    say(request.identity(), "is no longer debugged, as the operator wants");
    debugged_.erase(found);
    changed_.notify_all();
  }
  v1::DebugReply reply;
  for (const auto& one : debugged_) {
    v1::Debugged* out = reply.add_debugged();
    out->set_identity(one->identity);
    set_time(out->mutable_until(), one->until);
  }
  return reply;
}

absl::Status Debugging::begin(const std::string& identity, std::chrono::seconds length) {
  if (!options_.recorder) {
    return absl::FailedPreconditionError("no messages are kept here: set trace.megabytes, and start the daemon again");
  }
  if (stopping_) return absl::UnavailableError("the daemon stops");
  const WallTime until = clock_.wall() + length;
  auto found =
      std::find_if(debugged_.begin(), debugged_.end(), [&](const auto& one) { return one->identity == identity; });
  const std::string what = absl::StrFormat("is debugged until %s", time_text(until));
  if (found != debugged_.end()) {
    (*found)->until = until;
    say(identity, what);
    return absl::OkStatus();
  }
  if (debugged_.size() >= identities_limit) {
    return absl::ResourceExhaustedError(
        absl::StrFormat("%d are debugged already: end one with `imsctl debug IDENTITY --off`", debugged_.size()));
  }
  if (!running_) {
    if (thread_.joinable()) thread_.join();  // it has ended, or is about to, and takes no lock any more
    last_ = options_.recorder->last();
    unseen_ = left_out_ = 0;
    subscription_ = events_.subscribe("");
    running_ = true;
    thread_ = std::thread([this] { follow(); });
  }
  auto one = std::make_unique<One>(
      One{.identity = identity, .until = until, .from = 0, .selector = trace::Selector({identity}), .names = {}});
  learn_names(*one);
  // Of dialogs and registrations that are on.
  const std::vector<trace::Record> before = options_.recorder->after(0);
  for (const trace::Record& record : before) one->selector.learn(record);
  if (!before.empty()) one->from = before.back().number;
  debugged_.push_back(std::move(one));
  say(identity, what);
  return absl::OkStatus();
}

void Debugging::learn_names(One& one) const {
  for (std::string& name : options_.names_of(one.identity)) {
    one.selector.know(name);
    one.names.insert(std::move(name));
  }
}

void Debugging::stop() {
  {
    std::lock_guard lock(mutex_);
    if (!debugged_.empty() && !stopping_) look();
    stopping_ = true;
    debugged_.clear();
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Debugging::follow() {
  std::unique_lock lock(mutex_);
  while (!debugged_.empty()) {
    changed_.wait_for(lock, look_every);
    if (!debugged_.empty()) look();
    end_those_past_their_time();
  }
  subscription_->close();
  running_ = false;
}

std::vector<Event> Debugging::new_events() {
  std::vector<Event> out;
  while (auto taken = subscription_->next(std::chrono::milliseconds(0))) {
    unseen_ += taken->lost;
    out.push_back(std::move(taken->event));
  }
  return out;
}

void Debugging::look() {
  const std::vector<Event> events = new_events();
  const std::vector<trace::Record> records = options_.recorder->after(last_);
  if (!records.empty()) {
    unseen_ += records.back().number - last_ - records.size();
    last_ = records.back().number;
  }
  std::vector<Told> all;
  for (const auto& one : debugged_) {
    bool seen = false;
    for (const Event& event : events) {
      const bool known = one->names.contains(event.impi) || one->names.contains(event.impu);
      if (!known && !same_user(one->identity, event.impi, event.impu)) continue;
      seen = true;
      all.push_back({.at = event.time, .place = all.size(), .one = one.get(), .record = nullptr, .event = &event});
    }
    if (seen) learn_names(*one);  // a handset that registers becomes known by more identities
    for (const trace::Record& record : records) one->selector.learn(record);
    for (const trace::Record& record : records) {
      if (record.number <= one->from || !one->selector.takes(record)) continue;
      all.push_back({.at = record.at, .place = all.size(), .one = one.get(), .record = &record, .event = nullptr});
    }
  }
  std::sort(all.begin(), all.end(),
            [](const Told& a, const Told& b) { return std::tie(a.at, a.place) < std::tie(b.at, b.place); });
  for (const Told& told : all) write(told);
  say_what_is_missing();
}

void Debugging::write(const Told& told) {
  if (!limit_.take(clock_.now())) {
    ++left_out_;
    return;
  }
  if (told.record) return write_message(*told.one, *told.record);
  const Event& event = *told.event;
  log::write(log::Level::debug,
             {.text = log::printable(event.text, 512),
              .kind = event.kind,
              .impi = log::printable(event.impi),
              .impu = log::printable(event.impu),
              .code = diagnosis::code_of(event.cause),
              .debugged = log::printable(told.one->identity)},
             told.at);
}

void Debugging::write_message(const One& one, const trace::Record& record) {
  const trace::Envelope& envelope = record.envelope;
  const bool cx = envelope.kind == trace::Kind::diameter;
  CxWords words;
  if (!cx) {
    words = {sip_line(record.bytes), log::ascii(record.bytes, message_limit)};
  } else if (options_.cx_in_words) {
    words = options_.cx_in_words(record.bytes);
    words = {log::printable(words.line, 1024), log::ascii(words.full, message_limit)};
  }
  const std::string local = text_of(envelope.local), remote = text_of(envelope.remote);
  const std::string_view direction = envelope.incoming ? "received" : "sent";
  const std::string_view carrier = cx ? "diameter" : trace::text_of(envelope.carrier);
  // Our port of Diameter is the system's choice.
  std::string way = cx ? remote : absl::StrCat(local, envelope.incoming ? " <- " : " -> ", remote);
  if (!way.empty()) way.insert(0, ", ");
  log::write(log::Level::debug,
             {.text = absl::StrFormat("%s by %s%s: %s", direction, carrier, way, words.line),
              .debugged = log::printable(one.identity),
              .direction = direction,
              .carrier = carrier,
              .local = local,
              .remote = remote,
              .full = words.full},
             record.at);
}

void Debugging::say_what_is_missing() {
  if (left_out_ + unseen_ == 0 || clock_.now() - said_ < std::chrono::seconds(1)) return;
  said_ = clock_.now();
  if (left_out_ > 0) {
    log::write(log::Level::warn,
               absl::StrFormat("%d lines about those who are debugged left out: more than %d a second",
                               std::exchange(left_out_, 0), lines_per_second));
  }
  if (unseen_ > 0) {
    log::write(log::Level::warn,
               absl::StrFormat("%d messages and events had gone before it was seen whether they are of those who are "
                               "debugged (trace.megabytes)",
                               std::exchange(unseen_, 0)));
  }
}

void Debugging::end_those_past_their_time() {
  const WallTime now = clock_.wall();
  std::erase_if(debugged_, [now](const std::unique_ptr<One>& one) {
    if (one->until > now) return false;
    say(one->identity, "is no longer debugged: the time is over");
    return true;
  });
}

}  // namespace lapwing::control
