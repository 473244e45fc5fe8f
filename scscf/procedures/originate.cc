#include "scscf/procedures/originate.h"

#include "absl/strings/str_format.h"
#include "common/sip/headers.h"
#include "scscf/procedures/served_user.h"
#include "scscf/procedures/short_message.h"
#include "scscf/procedures/terminate.h"

namespace lapwing::scscf {
namespace {

using sip::HeaderId;

// The callee sees the number too (and an address, where a number is asserted), at most one of each (RFC 3325).
void assert_alias(Passage& passage, const ServedUser& caller) {
  if (caller.other_identity.empty() || passage.request().values(HeaderId::p_asserted_identity).size() > 1) return;
  passage.edits.append(HeaderId::p_asserted_identity, "<" + caller.other_identity + ">");
}

}  // namespace

Task<void> originate(Core& core, Site& site, std::shared_ptr<sip::ServerTransaction> transaction) {
  std::optional<Passage> passage = begin_passage(core, site, std::move(transaction));
  if (!passage) co_return;
  // Step 1: the served user is whom the P-CSCF asserts.
  std::optional<sip::Uri> who = asserted_identity(passage->request());
  if (!who) co_return refuse(core, *passage, 403, "Caller Not Asserted", "the request asserts no identity");
  std::optional<ServedUser> caller = find_served_user(core, who->canonical());
  if (!caller) {
    co_return refuse(core, *passage, 403, "Caller Not Registered", absl::StrFormat("%s is not registered", who->text));
  }
  if (passage->call) note_user(passage->call->caller, *caller);
  if (caller->identity.barred) {
    co_return refuse(core, *passage, 403, "Caller Barred", absl::StrFormat("%s is barred", who->text));
  }
  if (is_short_message(core, passage->request())) {
    co_return co_await take_short_message(core, site, std::move(*passage), std::move(*caller));
  }
  assert_alias(*passage, *caller);
  co_await terminate(core, site, std::move(*passage));
}

}  // namespace lapwing::scscf
