#include "tests/scenarios/support/fake_hss.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "common/aka/digest.h"
#include "common/runtime/ids.h"

namespace lapwing::scenarios {
namespace {

constexpr Duration deadline = std::chrono::seconds(5);
constexpr std::string_view host = "hss1.ims.example.org";
constexpr uint32_t diameter_time_of_start = 2'208'988'800U + 1'700'000'000U;  // where the scenario's clock begins

std::vector<uint8_t> bytes(std::string_view hex) {
  std::string raw = from_hex(hex);
  return {raw.begin(), raw.end()};
}

Secret secret(std::string_view hex) {
  return Secret(bytes(hex));
}

aka::Block block(std::string_view hex) {
  aka::Block out{};
  std::vector<uint8_t> raw = bytes(hex);
  if (raw.size() != out.size()) throw Failure("16 bytes of hex are needed: " + std::string(hex));
  std::copy(raw.begin(), raw.end(), out.begin());
  return out;
}

template <typename Bytes>
std::string hex(const Bytes& raw) {
  return to_hex(std::string_view(reinterpret_cast<const char*>(raw.data()), raw.size()));
}

std::string at(const cx::Routing& routing) {
  return routing.destination_host.empty() ? "" : " @" + routing.destination_host;
}

std::string joined(const std::vector<std::string>& list) {
  std::string out;
  for (const std::string& one : list) out += (out.empty() ? "" : ",") + one;
  return out.empty() ? "-" : out;
}

std::optional<HssFailure> failure_named(const std::string& name) {
  using Kind = HssFailure::Kind;
  for (auto [text, kind] : {std::pair("timeout", Kind::timeout), std::pair("no-peer", Kind::no_peer),
                            std::pair("overloaded", Kind::overloaded), std::pair("undelivered", Kind::undelivered),
                            std::pair("malformed", Kind::malformed)}) {
    if (name == text) return HssFailure{kind, "the scenario says " + name};
  }
  return std::nullopt;
}

std::vector<cx::SupportedFeatures> features_named(const std::string& list) {
  uint32_t features = 0;
  for (absl::string_view one : absl::StrSplit(list, ',', absl::SkipEmpty())) {
    if (one == "restoration") features |= cx::ims_restoration;
    if (one == "pcscf") features |= cx::pcscf_restoration;
  }
  if (features == 0) return {};
  return {{.list_id = 1, .features = features}};
}

std::vector<uint32_t> numbers(const std::string& list) {
  std::vector<uint32_t> out;
  for (absl::string_view one : absl::StrSplit(list, ',', absl::SkipEmpty())) {
    out.push_back(static_cast<uint32_t>(std::stoul(std::string(one))));
  }
  return out;
}

}  // namespace

FakeHss::FakeHss()
    : sim_(*aka::Milenage::create(secret("465b5ce8b199b49faa5f0a2ee238a6bc"),
                                  secret("cd63cb71954a9f4e48a5994e37a02baf"))) {}

template <typename A, typename R>
Task<HssOutcome<A>> FakeHss::ask(Worker& worker, R request, std::string text) {
  OneShot<Answer> answer(worker);
  std::string impi;
  if constexpr (requires { request.impi; }) impi = request.impi;
  asked_.push_back({std::move(text), std::move(impi), answer.sink()});
  std::optional<Answer> came = co_await answer.wait(deadline);
  if (!came) co_return HssFailure{HssFailure::Kind::timeout, "no answer within 5 s"};
  if (auto* failure = std::get_if<HssFailure>(&*came)) co_return std::move(*failure);
  A out = std::get<A>(std::move(std::get<Answers>(*came)));
  if (out.routing.origin_host.empty()) out.routing.origin_host = host;
  co_return out;
}

Task<HssOutcome<cx::UserAuthorizationAnswer>> FakeHss::authorize(Worker& worker, cx::UserAuthorizationRequest request) {
  std::string text = absl::StrFormat("UAR %d %s %s %s%s", static_cast<int>(request.type), request.impi, request.impu,
                                     request.visited_network, at(request.routing));
  return ask<cx::UserAuthorizationAnswer>(worker, std::move(request), std::move(text));
}

Task<HssOutcome<cx::MultimediaAuthAnswer>> FakeHss::authenticate(Worker& worker, cx::MultimediaAuthRequest request) {
  std::string text = absl::StrFormat("MAR %s %s", request.impi, request.impu);
  if (!request.item.authorization.empty()) text += " resync " + hex(request.item.authorization.reveal());
  text += at(request.routing);
  return ask<cx::MultimediaAuthAnswer>(worker, std::move(request), std::move(text));
}

Task<HssOutcome<cx::ServerAssignmentAnswer>> FakeHss::assign(Worker& worker, cx::ServerAssignmentRequest request) {
  std::string text =
      absl::StrFormat("SAR %d %s %s%s%s", static_cast<int>(request.type), request.impi, joined(request.impus),
                      request.user_data_available ? " have-data" : "", at(request.routing));
  if (request.pcscf_restoration) text += " pcscf-down";
  if (request.restoration) {
    for (const cx::RestorationInfo& kept : request.restoration->contacts) {
      text += absl::StrFormat(" keep %s by %s", kept.contact, kept.path);
    }
  }
  return ask<cx::ServerAssignmentAnswer>(worker, std::move(request), std::move(text));
}

Task<HssOutcome<cx::LocationInfoAnswer>> FakeHss::locate(Worker& worker, cx::LocationInfoRequest request) {
  std::string text = absl::StrFormat("LIR %s%s%s%s", request.impu, request.originating ? " originating" : "",
                                     request.type ? " type " + std::to_string(static_cast<int>(*request.type)) : "",
                                     at(request.routing));
  return ask<cx::LocationInfoAnswer>(worker, std::move(request), std::move(text));
}

std::string FakeHss::waiting() const {
  std::string all;
  for (const Asked& asked : asked_) all += "\n  " + asked.text;
  return all.empty() ? "" : "the HSS was asked:" + all;
}

void FakeHss::play(const std::string& text, Variables& variables) {
  size_t arrow = text.find(" -> ");
  if (arrow == std::string::npos) throw Failure("hss: REQUEST -> ANSWER");
  if (asked_.empty()) throw Failure("the HSS was asked nothing");
  Asked asked = std::move(asked_.front());
  asked_.pop_front();
  if (auto difference = variables.match(text.substr(0, arrow), asked.text)) throw Failure(*difference);
  Arguments arguments = arguments_of(variables.expand(text.substr(arrow + 4)));
  const std::string& result = arguments.words.at(0);
  if (result == "silence") return;
  if (auto failure = failure_named(result)) return asked.sink.set(*failure);
  asked.sink.set(answer_to(asked.text.substr(0, 3), arguments, asked.impi, variables));
}

FakeHss::Answers FakeHss::answer_to(const std::string& command, const Arguments& arguments, const std::string& impi,
                                    Variables& variables) {
  cx::Result result;
  std::string number = arguments.words[0];
  result.experimental = number.front() == 'e';
  result.code = static_cast<uint32_t>(std::stoul(number.substr(result.experimental ? 1 : 0)));
  auto named = [&](const char* name) {
    auto found = arguments.named.find(name);
    return found == arguments.named.end() ? std::string() : found->second;
  };
  auto server = [&](auto answer) {
    answer.result = result;
    answer.server_name = named("name");
    cx::ServerCapabilities capabilities{numbers(named("capabilities")), numbers(named("optional")), {}};
    if (!named("names").empty()) capabilities.server_names = {named("names")};
    if (arguments.named.size() > (answer.server_name.empty() ? 0u : 1u)) answer.capabilities = capabilities;
    return answer;
  };
  if (command == "UAR") return server(cx::UserAuthorizationAnswer());
  if (command == "LIR") return server(cx::LocationInfoAnswer());
  if (command == "MAR") {
    cx::MultimediaAuthAnswer maa;
    if (arguments.words.size() > 1) maa = vector(arguments, impi, variables);
    maa.result = result;
    maa.features = features_named(named("features"));
    return maa;
  }
  cx::ServerAssignmentAnswer saa;
  saa.result = result;
  if (arguments.words.size() > 1) {
    const std::string* profile = variables.find(arguments.words[1]);
    if (!profile) throw Failure("no text is called " + arguments.words[1]);
    saa.user_data = variables.expand(*profile);
  }
  saa.features = features_named(named("features"));
  if (!named("ccf").empty()) saa.charging = cx::ChargingInformation{{}, {}, named("ccf"), {}};
  if (std::string contact = named("restore"); !contact.empty()) {
    cx::ScscfRestorationInfo info{.impi = named("impi"), .contacts = {}, .registration_timeout = {}, .scheme = {}};
    info.contacts.push_back(
        {.path = named("path"), .contact = contact, .initial_cseq = 2, .call_id = "before", .ue = {}, .pcscf = {}});
    if (std::string seconds = named("for"); !seconds.empty()) {
      info.registration_timeout = diameter_time_of_start + static_cast<uint32_t>(std::stoul(seconds));
    }
    saa.restoration.push_back(std::move(info));
  }
  return saa;
}

cx::MultimediaAuthAnswer FakeHss::vector(const Arguments& arguments, const std::string& impi, Variables& variables) {
  aka::AuthVector made;
  if (arguments.words.size() >= 7) {
    made.rand = block(arguments.words[2]);
    made.autn = block(arguments.words[3]);
    made.xres = secret(arguments.words[4]);
    made.ck = secret(arguments.words[5]);
    made.ik = secret(arguments.words[6]);
  } else {
    aka::Block rand = block("23553cbe9637a89d218ae64dae47bf35");
    rand[0] = static_cast<uint8_t>(rand[0] + vectors_++);
    made = aka::make_vector(sim_, rand, sqn_, 0x8000);
    sqn_ += 32;
  }
  cx::MultimediaAuthAnswer maa;
  cx::AuthDataItem item;
  item.item_number = 1;
  item.scheme = "Digest-AKAv1-MD5";
  item.authenticate = made.authenticate();
  item.authorization = made.xres;
  item.confidentiality_key = made.ck;
  item.integrity_key = made.ik;
  if (arguments.words.size() > 1 && arguments.words[1] == "other-scheme") item.scheme = "SIP Digest";
  if (arguments.words.size() > 1 && arguments.words[1] == "short") item.authenticate.pop_back();
  maa.vectors.push_back(item);

  std::string nonce = aka::encode_nonce(made.rand, made.autn), domain = variables.expand("{{domain}}");
  std::string uri = "sip:" + domain;
  aka::DigestInput in{.username = impi, .realm = domain, .nonce = nonce, .uri = uri, .method = "REGISTER"};
  variables.set("rand", hex(made.rand));
  variables.set("nonce", nonce);
  variables.set("ck", hex(made.ck.reveal()));
  variables.set("ik", hex(made.ik.reveal()));
  variables.set("response-no-qop", aka::digest_response(in, made.xres));
  aka::Auts auts = aka::make_auts(sim_, made.rand, sqn_ + 3200);
  variables.set("auts", aka::encode_auts(auts));
  variables.set("auts-hex", hex(auts));
  in.nc = "00000001";
  in.cnonce = "0a4f113b";
  in.qop = "auth-int";
  variables.set("response-auth-int", aka::digest_response(in, made.xres));
  in.qop = "auth";
  variables.set("response", aka::digest_response(in, made.xres));
  variables.set("response-auts", aka::digest_response(in, Secret()));
  variables.set("response-wrong", aka::digest_response(in, secret("0011223344556677")));
  return maa;
}

}  // namespace lapwing::scenarios
