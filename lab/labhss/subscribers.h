// The subscribers of the lab HSS: what the file says of each, and what follows from it (TS 23.003 section 13). With
// IMSI 001010000000001, MSISDN 15550100001 and plmn 001/01:
//
//   domain           ims.mnc001.mcc001.3gppnetwork.org
//   impi             001010000000001@DOMAIN
//   temporary_impu   sip:001010000000001@DOMAIN     barred: good for REGISTER only
//   impus            sip:+15550100001@DOMAIN, tel:+15550100001
//
// These identities make one implicit registration set; `more_sets` adds others.
//
// Errors: INVALID_ARGUMENT with one line for each thing that is wrong, at most 100. A line names the place in the file,
// the subscriber by its IMSI, the key and what to do; never the value of a key.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "common/aka/milenage.h"
#include "common/runtime/config.h"
#include "common/runtime/secret.h"
#include "lapwing/v1/config.pb.h"

namespace lapwing::labhss {

// ims.mncXXX.mccYYY.3gppnetwork.org of a PLMN as "001/01"; the MNC is filled up to three digits.
std::string home_domain(std::string_view plmn);

struct ServiceProfile {
  std::vector<uint32_t> shared_ifc_sets;
  std::vector<std::string> ifc;  // <InitialFilterCriteria> elements, checked
  std::vector<uint32_t> mandatory_capabilities, optional_capabilities;
  // Some iFC applies to a user who is not registered.
  bool unregistered_services = false;
};

struct PublicIdentity {
  std::string uri;
  bool barred = false;
  unsigned alias_group = 0;  // identities with equal numbers are aliases; 0: none
  size_t set = 0;            // the implicit registration set that it is in; 0: the first
};

// An implicit registration set beside the first.
struct ImplicitSet {
  std::string display_name;
  ServiceProfile profile;
};

struct Subscriber {
  std::string imsi, msisdn, impi, display_name;
  std::vector<PublicIdentity> identities;  // set by set, the barred temporary identity first
  bool barred = false;                     // may not register
  aka::Amf amf = 0x8000;
  uint8_t sqn_index = 0;
  Secret k, opc;
  ServiceProfile profile;              // of the first set, as display_name is
  std::vector<ImplicitSet> more_sets;  // the second and so on

  size_t sets() const { return 1 + more_sets.size(); }
  const ServiceProfile& profile_of(size_t set) const { return set == 0 ? profile : more_sets[set - 1].profile; }
  // Whether one identity may be used for more than REGISTER.
  bool has_unbarred_identity() const;
};

class Subscribers {
 public:
  // where: of the file that the configuration came from; null leaves file and line out of the errors.
  static absl::StatusOr<Subscribers> build(const v1::LabHssConfig& config, const config::Locations* where);

  const Subscriber* by_impi(std::string_view impi) const;
  // The URI in any spelling: parameters, port and letter case of the host do not matter.
  const Subscriber* by_impu(std::string_view impu) const;
  // The implicit registration set that the URI is in; of an unknown one the first.
  size_t set_of(std::string_view impu) const;
  // IMSI, MSISDN (with or without '+'), IMPI or IMPU, as operators write them.
  const Subscriber* find(std::string_view identity) const;
  const std::vector<Subscriber>& all() const { return all_; }
  // What is allowed but hardly meant, in the form of the errors.
  const std::vector<std::string>& warnings() const { return warnings_; }

  struct Change {
    std::optional<bool> barred;
    std::optional<std::string> display_name;
    std::vector<std::string> add_impus, remove_impus;
    std::optional<std::vector<std::string>> ifc;  // instead of those that its first set has
  };
  // Until the file is read again. NOT_FOUND: no such subscriber; INVALID_ARGUMENT: what is wrong, and nothing is done.
  absl::Status change(std::string_view identity, const Change& change);

 private:
  friend class SubscriberReader;
  std::vector<Subscriber> all_;
  struct Place {
    size_t subscriber = 0, set = 0;
  };
  absl::flat_hash_map<std::string, size_t> by_impi_, by_number_;  // by_number_: IMSIs and MSISDNs
  absl::flat_hash_map<std::string, Place> by_impu_;
  std::vector<std::string> warnings_;
};

// The subscribers of labhss's file as it is now, checked by the schema and by Subscribers::build; config: the rest of
// it, without keys.
absl::StatusOr<Subscribers> load_subscribers(const std::string& path, v1::LabHssConfig& config);

// Overwrites the keys in the message, once the subscribers are built.
void wipe_keys(v1::LabHssConfig& config);

}  // namespace lapwing::labhss
