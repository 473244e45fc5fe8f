// RTR and PPR from the HSS (TS 29.228 sections 6.1.3 and 6.6.1).
#pragma once

#include "hss-client/hss.h"
#include "scscf/core.h"

namespace lapwing::scscf {

class Pushes final : public HssPushes {
 public:
  Pushes(Core& core, Site& site) : core_(core), site_(site) {}
  Task<cx::RegistrationTerminationAnswer> terminate(cx::RegistrationTerminationRequest request) override;
  Task<cx::PushProfileAnswer> push_profile(cx::PushProfileRequest request) override;

 private:
  Core& core_;
  Site& site_;  // the worker that takes pushes
};

}  // namespace lapwing::scscf
