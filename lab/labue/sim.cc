#include "lab/labue/sim.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

#include "absl/strings/str_format.h"

namespace lapwing::labue {

absl::StatusOr<Sim> Sim::create(std::string imsi, const Secret& k, const Secret& opc) {
  bool digits = std::all_of(imsi.begin(), imsi.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || imsi.size() < 6 || imsi.size() > 15) {
    return absl::InvalidArgumentError("an IMSI is 6 to 15 digits, MCC and MNC first");
  }
  absl::StatusOr<aka::Milenage> milenage = aka::Milenage::create(k, opc);
  if (!milenage.ok()) return milenage.status();
  return Sim(std::move(imsi), std::move(*milenage));
}

Sim::Verdict Sim::authenticate(const aka::Block& rand, const aka::Block& autn) {
  absl::StatusOr<aka::OpenedAutn> opened = aka::open_autn(milenage_, rand, autn);
  if (!opened.ok()) return NetworkRejected{};
  if (run_ahead_) {
    run_ahead_ = false;
    constexpr uint64_t vectors_of_others = 1000;
    uint64_t seq = std::min(aka::seq_of(opened->sqn) + vectors_of_others, aka::max_seq);
    sqn_ = aka::UsimSqn(aka::sqn_of(seq, aka::ind_of(opened->sqn)));
  }
  if (sqn_.check(opened->sqn) != aka::UsimSqn::Verdict::accepted) {
    return Stale{aka::make_auts(milenage_, rand, sqn_.highest())};
  }
  return Accepted{std::move(opened->res), std::move(opened->ck), std::move(opened->ik)};
}

absl::StatusOr<SqnFile> SqnFile::open(const std::string& path) {
  SqnFile file;
  file.path_ = path;
  std::ifstream in(path);
  if (!in) {
    if (errno == ENOENT) return file;
    return absl::PermissionDeniedError(absl::StrFormat("%s: %s", path, std::strerror(errno)));
  }
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    std::istringstream fields(line);
    std::string imsi;
    aka::Sqn highest = 0;
    std::array<uint64_t, aka::sqn_slots> slots{};
    fields >> imsi >> highest;
    for (uint64_t& slot : slots) fields >> slot;
    if (!fields || highest > aka::max_sqn) {
      return absl::InvalidArgumentError(
          absl::StrFormat("%s:%d: not IMSI, SQN and %d slots", path, number, slots.size()));
    }
    file.sqns_.insert_or_assign(imsi, aka::UsimSqn(slots, highest));
  }
  return file;
}

std::optional<aka::UsimSqn> SqnFile::find(const std::string& imsi) const {
  auto found = sqns_.find(imsi);
  if (found == sqns_.end()) return std::nullopt;
  return found->second;
}

absl::Status SqnFile::save() const {
  std::string fresh = path_ + ".new";
  {
    std::ofstream out(fresh, std::ios::trunc);
    for (const auto& [imsi, sqn] : sqns_) {
      out << imsi << ' ' << sqn.highest();
      for (uint64_t slot : sqn.slots()) out << ' ' << slot;
      out << '\n';
    }
    if (!out.flush()) return absl::PermissionDeniedError(absl::StrFormat("%s: %s", fresh, std::strerror(errno)));
  }
  if (std::rename(fresh.c_str(), path_.c_str()) != 0) {
    return absl::PermissionDeniedError(absl::StrFormat("%s: %s", path_, std::strerror(errno)));
  }
  return absl::OkStatus();
}

}  // namespace lapwing::labue
