#include "common/diagnosis/cause.h"

#include <algorithm>
#include <array>

namespace lapwing::diagnosis {
namespace {

// clang-format off
constexpr std::array table = {
  Diagnosis{Cause::no_packet, "no-packet", true,
    "Nothing of this subscriber has ever reached us.",
    "No daemon has a registration, a challenge or an event of the identity since it started.",
    "Is VoLTE switched on in the handset, and does its software allow it for this PLMN (carrier bundle, CSC, ISIM)?\n"
    "Does the handset get an IMS PDN with a P-CSCF address? In the SMF or PGW, set the P-CSCF address to that of gm.listen.\n"
    "Do packets pass? On this host: tcpdump -ni any host HANDSET and port 5060, while airplane mode is switched off.\n"
    "Was the identity typed as the handset uses it? imsctl watch shows every attempt of every handset."},
  Diagnosis{Cause::challenge_unanswered, "challenge-unanswered", true,
    "The 401 was sent, and no answer came.",
    "The time for an answer (await_auth) passed, and no ESP packet came on the new security associations.",
    "Compare K and OPc in the HSS with those of the SIM. A SIM that finds the network's MAC wrong often says nothing at all.\n"
    "Does OP stand in the HSS where OPc belongs, or the other way round?\n"
    "Do two HSSs share this SIM? Then their SQNs run apart: let one of them authenticate it.\n"
    "Does ESP (IP protocol 50) pass from the handset to us? A firewall or the UPF may drop it.\n"
    "Is the 401 too large for a packet on the way? imsctl preflight shows the MTU."},
  Diagnosis{Cause::esp_unknown_spi, "esp-unknown-spi", true,
    "ESP packets came after the 401, but under an SPI that nobody has.",
    "The kernel's counter XfrmInNoStates rose while the answer was awaited, and the handset's associations carried nothing.",
    "The handset still uses associations of an earlier registration: switch airplane mode on and off.\n"
    "The handset took our SPIs the wrong way round (spi-c and spi-s): report model and software version.\n"
    "Another program on this host deletes IPsec associations: stop other IKE or IMS daemons."},
  Diagnosis{Cause::esp_wrong_keys, "esp-wrong-keys", true,
    "The handset answered through IPsec with other keys than the HSS gave us.",
    "The kernel counted packets on the handset's associations that failed the integrity check.",
    "K or OPc in the HSS are not the SIM's, and the handset did not check the network's MAC: compare them.\n"
    "The handset and the network took different algorithms: compare `imsctl sa` with the handset's log."},
  Diagnosis{Cause::esp_wrong_port, "esp-wrong-port", true,
    "The handset answers through IPsec, but from another port than it agreed to.",
    "Sound ESP packets came on the handset's associations, and no REGISTER: their ports do not fit the agreement.",
    "Client and server port are swapped in the handset or in a gateway between: report model and software version.\n"
    "In a lab, `ipsec.selectors: address` makes the kernel take any port.\n"
    "If the handset uses TCP: was the connection established? Packets of full size may be lost to the MTU."},
  Diagnosis{Cause::wrong_response, "wrong-response", true,
    "The handset's answer to the challenge is wrong.",
    "The digest that came differs from the one made of the HSS's XRES.",
    "K or OPc in the HSS are not the SIM's: compare them.\n"
    "Does OP stand in the HSS where OPc belongs?\n"
    "Is the AMF or the Milenage variant (TUAK, r and c constants) of the SIM another one?"},
  Diagnosis{Cause::mac_failure, "mac-failure", true,
    "The SIM did not accept the network (MAC failure).",
    "The handset answered with an empty response and no auts (RFC 3310 section 3.2).",
    "K or OPc in the HSS are not the SIM's: compare them.\n"
    "OP and OPc are confused: a SIM holds OPc; an HSS may want either, and makes one from the other."},
  Diagnosis{Cause::sqn_loop, "sqn-loop", true,
    "The SIM finds every sequence number wrong, also after resynchronisation.",
    "The handset answered with auts again and again, more often than registrar.max_resynchronisations.",
    "Two HSSs, or the HSS and an AuC for LTE, count for the same SIM: let one of them authenticate it.\n"
    "The HSS does not take the SQN from AUTS: see its log at the MAR with SIP-Authorization; its K or OPc may be wrong.\n"
    "The SQN in the HSS is larger than the SIM's allowed step: set it to the SIM's value plus 32."},
  Diagnosis{Cause::answer_in_clear, "answer-in-clear", true,
    "The handset seems to answer the challenge without IPsec, at our protected port.",
    "The kernel dropped packets in clear to protected ports (XfrmInTmplMismatch) while the answer was awaited.",
    "The handset did not set up its side: it knows none of the algorithms it offered, or its kernel refused them.\n"
    "Something between decrypts ESP (a VPN or an IPsec gateway): let it pass ESP untouched."},
  Diagnosis{Cause::answer_unprotected, "answer-unprotected", true,
    "The answer to the challenge is right, but it came without IPsec.",
    "The digest fits, and the P-CSCF could not vouch for it: the REGISTER came outside any security association.",
    "Let the handset use IPsec (many have a hidden menu for it), and the P-CSCF offer it: ipsec.policy.\n"
    "In a lab without IPsec, set registrar.accept_unprotected_aka in the S-CSCF."},
  Diagnosis{Cause::sec_agree_missing, "sec-agree-missing", true,
    "The handset does not offer IPsec, and the P-CSCF demands it.",
    "The REGISTER has no sec-agree in Require, Proxy-Require or Supported; 421 was sent.",
    "Switch IPsec on in the handset's IMS settings.\n"
    "In a lab, set ipsec.policy: optional in the P-CSCF."},
  Diagnosis{Cause::security_client_missing, "security-client-missing", true,
    "The handset asks for sec-agree and names no mechanism that is known here.",
    "Security-Client is missing, cannot be read, or offers something else than ipsec-3gpp; 494 was sent.",
    "Report model and software version with the REGISTER: imsctl trace shows it.\n"
    "In a lab, set ipsec.policy: off and let the handset register without IPsec."},
  Diagnosis{Cause::security_client_differs, "security-client-differs", true,
    "The handset's second REGISTER offers other mechanisms than its first.",
    "Security-Client differs between the two, which is how an attacker in between would weaken them; 494 was sent.",
    "Something between handset and P-CSCF changes SIP messages: look for a SIP ALG and switch it off.\n"
    "The handset began a new registration on old associations: switch airplane mode on and off."},
  Diagnosis{Cause::security_verify_missing, "security-verify-missing", true,
    "The handset's protected REGISTER lacks Security-Verify.",
    "The header of RFC 3329 section 2.3.1 is missing; 400 was sent.",
    "Report model and software version with the REGISTER: imsctl trace shows it.\n"
    "Something between handset and P-CSCF removes headers: look for a SIP ALG and switch it off."},
  Diagnosis{Cause::security_verify_differs, "security-verify-differs", true,
    "The handset repeats another list of mechanisms than we sent.",
    "Security-Verify is not our Security-Server, which is how an attacker in between would weaken them; 494 was sent.",
    "Something between P-CSCF and handset changes SIP messages: look for a SIP ALG and switch it off.\n"
    "The handset answers an older 401: switch airplane mode on and off."},
  Diagnosis{Cause::no_common_algorithm, "no-common-algorithm", true,
    "Handset and P-CSCF have no algorithm in common.",
    "None of the pairs in Security-Client is in ipsec.algorithms; 494 was sent with our list.",
    "Add one of the pairs that the handset offers (they stand above) to ipsec.algorithms.\n"
    "imsctl preflight shows which of them this kernel has."},
  Diagnosis{Cause::sa_of_other_user, "sa-of-other-user", true,
    "A REGISTER came on the security association of another user.",
    "The private identity in Authorization is not that for which the association was made; 403 was sent.",
    "Was the SIM changed while the handset was on? Switch airplane mode on and off.\n"
    "Else somebody tries to register as another user: keep the trace."},
  Diagnosis{Cause::no_such_sa, "no-such-sa", true,
    "A REGISTER came to a protected port, and not by a security association that is known.",
    "Its address and ports belong to no set of associations; 403 was sent.",
    "The P-CSCF forgot the handset (a restart without state_file): it recovers when it registers anew.\n"
    "ipsec.selectors is `address`, and the handset uses ports it did not agree to."},
  Diagnosis{Cause::sa_ports_clash, "sa-ports-clash", true,
    "The handset offers ports or SPIs of associations that still live.",
    "The kernel, or our own table, has an association for the same address with the same SPI or port; 403 was sent.",
    "Several handsets share an address: a NAT or a tethering phone stands between. Give each an address of its own.\n"
    "The handset offers the same SPIs again on re-registration: report model and software version.\n"
    "Another program made associations on this host: compare `ip xfrm state` with `imsctl sa`."},
  Diagnosis{Cause::sa_not_set_up, "sa-not-set-up", true,
    "The security associations could not be set up.",
    "The kernel refused them, the core sent no keys with its 401, or no SPI is free; 500 was sent.",
    "imsctl preflight shows whether this kernel has ESP and the algorithms, and whether CAP_NET_ADMIN is there.\n"
    "No keys: the S-CSCF must put ck and ik into its 401 toward the P-CSCF; ours does.\n"
    "The text of the event says what the kernel answered."},
  Diagnosis{Cause::sa_missing_in_kernel, "sa-missing-in-kernel", true,
    "The handset is registered through IPsec, and the kernel has no such associations any more.",
    "`imsctl sa` finds none of the four in the kernel: nothing can pass to or from the handset.",
    "Another program deleted them (ip xfrm state flush, an IKE daemon): stop it.\n"
    "imsctl deregister ID makes the handset register anew when it comes next; airplane mode does it at once."},
  Diagnosis{Cause::foreign_domain, "foreign-domain", true,
    "The handset registers with another domain than ours.",
    "The Request-URI of its REGISTER is not home_domain; 403 was sent.",
    "The handset makes the domain of MCC and MNC of its SIM: set home_domain to ims.mncNNN.mccNNN.3gppnetwork.org of that "
    "PLMN (MNC with three digits).\n"
    "An ISIM holds a domain of its own (EF_DOMAIN): write the right one to it."},
  Diagnosis{Cause::interval_too_brief, "interval-too-brief", true,
    "The handset wants a shorter registration than is allowed.",
    "Expires is below registrar.min_expires; 423 was sent with Min-Expires, and the handset did not come back with it.",
    "Lower registrar.min_expires in the S-CSCF, or set the handset's expiry higher."},
  Diagnosis{Cause::expired, "expired", true,
    "The registration ran out: the handset did not refresh it.",
    "No REGISTER came before the end.",
    "Is the handset off, or out of coverage? Its next REGISTER is taken.\n"
    "If it is on: did its refresh reach us? tcpdump -ni any host HANDSET and esp\n"
    "Handsets refresh 600 s before the end, or at half of a short time: do not set registrar.max_expires below 120 s."},
  Diagnosis{Cause::left, "left", true,
    "The handset ended its registration itself.",
    "A REGISTER with Expires 0 came.",
    "Switched off, airplane mode, VoLTE switched off, or Wi-Fi calling took over: nothing is wrong.\n"
    "If it leaves half a minute after each registration, it did not like the reg event or its identities: see `imsctl "
    "profile lint`."},
  Diagnosis{Cause::ended_by_network, "ended-by-network", true,
    "The network ended the registration.",
    "An operator (imsctl deregister), the HSS (RTR), or an application server's failure ended it: the event says which.",
    "The event's text names who ended it, and the reason.\n"
    "After `rejected` or an RTR with permanent termination a handset may stay away until it is switched off and on."},
  Diagnosis{Cause::draining, "draining", true,
    "The daemon takes no new registrations: it is being drained.",
    "503 with Retry-After was sent, after imsctl drain.",
    "imsctl drain --resume takes new work again."},
  Diagnosis{Cause::nat, "nat", false,
    "A NAT stands between the handset and the P-CSCF.",
    "The address in Via or Contact is not the address that the packets come from.",
    "ESP in transport mode does not pass a NAT: let the UPF route the handsets' addresses to the P-CSCF instead.\n"
    "In Open5GS, remove the MASQUERADE rule for the IMS subnet toward the P-CSCF."},
  Diagnosis{Cause::core_silent, "core-silent", true,
    "The S-CSCF does not answer the P-CSCF.",
    "The REGISTER was sent to mw.entry and nothing came back.",
    "Is the S-CSCF running? imsctl status\n"
    "Does mw.entry name the address on which it listens, and do packets pass there and back?\n"
    "Does the S-CSCF trust the P-CSCF's address (trusted)?"},
  Diagnosis{Cause::hss_not_connected, "hss-not-connected", true,
    "No HSS is connected.",
    "There is no open Diameter connection to ask; `imsctl hss` says why for each peer.",
    "imsctl hss names the reason: refused, another realm or host name than expected, no common application.\n"
    "Is the HSS running, and is cx.peers its address and port?\n"
    "Does the HSS know us as a peer, by cx.origin_host and cx.origin_realm?"},
  Diagnosis{Cause::hss_silent, "hss-silent", true,
    "The HSS does not answer.",
    "A Cx request was sent and no answer came within cx.deadline.",
    "Look at the HSS's log and load; imsctl hss shows answer times and time-outs.\n"
    "Does its database answer? Many HSSs stay connected while their database is away."},
  Diagnosis{Cause::hss_user_unknown, "hss-user-unknown", true,
    "The HSS does not know the subscriber.",
    "It answered 5001 (DIAMETER_ERROR_USER_UNKNOWN).",
    "Add the IMSI to the HSS as an IMS subscriber: one for LTE only is not enough.\n"
    "Compare the private identity above with the HSS's: IMSI@ims.mncNNN.mccNNN.3gppnetwork.org."},
  Diagnosis{Cause::hss_identities_differ, "hss-identities-differ", true,
    "For the HSS, the public identity does not belong to the private one.",
    "It answered 5002 (DIAMETER_ERROR_IDENTITIES_DONT_MATCH).",
    "Add the public identity above to the subscriber's IMS profile in the HSS.\n"
    "An ISIM holds identities of its own: compare EF_IMPI and EF_IMPU with the HSS."},
  Diagnosis{Cause::hss_not_registered, "hss-not-registered", true,
    "For the HSS, the identity is not registered.",
    "It answered 5003 (DIAMETER_ERROR_IDENTITY_NOT_REGISTERED).",
    "HSS and S-CSCF disagree about the registration: let the handset register anew.\n"
    "Was the HSS restored from a backup or restarted without its state?"},
  Diagnosis{Cause::hss_roaming_refused, "hss-roaming-refused", true,
    "The HSS does not allow the subscriber to roam here.",
    "It answered 5004 (DIAMETER_ERROR_ROAMING_NOT_ALLOWED).",
    "Add the visited network (P-Visited-Network-ID, the P-CSCF's home_domain) to those allowed for the subscriber."},
  Diagnosis{Cause::hss_barred, "hss-barred", true,
    "The HSS does not let the subscriber register.",
    "It answered 5003 (DIAMETER_AUTHORIZATION_REJECTED).",
    "The subscriber or all its public identities are barred: unbar one in the HSS."},
  Diagnosis{Cause::hss_scheme_refused, "hss-scheme-refused", true,
    "The HSS does not do AKA for this subscriber.",
    "It answered 5006 (DIAMETER_ERROR_AUTH_SCHEME_NOT_SUPPORTED).",
    "Set the subscriber's authentication scheme to Digest-AKAv1-MD5 in the HSS."},
  Diagnosis{Cause::hss_error, "hss-error", true,
    "The HSS answered with an error.",
    "The event names the command and the result.",
    "The result code is the HSS's own word: look at its log at that moment.\n"
    "3002 and 3003: cx.destination_realm or the peer's host name is not what the HSS or an agent between expects."},
  Diagnosis{Cause::no_vector, "no-vector", true,
    "The HSS gave no authentication vector that can be used.",
    "Its MAA was a success without RAND and AUTN, XRES, CK and IK of the right lengths for Digest-AKAv1-MD5.",
    "Set the subscriber's authentication scheme to Digest-AKAv1-MD5 (not Digest-MD5) in the HSS.\n"
    "Are K, OPc and AMF set for the subscriber?"},
  Diagnosis{Cause::profile_unreadable, "profile-unreadable", true,
    "The user profile of the HSS cannot be read.",
    "User-Data in the SAA is not a document as TS 29.228 Annex B has it; the event names the place.",
    "imsctl profile lint FILE, with the document from the HSS, shows what is wrong.\n"
    "Repair the subscriber's template or iFC in the HSS."},
  Diagnosis{Cause::profile_without_identity, "profile-without-identity", true,
    "The user profile does not contain the identity that registers.",
    "The SAA came with a profile for other public identities.",
    "Add the public identity to the implicit registration set in the HSS."},
  Diagnosis{Cause::no_fitting_server, "no-fitting-server", true,
    "No S-CSCF fits what the HSS demands.",
    "The HSS named mandatory capabilities, or an S-CSCF, that nothing in `servers` has.",
    "Compare the capabilities in the HSS with `capabilities` and `servers` in the S-CSCF's configuration."},
  Diagnosis{Cause::forgotten_by_scscf, "forgotten-by-scscf", true,
    "The P-CSCF has the handset registered, the S-CSCF does not.",
    "Only one of the two daemons knows a registration: calls to the handset fail.",
    "Does another S-CSCF serve it? Name all of them in imsctl.yaml.\n"
    "The S-CSCF was restarted without its state_file: the handset recovers at its next request or refresh."},
  Diagnosis{Cause::forgotten_by_pcscf, "forgotten-by-pcscf", true,
    "The S-CSCF has the handset registered, the P-CSCF does not.",
    "Only one of the two daemons knows a registration: nothing reaches the handset.",
    "Does another P-CSCF serve it? Name all of them in imsctl.yaml.\n"
    "The P-CSCF was restarted without its state_file, or the host was: the handset recovers when it registers anew."},
  Diagnosis{Cause::no_tel_identity, "no-tel-identity", false,
    "The subscriber has no telephone number among its identities.",
    "P-Associated-URI has no tel: URI: several handsets then show no VoLTE sign, and do not SUBSCRIBE or call.",
    "Add tel:+NUMBER to the subscriber's implicit registration set in the HSS, beside sip:+NUMBER@domain."},
  Diagnosis{Cause::no_reg_subscription, "no-reg-subscription", false,
    "The handset did not subscribe to its registration (reg event).",
    "It registered, and no SUBSCRIBE for the reg event came from it in a minute.",
    "Some handsets never do: then nothing is wrong.\n"
    "Others skip it when P-Associated-URI lacks a tel: or sip: URI with the number: imsctl profile lint ID.\n"
    "Its SUBSCRIBE was lost: large requests go over TCP; does TCP to the protected port pass?"},
  Diagnosis{Cause::notify_unanswered, "notify-unanswered", false,
    "The handset does not take the NOTIFY about its registration.",
    "Our NOTIFY was answered with an error or not at all.",
    "Not at all: it may be too large for a packet (imsctl preflight shows the MTU), or the handset is gone.\n"
    "With an error: report model and software version with the NOTIFY: imsctl trace shows it."},
  Diagnosis{Cause::service_failed, "service-failed", false,
    "An application server did not answer, or refused.",
    "A request or third-party REGISTER to the server of an initial filter criterion failed.",
    "Is the server running, and is its name in `hosts` or an address?\n"
    "imsctl explain call A B shows which criterion sends what to it.\n"
    "DefaultHandling 0 in the HSS lets calls go on without it."},
  Diagnosis{Cause::callee_unknown, "callee-unknown", true,
    "Nobody has the dialled number.",
    "The HSS does not know the identity, or the number leads to no domain of ours; 404.",
    "Is the number among the callee's public identities in the HSS, with + and country code?\n"
    "imsctl explain call A B shows what the dialled number was taken for."},
  Diagnosis{Cause::callee_not_registered, "callee-not-registered", true,
    "The callee is not registered.",
    "The call ended with 480: no contact, and no service for the unregistered.",
    "imsctl explain CALLEE says why it is not registered."},
  Diagnosis{Cause::callee_silent, "callee-silent", true,
    "The callee's handset does not answer at all.",
    "The INVITE was sent to its contact and nothing came back (408).",
    "It lost coverage or power, and its registration has not run out yet.\n"
    "Large INVITEs are lost on the way: does TCP pass to the handset's protected port; imsctl preflight shows the MTU.\n"
    "imsctl explain CALLEE: are its security associations still in the kernel?"},
  Diagnosis{Cause::callee_busy, "callee-busy", true,
    "The callee is busy.",
    "Its handset answered 486 or 600.",
    "Nothing is wrong. If it is never free: a call may hang; imsctl calls CALLEE, imsctl hangup."},
  Diagnosis{Cause::callee_declined, "callee-declined", true,
    "The callee declined the call.",
    "Its handset answered 603, 480 or 403 by itself.",
    "Nothing is wrong if a person did it.\n"
    "A handset that declines every call may not do preconditions or the codec: compare with `imsctl trace`."},
  Diagnosis{Cause::media_refused, "media-refused", true,
    "The offered media are not allowed.",
    "The session description is refused by `media`, services.media_profiles, or the callee; 488.",
    "Compare the codecs and media above with the configuration.\n"
    "Is video switched on at one side only?"},
  Diagnosis{Cause::session_expired, "session-expired", true,
    "A call was ended because nobody refreshed its session, or it lasted longer than calls may.",
    "The time of Session-Expires passed without UPDATE or re-INVITE (RFC 4028), or without a session timer calls.longest did.",
    "The refreshing handset lost coverage or its associations: imsctl explain of both.\n"
    "If it happens to every call of a model: report it, and raise calls.session_expires."},
  Diagnosis{Cause::sms_not_taken, "sms-not-taken", false,
    "A short message could not be delivered over IMS.",
    "No contact of the receiver takes short messages (+g.3gpp.smsip), or its handset did not report it.",
    "Is SMS over IP switched on in the handset and in its carrier settings?\n"
    "The message waits, and goes out when the handset registers next."},
};
// clang-format on

}  // namespace

std::span<const Diagnosis> all() {
  return table;
}

const Diagnosis* find(Cause cause) {
  auto found = std::find_if(table.begin(), table.end(), [cause](const Diagnosis& one) { return one.cause == cause; });
  return found == table.end() ? nullptr : &*found;
}

const Diagnosis* find(std::string_view code) {
  auto found = std::find_if(table.begin(), table.end(), [code](const Diagnosis& one) { return one.code == code; });
  return found == table.end() ? nullptr : &*found;
}

std::string_view code_of(Cause cause) {
  const Diagnosis* found = find(cause);
  return found ? found->code : std::string_view();
}

std::vector<std::string> advice_of(const Diagnosis& one) {
  std::vector<std::string> lines;
  std::string_view rest = one.advice;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    lines.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return lines;
}

}  // namespace lapwing::diagnosis
