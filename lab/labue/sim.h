// A USIM in software (TS 33.102 section 6.3.3): answers a challenge with RES, CK and IK, with AUTS when the sequence
// number is not fresh, or rejects the network when MAC-A is wrong.
//
//   absl::StatusOr<Sim> sim = Sim::create("001010000000001", k, opc);
//   Sim::Verdict verdict = sim->authenticate(rand, autn);
//   if (auto* accepted = std::get_if<Sim::Accepted>(&verdict)) ... accepted->res ...
//
// Errors: INVALID_ARGUMENT for an IMSI that is not 6 to 15 digits, or a key of another size than 16 bytes.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/aka/sqn.h"
#include "common/aka/vector.h"
#include "common/runtime/secret.h"

namespace lapwing::labue {

class Sim {
 public:
  struct Accepted {
    Secret res, ck, ik;
  };
  struct Stale {  // synchronisation failure
    aka::Auts auts{};
  };
  struct NetworkRejected {};  // MAC-A is not our home network's
  using Verdict = std::variant<Accepted, Stale, NetworkRejected>;

  static absl::StatusOr<Sim> create(std::string imsi, const Secret& k, const Secret& opc);

  const std::string& imsi() const { return imsi_; }
  Verdict authenticate(const aka::Block& rand, const aka::Block& autn);
  // As if another node had used many vectors meanwhile: the next good challenge is found stale, once.
  void run_ahead() { run_ahead_ = true; }

  const aka::UsimSqn& sqn() const { return sqn_; }
  void restore(const aka::UsimSqn& sqn) { sqn_ = sqn; }

 private:
  Sim(std::string imsi, aka::Milenage milenage) : imsi_(std::move(imsi)), milenage_(std::move(milenage)) {}

  std::string imsi_;
  aka::Milenage milenage_;
  aka::UsimSqn sqn_;
  bool run_ahead_ = false;
};

// The sequence numbers of SIMs between runs: one line for each IMSI with SQNms and the SEQ of the 32 slots, decimal.
// Errors: INVALID_ARGUMENT names a line that is not so; PERMISSION_DENIED when the file cannot be read or written.
class SqnFile {
 public:
  static absl::StatusOr<SqnFile> open(const std::string& path);  // a file that does not exist is empty
  std::optional<aka::UsimSqn> find(const std::string& imsi) const;
  void keep(const Sim& sim) { sqns_.insert_or_assign(sim.imsi(), sim.sqn()); }
  // Replaces the file in one step.
  absl::Status save() const;

 private:
  std::string path_;
  std::map<std::string, aka::UsimSqn> sqns_;
};

}  // namespace lapwing::labue
