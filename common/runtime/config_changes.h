// What a configuration file that is read again would change in a running daemon.
#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <vector>

namespace lapwing::config {

struct Change {
  std::string path;            // "registrar.max_expires"; of a list the list, never its items
  bool needs_restart = false;  // the schema's rule `restart`: it stays as it was
};

// Compares field by field. What needs a restart is set back in `fresh` to what `running` has, so that `fresh` is what
// the daemon goes on with. Both are of one type. Values are not told: some are keys.
std::vector<Change> take_changes(const google::protobuf::Message& running, google::protobuf::Message& fresh);

}  // namespace lapwing::config
