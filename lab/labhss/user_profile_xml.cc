#include "lab/labhss/user_profile_xml.h"

#include <pugixml.hpp>
#include <sstream>

namespace lapwing::labhss {
namespace {

void add(pugi::xml_node parent, const char* name, const std::string& text) {
  parent.append_child(name).append_child(pugi::node_pcdata).set_value(text.c_str());
}

void add_identity(pugi::xml_node service, const PublicIdentity& identity, const std::string& display_name) {
  pugi::xml_node node = service.append_child("PublicIdentity");
  if (identity.barred) add(node, "BarringIndication", "1");
  add(node, "Identity", identity.uri);
  pugi::xml_node extension = node.append_child("Extension");
  add(extension, "IdentityType", "0");  // a distinct IMPU
  const bool named = !display_name.empty() && !identity.barred;
  if (!named && identity.alias_group == 0) return;
  pugi::xml_node inner = extension.append_child("Extension");
  if (named) add(inner, "DisplayName", display_name);
  if (identity.alias_group != 0) add(inner, "AliasIdentityGroupID", std::to_string(identity.alias_group));
}

}  // namespace

std::string user_profile_xml(const Subscriber& subscriber, size_t set) {
  pugi::xml_document document;
  pugi::xml_node declaration = document.append_child(pugi::node_declaration);
  declaration.append_attribute("version") = "1.0";
  declaration.append_attribute("encoding") = "UTF-8";
  pugi::xml_node root = document.append_child("IMSSubscription");
  add(root, "PrivateID", subscriber.impi);
  pugi::xml_node service = root.append_child("ServiceProfile");
  const ServiceProfile& profile = subscriber.profile_of(set);
  const std::string& display_name = set == 0 ? subscriber.display_name : subscriber.more_sets[set - 1].display_name;
  for (const PublicIdentity& identity : subscriber.identities) {
    if (identity.set == set) add_identity(service, identity, display_name);
  }
  for (const std::string& ifc : profile.ifc) {
    service.append_buffer(ifc.data(), ifc.size(), pugi::parse_default, pugi::encoding_utf8);
  }
  if (!profile.shared_ifc_sets.empty()) {
    pugi::xml_node extension = service.append_child("Extension");
    for (const uint32_t id : profile.shared_ifc_sets) add(extension, "SharedIFCSetID", std::to_string(id));
  }
  std::ostringstream out;
  document.save(out, "", pugi::format_raw, pugi::encoding_utf8);
  return out.str();
}

}  // namespace lapwing::labhss
