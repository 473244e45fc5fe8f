#include "scscf/procedures/originate.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "common/sip/headers.h"
#include "common/sip/register_anew.h"
#include "scscf/procedures/restore_registration.h"
#include "scscf/procedures/served_user.h"
#include "scscf/procedures/services.h"
#include "scscf/procedures/short_message.h"
#include "scscf/procedures/subscribed_media.h"
#include "scscf/procedures/terminate.h"
#include "scscf/procedures/track_call.h"
#include "scscf/procedures/unregistered_user.h"

namespace lapwing::scscf {
namespace {

using sip::HeaderId;

// The callee sees the number too (and an address, where a number is asserted), at most one of each (RFC 3325).
void assert_alias(Passage& passage, const ServedUser& caller) {
  if (caller.other_identity.empty() || passage.request().values(HeaderId::p_asserted_identity).size() > 1) return;
  passage.edits.append(HeaderId::p_asserted_identity, "<" + caller.other_identity + ">");
}

// RFC 6050: where the profile says which communication services the user has, what it prefers becomes what we assert,
// and what it does not have is not passed on.
void assert_service(Passage& passage, const ServedUser& caller) {
  if (!caller.profile || caller.profile->service_ids.empty()) return;
  if (!passage.request().has(HeaderId::p_preferred_service)) return;
  auto subscribed = [&](std::string_view service) {
    return std::any_of(
        caller.profile->service_ids.begin(), caller.profile->service_ids.end(), [&](const std::string& id) {
          // A part of a service: "...icsi.mmtel.gsma.ipcall" of "...icsi.mmtel".
          bool begins = service.size() >= id.size() && sip::equals_ignoring_case(service.substr(0, id.size()), id);
          return begins && (service.size() == id.size() || service[id.size()] == '.');
        });
  };
  for (std::string_view preferred : passage.request().values(HeaderId::p_preferred_service)) {
    if (subscribed(preferred)) passage.edits.append(HeaderId::p_asserted_service, std::string(preferred));
  }
  passage.edits.remove(HeaderId::p_preferred_service);
}

// Step 1: whom the P-CSCF asserts; of a request that an application server makes in a user's name, whom it says.
std::optional<sip::Uri> served_user(const sip::Message& request, Origin origin) {
  if (origin == Origin::application_server) {
    auto served = sip::NameAddr::parse(request.header(HeaderId::p_served_user));
    if (served.ok()) return served->uri;
  }
  return asserted_identity(request);
}

// A user who is registered, or for whom an application server speaks meanwhile. Of a handset that we do not know any
// more the HSS may; else it is to register anew (504), which is not for us to answer in one line.
Task<std::variant<ServedUser, Outcome>> find_caller(Core& core, Site& site, std::string canonical, Origin origin) {
  if (std::optional<ServedUser> caller = find_served_user(core, canonical)) co_return std::move(*caller);
  if (origin == Origin::application_server) co_return co_await unregistered_user(core, site, canonical, "");
  bool restored = co_await restore_registration(core, site, "", canonical);
  std::optional<ServedUser> caller = restored ? find_served_user(core, canonical) : std::nullopt;
  if (caller) co_return std::move(*caller);
  co_return Outcome{.code = 504, .why = canonical + " is not registered here any more: it is told to register anew"};
}

// Section 5.4.3.2, as TS 23.380 section 4.2 wants it.
void send_to_register_anew(Core& core, const Passage& passage, const std::string& why) {
  std::string service_route = own_route(core, "orig", passage.transaction->flow());
  sip::tell_to_register_anew(*passage.transaction, service_route, "The S-CSCF does not know the registration any more");
  if (passage.call) end_call(core, *passage.call, 504, why);
}

}  // namespace

Task<void> originate(Core& core, Site& site, std::shared_ptr<sip::ServerTransaction> transaction, Origin origin) {
  std::optional<Passage> passage = begin_passage(core, site, std::move(transaction));
  if (!passage) co_return;
  std::optional<sip::Uri> who = served_user(passage->request(), origin);
  if (!who) co_return refuse(core, *passage, 403, "Caller Not Asserted", "the request asserts no identity");
  auto found = co_await find_caller(core, site, who->canonical(), origin);
  if (auto* refused = std::get_if<Outcome>(&found)) {
    if (refused->code == 504 && origin == Origin::handset) {
      co_return send_to_register_anew(core, *passage, refused->why);
    }
    co_return refuse(core, *passage, refused->code, refused->reason, refused->why);
  }
  ServedUser caller = std::move(std::get<ServedUser>(found));
  if (passage->call) note_user(passage->call->caller, caller);
  if (caller.identity.barred) {
    co_return refuse(core, *passage, 403, "Caller Barred", absl::StrFormat("%s is barred", who->text));
  }
  if (auto why = refuse_media(core, caller.profile.get(), passage->request())) {
    co_return refuse(core, *passage, 488, *why, absl::StrFormat("of what %s may use, %s", caller.identity.uri, *why));
  }
  if (is_short_message(core, passage->request())) {
    co_return co_await take_short_message(core, site, std::move(*passage), std::move(caller));
  }
  assert_alias(*passage, caller);
  assert_service(*passage, caller);
  if (!caller.charging.empty()) passage->edits.set(HeaderId::p_charging_function_addresses, caller.charging);
  bool registered = !caller.contacts.empty();
  passage = co_await invoke_services(
      core, site, std::move(*passage),
      services_of(caller, registered ? SessionCase::originating : SessionCase::originating_unregistered));
  if (passage) co_await terminate(core, site, std::move(*passage));
}

}  // namespace lapwing::scscf
