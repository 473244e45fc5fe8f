// What the SIP library costs per message: parsing a handset's REGISTER, changing it as a P-CSCF does and writing it,
// and parsing a large INVITE. Captured messages are measured too where they are to be had.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "common/sip/edits.h"
#include "common/sip/message.h"
#include "common/sip/request_times.h"
#include "common/sip/validate.h"

namespace lapwing::sip {
namespace {

// The shape of a VoLTE handset's protected REGISTER: about 1.4 kB, 19 rows.
constexpr std::string_view kRegister =
    "REGISTER sip:ims.mnc001.mcc001.3gppnetwork.org SIP/2.0\r\n"
    "f: <sip:001010000000001@ims.mnc001.mcc001.3gppnetwork.org>;tag=527331934\r\n"
    "t: <sip:001010000000001@ims.mnc001.mcc001.3gppnetwork.org>\r\n"
    "CSeq: 996527332 REGISTER\r\n"
    "i: 996527317_141228408@192.168.101.3\r\n"
    "v: SIP/2.0/TCP 192.168.101.3:6000;branch=z9hG4bK1228911391;rport\r\n"
    "Max-Forwards: 70\r\n"
    "m: <sip:001010000000001@192.168.101.3:6000>;+sip.instance=\"<urn:gsma:imei:35622410-483840-0>\";"
    "+g.3gpp.icsi-ref=\"urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel\";+g.3gpp.smsip;video\r\n"
    "P-Access-Network-Info: 3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=0010100010019B01\r\n"
    "l: 0\r\n"
    "Authorization: Digest username=\"001010000000001@ims.mnc001.mcc001.3gppnetwork.org\","
    "realm=\"ims.mnc001.mcc001.3gppnetwork.org\",uri=\"sip:ims.mnc001.mcc001.3gppnetwork.org\","
    "nonce=\"yDeHJMqjA5kVGIiEsQlwNtSDCMSQAAAAi7rGsbeX8I8=\",response=\"4be2c9a1f05fd2a46a9c8ba6b0a66e39\","
    "algorithm=AKAv1-MD5,cnonce=\"3041571024\",qop=auth,nc=00000001\r\n"
    "Expires: 600000\r\n"
    "Require: sec-agree\r\n"
    "Proxy-Require: sec-agree\r\n"
    "k: path,sec-agree\r\n"
    "Allow: INVITE,BYE,CANCEL,ACK,NOTIFY,UPDATE,PRACK,INFO,MESSAGE,OPTIONS\r\n"
    "Security-Client: ipsec-3gpp;alg=hmac-sha-1-96;ealg=aes-cbc;mod=trans;port-c=9001;port-s=6000;prot=esp;"
    "spi-c=28981;spi-s=28980\r\n"
    "Security-Verify: ipsec-3gpp;q=0.1;alg=hmac-sha-1-96;ealg=aes-cbc;mod=trans;port-c=5100;port-s=6100;prot=esp;"
    "spi-c=4096;spi-s=4097\r\n"
    "User-Agent: handset/1.0\r\n"
    "\r\n";

// The shape of an INVITE with preconditions on its way to the callee: three hops, a long SDP.
std::string invite() {
  std::string sdp =
      "v=0\r\no=- 1 1 IN IP4 192.168.101.3\r\ns=-\r\nc=IN IP4 192.168.101.3\r\nb=AS:41\r\nt=0 0\r\n"
      "m=audio 1234 RTP/AVP 107 106 105 104 101 102\r\n";
  for (int format = 101; format < 108; ++format) {
    std::string number = std::to_string(format);
    sdp += "a=rtpmap:" + number + " AMR-WB/16000/1\r\na=fmtp:" + number + " mode-change-capability=2;max-red=220\r\n";
  }
  sdp +=
      "a=curr:qos local none\r\na=curr:qos remote none\r\na=des:qos mandatory local sendrecv\r\n"
      "a=des:qos optional remote sendrecv\r\na=sendrecv\r\na=maxptime:240\r\na=ptime:20\r\n";
  Writer writer = Writer::request("INVITE", "sip:001010000000002@192.168.101.4:6000;alias=192.168.101.4~6000~2");
  for (int hop = 3; hop > 0; --hop) {
    std::string number = std::to_string(hop);
    writer.add(HeaderId::record_route,
               "<sip:mo@172.22.0." + number + ":6060;transport=udp;r2=on;lr=on;ftag=1;did=643.71>");
  }
  for (int hop = 3; hop > 0; --hop) {
    std::string number = std::to_string(hop);
    writer.add(HeaderId::via, "SIP/2.0/UDP 172.22.0." + number + ":6060;branch=z9hG4bK5b0e.8bf2" + number + "0;i=5f");
  }
  writer.add(HeaderId::max_forwards, "66")
      .add(HeaderId::route, "<sip:term@pcscf.ims.mnc001.mcc001.3gppnetwork.org;lr>")
      .add(HeaderId::from, "<sip:001010000000001@ims.mnc001.mcc001.3gppnetwork.org>;tag=527331955")
      .add(HeaderId::to, "<tel:0002;phone-context=ims.mnc001.mcc001.3gppnetwork.org>")
      .add(HeaderId::call_id, "996527337_141228428@192.168.101.3")
      .add(HeaderId::cseq, "996527333 INVITE")
      .add(HeaderId::contact,
           "<sip:001010000000001@192.168.101.3:6000>;+g.3gpp.mid-call;"
           "+g.3gpp.icsi-ref=\"urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel\"")
      .add(HeaderId::accept_contact, "*;+g.3gpp.icsi-ref=\"urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel\"")
      .add(HeaderId::p_asserted_identity, "<sip:001010000000001@ims.mnc001.mcc001.3gppnetwork.org>")
      .add(HeaderId::p_access_network_info, "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=0010100010019B01")
      .add(HeaderId::p_charging_vector, "icid-value=\"d2f8a2b1\";icid-generated-at=172.22.0.21;orig-ioi=\"ims\"")
      .add(HeaderId::allow, "INVITE,ACK,CANCEL,BYE,UPDATE,PRACK,MESSAGE,REFER,NOTIFY,INFO,OPTIONS")
      .add(HeaderId::supported, "timer,100rel,precondition,histinfo")
      .add(HeaderId::session_expires, "1800")
      .add(HeaderId::min_se, "90")
      .add(HeaderId::user_agent, "handset/1.0");
  return std::move(writer).finish("application/sdp", sdp);
}

void parse(benchmark::State& state, std::string_view text) {
  for (auto _ : state) {
    ParseResult result = Message::parse(std::string(text), Framing::datagram);
    if (!result.ok()) state.SkipWithError("the message does not parse");
    benchmark::DoNotOptimize(result.message->first(HeaderId::call_id));
  }
  state.counters["bytes"] = static_cast<double>(text.size());
}

void BM_ParseRegister(benchmark::State& state) {
  parse(state, kRegister);
}
BENCHMARK(BM_ParseRegister);

void BM_ParseInvite(benchmark::State& state) {
  parse(state, invite());
}
BENCHMARK(BM_ParseInvite);

void BM_ParseCaptured(benchmark::State& state, const char* name) {
  const char* set = std::getenv("LAPWING_HANDSET_DATA");
  std::string folder = set != nullptr ? set : LAPWING_SOURCE_DIR "/../shared/data/handset";
  std::ifstream file(folder + "/" + name, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (text.str().empty()) return state.SkipWithError("no captured messages: set LAPWING_HANDSET_DATA");
  parse(state, text.str());
}
BENCHMARK_CAPTURE(BM_ParseCaptured, register_protected, "samsung-register-2-protected-tcp-esp.sip");
BENCHMARK_CAPTURE(BM_ParseCaptured, invite_to_handset, "samsung-invite-mt-to-ue.sip");

void BM_ValidateRegister(benchmark::State& state) {
  ParseResult result = Message::parse(std::string(kRegister), Framing::datagram);
  for (auto _ : state) benchmark::DoNotOptimize(validate_request(*result.message).ok());
}
BENCHMARK(BM_ValidateRegister);

// What a P-CSCF does to a protected REGISTER (TS 24.229 section 5.2.2).
void BM_EditAndWriteRegister(benchmark::State& state) {
  ParseResult result = Message::parse(std::string(kRegister), Framing::datagram);
  for (auto _ : state) {
    Edits edits;
    edits.remove(HeaderId::security_client);
    edits.remove(HeaderId::security_verify);
    edits.remove(HeaderId::proxy_require);
    edits.prepend(HeaderId::via, "SIP/2.0/UDP 172.22.0.21:5060;branch=z9hG4bK0012ab34cd56ef");
    edits.append(HeaderId::path, "<sip:term@pcscf.ims.mnc001.mcc001.3gppnetwork.org;lr>");
    edits.append(HeaderId::p_visited_network_id, "\"ims.mnc001.mcc001.3gppnetwork.org\"");
    edits.append(HeaderId::p_charging_vector, "icid-value=\"d2f8a2b10c\";icid-generated-at=172.22.0.21");
    edits.set(HeaderId::max_forwards, "69");
    edits.set(HeaderId::authorization,
              "Digest username=\"001010000000001@ims.mnc001.mcc001.3gppnetwork.org\","
              "realm=\"ims.mnc001.mcc001.3gppnetwork.org\",uri=\"sip:ims.mnc001.mcc001.3gppnetwork.org\","
              "nonce=\"yDeHJMqjA5kVGIiEsQlwNtSDCMSQAAAAi7rGsbeX8I8=\",response=\"4be2c9a1f05fd2a46a9c8ba6b0a66e39\","
              "algorithm=AKAv1-MD5,integrity-protected=\"yes\"");
    benchmark::DoNotOptimize(edits.write(*result.message).data());
  }
}
BENCHMARK(BM_EditAndWriteRegister);

void BM_ResponseTo(benchmark::State& state) {
  ParseResult result = Message::parse(std::string(kRegister), Framing::datagram);
  for (auto _ : state) {
    benchmark::DoNotOptimize(response_to(*result.message, 401, "Unauthorized", "a1b2c3d4").finish().data());
  }
}
BENCHMARK(BM_ResponseTo);

// What a transaction pays for its histogram: two looks at the clock, and this.
void BM_RequestTimes(benchmark::State& state) {
  const SystemClock clock;
  RequestTimes times;
  for (int code : {401, 200, 403, 404, 408, 480, 486, 487, 500, 503}) {
    for (Method method : {Method::register_, Method::invite, Method::bye, Method::subscribe, Method::notify}) {
      times.observe(method, code, std::chrono::milliseconds(1));
    }
  }
  for (auto _ : state) {
    const TimePoint begun = clock.now();
    times.observe(Method::register_, 200, clock.now() - begun);
  }
}
BENCHMARK(BM_RequestTimes);

}  // namespace
}  // namespace lapwing::sip
