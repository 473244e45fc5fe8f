// Lets admins change things, refuses others, and audits both: a line in the log, and an event of kind "audit" that
// stands in the story of the user whom it is about.
#pragma once

#include <grpcpp/server_context.h>

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_format.h"
#include "common/control/access.h"
#include "common/control/events.h"
#include "common/runtime/rate_limit.h"

namespace lapwing::control {

using ClientOf = std::function<Client(const grpc::ServerContext&)>;

// What changes something, or gives out keys, passes here.
class Gate {
 public:
  Gate(ClientOf client_of, Events& events) : client_of_(std::move(client_of)), events_(events) {}

  Client client(const grpc::ServerContext& context) const { return client_of_(context); }

  // act(), if the client is an admin. what: "deregister", for people. identity: whose story it belongs to; may be
  // empty. quiet: nothing changes this time.
  template <typename Act>
  grpc::Status change(const grpc::ServerContext& context, std::string_view what, const std::string& identity, Act act,
                      bool quiet = false) const {
    const Client client = client_of_(context);
    if (!client.admin) {
      // A reader must not fill the log, which takes every line of the audit.
      if (refusals_.take(std::chrono::steady_clock::now())) audit(client, what, identity, "refused: not an admin");
      return {
          grpc::PERMISSION_DENIED,
          absl::StrFormat("%s may look, but not change anything (%s): control.admins says who may", client.name, what)};
    }
    const grpc::Status done = act();
    if (!quiet || !done.ok()) audit(client, what, identity, done.ok() ? "done" : done.error_message());
    return done;
  }

 private:
  void audit(const Client& client, std::string_view what, const std::string& identity, std::string_view outcome) const;

  const ClientOf client_of_;
  Events& events_;
  mutable RateLimit refusals_{5};
};

}  // namespace lapwing::control
