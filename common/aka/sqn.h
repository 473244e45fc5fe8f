// Sequence numbers of TS 33.102 Annex C: SQN = SEQ (43 bits) || IND (5 bits). IND selects one of 32 slots of the USIM,
// so that several nodes can make vectors for one SIM and none ages the others'.
#pragma once

#include <array>
#include <optional>

#include "common/aka/milenage.h"

namespace lapwing::aka {

inline constexpr unsigned ind_bits = 5;
inline constexpr size_t sqn_slots = size_t{1} << ind_bits;
inline constexpr uint64_t max_seq = max_sqn >> ind_bits;
inline constexpr uint64_t default_delta = uint64_t{1} << 28;  // Annex C.3.2: how far SEQ may jump

constexpr uint64_t seq_of(Sqn sqn) {
  return sqn >> ind_bits;
}
constexpr uint8_t ind_of(Sqn sqn) {
  return static_cast<uint8_t>(sqn & (sqn_slots - 1));
}
constexpr Sqn sqn_of(uint64_t seq, uint8_t ind) {
  return seq << ind_bits | (ind & (sqn_slots - 1));
}

// The network's side, for one subscriber: its own slot, SEQ + 1 for each vector.
class NetworkSqn {
 public:
  // seq: of the last vector made, 0 before the first. ind: below 32.
  explicit NetworkSqn(uint8_t ind, uint64_t seq = 0) : ind_(ind), seq_(seq) {}

  // The SQN of the next vector; nullopt when all 2^43 are used, which only a USIM's own SQNms can bring about.
  std::optional<Sqn> next();
  // SQNms of a checked AUTS: what next() returns afterwards is greater.
  void resynchronise(Sqn sqn_ms) { seq_ = seq_of(sqn_ms); }
  uint64_t seq() const { return seq_; }
  uint8_t ind() const { return ind_; }

 private:
  uint8_t ind_;
  uint64_t seq_;
};

// The USIM's side: rules 1 (no jump beyond delta) and 3 (greater than its slot's last) of Annex C.2.
class UsimSqn {
 public:
  // highest: as if every slot had last accepted this SEQ, and this had been the highest SQN.
  explicit UsimSqn(Sqn highest = 0, uint64_t delta = default_delta);
  // With what was kept of an earlier one: the SEQ of each slot.
  UsimSqn(const std::array<uint64_t, sqn_slots>& slots, Sqn highest, uint64_t delta = default_delta)
      : seq_(slots), highest_(highest), delta_(delta) {}

  enum class Verdict { accepted, not_fresh, jump_too_big };
  // Stores the SQN when it is accepted; otherwise the answer is AUTS with highest().
  Verdict check(Sqn sqn);
  Sqn highest() const { return highest_; }  // SQNms
  const std::array<uint64_t, sqn_slots>& slots() const { return seq_; }

 private:
  std::array<uint64_t, sqn_slots> seq_{};
  Sqn highest_;
  uint64_t delta_;
};

}  // namespace lapwing::aka
