// freeDiameter's messages from and to our AVP trees, and its dictionary filled from ours. Internal to this folder:
// include after everything else.
#pragma once

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "hss-client/avp.h"
#include "hss-client/freediameter/core.h"
#include "hss-client/freediameter/framework.h"
#include "hss-client/freediameter/guard.h"

namespace lapwing {

class FrameworkDictionary {
 public:
  // Defines vendor, application, commands and AVPs where freeDiameter lacks them, and keeps every object: its own
  // lookup is a linear search.
  absl::Status define(const DiameterApplication& application);

  dict_object* application(uint32_t id) const;
  dict_object* request_command(uint32_t code) const;

  // A new request; null when the command is not defined or memory lacks.
  msg* new_request(const diameter::Message& message) const;
  // Adds the AVPs after those that parent has. What the dictionary lacks is left out; false then.
  bool add(msg_or_avp* parent, const std::vector<diameter::Avp>& avps) const;
  // What freeDiameter fixes about an AVP; nullopt when it is not in the dictionary.
  std::optional<AvpRule> rule(uint32_t code, uint32_t vendor) const;

 private:
  struct Known {
    dict_object* object;
    dict_avp_basetype type;
    AvpRule rule;
  };
  absl::Status define_avp(const diameter::AvpDefinition& definition);
  bool set_value(struct avp* avp, dict_avp_basetype type, const diameter::Avp& from) const;

  absl::flat_hash_map<uint64_t, Known> avps_;  // vendor << 32 | code
  absl::flat_hash_map<uint32_t, dict_object*> applications_, commands_;
};

// The message as a tree. AVPs that freeDiameter does not know come without their data.
diameter::Message to_tree(msg* message);

}  // namespace lapwing
