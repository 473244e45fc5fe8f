#include "hss-client/freediameter/peer_trouble.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/runtime/log.h"
#include "hss-client/cx.h"

namespace lapwing {
namespace {

constexpr uint32_t origin_host = 264, result_code = 268, error_message = 281;

// From outside, so cut.
std::string in_quotes(std::string_view text) {
  return absl::StrCat("\"", log::printable(text, 200), "\"");
}

std::string other_name(std::string_view said, const DiameterOptions::Peer& peer) {
  return absl::StrFormat("the HSS calls itself %s, %s says \"%s\"", in_quotes(said), peer.host_setting, peer.host);
}

// What the operator can do about a refusal.
std::string advice(uint32_t result, const DiameterOptions& options) {
  switch (result) {
    case 3004:
      return "; the next attempt comes in 5 minutes";
    case 3010:
      return absl::StrFormat("; it does not know %s \"%s\"", options.identity_setting, options.identity);
    case 5010:
      return "; it does not offer what we ask of it";
    default:
      return "";
  }
}

}  // namespace

std::string trouble_text(PeerTrouble trouble, const DiameterOptions& options, const DiameterOptions::Peer& peer,
                         std::string_view detail) {
  const std::string at = peer.address_text();
  switch (trouble) {
    case PeerTrouble::cannot_connect:
      if (detail == "Connection refused") return absl::StrFormat("connection refused: nothing listens on %s", at);
      return absl::StrFormat("cannot connect to %s%s%s", at, detail.empty() ? "" : ": ", detail);
    case PeerTrouble::connect_timeout:
      return absl::StrCat("no answer from ", at, " in 10 s: a wrong address, or a firewall on the way");
    case PeerTrouble::no_cea:
      return absl::StrCat(at, " took the connection and did not answer our Capabilities-Exchange-Request in 10 s: ",
                          "does a Diameter program listen there?");
    case PeerTrouble::closed_at_cer:
      return absl::StrFormat(
          "closed by the HSS instead of an answer to our Capabilities-Exchange-Request: does it know %s \"%s\"?",
          options.identity_setting, options.identity);
    case PeerTrouble::unusable_cea:
      return absl::StrCat("the HSS's Capabilities-Exchange-Answer cannot be used: ", log::printable(detail, 200));
    case PeerTrouble::no_application:
      return absl::StrFormat("connected, but the HSS does not offer %s", detail);
    case PeerTrouble::no_watchdog:
      return "the HSS did not answer the watchdog";
    case PeerTrouble::said_goodbye:
      return absl::StrFormat("the HSS ended the connection: %s", detail);
    case PeerTrouble::broken:
      break;
  }
  return absl::StrCat("the connection broke", detail.empty() ? "" : ": ", log::printable(detail, 200));
}

std::string refusal_in_cea(const diameter::Message& cea, const DiameterOptions& options,
                           const DiameterOptions::Peer& peer) {
  const diameter::Avp* code = diameter::find(cea.avps, result_code, 0);
  const diameter::Avp* name = diameter::find(cea.avps, origin_host, 0);
  const uint32_t result = code == nullptr ? 0 : diameter::value32(*code).value_or(0);
  const bool other = name != nullptr && !absl::EqualsIgnoreCase(name->data, peer.host);
  if (code == nullptr || result == cx::base::success.code) {
    return other ? absl::StrCat("refused: ", other_name(name->data, peer)) : std::string();
  }
  std::string text = absl::StrCat("refused: the HSS answered ", cx::result_text({false, result}));
  const diameter::Avp* words = diameter::find(cea.avps, error_message, 0);
  if (words != nullptr && !words->data.empty()) absl::StrAppend(&text, " ", in_quotes(words->data));
  absl::StrAppend(&text, advice(result, options));
  if (other) absl::StrAppend(&text, "; ", other_name(name->data, peer));
  return text;
}

std::string_view disconnect_cause_text(uint32_t cause) {
  switch (cause) {
    case 0:
      return "it restarts";
    case 1:
      return "it is too busy";
    case 2:
      return "it does not want to talk to us";
    default:
      return "it gave no reason";
  }
}

}  // namespace lapwing
