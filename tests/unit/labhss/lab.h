// A lab of two subscribers, as the tests of labhss use it.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "common/aka/vector.h"
#include "common/runtime/ids.h"
#include "lab/labhss/cx_service.h"

namespace lapwing::labhss {

inline const std::string domain = "ims.mnc001.mcc001.3gppnetwork.org";
inline const std::string k_text = "465b5ce8b199b49faa5f0a2ee238a6bc";
inline const std::string opc_text = "cd63cb71954a9f4e48a5994e37a02baf";
inline const std::string op_text = "cdc202d5123e20f62b6d676ac72cb318";
inline const std::string head = "origin_host: hss." + domain + "\nlisten: 127.0.0.1:3868\nplmn: 001/01\n" +
                                "state_file: /tmp/unused.db\ncontrol: {listen: 'unix:/tmp/unused.sock'}\n";
inline const std::string one =
    "  - {imsi: '001010000000001', k: " + k_text + ", opc: " + opc_text + ", msisdn: '15550100001'}\n";
inline const std::string two =
    "  - {imsi: '001010000000002', k: " + k_text + ", op: " + op_text + ", msisdn: '15550100002'}\n";

inline absl::StatusOr<Subscribers> build(const std::string& yaml) {
  v1::LabHssConfig config;
  config::Locations where;
  if (absl::Status read = config::read_yaml(yaml, "labhss.yaml", config, &where); !read.ok()) return read;
  return Subscribers::build(config, &where);
}

inline Secret secret(const std::string& hex) {
  const std::string raw = from_hex(hex);
  return Secret(std::span(reinterpret_cast<const uint8_t*>(raw.data()), raw.size()));
}

// A file of this process that goes away with its owner.
class StateFile {
 public:
  StateFile() : folder_(std::filesystem::temp_directory_path() / ("labhss-" + random_hex(16))) {
    std::filesystem::create_directory(folder_);
  }
  ~StateFile() { std::filesystem::remove_all(folder_); }
  StateFile(const StateFile&) = delete;
  StateFile& operator=(const StateFile&) = delete;
  std::string path() const { return folder_ / "state.db"; }

 private:
  std::filesystem::path folder_;
};

class Lab : public testing::Test {
 protected:
  Lab() { open(head + "subscribers:\n" + one + two); }

  void open(const std::string& yaml, std::vector<std::string> visited = {}) {
    absl::StatusOr<Subscribers> subscribers = build(yaml);
    if (!subscribers.ok()) throw std::runtime_error(std::string(subscribers.status().message()));
    service.reset();
    if (!store) store = *SqnStore::open(file.path());
    service = std::make_unique<CxService>(CxService::Settings{.origin_host = "hss." + domain,
                                                              .origin_realm = domain,
                                                              .home_domain = domain,
                                                              .visited_networks = std::move(visited),
                                                              .pcscf_restoration = pcscf_restoration},
                                          *store);
    if (!service->replace(*std::move(subscribers)).ok()) throw std::runtime_error("the state file does not work");
    service->send_terminations_to(
        [this](cx::RegistrationTerminationRequest request) { terminations.push_back(std::move(request)); });
  }

  cx::UserAuthorizationAnswer answer(const cx::UserAuthorizationRequest& in) { return service->authorize(in); }
  cx::MultimediaAuthAnswer answer(const cx::MultimediaAuthRequest& in) { return service->authenticate(in); }
  cx::ServerAssignmentAnswer answer(const cx::ServerAssignmentRequest& in) { return service->assign(in); }
  cx::LocationInfoAnswer answer(const cx::LocationInfoRequest& in) { return service->locate(in); }

  cx::Routing from(const std::string& host) const {
    cx::Routing routing;
    routing.origin_host = host;
    routing.origin_realm = domain;
    return routing;
  }

  cx::UserAuthorizationAnswer uar(cx::UserAuthorizationType type = cx::UserAuthorizationType::registration) {
    cx::UserAuthorizationRequest request;
    request.routing = from("icscf." + domain);
    request.impi = impi;
    request.impu = temporary;
    request.visited_network = domain;
    request.type = type;
    return answer(request);
  }
  cx::MultimediaAuthAnswer mar(const std::string& server, const std::string& resynchronisation = "") {
    cx::MultimediaAuthRequest request;
    request.routing = from(server.substr(4));
    request.impi = impi;
    request.impu = temporary;
    request.server_name = server;
    request.item.scheme = "Digest-AKAv1-MD5";
    if (!resynchronisation.empty()) request.item.authorization = secret(resynchronisation);
    return answer(request);
  }
  cx::ServerAssignmentRequest sar_request(const std::string& server, uint32_t type) {
    cx::ServerAssignmentRequest request;
    request.routing = from(server.substr(4));
    request.impi = impi;
    request.impus = {temporary};
    request.server_name = server;
    request.type = static_cast<cx::ServerAssignmentType>(type);
    return request;
  }
  cx::ServerAssignmentAnswer sar(const std::string& server, uint32_t type) { return answer(sar_request(server, type)); }
  cx::LocationInfoAnswer lir(bool originating = false) {
    cx::LocationInfoRequest request;
    request.impu = sip;
    request.originating = originating;
    return answer(request);
  }
  Assignment state() {
    for (const CxService::Listed& listed : service->list()) {
      if (listed.impi == impi) return listed.assignment;
    }
    return {};
  }

  bool pcscf_restoration = false;  // for the next open()
  const std::string impi = "001010000000001@" + domain, temporary = "sip:" + impi, sip = "sip:+15550100001@" + domain,
                    tel = "tel:+15550100001";
  const std::string scscf = "sip:scscf." + domain, other = "sip:other." + domain;
  StateFile file;
  std::unique_ptr<SqnStore> store;
  std::unique_ptr<CxService> service;
  std::vector<cx::RegistrationTerminationRequest> terminations;
};

}  // namespace lapwing::labhss
