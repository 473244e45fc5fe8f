#include "hss-client/freediameter/convert.h"

#include <cstring>

#include "absl/strings/str_format.h"

namespace lapwing {
namespace {

uint64_t key(uint32_t code, uint32_t vendor) {
  return static_cast<uint64_t>(vendor) << 32 | code;
}

// freeDiameter takes char* where it only reads.
char* text(const char* value) {
  return const_cast<char*>(value);
}

dict_avp_basetype base_type(diameter::AvpType type) {
  switch (type) {
    case diameter::AvpType::unsigned32:
      return AVP_TYPE_UNSIGNED32;
    case diameter::AvpType::integer32:
      return AVP_TYPE_INTEGER32;
    case diameter::AvpType::unsigned64:
      return AVP_TYPE_UNSIGNED64;
    case diameter::AvpType::group:
      return AVP_TYPE_GROUPED;
    default:
      return AVP_TYPE_OCTETSTRING;
  }
}

void put_big_endian(std::string& out, uint64_t value, int bytes) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

uint64_t big_endian(std::string_view bytes) {
  uint64_t value = 0;
  for (char c : bytes) value = value << 8 | static_cast<uint8_t>(c);
  return value;
}

void read_children(msg_or_avp* parent, size_t depth, std::vector<diameter::Avp>& out);

void read_value(struct avp* from, const avp_hdr& header, size_t depth, diameter::Avp& to) {
  dict_object* model = nullptr;
  dict_avp_data definition;
  if (fd_msg_model(from, &model) != 0 || model == nullptr || fd_dict_getval(model, &definition) != 0) return;
  if (definition.avp_basetype == AVP_TYPE_GROUPED) {
    to.group = true;
    if (depth + 1 < diameter::max_depth) read_children(from, depth + 1, to.children);
    return;
  }
  if (header.avp_value == nullptr) return;
  switch (definition.avp_basetype) {
    case AVP_TYPE_OCTETSTRING:
      to.data.assign(reinterpret_cast<const char*>(header.avp_value->os.data), header.avp_value->os.len);
      break;
    case AVP_TYPE_INTEGER32:
    case AVP_TYPE_UNSIGNED32:
    case AVP_TYPE_FLOAT32:
      put_big_endian(to.data, header.avp_value->u32, 4);
      break;
    default:
      put_big_endian(to.data, header.avp_value->u64, 8);
  }
}

// Bounded by diameter::max_depth.
void read_children(msg_or_avp* parent, size_t depth, std::vector<diameter::Avp>& out) {
  msg_or_avp* child = nullptr;
  if (fd_msg_browse_internal(parent, MSG_BRW_FIRST_CHILD, &child, nullptr) != 0) return;
  while (child != nullptr && out.size() < diameter::max_avps) {
    auto* from = static_cast<struct avp*>(child);
    avp_hdr* header = nullptr;
    if (fd_msg_avp_hdr(from, &header) != 0) return;
    diameter::Avp& to = out.emplace_back();
    to.code = header->avp_code;
    to.vendor = (header->avp_flags & AVP_FLAG_VENDOR) ? header->avp_vendor : 0;
    to.mandatory = (header->avp_flags & AVP_FLAG_MANDATORY) != 0;
    read_value(from, *header, depth, to);
    msg_or_avp* next = nullptr;
    if (fd_msg_browse_internal(child, MSG_BRW_NEXT, &next, nullptr) != 0) return;
    child = next;
  }
}

dict_object* find_or_define(dict_object_type type, int criteria, const void* what, void* data, dict_object* parent) {
  dictionary* dict = fd_g_config->cnf_dict;
  dict_object* found = nullptr;
  if (fd_dict_search(dict, type, criteria, what, &found, 0) == 0 && found != nullptr) return found;
  return fd_dict_new(dict, type, data, parent, &found) == 0 ? found : nullptr;
}

}  // namespace

diameter::Message to_tree(msg* message) {
  diameter::Message out;
  msg_hdr* header = nullptr;
  if (fd_msg_hdr(message, &header) != 0) return out;
  out.flags = header->msg_flags;
  out.command = header->msg_code;
  out.application = header->msg_appl;
  out.hop_by_hop = header->msg_hbhid;
  out.end_to_end = header->msg_eteid;
  read_children(message, 0, out.avps);
  return out;
}

absl::Status FrameworkDictionary::define(const DiameterApplication& application) {
  dict_vendor_data vendor{application.vendor, text("3GPP")};
  dict_object* vendor_object = find_or_define(DICT_VENDOR, VENDOR_BY_ID, &vendor.vendor_id, &vendor, nullptr);
  dict_application_data data{application.id, text(application.name)};
  dict_object* object = find_or_define(DICT_APPLICATION, APPLICATION_BY_ID, &data.application_id, &data, vendor_object);
  if (vendor_object == nullptr || object == nullptr) {
    return absl::InternalError(absl::StrFormat("freeDiameter does not take the application %s", application.name));
  }
  applications_[application.id] = object;
  for (const diameter::AvpDefinition& definition : application.dictionary) {
    if (absl::Status status = define_avp(definition); !status.ok()) return status;
  }
  for (const DiameterApplication::Command& command : application.commands) {
    std::string request = std::string(command.name) + "-Request", answer = std::string(command.name) + "-Answer";
    dict_object *request_object = nullptr, *answer_object = nullptr;
    // Only the R flag is fixed: an answer is taken with or without P. No rules either: an answer that breaks one would
    // be dropped without a word to us.
    dict_cmd_data r{command.code, request.data(), CMD_FLAG_REQUEST, CMD_FLAG_REQUEST};
    dict_cmd_data a{command.code, answer.data(), CMD_FLAG_REQUEST, 0};
    if (fd_dict_new(fd_g_config->cnf_dict, DICT_COMMAND, &r, object, &request_object) != 0 ||
        fd_dict_new(fd_g_config->cnf_dict, DICT_COMMAND, &a, object, &answer_object) != 0) {
      return absl::InternalError(absl::StrFormat("freeDiameter does not take the command %s", command.name));
    }
    commands_[command.code] = request_object;
  }
  if (fd_disp_app_support(object, vendor_object, 1, 0) != 0) {
    return absl::InternalError(absl::StrFormat("freeDiameter does not announce %s", application.name));
  }
  return absl::OkStatus();
}

absl::Status FrameworkDictionary::define_avp(const diameter::AvpDefinition& definition) {
  if (definition.vendor != 0) {
    std::string name = absl::StrFormat("vendor %d", definition.vendor);
    dict_vendor_data vendor{definition.vendor, name.data()};
    find_or_define(DICT_VENDOR, VENDOR_BY_ID, &vendor.vendor_id, &vendor, nullptr);
  }
  // The M flag is not fixed: a receiver takes an AVP it knows whatever its M flag.
  dict_avp_data data{definition.code,
                     definition.vendor,
                     text(definition.name),
                     AVP_FLAG_VENDOR,
                     static_cast<uint8_t>(definition.vendor ? AVP_FLAG_VENDOR : 0),
                     base_type(definition.type)};
  dict_avp_request wanted{definition.vendor, definition.code, nullptr};
  dict_object* object = find_or_define(DICT_AVP, AVP_BY_CODE_AND_VENDOR, &wanted, &data, nullptr);
  if (object == nullptr || fd_dict_getval(object, &data) != 0) {
    return absl::InternalError(absl::StrFormat("freeDiameter does not take the AVP %s", definition.name));
  }
  // Failed-AVP is a group to freeDiameter, and its content never parsed by us.
  diameter::AvpType type = definition.type;
  if (data.avp_basetype == AVP_TYPE_GROUPED) type = diameter::AvpType::group;
  avps_[key(definition.code, definition.vendor)] = {
      object, data.avp_basetype, {type, data.avp_flag_mask, data.avp_flag_val}};
  return absl::OkStatus();
}

std::optional<AvpRule> FrameworkDictionary::rule(uint32_t code, uint32_t vendor) const {
  auto found = avps_.find(key(code, vendor));
  return found == avps_.end() ? std::nullopt : std::optional<AvpRule>(found->second.rule);
}

dict_object* FrameworkDictionary::application(uint32_t id) const {
  auto found = applications_.find(id);
  return found == applications_.end() ? nullptr : found->second;
}

dict_object* FrameworkDictionary::request_command(uint32_t code) const {
  auto found = commands_.find(code);
  return found == commands_.end() ? nullptr : found->second;
}

msg* FrameworkDictionary::new_request(const diameter::Message& message) const {
  dict_object* command = request_command(message.command);
  msg* out = nullptr;
  if (command == nullptr || fd_msg_new(command, 0, &out) != 0) return nullptr;
  msg_hdr* header = nullptr;
  fd_msg_hdr(out, &header);
  header->msg_flags = message.flags;
  header->msg_appl = message.application;
  header->msg_eteid = message.end_to_end;
  if (!add(out, message.avps)) {
    fd_msg_free(out);
    return nullptr;
  }
  return out;
}

bool FrameworkDictionary::set_value(struct avp* avp, dict_avp_basetype type, const diameter::Avp& from) const {
  if (type == AVP_TYPE_GROUPED) return add(avp, from.children);
  avp_value value{};
  switch (type) {
    case AVP_TYPE_OCTETSTRING:
      value.os.data = reinterpret_cast<uint8_t*>(const_cast<char*>(from.data.data()));
      value.os.len = from.data.size();
      break;
    case AVP_TYPE_INTEGER32:
    case AVP_TYPE_UNSIGNED32:
    case AVP_TYPE_FLOAT32:
      value.u32 = static_cast<uint32_t>(big_endian(std::string_view(from.data).substr(0, 4)));
      break;
    default:
      value.u64 = big_endian(std::string_view(from.data).substr(0, 8));
  }
  return fd_msg_avp_setvalue(avp, &value) == 0;
}

bool FrameworkDictionary::add(msg_or_avp* parent, const std::vector<diameter::Avp>& avps) const {
  bool complete = true;
  for (const diameter::Avp& from : avps) {
    auto known = avps_.find(key(from.code, from.vendor));
    struct avp* avp = nullptr;
    if (known == avps_.end() || fd_msg_avp_new(known->second.object, 0, &avp) != 0) {
      complete = false;
      continue;
    }
    avp_hdr* header = nullptr;
    fd_msg_avp_hdr(avp, &header);
    header->avp_flags =
        static_cast<uint8_t>((from.vendor ? AVP_FLAG_VENDOR : 0) | (from.mandatory ? AVP_FLAG_MANDATORY : 0));
    if (!set_value(avp, known->second.type, from) || fd_msg_avp_add(parent, MSG_BRW_LAST_CHILD, avp) != 0) {
      fd_msg_free(avp);
      complete = false;
    }
  }
  return complete;
}

}  // namespace lapwing
