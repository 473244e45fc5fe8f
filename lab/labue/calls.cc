#include "lab/labue/calls.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_format.h"
#include "common/sip/headers.h"
#include "common/sip/validate.h"

namespace lapwing::labue {
namespace {

using sip::HeaderId;

constexpr std::array<std::string_view, 4> known_options{"100rel", "precondition", "timer", "sec-agree"};

Outcome no_call() {
  return {false, 0, "there is no call"};
}

}  // namespace

std::string target_uri(std::string_view target, std::string_view domain) {
  absl::StatusOr<sip::Uri> uri = sip::Uri::parse(target);
  if (uri.ok() && uri->scheme != sip::Scheme::other) return std::string(target);
  std::string_view digits = target.starts_with('+') ? target.substr(1) : target;
  if (digits.empty() || digits.find_first_not_of("0123456789*#") != std::string_view::npos) return {};
  if (target.starts_with('+')) return absl::StrFormat("tel:%s", target);
  return absl::StrFormat("tel:%s;phone-context=%s", target, domain);
}

std::shared_ptr<Call> Calls::current() const {
  auto found = std::find_if(calls_.begin(), calls_.end(), [](const auto& call) { return !call->over(); });
  return found == calls_.end() ? nullptr : *found;
}

std::shared_ptr<Call> Calls::owner(const sip::Message& request) const {
  auto found = std::find_if(calls_.begin(), calls_.end(), [&](const auto& call) { return call->has(request); });
  return found == calls_.end() ? nullptr : *found;
}

Outcome Calls::start(std::string target) {
  if (busy()) return {false, 0, "there is a call already"};
  std::string uri = target_uri(target, line_.options.who.domain);
  if (uri.empty()) return {false, 0, "call whom? Write a sip: or tel: URI, or a number"};
  std::erase_if(calls_, [](const auto& call) { return call->over(); });
  auto call = std::make_shared<Call>(line_);
  calls_.push_back(call);
  if (absl::Status started = call->dial(std::move(uri)); !started.ok()) {
    call->drop();
    return {false, 0, std::string(started.message())};
  }
  return {true, 0, {}};
}

Task<Outcome> Calls::call(std::string target) {
  Outcome started = start(std::move(target));
  if (!started.ok) co_return started;
  std::shared_ptr<Call> call = calls_.back();
  co_return co_await call->settled();
}

Task<Outcome> Calls::hang_up() {
  std::shared_ptr<Call> call = current();
  if (!call) co_return no_call();
  co_return co_await call->hang_up();
}

Task<Outcome> Calls::hold(bool on) {
  std::shared_ptr<Call> call = current();
  if (!call) co_return no_call();
  co_return co_await call->hold(on);
}

Outcome Calls::answer() {
  std::shared_ptr<Call> call = current();
  if (!call || !call->ringing_here()) return {false, 0, "nothing rings here"};
  call->answer();
  return {true, 200, {}};
}

Outcome Calls::reject(int code) {
  std::shared_ptr<Call> call = current();
  if (!call || !call->ringing_here()) return {false, 0, "nothing rings here"};
  call->reject(code);
  return {true, code, {}};
}

void Calls::request_in(std::shared_ptr<sip::ServerTransaction> transaction) {
  const sip::Message& request = transaction->request();
  if (tag_of(request, HeaderId::to).empty()) return invite_in(std::move(transaction));
  std::shared_ptr<Call> call = owner(request);
  if (call) return call->request_in(std::move(transaction));
  line_.tell(Event("refused_request", line_.options.who.imsi).with("method", request.method_text()).with("code", 481));
  line_.respond(*transaction, 481);
}

void Calls::invite_in(std::shared_ptr<sip::ServerTransaction> transaction) {
  const sip::Message& request = transaction->request();
  Reply reply;
  int code = 0;
  if (busy()) {
    code = 486;
  } else if (std::string bad = sip::unsupported_options(request, HeaderId::require, known_options); !bad.empty()) {
    code = 420;
    reply.headers.emplace_back(HeaderId::unsupported, std::move(bad));
  }
  if (code != 0) {
    line_.tell(Event("refused_request", line_.options.who.imsi).with("method", "INVITE").with("code", code));
    return line_.respond(*transaction, code, reply);
  }
  std::erase_if(calls_, [](const auto& call) { return call->over(); });
  calls_.push_back(std::make_shared<Call>(line_));
  calls_.back()->take(std::move(transaction));
}

void Calls::ack_in(const sip::Message& ack) {
  if (std::shared_ptr<Call> call = owner(ack)) call->ack_in(ack);
}

void Calls::drop() {
  for (const std::shared_ptr<Call>& call : calls_) call->drop();
  calls_.clear();
}

}  // namespace lapwing::labue
