// Makes a received Diameter message safe for freeDiameter 1.2.1, in place, before freeDiameter parses it.
//
// freeDiameter asserts, and so ends the whole program, when an answer holds any AVP it cannot parse (an unknown one
// with the M flag is enough) before its Result-Code, or a Result-Code that is not 4 bytes. It also refuses an AVP whose
// M flag differs from its dictionary's, where the receiver of an AVP that it understands takes either.
//
// So: Result-Code is moved to the front (behind Session-Id); the fixed flags of AVPs we know are set right; in an
// answer the M flag of unknown AVPs is cleared; an answer that our own codec would not take becomes one without
// Result-Code, which is told to the caller as malformed. Requests keep their faults, and freeDiameter answers them as
// it should; but what would cost the connection instead, or more, is made a fault that it can answer:
//
//   an AVP beyond the message   it and what follows becomes an Auth-Session-State of a wrong length: 5014
//   an empty AVP it refuses     takes a neighbour as its value: 5014 when it is a number, 5001 when unknown with M
//                               (it cannot encode an empty one in Failed-AVP); alone in its group: 5004
//   a group deeper than ours    can be read no more: 5004
//   a broken Proxy-Info         becomes a Failed-AVP: 5004 or 5014 (it cannot copy a broken one into the answer;
//                               an empty unknown AVP in one becomes a Class for the same reason)
//   a NUL in Session-Id         is replaced (it would shut itself down)
//
// Nothing mends a message of another version, one over 64 KiB, or one with 1 to 7 bytes behind its header: it cannot be
// read at all, and freeDiameter closes the connection. A length that is wrong puts the next message out of step, with
// the same end. It also closes, as it should, at a DPR and at a DWR with another Origin-State-Id: that peer started
// anew.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "hss-client/avp.h"

namespace lapwing {

struct AvpRule {
  diameter::AvpType type;
  uint8_t flag_mask, flag_value;  // the flags that freeDiameter wants fixed
};
using AvpRules = std::function<std::optional<AvpRule>(uint32_t code, uint32_t vendor)>;

// commands: the command codes of our applications. message: one whole Diameter message. Returns what was wrong when an
// answer was emptied, else nothing.
std::string make_safe(std::span<uint8_t> message, const AvpRules& rules, std::span<const uint32_t> commands);

// What identifies an answer; nullopt for a request, for an answer with the E flag, and for what is too short.
struct AnswerHeader {
  uint32_t command, application, hop_by_hop, end_to_end;
};
std::optional<AnswerHeader> answer_header(std::span<const uint8_t> message);

// Leaves the header, and in place of all AVPs one that says nothing and that any parser passes over.
void blank(std::span<uint8_t> message);

}  // namespace lapwing
