#include "common/aka/sqn.h"

namespace lapwing::aka {

std::optional<Sqn> NetworkSqn::next() {
  if (seq_ >= max_seq) return std::nullopt;
  return sqn_of(++seq_, ind_);
}

UsimSqn::UsimSqn(Sqn highest, uint64_t delta) : highest_(highest), delta_(delta) {
  seq_.fill(seq_of(highest));
}

UsimSqn::Verdict UsimSqn::check(Sqn sqn) {
  const uint64_t seq = seq_of(sqn);
  const uint64_t seq_ms = seq_of(highest_);
  if (seq > seq_ms && seq - seq_ms > delta_) return Verdict::jump_too_big;
  uint64_t& last = seq_[ind_of(sqn)];
  if (seq <= last) return Verdict::not_fresh;
  last = seq;
  if (sqn > highest_) highest_ = sqn;
  return Verdict::accepted;
}

}  // namespace lapwing::aka
