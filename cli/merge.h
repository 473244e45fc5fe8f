// What P-CSCFs and S-CSCFs know of the same user, side by side.
#pragma once

#include <string>
#include <vector>

#include "lapwing/v1/control.pb.h"

namespace lapwing::cli {

// One IMPI. Of several contacts at one side the one that counts most is taken: registered before challenged before the
// rest, then the newest.
struct User {
  std::string impi;  // the first IMPU where no IMPI is known
  v1::Registration pcscf;
  v1::Registration scscf;
  size_t at_pcscf = 0;  // how many entries there are
  size_t at_scscf = 0;

  const v1::Registration& main() const { return at_pcscf > 0 ? pcscf : scscf; }
  bool registered() const;     // at every side that knows it
  std::string number() const;  // "+491701", else the first public identity
};

// In the order of IMPIs.
std::vector<User> merge(const std::vector<v1::Registration>& at_pcscf, const std::vector<v1::Registration>& at_scscf);

// What is most likely wrong, likeliest first; empty when the user is registered. From the daemons' `why`, one cause in
// a line; the general causes of an unanswered challenge where they give none. both_asked: a P-CSCF and an S-CSCF
// answered.
std::vector<std::string> causes(const User& user, bool both_asked);

}  // namespace lapwing::cli
