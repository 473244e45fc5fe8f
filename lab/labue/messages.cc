#include "lab/labue/messages.h"

#include "absl/strings/str_format.h"
#include "common/runtime/ids.h"
#include "common/sip/edits.h"
#include "common/sip/uri.h"

namespace lapwing::labue {
namespace {

using sip::HeaderId;
using sip::Writer;

constexpr std::string_view features = R"(;+g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel";+g.3gpp.smsip)";

std::string via(const Hop& hop) {
  std::string_view protocol = sip::protocol_text(hop.protocol);
  return absl::StrFormat("SIP/2.0/%s %s;branch=%s;rport;keep;transport=%s", protocol, hop.sent_by, hop.branch,
                         protocol);
}

void add_unless_empty(Writer& writer, HeaderId id, std::string_view value) {
  if (!value.empty()) writer.add(id, value);
}

void require_sec_agree(Writer& writer) {
  writer.add(HeaderId::proxy_require, "sec-agree").add(HeaderId::require, "sec-agree");
}

std::string with_sec_agree(std::string tags, bool sec_agree) {
  if (sec_agree) tags.append(tags.empty() ? "" : ", ").append("sec-agree");
  return tags;
}

}  // namespace

std::string user_of(std::string_view uri) {
  absl::StatusOr<sip::Uri> parsed = sip::Uri::parse(uri);
  return parsed.ok() ? std::string(parsed->user) : std::string();
}

std::string dialog_contact(const Identity& who, std::string_view user, std::string_view sent_by) {
  return absl::StrFormat(R"(<sip:%s@%s>;+sip.instance="<%s>"%s)", user, sent_by, who.instance, features);
}

std::string register_request(const Identity& who, const RegisterShape& shape) {
  Writer writer = Writer::request("REGISTER", "sip:" + who.domain);
  writer.add(HeaderId::via, via(shape.hop)).add(HeaderId::max_forwards, "70");
  if (shape.require_sec_agree) require_sec_agree(writer);
  if (shape.any_contact) {
    writer.add(HeaderId::contact, "*");
  } else {
    std::string user = shape.contact_user.empty() ? std::string() : shape.contact_user + '@';
    writer.add(HeaderId::contact, absl::StrFormat(R"(<sip:%s%s>;+sip.instance="<%s>";q=1.0%s)", user, shape.hop.sent_by,
                                                  who.instance, features));
  }
  writer.add(HeaderId::to, absl::StrFormat("<%s>", who.impu))
      .add(HeaderId::from, absl::StrFormat("<%s>;tag=%s", who.impu, shape.from_tag))
      .add(HeaderId::call_id, shape.call_id)
      .add(HeaderId::cseq, absl::StrFormat("%d REGISTER", shape.cseq))
      .add(HeaderId::expires, std::to_string(shape.expires))
      .add(HeaderId::allow, allowed_methods)
      .add(HeaderId::supported, shape.require_sec_agree ? "path, gruu, sec-agree" : "path, gruu")
      .add(HeaderId::user_agent, user_agent)
      .add(HeaderId::authorization, shape.authorization);
  add_unless_empty(writer, HeaderId::security_client, shape.hop.security_client);
  add_unless_empty(writer, HeaderId::security_verify, shape.hop.security_verify);
  add_unless_empty(writer, HeaderId::p_access_network_info, shape.hop.access_network);
  return std::move(writer).finish();
}

std::string subscribe_request(const Identity& who, const SubscribeShape& shape) {
  Writer writer = Writer::request("SUBSCRIBE", shape.target);
  writer.add(HeaderId::via, via(shape.hop)).add(HeaderId::max_forwards, "70");
  for (const std::string& route : shape.routes) writer.add(HeaderId::route, route);
  if (shape.require_sec_agree) require_sec_agree(writer);
  std::string to_tag = shape.to_tag.empty() ? std::string() : ";tag=" + shape.to_tag;
  writer.add(HeaderId::contact, dialog_contact(who, shape.contact_user, shape.hop.sent_by))
      .add(HeaderId::to, absl::StrFormat("<%s>%s", shape.impu, to_tag))
      .add(HeaderId::from, absl::StrFormat("<%s>;tag=%s", shape.impu, shape.from_tag))
      .add(HeaderId::call_id, shape.call_id)
      .add(HeaderId::cseq, absl::StrFormat("%d SUBSCRIBE", shape.cseq))
      .add(HeaderId::expires, std::to_string(shape.expires))
      .add(HeaderId::accept, "application/reginfo+xml")
      .add(HeaderId::allow, allowed_methods);
  if (shape.require_sec_agree) writer.add(HeaderId::supported, "sec-agree");
  writer.add(HeaderId::user_agent, user_agent).add(HeaderId::event, "reg");
  add_unless_empty(writer, HeaderId::security_verify, shape.hop.security_verify);
  writer.add(HeaderId::p_preferred_identity, absl::StrFormat("<%s>", shape.impu));
  add_unless_empty(writer, HeaderId::p_access_network_info, shape.hop.access_network);
  return std::move(writer).finish();
}

std::string request_text(const Identity& who, const RequestShape& shape) {
  Writer writer = Writer::request(sip::method_text(shape.method), shape.uri);
  writer.add(HeaderId::via, via(shape.hop)).add(HeaderId::max_forwards, "70");
  for (const std::string& route : shape.routes) writer.add(HeaderId::route, route);
  if (shape.require_sec_agree) writer.add(HeaderId::proxy_require, "sec-agree");
  add_unless_empty(writer, HeaderId::require, with_sec_agree(shape.require, shape.require_sec_agree));
  if (shape.has_contact) {
    writer.add(HeaderId::contact, dialog_contact(who, shape.contact_user, shape.hop.sent_by));
  }
  writer.add(HeaderId::to, shape.to)
      .add(HeaderId::from, shape.from)
      .add(HeaderId::call_id, shape.call_id)
      .add(HeaderId::cseq, absl::StrFormat("%d %s", shape.cseq, sip::method_text(shape.method)))
      .add(HeaderId::allow, allowed_methods);
  add_unless_empty(writer, HeaderId::supported, with_sec_agree(shape.supported, shape.require_sec_agree));
  writer.add(HeaderId::user_agent, user_agent);
  add_unless_empty(writer, HeaderId::security_verify, shape.hop.security_verify);
  for (const auto& [id, value] : shape.more) writer.add(id, value);
  if (!shape.identity.empty()) writer.add(HeaderId::p_preferred_identity, absl::StrFormat("<%s>", shape.identity));
  add_unless_empty(writer, HeaderId::p_access_network_info, shape.hop.access_network);
  return std::move(writer).finish(shape.content_type, shape.body);
}

std::string options_request(const Identity& who, const Hop& hop, std::string_view target) {
  Writer writer = Writer::request("OPTIONS", target);
  writer.add(HeaderId::via, via(hop))
      .add(HeaderId::max_forwards, "70")
      .add(HeaderId::to, absl::StrFormat("<%s>", target))
      .add(HeaderId::from, absl::StrFormat("<%s>;tag=%s", who.impu, random_hex(8)))
      .add(HeaderId::call_id, random_hex(22) + "@" + hop.sent_by)
      .add(HeaderId::cseq, "1 OPTIONS")
      .add(HeaderId::user_agent, user_agent);
  return std::move(writer).finish();
}

}  // namespace lapwing::labue
