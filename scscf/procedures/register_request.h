// What a REGISTER says to the registrar (TS 24.229 section 5.4.1, RFC 3261 section 10.3), read once.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/sip/headers.h"
#include "scscf/core.h"

namespace lapwing::scscf {

// integrity-protected of the Authorization header, set by the P-CSCF.
enum class Protection { no, yes, other };

struct RequestedContact {
  std::string uri, params;  // params: header parameters without expires
  std::string instance;
  std::optional<uint32_t> reg_id;
  uint16_t q = 1000;
  uint32_t expires = 0;  // seconds; as asked, capped at the operator's maximum
};

struct Answered {  // the Digest credentials; texts as sent, without quotes
  std::string username, realm, nonce, uri, response, algorithm, qop, nc, cnonce, auts;
  bool has_response = false;  // a response parameter that is not empty
};

struct RegisterRequest {
  std::string impi;            // of the credentials, else derived from the IMPU
  std::string impu_uri, impu;  // as in To; canonical
  std::string call_id;
  uint32_t cseq = 0;
  Protection protection = Protection::no;
  std::optional<Answered> answer;  // absent: no Authorization
  std::vector<RequestedContact> contacts;
  bool star = false;   // Contact: *
  bool query = false;  // no Contact at all
  std::vector<std::string> path;
  std::string user_agent, access, visited_network, icid, orig_ioi;
  std::string body;
  std::string came_to;  // who we are to the one that sent it: see sent_by()
  std::shared_ptr<sip::ServerTransaction> transaction;

  // Every contact leaves.
  bool deregisters() const;
  std::string contact_text() const { return contacts.empty() ? "" : contacts.front().uri; }
};

// Procedures hand it to one another and change nothing in it.
using SharedRegisterRequest = std::shared_ptr<const RegisterRequest>;

// The same binding by instance (and reg-id) where both have one, else by URI (RFC 5626 section 6, RFC 3261
// section 10.3).
bool same_binding(const Binding& binding, const RequestedContact& contact);

// The parameters of a Contact as a Binding has them.
std::string kept_params(const sip::Params& params);

// The value of Path with these hops.
std::string path_text(const std::vector<std::string>& path);

// An Outcome with 400, 403 or 423 when the registrar cannot take it.
std::variant<SharedRegisterRequest, Outcome> read_register(std::shared_ptr<sip::ServerTransaction> transaction,
                                                           const Settings& settings, std::string came_to);

}  // namespace lapwing::scscf
