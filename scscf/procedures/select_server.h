// Which S-CSCF serves a user: by the name that the HSS gave, or by the capabilities that it demands (TS 29.228
// section 6.7, TS 23.228 section 5.1.3), leaving out those that did not answer lately.
#pragma once

#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "scscf/core.h"

namespace lapwing::scscf {

// Ourselves, or another with the way to it.
struct Choice {
  bool ourselves = false;
  OtherServer other = {};
};
// Outcome: nobody, and what to answer.
using Chosen = std::variant<Choice, Outcome>;

Chosen choose_named(const Core& core, const std::string& name);
// Names that the HSS lists come first; then those that have every mandatory capability and most optional ones; among
// these by chance, in proportion to their weights; those of weight 0 when no other is left. `tried`: names that failed
// already.
Chosen choose_capable(Core& core, const std::optional<cx::ServerCapabilities>& wanted,
                      const std::vector<std::string>& tried);

// Do two names of S-CSCFs mean the same one?
bool same_server(std::string_view a, std::string_view b);
// Among `servers`; null: not there.
const OtherServer* find_server(const Core& core, std::string_view name);

}  // namespace lapwing::scscf
