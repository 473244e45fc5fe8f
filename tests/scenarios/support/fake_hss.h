// An HSS that a scenario plays: each request waits until a step looks at it and answers it.
//
//   hss: UAR 0 {{impi}} {{impu}} home -> e2001           type, identities, visited network
//   hss: MAR {{impi}} {{impu}} -> 2001 vector            a vector of the SIM of 3GPP test set 1
//   hss: MAR {{impi}} {{impu}} resync {{rand}}{{auts}} @{{hss}} -> 2001 vector
//   hss: SAR 1 {{impi}} {{impu}} -> 2001 profile         the variable `profile` is the User-Data
//   hss: SAR 2 {{impi}} {{impu}} have-data @{{hss}} -> 2001
//   hss: LIR {{tel-impu}} -> 2001 name=sip:scscf2        `originating` behind the identity where the flag is set
//
// "@host": the request names this Destination-Host. Answers: 2001, e5001 (experimental), then what the command carries
// (UAA and LIA: name=URI, capabilities=1,2 optional=3 names=URI; MAA: `vector`, or `vector RAND AUTN XRES CK IK` in
// hex; SAA: the name of a variable), or a failure: timeout, no-peer, overloaded, undelivered, malformed; or `silence`:
// no answer, until the client's deadline of 5 s.
//
// ccf=URI in an SAA: the primary charging collection function.
//
// Restoration (TS 23.380): `features=restoration` in an MAA or SAA says that the HSS keeps it; a SAR that brings
// something to keep ends in "keep CONTACT by PATH" for each contact. An SAA gives it back: restore=CONTACT path=PATH
// impi=IMPI for=SECONDS, counted from the start of the scenario. "LIR ... type 2" asks for another S-CSCF.
// `features=pcscf` (or restoration,pcscf): it has P-CSCF restoration; "SAR ... pcscf-down" asks for it (SAR-Flags).
//
// A vector sets: rand, nonce, ck, ik, response (qop=auth), response-auth-int, response-no-qop, auts (base64), auts-hex
// and response-wrong.
#pragma once

#include <deque>
#include <memory>
#include <optional>

#include "common/aka/vector.h"
#include "common/runtime/one_shot.h"
#include "hss-client/hss.h"
#include "tests/scenarios/support/script.h"

namespace lapwing::scenarios {

class FakeHss final : public Hss {
 public:
  FakeHss();
  Task<HssOutcome<cx::UserAuthorizationAnswer>> authorize(Worker& worker,
                                                          cx::UserAuthorizationRequest request) override;
  Task<HssOutcome<cx::MultimediaAuthAnswer>> authenticate(Worker& worker, cx::MultimediaAuthRequest request) override;
  Task<HssOutcome<cx::ServerAssignmentAnswer>> assign(Worker& worker, cx::ServerAssignmentRequest request) override;
  Task<HssOutcome<cx::LocationInfoAnswer>> locate(Worker& worker, cx::LocationInfoRequest request) override;
  std::vector<HssPeerState> peers() const override { return {}; }

  // "UAR ... -> ..." of a step.
  void play(const std::string& text, Variables& variables);
  std::string waiting() const;

 private:
  using Answers = std::variant<cx::UserAuthorizationAnswer, cx::MultimediaAuthAnswer, cx::ServerAssignmentAnswer,
                               cx::LocationInfoAnswer>;
  using Answer = std::variant<Answers, HssFailure>;
  struct Asked {
    std::string text;  // as steps write it
    std::string impi;
    OneShot<Answer>::Sink sink;
  };
  template <typename A, typename R>
  Task<HssOutcome<A>> ask(Worker& worker, R request, std::string text);
  Answers answer_to(const std::string& command, const Arguments& arguments, const std::string& impi,
                    Variables& variables);
  cx::MultimediaAuthAnswer vector(const Arguments& arguments, const std::string& impi, Variables& variables);

  std::deque<Asked> asked_;
  aka::Milenage sim_;
  aka::Sqn sqn_ = 0xff9bb4d0b607;
  uint8_t vectors_ = 0;
};

}  // namespace lapwing::scenarios
