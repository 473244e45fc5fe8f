#include "lab/labhss/ifc_check.h"

#include <array>
#include <pugixml.hpp>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "common/runtime/log.h"
#include "common/sip/uri.h"
#include "common/xml/document.h"

namespace lapwing::labhss {
namespace {

absl::Status wrong(const std::string& text) {
  return absl::InvalidArgumentError(text);
}

bool is_boolean(std::string_view text) {
  return text == "0" || text == "1" || text == "true" || text == "false";
}

std::string value(pugi::xml_node parent, const char* name) {
  return std::string(xml::trim(parent.child_value(name)));
}

// The element's children must be among the names, in their order; Annex B is a sequence nearly everywhere.
absl::Status check_order(pugi::xml_node element, std::initializer_list<std::string_view> names) {
  auto at = names.begin();
  for (pugi::xml_node child : element.children()) {
    if (child.type() != pugi::node_element) continue;
    auto found = std::find(names.begin(), names.end(), std::string_view(child.name()));
    if (found == names.end()) {
      return wrong(absl::StrFormat("<%s> does not belong into <%s>", log::printable(child.name(), 40), element.name()));
    }
    if (found < at) return wrong(absl::StrFormat("<%s> stands too late in <%s>", child.name(), element.name()));
    at = found;
  }
  return absl::OkStatus();
}

absl::Status check_spt(pugi::xml_node spt) {
  if (absl::Status order = check_order(spt, {"ConditionNegated", "Group", "RequestURI", "Method", "SIPHeader",
                                             "SessionCase", "SessionDescription", "Extension"});
      !order.ok()) {
    return order;
  }
  if (spt.child("ConditionNegated") && !is_boolean(value(spt, "ConditionNegated"))) {
    return wrong("<ConditionNegated> must be 0 or 1");
  }
  uint32_t number = 0;
  if (!spt.child("Group")) return wrong("each <SPT> needs a <Group>");
  for (pugi::xml_node group : spt.children("Group")) {
    if (!absl::SimpleAtoi(group.child_value(), &number)) return wrong("<Group> must be a number");
  }
  int conditions = 0;
  for (const char* name : {"RequestURI", "Method", "SIPHeader", "SessionCase", "SessionDescription"}) {
    for ([[maybe_unused]] pugi::xml_node found : spt.children(name)) ++conditions;
  }
  if (conditions != 1) {
    return wrong("each <SPT> needs one of <RequestURI>, <Method>, <SIPHeader>, <SessionCase>, <SessionDescription>");
  }
  if (spt.child("SessionCase") && (!absl::SimpleAtoi(value(spt, "SessionCase"), &number) || number > 4)) {
    return wrong("<SessionCase> must be 0 to 4");
  }
  if (spt.child("SIPHeader") && value(spt.child("SIPHeader"), "Header").empty()) {
    return wrong("<SIPHeader> needs a <Header>");
  }
  if (spt.child("SessionDescription") && value(spt.child("SessionDescription"), "Line").empty()) {
    return wrong("<SessionDescription> needs a <Line>");
  }
  return absl::OkStatus();
}

absl::Status check_trigger(pugi::xml_node trigger) {
  if (absl::Status order = check_order(trigger, {"ConditionTypeCNF", "SPT", "Extension"}); !order.ok()) return order;
  if (!is_boolean(value(trigger, "ConditionTypeCNF"))) return wrong("<TriggerPoint> needs <ConditionTypeCNF>, 0 or 1");
  if (!trigger.child("SPT")) return wrong("<TriggerPoint> needs an <SPT>; leave it out to match every request");
  for (pugi::xml_node spt : trigger.children("SPT")) {
    if (absl::Status status = check_spt(spt); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status check_server(pugi::xml_node server) {
  if (absl::Status order = check_order(server, {"ServerName", "DefaultHandling", "ServiceInfo", "Extension"});
      !order.ok()) {
    return order;
  }
  const std::string name = value(server, "ServerName");
  const absl::StatusOr<sip::Uri> uri = sip::Uri::parse(name);
  if (!uri.ok() || !uri->is_sip() || uri->host.empty()) {
    return wrong("<ApplicationServer> needs a <ServerName> that is a SIP URI, as sip:as.example.org:5060");
  }
  const std::string handling = value(server, "DefaultHandling");
  if (!handling.empty() && handling != "0" && handling != "1") return wrong("<DefaultHandling> must be 0 or 1");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CheckedIfc> check_ifc(std::string_view text) {
  absl::StatusOr<pugi::xml_document> document = xml::load(text, {.bytes = 64 * 1024});
  if (!document.ok()) return document.status();
  const pugi::xml_node ifc = document->document_element();
  if (std::string_view(ifc.name()) != "InitialFilterCriteria") {
    return wrong("must be one <InitialFilterCriteria> element");
  }
  if (absl::Status order =
          check_order(ifc, {"Priority", "TriggerPoint", "ApplicationServer", "ProfilePartIndicator", "Extension"});
      !order.ok()) {
    return order;
  }
  CheckedIfc checked;
  if (!absl::SimpleAtoi(value(ifc, "Priority"), &checked.priority)) return wrong("needs a <Priority>, a number from 0");
  if (pugi::xml_node trigger = ifc.child("TriggerPoint")) {
    if (absl::Status status = check_trigger(trigger); !status.ok()) return status;
  }
  if (absl::Status status = check_server(ifc.child("ApplicationServer")); !status.ok()) return status;
  const std::string part = value(ifc, "ProfilePartIndicator");
  if (!part.empty() && part != "0" && part != "1") return wrong("<ProfilePartIndicator> must be 0 or 1");
  checked.when_unregistered = part != "0";
  return checked;
}

}  // namespace lapwing::labhss
