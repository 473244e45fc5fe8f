#include "lab/labhss/subscribers.h"

#include <algorithm>
#include <set>
#include <span>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/runtime/ids.h"
#include "common/runtime/log.h"
#include "common/runtime/values.h"
#include "common/sip/uri.h"
#include "lab/labhss/ifc_check.h"

namespace lapwing::labhss {
namespace {

constexpr size_t max_errors = 100;
constexpr size_t max_impus = 16;

Secret key_from(const std::string& hex) {
  std::string bytes = from_hex(hex);
  Secret key(std::span(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return key;
}

// The form under which an identity is found; empty when it is no SIP, SIPS or tel URI.
std::string key_of(std::string_view impu) {
  const absl::StatusOr<sip::Uri> uri = sip::Uri::parse(impu);
  if (!uri.ok() || (!uri->is_sip() && uri->scheme != sip::Scheme::tel)) return {};
  return uri->canonical();
}

// The international number in tel:+N or sip:+N@..., empty when there is none.
std::string number_of(std::string_view impu) {
  const absl::StatusOr<sip::Uri> uri = sip::Uri::parse(impu);
  if (!uri.ok() || !uri->user.starts_with('+') || !all_digits(uri->user.substr(1))) return {};
  return std::string(uri->user);
}

// What is wrong with a public identity; empty: nothing.
std::string wrong_with(const std::string& impu, const std::string& domain) {
  const absl::StatusOr<sip::Uri> uri = sip::Uri::parse(impu);
  if (!uri.ok()) return absl::StrFormat("is not a URI: %s", uri.status().message());
  if (uri->scheme == sip::Scheme::tel) {
    if (uri->user.starts_with('+') && all_digits(uri->user.substr(1)) && uri->params.empty()) return "";
    return "a tel URI must be an international number of digits alone, as tel:+15550100001";
  }
  if (!uri->is_sip()) return "must be a SIP or a tel URI";
  // sip:0398765432100 has a host and no user: handsets then dial phone-context=NUMBER@NUMBER.
  if (uri->user.empty() || uri->host.empty()) {
    return absl::StrFormat("has no user or no host: write sip:USER@%s", domain);
  }
  if (!uri->params.empty() || !uri->headers.empty() || !uri->password.empty() || uri->port != 0) {
    return "an identity has no port, password, parameters or headers: remove them";
  }
  return "";
}

// Identities with the same number are aliases: the place of a number is its group.
class AliasGroups {
 public:
  unsigned of(const std::string& impu) {
    const std::string number = number_of(impu);
    if (number.empty()) return 0;
    auto found = std::ranges::find(numbers_, number);
    const auto group = static_cast<unsigned>(found - numbers_.begin()) + 1;
    if (found == numbers_.end()) numbers_.push_back(number);
    return group;
  }

 private:
  std::vector<std::string> numbers_;
};

// Fills the filter criteria of a profile, each with a priority of its own.
class IfcReader {
 public:
  explicit IfcReader(ServiceProfile& profile) : profile_(profile) {
    profile_.ifc.clear();
    // What a shared set holds only the S-CSCF knows: it may serve unregistered users.
    profile_.unregistered_services = !profile_.shared_ifc_sets.empty();
  }

  absl::Status add(const std::string& ifc) {
    const absl::StatusOr<CheckedIfc> checked = check_ifc(ifc);
    if (!checked.ok()) return checked.status();
    if (!priorities_.insert(checked->priority).second) {
      return absl::InvalidArgumentError(
          absl::StrFormat("priority %d is taken by another iFC: give each its own", checked->priority));
    }
    profile_.unregistered_services = profile_.unregistered_services || checked->when_unregistered;
    profile_.ifc.push_back(ifc);
    return absl::OkStatus();
  }

 private:
  ServiceProfile& profile_;
  std::set<uint32_t> priorities_;
};

}  // namespace

std::string home_domain(std::string_view plmn) {
  const size_t slash = std::min(plmn.find('/'), plmn.size());
  const std::string_view mcc = plmn.substr(0, slash), mnc = plmn.substr(std::min(slash + 1, plmn.size()));
  return absl::StrFormat("ims.mnc%s%s.mcc%s.3gppnetwork.org", mnc.size() == 2 ? "0" : "", mnc, mcc);
}

bool Subscriber::has_unbarred_identity() const {
  return std::ranges::any_of(identities, [](const PublicIdentity& identity) { return !identity.barred; });
}

// Reads the subscribers one after the other, and gathers what is wrong.
class SubscriberReader {
 public:
  SubscriberReader(const v1::LabHssConfig& config, const config::Locations* where)
      : config_(config), where_(where), domain_(home_domain(config.plmn())) {}

  absl::StatusOr<Subscribers> read() {
    default_profile_ = profile(config_.profile(), "profile", "");
    for (int i = 0; i < config_.subscribers_size(); ++i) {
      path_ = absl::StrFormat("subscribers[%d]", i);
      add(config_.subscribers(i));
    }
    if (!errors_.empty()) return absl::InvalidArgumentError(absl::StrJoin(errors_, "\n"));
    return std::move(out_);
  }

 private:
  std::string line(const std::string& path, std::string_view text) const {
    if (where_ == nullptr) return absl::StrFormat("%s: %s", path, text);
    return std::string(where_->error(path, text).message());
  }
  std::string about(std::string_view text) const { return absl::StrFormat("subscriber %s: %s", imsi_, text); }
  void error(std::string_view key, std::string_view text) {
    if (errors_.size() < max_errors) errors_.push_back(line(absl::StrFormat("%s.%s", path_, key), about(text)));
  }

  void add(const v1::Subscriber& in) {
    imsi_ = log::printable(in.imsi(), 20);
    Subscriber out;
    out.imsi = in.imsi();
    out.msisdn = in.msisdn();
    out.barred = in.barred();
    out.display_name = in.display_name();
    out.sqn_index = static_cast<uint8_t>(in.has_sqn_index() ? in.sqn_index() : config_.sqn_index());
    check_numbers(in);
    read_keys(in, out);
    read_identities(in, out);
    if (std::ranges::any_of(in.display_name(),
                            [](char c) { return absl::ascii_iscntrl(static_cast<unsigned char>(c)); })) {
      error("display_name", "has control characters: remove them");
    }
    out.profile = in.has_profile() ? profile(in.profile(), path_ + ".profile", imsi_) : default_profile_;
    read_more_sets(in, out);
    index(std::move(out));
  }

  void check_numbers(const v1::Subscriber& in) {
    const std::string& plmn = config_.plmn();
    const std::string prefix = plmn.substr(0, 3) + plmn.substr(std::min<size_t>(4, plmn.size()));
    if (!all_digits(in.imsi()) || in.imsi().size() < 6 || in.imsi().size() > 15) {
      error("imsi", "an IMSI has 6 to 15 digits; quote it, so that YAML keeps leading zeros");
    } else if (!in.imsi().starts_with(prefix)) {
      error("imsi", absl::StrFormat("is not of plmn %s: an IMSI of it begins with %s", plmn, prefix));
    }
    if (!in.msisdn().empty() && (!all_digits(in.msisdn()) || in.msisdn().size() < 3 || in.msisdn().size() > 15)) {
      error("msisdn", "an MSISDN has 3 to 15 digits, country code first, without '+'");
    }
  }

  void read_keys(const v1::Subscriber& in, Subscriber& out) {
    uint32_t amf = 0x8000;
    if (!in.amf().empty() && (in.amf().size() != 4 || !absl::SimpleHexAtoi(in.amf(), &amf))) {
      error("amf", "write 4 hex digits, as 8000");
    }
    out.amf = static_cast<aka::Amf>(amf);
    out.k = key_from(in.k());
    if (out.k.size() != 16) error("k", "write the SIM's K as 32 hex digits");
    if (in.opc().empty() == in.op().empty()) {
      error(in.op().empty() ? "opc" : "op",
            in.op().empty() ? "neither opc nor op is given: write the one that the SIM was made with"
                            : "both opc and op are given: remove one of them");
      return;
    }
    const Secret given = key_from(in.opc().empty() ? in.op() : in.opc());
    if (given.size() != 16) {
      error(in.opc().empty() ? "op" : "opc", "write 32 hex digits");
    } else if (in.op().empty()) {
      out.opc = given;
    } else if (absl::StatusOr<Secret> opc = aka::opc_from_op(out.k, given); opc.ok()) {
      out.opc = *std::move(opc);
    }
  }

  void read_identities(const v1::Subscriber& in, Subscriber& out) {
    out.impi = in.impi().empty() ? absl::StrFormat("%s@%s", in.imsi(), domain_) : in.impi();
    const size_t at = out.impi.find('@');
    if (at == 0 || at == std::string::npos || at + 1 == out.impi.size() ||
        out.impi.find_first_of(" \t\r\n@<>\"", at + 1) != std::string::npos || out.impi.find(':') < at) {
      error("impi", "write it as USER@DOMAIN, without a scheme");
    }
    const std::string temporary =
        in.temporary_impu().empty() ? absl::StrFormat("sip:%s@%s", in.imsi(), domain_) : in.temporary_impu();
    check_identity("temporary_impu", temporary);
    out.identities.push_back({.uri = temporary, .barred = true});

    std::vector<std::string> impus(in.impus().begin(), in.impus().end());
    if (impus.empty() && in.msisdn().empty()) {
      error("msisdn",
            "neither msisdn nor impus is given: the temporary identity is barred, so that nothing could be called");
    }
    if (impus.size() > max_impus) error("impus", absl::StrFormat("has more than %d entries", max_impus));
    for (size_t i = 0; i < impus.size(); ++i) check_identity(absl::StrFormat("impus[%d]", i), impus[i]);
    if (impus.empty() && !in.msisdn().empty()) {
      impus = {absl::StrFormat("sip:+%s@%s", in.msisdn(), domain_), absl::StrFormat("tel:+%s", in.msisdn())};
    }
    lint(impus);
    AliasGroups aliases;
    for (std::string& impu : impus) {
      const unsigned group = aliases.of(impu);
      out.identities.push_back({.uri = std::move(impu), .barred = in.barred(), .alias_group = group});
    }
  }

  void read_more_sets(const v1::Subscriber& in, Subscriber& out) {
    for (int i = 0; i < in.more_sets_size(); ++i) {
      const v1::ImplicitSet& set = in.more_sets(i);
      const std::string key = absl::StrFormat("more_sets[%d]", i);
      ImplicitSet& made = out.more_sets.emplace_back();
      made.display_name = set.display_name();
      made.profile =
          set.has_profile() ? profile(set.profile(), absl::StrFormat("%s.%s.profile", path_, key), imsi_) : out.profile;
      if (static_cast<size_t>(set.impus_size()) > max_impus) {
        error(key + ".impus", absl::StrFormat("has more than %d entries", max_impus));
      }
      AliasGroups aliases;
      for (int j = 0; j < set.impus_size(); ++j) {
        check_identity(absl::StrFormat("%s.impus[%d]", key, j), set.impus(j));
        out.identities.push_back({.uri = set.impus(j),
                                  .barred = in.barred(),
                                  .alias_group = aliases.of(set.impus(j)),
                                  .set = out.more_sets.size()});
      }
    }
  }

  void check_identity(const std::string& key, const std::string& impu) {
    if (std::string wrong = wrong_with(impu, domain_); !wrong.empty()) error(key, wrong);
  }

  // Handsets want a tel identity to call with, and some send no SUBSCRIBE without a number among their identities.
  void lint(const std::vector<std::string>& impus) {
    const auto scheme = [&](std::string_view prefix) {
      return std::ranges::any_of(impus, [&](const std::string& impu) {
        return absl::AsciiStrToLower(impu.substr(0, prefix.size())) == prefix;
      });
    };
    if (impus.empty()) return;
    if (!scheme("sip:") && !scheme("sips:")) error("impus", "has no SIP URI: add one, since some handsets need it");
    if (!scheme("tel:")) {
      out_.warnings_.push_back(
          line(path_ + ".impus", about("has no tel URI: Samsung handsets then do not subscribe to reg")));
    }
  }

  ServiceProfile profile(const v1::Profile& in, const std::string& path, std::string_view imsi) {
    ServiceProfile out;
    out.shared_ifc_sets.assign(in.shared_ifc_sets().begin(), in.shared_ifc_sets().end());
    out.mandatory_capabilities.assign(in.mandatory_capabilities().begin(), in.mandatory_capabilities().end());
    out.optional_capabilities.assign(in.optional_capabilities().begin(), in.optional_capabilities().end());
    IfcReader ifcs(out);
    for (int i = 0; i < in.ifc_size(); ++i) {
      const absl::Status added = ifcs.add(in.ifc(i));
      if (added.ok() || errors_.size() >= max_errors) continue;
      std::string problem(added.message());
      if (!imsi.empty()) problem = about(problem);
      errors_.push_back(line(absl::StrFormat("%s.ifc[%d]", path, i), problem));
    }
    return out;
  }

  void index(Subscriber subscriber) {
    const size_t at = out_.all_.size();
    if (!out_.by_number_.try_emplace(subscriber.imsi, at).second) error("imsi", "is given twice: remove one");
    if (!subscriber.msisdn.empty() && subscriber.msisdn != subscriber.imsi &&
        !out_.by_number_.try_emplace(subscriber.msisdn, at).second) {
      error("msisdn", "belongs to another subscriber too: each needs its own");
    }
    if (!out_.by_impi_.try_emplace(subscriber.impi, at).second) {
      error("impi", "belongs to another subscriber too: each needs its own");
    }
    for (const PublicIdentity& identity : subscriber.identities) {
      const std::string key = key_of(identity.uri);
      if (key.empty()) continue;  // reported before
      if (const auto [found, fresh] = out_.by_impu_.try_emplace(key, at, identity.set); !fresh) {
        error("impus",
              absl::StrFormat("%s belongs to %s: each identity has one subscriber", log::printable(identity.uri, 80),
                              found->second.subscriber == at ? "this subscriber already" : "another subscriber too"));
      }
    }
    out_.all_.push_back(std::move(subscriber));
  }

  const v1::LabHssConfig& config_;
  const config::Locations* where_;
  const std::string domain_;
  ServiceProfile default_profile_;
  std::string path_, imsi_;  // of the subscriber being read
  std::vector<std::string> errors_;
  Subscribers out_;
};

absl::StatusOr<Subscribers> Subscribers::build(const v1::LabHssConfig& config, const config::Locations* where) {
  return SubscriberReader(config, where).read();
}

const Subscriber* Subscribers::by_impi(std::string_view impi) const {
  const auto found = by_impi_.find(absl::string_view(impi.data(), impi.size()));
  return found == by_impi_.end() ? nullptr : &all_[found->second];
}

const Subscriber* Subscribers::by_impu(std::string_view impu) const {
  const auto found = by_impu_.find(key_of(impu));
  return found == by_impu_.end() ? nullptr : &all_[found->second.subscriber];
}

size_t Subscribers::set_of(std::string_view impu) const {
  const auto found = by_impu_.find(key_of(impu));
  return found == by_impu_.end() ? 0 : found->second.set;
}

absl::Status Subscribers::change(std::string_view identity, const Change& change) {
  const Subscriber* found = find(identity);
  if (found == nullptr) return absl::NotFoundError("no subscriber has the identity " + log::printable(identity));
  Subscriber changed = *found;
  const size_t at = by_impi_.at(changed.impi);
  const std::string domain = changed.impi.substr(changed.impi.find('@') + 1);
  auto wrong = [](const std::string& impu, std::string_view why) {
    return absl::InvalidArgumentError(absl::StrFormat("%s: %s", log::printable(impu, 80), why));
  };
  for (const std::string& impu : change.remove_impus) {
    const std::string key = key_of(impu);
    const auto gone = std::erase_if(changed.identities, [&](const PublicIdentity& one) {
      return one.set == 0 && &one != &changed.identities.front() && key_of(one.uri) == key;
    });
    if (gone == 0) return wrong(impu, "is not in its first set, or is its temporary identity");
  }
  std::vector<PublicIdentity> added;
  for (const std::string& impu : change.add_impus) {
    if (std::string why = wrong_with(impu, domain); !why.empty()) return wrong(impu, why);
    const bool twice =
        std::ranges::any_of(added, [&](const PublicIdentity& one) { return key_of(one.uri) == key_of(impu); });
    if (twice || by_impu(impu) != nullptr) return wrong(impu, "belongs to a subscriber already");
    added.push_back({.uri = impu, .barred = changed.barred});
  }
  const auto other_set =
      std::ranges::find_if(changed.identities, [](const PublicIdentity& one) { return one.set != 0; });
  changed.identities.insert(other_set, added.begin(), added.end());
  if (change.barred) changed.barred = *change.barred;
  if (change.display_name) changed.display_name = *change.display_name;
  AliasGroups aliases;
  for (PublicIdentity& one : changed.identities) {
    if (one.set != 0) continue;
    if (&one != &changed.identities.front()) one.alias_group = aliases.of(one.uri);
  }
  for (size_t i = 1; change.barred && i < changed.identities.size(); ++i) changed.identities[i].barred = changed.barred;
  if (change.ifc) {
    IfcReader ifcs(changed.profile);
    for (size_t i = 0; i < change.ifc->size(); ++i) {
      if (const absl::Status added = ifcs.add((*change.ifc)[i]); !added.ok()) {
        return absl::InvalidArgumentError(absl::StrFormat("ifc[%d]: %s", i, added.message()));
      }
    }
  }
  for (const PublicIdentity& one : all_[at].identities) by_impu_.erase(key_of(one.uri));
  for (const PublicIdentity& one : changed.identities) by_impu_.try_emplace(key_of(one.uri), at, one.set);
  all_[at] = std::move(changed);
  return absl::OkStatus();
}

const Subscriber* Subscribers::find(std::string_view identity) const {
  if (const Subscriber* found = by_impi(identity)) return found;
  if (const Subscriber* found = by_impu(identity)) return found;
  if (identity.starts_with('+')) identity.remove_prefix(1);
  const auto found = by_number_.find(absl::string_view(identity.data(), identity.size()));
  return found == by_number_.end() ? nullptr : &all_[found->second];
}

absl::StatusOr<Subscribers> load_subscribers(const std::string& path, v1::LabHssConfig& config) {
  config::Locations where;
  if (absl::Status read = config::load_yaml(path, config, &where, config::subscriber_file_limit); !read.ok()) {
    return read;
  }
  absl::StatusOr<Subscribers> subscribers = Subscribers::build(config, &where);
  wipe_keys(config);
  return subscribers;
}

void wipe_keys(v1::LabHssConfig& config) {
  for (v1::Subscriber& subscriber : *config.mutable_subscribers()) {
    for (std::string* key : {subscriber.mutable_k(), subscriber.mutable_opc(), subscriber.mutable_op()}) {
      OPENSSL_cleanse(key->data(), key->size());
      key->clear();
    }
  }
}

}  // namespace lapwing::labhss
