#include "common/diagnosis/doctor.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/control/timestamps.h"

namespace lapwing::diagnosis {
namespace {

constexpr size_t steps_shown = 16;
constexpr size_t causes_shown = 3;  // of events

using control::time_of;

struct Seen {
  WallTime at;
  const v1::Event* event;
  const Diagnosis* diagnosis;  // null: none
  size_t number;               // as they came
};

class Doctor {
 public:
  Doctor(std::string_view identity, std::span<const View> views, WallTime now)
      : identity_(identity), views_(views), now_(now) {
    for (const View& view : views) {
      for (const v1::Event& event : view.shown.events()) {
        seen_.push_back({time_of(event.time()), &event, find(event.code()), seen_.size()});
      }
    }
    std::sort(seen_.begin(), seen_.end(),
              [](const Seen& a, const Seen& b) { return std::pair(a.at, a.number) < std::pair(b.at, b.number); });
    pcscf_ = best_of("pcscf");
    scscf_ = best_of("scscf");
  }

  v1::Explanation explain() {
    v1::Explanation out;
    out.set_identity(std::string(identity_));
    identify(out);
    out.set_registered(registered());
    find_across_views();
    find_in_registration();
    find_in_events();
    order();
    out.set_verdict(verdict());
    out.set_missing(missing());
    for (v1::Finding& finding : found_) *out.add_findings() = std::move(finding);
    for (size_t i = seen_.size() > steps_shown ? seen_.size() - steps_shown : 0; i < seen_.size(); ++i) {
      *out.add_steps() = *seen_[i].event;
    }
    return out;
  }

 private:
  // The registration that counts: one that stands, else the one that changed last.
  const v1::Registration* best_of(std::string_view program) const {
    const v1::Registration* best = nullptr;
    for (const View& view : views_) {
      if (view.program != program) continue;
      for (const v1::Registration& one : view.shown.registrations()) {
        bool better = !best || (one.state() == "registered" && best->state() != "registered") ||
                      ((one.state() == "registered") == (best->state() == "registered") &&
                       time_of(one.since()) > time_of(best->since()));
        if (better) best = &one;
      }
    }
    return best;
  }

  static bool stands(const v1::Registration* one) { return one && one->state() == "registered"; }
  bool registered() const {
    return (stands(pcscf_) || stands(scscf_)) && (!pcscf_ || stands(pcscf_)) && (!scscf_ || stands(scscf_));
  }

  bool asked(std::string_view program) const {
    bool any = false;
    for (const View& view : views_) {
      if (view.program != program) continue;
      if (!view.answered) return false;
      any = true;
    }
    return any;
  }

  void identify(v1::Explanation& out) const {
    for (const v1::Registration* one : {scscf_, pcscf_}) {
      if (!one) continue;
      if (out.impi().empty()) out.set_impi(one->impi());
      if (out.impus().empty()) *out.mutable_impus() = one->impus();
    }
    for (const Seen& seen : seen_) {
      if (out.impi().empty()) out.set_impi(seen.event->impi());
    }
  }

  v1::Finding* add(const Diagnosis* diagnosis, std::string text) {
    if (!diagnosis) return nullptr;
    for (const v1::Finding& known : found_) {
      if (known.code() == diagnosis->code) return nullptr;
    }
    v1::Finding& finding = found_.emplace_back(finding_of(*diagnosis));
    finding.set_text(std::move(text));
    return &finding;
  }
  v1::Finding* add(Cause cause, std::string text) { return add(find(cause), std::move(text)); }

  void add(const Seen& seen) {
    v1::Finding* finding = add(seen.diagnosis, seen.event->text());
    if (!finding) return;
    *finding->mutable_time() = seen.event->time();
    finding->set_program(seen.event->program());
  }

  void find_across_views() {
    const bool both = asked("pcscf") && asked("scscf");
    if (seen_.empty() && !pcscf_ && !scscf_ && asked("pcscf")) add(Cause::no_packet, "no daemon knows the identity");
    if (both && stands(pcscf_) && !stands(scscf_) && now_ - time_of(pcscf_->since()) > patience) {
      add(Cause::forgotten_by_scscf,
          absl::StrCat("registered at the P-CSCF; at the S-CSCF: ", scscf_ ? scscf_->state() : "unknown"));
    }
    if (both && stands(scscf_) && !stands(pcscf_) && now_ - time_of(scscf_->since()) > patience) {
      add(Cause::forgotten_by_pcscf,
          absl::StrCat("registered at the S-CSCF; at the P-CSCF: ", pcscf_ ? pcscf_->state() : "unknown"));
    }
    for (const View& view : views_) {
      if (view.hss.peers().empty()) continue;
      bool open = std::any_of(view.hss.peers().begin(), view.hss.peers().end(),
                              [](const v1::HssPeerStatus& peer) { return peer.state() == "open"; });
      const v1::HssPeerStatus& first = view.hss.peers(0);
      if (!open) add(Cause::hss_not_connected, absl::StrCat(first.host(), ": ", first.state(), ". ", first.why()));
    }
  }

  void find_in_registration() {
    if (stands(pcscf_)) {
      for (const View& view : views_) {
        size_t valid = 0, in_kernel = 0;
        for (const v1::SaSet& set : view.shown.sa_sets()) {
          valid += set.state() == "valid" ? 1 : 0;
          in_kernel += set.state() == "valid" && !set.kernel().empty() ? 1 : 0;
        }
        if (valid > 0 && in_kernel == 0) {
          add(Cause::sa_missing_in_kernel, absl::StrCat(valid, " valid sets, and none of them is in the kernel"));
        }
      }
      const auto& impus = pcscf_->impus();
      bool tel =
          std::any_of(impus.begin(), impus.end(), [](const std::string& one) { return one.starts_with("tel:"); });
      if (!tel && !impus.empty())
        add(Cause::no_tel_identity, absl::StrCat("its identities: ", absl::StrJoin(impus, ", ")));
    }
    if (stands(scscf_) && now_ - time_of(scscf_->since()) > patience && !subscribed()) {
      add(Cause::no_reg_subscription, "registered, and no subscription of its own to the reg event");
    }
    if (pcscf_ && pcscf_->nat()) {
      add(Cause::nat, absl::StrCat("packets come from ", pcscf_->address(), ", its contact is ", pcscf_->contact()));
    }
  }

  // By the handset: the P-CSCF subscribes too.
  bool subscribed() const {
    for (const View& view : views_) {
      for (const v1::Subscription& one : view.shown.subscriptions()) {
        for (const std::string& impu : scscf_->impus()) {
          if (one.watcher() == impu) return true;
        }
      }
    }
    return false;
  }

  static bool is_call(const v1::Event& event) {
    return event.kind().starts_with("call.") || event.kind().starts_with("sms.");
  }

  // Does something later show that it is over?
  bool is_over(const Seen& seen) const {
    for (const Seen& later : seen_) {
      if (later.at <= seen.at) continue;
      const std::string& kind = later.event->kind();
      if (is_call(*seen.event)) {
        if (kind == "call.answered" && seen.event->kind().starts_with("call.")) return true;
        if (kind == "sms.delivered" && seen.event->kind().starts_with("sms.")) return true;
      } else if (kind == "register.accepted" || kind == "register.restored" ||
                 (kind == "register.refreshed" && seen.diagnosis->failure)) {
        return true;
      }
    }
    return false;
  }

  void find_in_events() {
    std::vector<Seen> causes;  // newest first
    for (auto seen = seen_.rbegin(); seen != seen_.rend(); ++seen) {
      if (seen->diagnosis && !is_over(*seen)) causes.push_back(*seen);
    }
    // Silence is what whoever knows no more sees of another daemon's refusal.
    auto better_known = [&](const Seen& one) {
      if (one.diagnosis->cause != Cause::challenge_unanswered) return false;
      WallTime began = last_before(one.at, "register.challenged");
      return std::any_of(causes.begin(), causes.end(), [&](const Seen& other) {
        return other.diagnosis->failure && other.diagnosis->cause != Cause::challenge_unanswered &&
               !is_call(*other.event) && other.at >= began;
      });
    };
    size_t shown = 0;
    for (const Seen& one : causes) {
      if (shown == causes_shown) break;
      if (better_known(one)) continue;
      const size_t before = found_.size();
      add(one);
      shown += found_.size() - before;
    }
  }

  WallTime last_before(WallTime then, std::string_view kind) const {
    WallTime last{};
    for (const Seen& seen : seen_) {
      if (seen.at <= then && seen.event->kind() == kind) last = seen.at;
    }
    return last;
  }

  // Failures before what works all the same; what is so now before what was; the registration before calls.
  void order() {
    auto rank = [this](const v1::Finding& one) {
      bool about_calls = false;
      for (const Seen& seen : seen_) {
        about_calls = about_calls || (seen.diagnosis && seen.diagnosis->code == one.code() && is_call(*seen.event));
      }
      return (one.failure() ? 0 : 4) + (about_calls && !registered() ? 2 : 0) + (one.has_time() ? 1 : 0);
    };
    std::multimap<int, v1::Finding> ranked;  // keeps what is equal as it came
    for (v1::Finding& one : found_) {
      const int at = rank(one);
      ranked.emplace(at, std::move(one));
    }
    found_.clear();
    for (auto& [at, one] : ranked) found_.push_back(std::move(one));
  }

  std::string verdict() const {
    if (registered()) return "registered";
    const v1::Registration* told = pcscf_ && !stands(pcscf_) ? pcscf_ : scscf_ && !stands(scscf_) ? scscf_ : nullptr;
    if (stands(pcscf_) || stands(scscf_)) return "registered at one daemon only";
    if (!told) return seen_.empty() ? "NOT registered: never seen" : "NOT registered";
    const std::string& state = told->state();
    if (state == "challenged") return "not registered yet: the 401 is sent, its answer is awaited";
    if (state == "challenge unanswered") return "NOT registered: the 401 was never answered";
    if (state == "rejected") return "NOT registered: the registration was refused";
    if (state == "expired") return "not registered: the registration ran out";
    if (state == "deregistered") return "not registered: it was ended";
    return absl::StrCat("not registered: ", state);
  }

  std::string missing() const {
    if (seen_.empty() && !pcscf_ && !scscf_) return "a REGISTER of the handset";
    if (registered()) {
      bool silent = std::any_of(found_.begin(), found_.end(), [](const v1::Finding& one) {
        return one.code() == code_of(Cause::no_reg_subscription);
      });
      return silent ? "the handset's SUBSCRIBE to its reg event" : "";
    }
    for (const v1::Registration* one : {pcscf_, scscf_}) {
      if (one && one->state().starts_with("challenge")) return "the handset's REGISTER with the answer to the 401";
    }
    return "a REGISTER that is accepted";
  }

  const std::string_view identity_;
  const std::span<const View> views_;
  const WallTime now_;
  std::vector<Seen> seen_;  // oldest first
  const v1::Registration* pcscf_ = nullptr;
  const v1::Registration* scscf_ = nullptr;
  std::vector<v1::Finding> found_;
};

}  // namespace

v1::Finding finding_of(const Diagnosis& diagnosis) {
  v1::Finding finding;
  finding.set_code(std::string(diagnosis.code));
  finding.set_failure(diagnosis.failure);
  finding.set_title(std::string(diagnosis.title));
  finding.set_seen(std::string(diagnosis.seen));
  for (std::string& line : advice_of(diagnosis)) finding.add_advice(std::move(line));
  return finding;
}

v1::Explanation explain(std::string_view identity, std::span<const View> views, WallTime now) {
  return Doctor(identity, views, now).explain();
}

}  // namespace lapwing::diagnosis
