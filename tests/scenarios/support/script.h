// Scenario files: wire text in, wire text out, one procedure end to end.
//
//   include common.inc                       another file of the folder
//   let impi 001010000000001@{{domain}}      a variable; values may hold other variables
//   text profile                             a variable of several lines
//     <IMSSubscription>...
//   message register                         a message by name
//     REGISTER sip:{{domain}} SIP/2.0
//     ...
//   steps registered                         steps by name
//     > pcscf register
//     ...
//   scenario when_the_response_is_wrong_then_403
//     ... steps, up to the next unindented line
//
// Steps (each world adds its own: see the headers of the folders):
//
//   set KEY VALUE              a setting of the daemon; before the first step that is none
//   let NAME VALUE             also inside scenarios; `unset NAME` forgets it
//   flow NAME udp|tcp REMOTE LOCAL     a way between a peer and the daemon, as `ADDRESS:PORT`; LOCAL may be an address
//                                      alone, for a connection that the daemon opens from any port
//   > FLOW [MESSAGE k=v ...]   a message comes in on the flow. Its text stands indented below; when it is named, the
//                              lines below change it: `Header: value` replaces the first row or adds one,
//                              `+ Header: value` adds a row (before Content-Length where there is one; `$ Header:
//                              value`: behind everything), `- Header` removes every row. k=v binds variables for this
//                              message only; v may be "quoted", \" in it stands for a quote.
//   < FLOW [MESSAGE k=v ...]   the oldest message that the daemon sent and nobody looked at is this one, by this way
//                              A body of octets stands as `hex: 00 2a ff` when it comes in, and as `hex: 002aff` where
//                              it is expected: so is every body with control characters shown.
//   again FLOW                 the last message that came in on the flow comes once more, byte for byte
//   file FLOW NAME             a message of the handset data folder comes in; lines below it change its headers
//   advance 4m                 time passes, timer by timer
//   fail-send FLOW             the next message sent this way is lost, and the sender hears of it
//   do NAME k=v ...            steps by name
//   expect no-message | repeats N | reset FLOW | event KIND [TEXT]
//   forget-messages            what was sent and not looked at is of no interest here
//
// At the end of a scenario nothing may be left that was sent and not looked at. A message sent again byte for byte on
// its flow (a retransmission) is counted, not queued: `expect repeats`. Lines that begin with # are comments.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/scenarios/support/wire_text.h"

namespace lapwing::scenarios {

struct Step {
  std::string file;
  int line = 0;
  std::string word, rest;  // "> pcscf register cseq=2" is ">" and "pcscf register cseq=2"
  std::string block;       // the lines indented below it
};

struct Library {
  Variables variables;
  std::map<std::string, std::string> messages;
  std::map<std::string, std::vector<Step>> steps;
};

struct Scenario {
  std::string name, file;
  int line = 0;
  std::vector<Step> steps;
  std::shared_ptr<const Library> library;
};

// Throws Failure, naming file and line.
std::vector<Scenario> read_scenarios(const std::string& path);

// "a=1 b=\"two words\"" after leading plain words.
struct Arguments {
  std::vector<std::string> words;
  std::map<std::string, std::string> named;
};
Arguments arguments_of(const std::string& text);
// The message with the edit lines applied (see above).
std::string edited(std::string message, const std::string& edits);

}  // namespace lapwing::scenarios
