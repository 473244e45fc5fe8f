#include "cli/merge.h"

#include <array>
#include <map>
#include <string_view>

#include "cli/times.h"

namespace lapwing::cli {
namespace {

size_t rank(std::string_view state) {
  static constexpr std::array<std::string_view, 6> order = {"registered", "challenged", "challenge unanswered",
                                                            "rejected",   "expired",    "deregistered"};
  size_t at = 0;
  while (at < order.size() && order[at] != state) ++at;
  return at;
}

void take(const v1::Registration& found, v1::Registration& kept, size_t& count) {
  const bool better = count == 0 || rank(found.state()) < rank(kept.state()) ||
                      (rank(found.state()) == rank(kept.state()) && wall_time(found.since()) > wall_time(kept.since()));
  if (better) kept = found;
  ++count;
}

std::string key_of(const v1::Registration& registration) {
  if (!registration.impi().empty()) return registration.impi();
  return registration.impus().empty() ? registration.contact() : registration.impus(0);
}

void split_lines(std::string_view text, std::vector<std::string>& out) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    if (end != 0) out.emplace_back(text.substr(0, end));
    text = end == text.npos ? std::string_view() : text.substr(end + 1);
  }
}

}  // namespace

bool User::registered() const {
  return (at_pcscf == 0 || pcscf.state() == "registered") && (at_scscf == 0 || scscf.state() == "registered");
}

std::string User::number() const {
  for (const v1::Registration* side : {&pcscf, &scscf}) {
    for (const std::string& impu : side->impus()) {
      const size_t plus = impu.find(":+");
      if (plus != impu.npos) return impu.substr(plus + 1, impu.find_first_of("@;", plus) - plus - 1);
    }
  }
  for (const v1::Registration* side : {&pcscf, &scscf}) {
    if (!side->impus().empty()) return side->impus(0);
  }
  return "";
}

std::vector<User> merge(const std::vector<v1::Registration>& at_pcscf, const std::vector<v1::Registration>& at_scscf) {
  std::map<std::string, User> users;
  for (const auto& found : at_pcscf) {
    User& user = users[key_of(found)];
    take(found, user.pcscf, user.at_pcscf);
  }
  for (const auto& found : at_scscf) {
    User& user = users[key_of(found)];
    take(found, user.scscf, user.at_scscf);
  }
  std::vector<User> out;
  for (auto& [impi, user] : users) {
    user.impi = impi;
    out.push_back(std::move(user));
  }
  return out;
}

std::vector<std::string> causes(const User& user, bool both_asked) {
  std::vector<std::string> out;
  if (user.registered()) {
    if (both_asked && user.at_pcscf == 0) {
      out.push_back(
          "registered at the S-CSCF and unknown at the P-CSCF: another P-CSCF serves it, or this one lost it at a "
          "restart");
    }
    if (both_asked && user.at_scscf == 0) {
      out.push_back(
          "registered at the P-CSCF and unknown at the S-CSCF: another S-CSCF serves it, or it ended there unnoticed");
    }
    return out;
  }
  // Where the P-CSCF can only say that the core refused, or waits, the S-CSCF knows why.
  bool relayed = user.pcscf.why().starts_with("the core answered") || user.pcscf.why().starts_with("waiting for");
  if (relayed && user.scscf.state() != "registered") split_lines(user.scscf.why(), out);
  if (user.pcscf.state() != "registered") split_lines(user.pcscf.why(), out);
  if (!relayed && user.scscf.state() != "registered" && user.scscf.why() != user.pcscf.why()) {
    split_lines(user.scscf.why(), out);
  }
  if (out.empty() && (user.pcscf.state() == "challenge unanswered" || user.scscf.state() == "challenge unanswered")) {
    out = {
        "the handset refused the challenge: K or OPc in the HSS are not the SIM's (perhaps OP stands where OPc "
        "belongs), or two "
        "HSSs share this K and their SQNs ran apart",
        "the handset's answer did not arrive: ESP (protocol 50) between it and the P-CSCF is dropped, by a firewall or "
        "the UPF",
        "the 401 did not reach the handset: it was too large for one packet, or went to another address"};
  }
  return out;
}

}  // namespace lapwing::cli
