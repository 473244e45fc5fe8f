#include "scscf/procedures/originate.h"

#include "absl/strings/str_format.h"
#include "common/sip/headers.h"
#include "scscf/procedures/served_user.h"
#include "scscf/procedures/services.h"
#include "scscf/procedures/short_message.h"
#include "scscf/procedures/terminate.h"
#include "scscf/procedures/unregistered_user.h"

namespace lapwing::scscf {
namespace {

using sip::HeaderId;

// The callee sees the number too (and an address, where a number is asserted), at most one of each (RFC 3325).
void assert_alias(Passage& passage, const ServedUser& caller) {
  if (caller.other_identity.empty() || passage.request().values(HeaderId::p_asserted_identity).size() > 1) return;
  passage.edits.append(HeaderId::p_asserted_identity, "<" + caller.other_identity + ">");
}

// Step 1: whom the P-CSCF asserts; of a request that an application server makes in a user's name, whom it says.
std::optional<sip::Uri> served_user(const sip::Message& request, Origin origin) {
  if (origin == Origin::application_server) {
    auto served = sip::NameAddr::parse(request.header(HeaderId::p_served_user));
    if (served.ok()) return served->uri;
  }
  return asserted_identity(request);
}

// A user who is registered, or for whom an application server speaks meanwhile.
Task<std::variant<ServedUser, Outcome>> find_caller(Core& core, Site& site, std::string canonical, Origin origin) {
  if (std::optional<ServedUser> caller = find_served_user(core, canonical)) co_return std::move(*caller);
  if (origin == Origin::application_server) co_return co_await unregistered_user(core, site, canonical, "");
  co_return Outcome{.code = 403, .reason = "Caller Not Registered", .why = canonical + " is not registered"};
}

}  // namespace

Task<void> originate(Core& core, Site& site, std::shared_ptr<sip::ServerTransaction> transaction, Origin origin) {
  std::optional<Passage> passage = begin_passage(core, site, std::move(transaction));
  if (!passage) co_return;
  std::optional<sip::Uri> who = served_user(passage->request(), origin);
  if (!who) co_return refuse(core, *passage, 403, "Caller Not Asserted", "the request asserts no identity");
  auto found = co_await find_caller(core, site, who->canonical(), origin);
  if (auto* refused = std::get_if<Outcome>(&found)) {
    co_return refuse(core, *passage, refused->code, refused->reason, refused->why);
  }
  ServedUser caller = std::move(std::get<ServedUser>(found));
  if (passage->call) note_user(passage->call->caller, caller);
  if (caller.identity.barred) {
    co_return refuse(core, *passage, 403, "Caller Barred", absl::StrFormat("%s is barred", who->text));
  }
  if (is_short_message(core, passage->request())) {
    co_return co_await take_short_message(core, site, std::move(*passage), std::move(caller));
  }
  assert_alias(*passage, caller);
  bool registered = !caller.contacts.empty();
  passage = co_await invoke_services(
      core, site, std::move(*passage),
      services_of(caller, registered ? SessionCase::originating : SessionCase::originating_unregistered));
  if (passage) co_await terminate(core, site, std::move(*passage));
}

}  // namespace lapwing::scscf
