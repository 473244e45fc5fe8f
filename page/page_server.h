// The web page of a daemon: registrations, one subscriber's story, live events, health. It looks as imsctl does,
// through the daemons' gRPC interface with a reader's rights, and changes nothing.
//
//   /                     the page: the files of this folder, which are inside the program
//   /api/status, /api/registrations, /api/calls, /api/hss, /api/explain?identity=ID
//                         what `imsctl --json` prints
//   /api/ladder?identity=ID      the messages as JSON: columns and steps
//   /api/ladder.svg?identity=ID  as a picture
//   /api/events           live events, as server-sent events; the data is a lapwing.v1.Event as JSON
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/daemons.h"
#include "common/http/server.h"
#include "lapwing/v1/config.pb.h"

namespace lapwing::page {

// A daemon whose view the page shows.
struct Shown {
  cli::Role role;
  std::string address;  // as in control.listen
  std::shared_ptr<grpc::Channel> channel;
};

// null: config.listen is empty. self: this daemon; config names the others. Errors as of http::Server::start.
absl::StatusOr<std::unique_ptr<http::Server>> serve_page(const v1::Page& config, Shown self);

}  // namespace lapwing::page
