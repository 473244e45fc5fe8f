#include "scscf/short_messages.h"

#include <algorithm>

namespace lapwing::scscf {
namespace {

constexpr Duration pauses[] = {std::chrono::seconds(30), std::chrono::minutes(2), std::chrono::minutes(10),
                               std::chrono::minutes(30), std::chrono::hours(1)};

std::string report_key(const std::string& impi, uint8_t reference) {
  return impi + ' ' + std::to_string(reference);
}

}  // namespace

void ShortMessages::limit_to(size_t limit, size_t per_receiver) {
  std::lock_guard lock(mutex_);
  limit_ = limit;
  per_receiver_ = per_receiver;
}

bool ShortMessages::put(const std::string& receiver, ShortMessage message) {
  std::lock_guard lock(mutex_);
  if (count_ >= limit_) return false;
  Mailbox& mailbox = mailboxes_[receiver];
  if (mailbox.waiting.size() >= per_receiver_) return false;
  message.number = ++last_number_;
  if (on_put) on_put(receiver, message);
  mailbox.waiting.push_back(std::move(message));
  ++count_;
  return true;
}

void ShortMessages::put_back(const std::string& receiver, ShortMessage message) {
  std::lock_guard lock(mutex_);
  last_number_ = std::max(last_number_, message.number);
  std::deque<ShortMessage>& waiting = mailboxes_[receiver].waiting;
  auto later = std::find_if(waiting.begin(), waiting.end(),
                            [&](const ShortMessage& other) { return other.number > message.number; });
  waiting.insert(later, std::move(message));
  ++count_;
}

bool ShortMessages::begin(const std::string& receiver, uint64_t retry) {
  std::lock_guard lock(mutex_);
  auto found = mailboxes_.find(receiver);
  if (found == mailboxes_.end() || found->second.busy || found->second.memory_full) return false;
  if (retry != 0 && found->second.retry != retry) return false;
  found->second.busy = true;
  found->second.retry = 0;
  return true;
}

std::optional<ShortMessages::Next> ShortMessages::next(const std::string& receiver) {
  std::lock_guard lock(mutex_);
  auto found = mailboxes_.find(receiver);
  if (found == mailboxes_.end() || found->second.waiting.empty()) return std::nullopt;
  return Next{found->second.waiting.front(), found->second.waiting.size() > 1};
}

void ShortMessages::remove_first(const std::string& receiver) {
  std::lock_guard lock(mutex_);
  auto found = mailboxes_.find(receiver);
  if (found == mailboxes_.end() || found->second.waiting.empty()) return;
  if (on_gone) on_gone(found->second.waiting.front());
  found->second.waiting.pop_front();
  found->second.failures = 0;
  --count_;
}

std::optional<ShortMessages::Pause> ShortMessages::end(const std::string& receiver, End how) {
  std::lock_guard lock(mutex_);
  auto found = mailboxes_.find(receiver);
  if (found == mailboxes_.end()) return std::nullopt;
  Mailbox& mailbox = found->second;
  mailbox.busy = false;
  mailbox.memory_full = how == End::memory_full;
  if (mailbox.waiting.empty()) {
    mailboxes_.erase(found);
    return std::nullopt;
  }
  // One came in just when the last had gone.
  if (how == End::all_sent) return Pause{};
  if (how != End::try_later) return std::nullopt;
  mailbox.retry = ++last_retry_;
  return Pause{pauses[std::min<size_t>(mailbox.failures++, std::size(pauses) - 1)], mailbox.retry};
}

void ShortMessages::memory_available(const std::string& receiver) {
  std::lock_guard lock(mutex_);
  auto found = mailboxes_.find(receiver);
  if (found != mailboxes_.end()) found->second.memory_full = false;
}

std::vector<std::pair<std::string, ShortMessage>> ShortMessages::take_expired(TimePoint now) {
  std::vector<std::pair<std::string, ShortMessage>> expired;
  std::lock_guard lock(mutex_);
  for (auto entry = mailboxes_.begin(); entry != mailboxes_.end();) {
    auto& [receiver, mailbox] = *entry;
    // The first of a busy one is under way.
    for (size_t i = mailbox.busy ? 1 : 0; i < mailbox.waiting.size();) {
      if (mailbox.waiting[i].expires > now) {
        ++i;
        continue;
      }
      if (on_gone) on_gone(mailbox.waiting[i]);
      expired.emplace_back(receiver, std::move(mailbox.waiting[i]));
      mailbox.waiting.erase(mailbox.waiting.begin() + static_cast<std::ptrdiff_t>(i));
      --count_;
    }
    bool over = mailbox.waiting.empty() && !mailbox.busy;
    auto next = std::next(entry);
    if (over) mailboxes_.erase(entry);
    entry = next;
  }
  return expired;
}

std::vector<std::string> ShortMessages::receivers() {
  std::lock_guard lock(mutex_);
  std::vector<std::string> all;
  for (const auto& [receiver, mailbox] : mailboxes_) all.push_back(receiver);
  return all;
}

size_t ShortMessages::size() {
  std::lock_guard lock(mutex_);
  return count_;
}

bool ShortMessages::empty() {
  return size() == 0;
}

uint8_t ShortMessages::expect_report(const std::string& impi, OneShot<sms::RpMessage>::Sink sink) {
  std::lock_guard lock(mutex_);
  uint8_t oldest = ++last_reference_;
  while (reports_.contains(report_key(impi, last_reference_))) {
    if (++last_reference_ == oldest) break;
  }
  reports_.insert_or_assign(report_key(impi, last_reference_), std::move(sink));
  return last_reference_;
}

void ShortMessages::forget_report(const std::string& impi, uint8_t reference) {
  std::lock_guard lock(mutex_);
  reports_.erase(report_key(impi, reference));
}

bool ShortMessages::report(const std::string& impi, uint8_t reference, sms::RpMessage message) {
  std::lock_guard lock(mutex_);
  auto found = reports_.find(report_key(impi, reference));
  if (found == reports_.end()) return false;
  found->second.set(std::move(message));
  reports_.erase(found);
  return true;
}

}  // namespace lapwing::scscf
