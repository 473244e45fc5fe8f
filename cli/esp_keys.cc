// imsctl esp-keys: the keys of security associations, in the form in which Wireshark reads them.
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "cli/esp_sa.h"
#include "cli/session.h"
#include "common/runtime/log.h"

namespace lapwing::cli {

int Session::esp_keys() {
  if (arguments_.json && !arguments_.save.empty()) {
    err_ << "imsctl: --save writes Wireshark's form: leave --json away\n";
    return usage;
  }
  if (int code = known({Role::pcscf}); code != ok) return code;
  // Each export is told to others: first see that it will be of use.
  auto refused = [&](const absl::Status& status) {
    err_ << "imsctl: " << arguments_.save << ": " << status.message() << "; nothing was written\n";
    return usage;
  };
  std::string before;
  if (!arguments_.save.empty()) {
    auto read = read_private(arguments_.save);
    if (!read.ok()) return refused(read.status());
    if (auto form = with_esp_sas(*read, {}); !form.ok()) return refused(form.status());
    before = *std::move(read);
  }
  v1::ExportKeysRequest request;
  request.set_identity(arguments_.identity);
  const auto answers =
      ask<v1::ExportKeysReply>(daemons_, {Role::pcscf}, arguments_.timeout,
                               [&](const Daemon& daemon, grpc::ClientContext& context, v1::ExportKeysReply& reply) {
                                 return daemon.control().ExportKeys(&context, request, &reply);
                               });
  std::vector<std::string> lines;
  std::set<std::string> users;
  std::map<std::string, size_t> left_out;  // by algorithms
  size_t unknown = 0;
  bool found = false;
  for (const auto& answer : answers) {
    unknown += answer.reply.unknown();
    for (const v1::EspSa& sa : answer.reply.sas()) {
      found = true;
      if (auto line = esp_sa_line(sa)) {
        lines.push_back(*std::move(line));
        users.insert(sa.impi());
      } else {
        ++left_out[absl::StrCat(sa.integrity(), "/", sa.encryption())];
      }
    }
  }
  if (arguments_.json) return print_json(answers, found);
  if (int code = warn(answers); code != ok) return code;
  for (const auto& [algorithms, count] : left_out) {
    err_ << "imsctl: warning: " << count << " security associations are left out: Wireshark 4.0 cannot decipher "
         << log::printable(algorithms) << "\n";
  }
  if (unknown > 0) {
    err_ << "imsctl: warning: the keys of " << unknown
         << " security associations are known to the kernel alone, since they are of before the P-CSCF's restart: as "
            "root, `ip xfrm state` on its host\n";
  }
  if (lines.empty()) {
    if (!found && unknown == 0) err_ << "imsctl: no security associations\n";
    return not_found;
  }
  if (arguments_.save.empty()) {
    for (const std::string& line : lines) out_ << line << "\n";
    return ok;
  }
  auto content = with_esp_sas(before, lines);
  if (!content.ok()) return refused(content.status());
  if (absl::Status written = write_private(arguments_.save, *content); !written.ok()) return refused(written);
  out_ << "The keys of " << lines.size() << " security associations (" << users.size()
       << (users.size() == 1 ? " user" : " users") << ") are in " << arguments_.save
       << ", which only its owner may read.\n"
       << "Wireshark reads ~/.config/wireshark/esp_sa, or esp_sa in $WIRESHARK_CONFIG_DIR, when it starts:\n"
       << "  tshark -r CAPTURE -o esp.enable_encryption_decode:TRUE -o esp.enable_authentication_check:TRUE\n";
  return ok;
}

}  // namespace lapwing::cli
