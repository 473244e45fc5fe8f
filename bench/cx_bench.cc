// What one authentication costs in our own Cx codec: a MAR out, a MAA in. The Diameter library's share is not in it.
#include <benchmark/benchmark.h>

#include "hss-client/cx_codec.h"

namespace lapwing::cx {
namespace {

Secret secret(const std::string& bytes) {
  return Secret({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
}

MultimediaAuthRequest mar() {
  MultimediaAuthRequest r;
  r.routing = {"scscf.ims.mnc001.mcc001.3gppnetwork.org", "ims.mnc001.mcc001.3gppnetwork.org",
               "hss.ims.mnc001.mcc001.3gppnetwork.org", "ims.mnc001.mcc001.3gppnetwork.org"};
  r.impi = "001010000000042@ims.mnc001.mcc001.3gppnetwork.org";
  r.impu = "sip:001010000000042@ims.mnc001.mcc001.3gppnetwork.org";
  r.server_name = "sip:scscf.ims.mnc001.mcc001.3gppnetwork.org:6060";
  r.item.scheme = "Digest-AKAv1-MD5";
  return r;
}

std::string maa_bytes(const diameter::Message& request) {
  MultimediaAuthAnswer a;
  a.routing = {"hss.ims.mnc001.mcc001.3gppnetwork.org", "ims.mnc001.mcc001.3gppnetwork.org", "", ""};
  a.result = base::success;
  a.impi = mar().impi;
  a.impu = mar().impu;
  a.items = 1;
  AuthDataItem item;
  item.item_number = 1;
  item.scheme = "Digest-AKAv1-MD5";
  item.authenticate = std::string(32, 'a');
  item.authorization = secret("12345678");
  item.confidentiality_key = secret(std::string(16, 'c'));
  item.integrity_key = secret(std::string(16, 'i'));
  a.vectors = {item};
  return diameter::encode(answer_message(request, encode(a)));
}

void mar_encode(benchmark::State& state) {
  MultimediaAuthRequest request = mar();
  size_t size = 0;
  for (auto _ : state) {
    std::string bytes =
        diameter::encode(request_message(Command::multimedia_auth, "scscf.example;1;2", encode(request)));
    size = bytes.size();
    benchmark::DoNotOptimize(bytes);
  }
  state.counters["bytes"] = static_cast<double>(size);
}
BENCHMARK(mar_encode);

void maa_decode(benchmark::State& state) {
  std::string bytes = maa_bytes(request_message(Command::multimedia_auth, "scscf.example;1;2", encode(mar())));
  for (auto _ : state) {
    auto message = diameter::decode(bytes, is_group);
    auto answer = decode<MultimediaAuthAnswer>(std::get<diameter::Message>(message).avps);
    if (!std::holds_alternative<MultimediaAuthAnswer>(answer)) state.SkipWithError("not a MAA");
    benchmark::DoNotOptimize(answer);
  }
  state.counters["bytes"] = static_cast<double>(bytes.size());
}
BENCHMARK(maa_decode);

}  // namespace
}  // namespace lapwing::cx
