#include "scscf/ifc/original_dialogs.h"

#include "common/runtime/ids.h"

namespace lapwing::scscf {
namespace {

constexpr std::string_view prefix = "odi-";

}  // namespace

std::string OriginalDialogs::keep(OriginalDialog dialog) {
  std::string identifier = std::string(prefix) + random_hex(16);
  std::lock_guard lock(mutex_);
  if (dialogs_.size() >= limit_) return {};
  dialogs_.insert_or_assign(identifier, std::move(dialog));
  return identifier;
}

std::optional<OriginalDialog> OriginalDialogs::find(const std::string& identifier) {
  std::lock_guard lock(mutex_);
  auto found = dialogs_.find(identifier);
  if (found == dialogs_.end()) return std::nullopt;
  return found->second;
}

void OriginalDialogs::forget(const std::string& identifier) {
  std::lock_guard lock(mutex_);
  dialogs_.erase(identifier);
}

void OriginalDialogs::sweep(TimePoint older_than) {
  std::lock_guard lock(mutex_);
  absl::erase_if(dialogs_, [&](auto& entry) { return entry.second.sent < older_than && entry.second.call.expired(); });
}

size_t OriginalDialogs::size() {
  std::lock_guard lock(mutex_);
  return dialogs_.size();
}

bool OriginalDialogs::is_identifier(std::string_view user) {
  return user.starts_with(prefix);
}

}  // namespace lapwing::scscf
