// Reads the user profiles that the HSS sends, shared iFC sets merged in. Users whose service profiles have the same
// criteria share one compiled form: ten thousand subscribers of a lab have three.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "scscf/ifc/filter_criteria.h"
#include "scscf/user_profile.h"

namespace lapwing::scscf {

// Configured here, named by number in profiles (TS 29.228 section 6.7, SharedIFCSetID).
using SharedIfcSets = std::map<uint32_t, std::vector<InitialFilterCriteria>>;

class Profiles {
 public:
  explicit Profiles(SharedIfcSets shared = {}, RequestUriPart uri_part = RequestUriPart::host_or_number)
      : shared_(std::move(shared)), uri_part_(uri_part) {}

  struct Read {
    std::shared_ptr<const UserProfile> profile;
    // What is wrong with it but no reason to refuse it: expressions that cannot be read, shared sets that are not
    // configured. In plain words.
    std::vector<std::string> faults;
  };
  // Errors as of parse_user_profile().
  absl::StatusOr<Read> read(std::string_view user_data);

  // Of profiles read from now on. Those of registered users are asked for anew at their re-registration.
  void configure(SharedIfcSets shared, RequestUriPart uri_part);
  bool is_current(const UserProfile& profile) { return profile.read_under == version_.load(); }
  // How many different sets of criteria are in use; and how many entries are kept to find them.
  size_t distinct();
  size_t remembered();

 private:
  std::shared_ptr<const FilterCriteria> share(std::vector<InitialFilterCriteria> criteria);

  std::atomic<uint32_t> version_{0};
  std::mutex mutex_;
  SharedIfcSets shared_;
  RequestUriPart uri_part_;
  absl::flat_hash_map<size_t, std::vector<std::weak_ptr<const FilterCriteria>>> pool_;  // by hash
  size_t forget_at_ = 512;  // entries, when those that nobody uses any more are thrown out
};

}  // namespace lapwing::scscf
