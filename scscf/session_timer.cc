#include "scscf/session_timer.h"

#include "absl/strings/str_format.h"
#include "common/sip/headers.h"

namespace lapwing::scscf {
namespace {

using sip::HeaderId;

// 0: absent or unreadable.
uint32_t session_expires(const sip::Message& message) {
  auto value = sip::TokenParams::parse(message.header(HeaderId::session_expires));
  return value.ok() ? sip::parse_seconds(value->token).value_or(0) : 0;
}

}  // namespace

uint32_t too_brief(const Settings& settings, const sip::Message& invite) {
  uint32_t asked = session_expires(invite), least = seconds_of(settings.min_session_expires);
  bool brief = asked != 0 && asked < least && sip::has_token(invite, HeaderId::supported, "timer");
  return brief ? least : 0;
}

void ask_for_session_timer(const Settings& settings, const sip::Message& invite, sip::Edits& edits) {
  uint32_t asked = session_expires(invite), least = seconds_of(settings.min_session_expires);
  if (asked == 0) {
    if (settings.session_expires == Duration::zero()) return;
    uint32_t ours = std::max(seconds_of(settings.session_expires), least);
    auto min_se = sip::TokenParams::parse(invite.header(HeaderId::min_se));
    if (min_se.ok()) ours = std::max(ours, sip::parse_seconds(min_se->token).value_or(0));
    edits.set(HeaderId::session_expires, std::to_string(ours));
  } else if (asked < least) {
    edits.set(HeaderId::session_expires, std::to_string(least));
    edits.set(HeaderId::min_se, std::to_string(least));
  }
}

Duration session_interval(const Settings& settings, const sip::Message& response, bool caller_supports_timer,
                          sip::Edits* edits) {
  if (uint32_t agreed = session_expires(response)) return std::chrono::seconds(agreed);
  if (!edits || !caller_supports_timer || settings.session_expires == Duration::zero()) return {};
  uint32_t ours = seconds_of(std::max(settings.session_expires, settings.min_session_expires));
  edits->set(HeaderId::session_expires, absl::StrFormat("%d;refresher=uac", ours));
  if (!sip::has_token(response, HeaderId::require, "timer")) edits->append(HeaderId::require, "timer");
  return std::chrono::seconds(ours);
}

}  // namespace lapwing::scscf
