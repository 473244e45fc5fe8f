#include "common/reginfo/reginfo.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "absl/strings/str_format.h"
#include "common/runtime/log.h"
#include "common/xml/document.h"

namespace lapwing::reginfo {
namespace {

constexpr std::string_view kNamespace = "urn:ietf:params:xml:ns:reginfo";
constexpr std::string_view kGruuNamespace = "urn:ietf:params:xml:ns:gruuinfo";

constexpr std::array<std::string_view, 3> kRegistrationStates = {"init", "active", "terminated"};
constexpr std::array<std::string_view, 2> kContactStates = {"active", "terminated"};
constexpr std::array<std::string_view, 9> kContactEvents = {"registered", "created",      "refreshed",
                                                            "shortened",  "expired",      "deactivated",
                                                            "probation",  "unregistered", "rejected"};

bool same_name(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

void attribute(std::string& out, std::string_view name, std::string_view value) {
  out += ' ';
  out += name;
  out += "=\"";
  out += xml::escape_attribute(value);
  out += '"';
}

void attribute(std::string& out, std::string_view name, std::optional<uint32_t> value) {
  if (value) attribute(out, name, std::to_string(*value));
}

void write_contact(std::string& out, const Contact& contact) {
  out += "<contact";
  attribute(out, "id", contact.id);
  attribute(out, "state", name_of(contact.state));
  attribute(out, "event", name_of(contact.event));
  attribute(out, "expires", contact.expires);
  attribute(out, "retry-after", contact.retry_after);
  if (!contact.q.empty()) attribute(out, "q", contact.q);
  if (!contact.callid.empty()) attribute(out, "callid", contact.callid);
  attribute(out, "cseq", contact.cseq);
  out += ">\n<uri>" + xml::escape_text(contact.uri) + "</uri>\n";
  if (!contact.display_name.empty())
    out += "<display-name>" + xml::escape_text(contact.display_name) + "</display-name>\n";
  for (const auto& [name, value] : contact.unknown_params) {
    if (same_name(name, "q") || same_name(name, "expires")) continue;
    out += "<unknown-param";
    attribute(out, "name", name);
    out += '>' + xml::escape_text(value) + "</unknown-param>\n";
  }
  if (contact.pub_gruu) {
    out += "<gr:pub-gruu";
    attribute(out, "uri", *contact.pub_gruu);
    out += "/>\n";
  }
  if (contact.temp_gruu) {
    out += "<gr:temp-gruu";
    attribute(out, "uri", contact.temp_gruu->uri);
    attribute(out, "first-cseq", contact.temp_gruu->first_cseq);
    out += "/>\n";
  }
  out += "</contact>\n";
}

bool has_gruu(const RegInfo& info) {
  for (const Registration& registration : info.registrations) {
    for (const Contact& contact : registration.contacts) {
      if (contact.pub_gruu || contact.temp_gruu) return true;
    }
  }
  return false;
}

// Reads one document; the first error ends it.
class Reader {
 public:
  explicit Reader(const Limits& limits) : limits_(limits) {}

  absl::StatusOr<RegInfo> read(pugi::xml_node root) {
    if (!is(root, "reginfo")) return absl::InvalidArgumentError("reginfo: the root element is not reginfo");
    RegInfo info;
    // Versions are compared, so one that does not fit is an error and never a smaller one.
    required_text(root, "version");
    info.version = number(root, "version", false).value_or(0);
    info.full = one_of(root, "state", std::array<std::string_view, 2>{"partial", "full"}) == 1;
    for (const pugi::xml_node child : root.children()) {
      if (!is(child, "registration")) continue;
      if (info.registrations.size() >= limits_.registrations) exceed("registrations", limits_.registrations);
      if (!error_.ok()) break;
      info.registrations.push_back(registration(child));
    }
    if (!error_.ok()) return error_;
    return info;
  }

 private:
  static bool is(pugi::xml_node node, std::string_view name) {
    if (node.type() != pugi::node_element || xml::local_name(node) != name) return false;
    const std::string_view space = xml::namespace_of(node);
    return space == kNamespace || space.empty();
  }
  static bool is_gruu(pugi::xml_node node, std::string_view name) {
    return node.type() == pugi::node_element && xml::local_name(node) == name &&
           xml::namespace_of(node) == kGruuNamespace;
  }

  void exceed(std::string_view what, size_t limit) {
    if (error_.ok()) error_ = absl::ResourceExhaustedError(absl::StrFormat("reginfo: more than %d %s", limit, what));
  }
  void fail(pugi::xml_node node, std::string_view why) {
    if (error_.ok()) error_ = absl::InvalidArgumentError(absl::StrFormat("%s: %s", xml::where(node), why));
  }

  // URIs and parameters end up in SIP headers: no line ends or other control characters.
  std::string clean(pugi::xml_node node, std::string_view text, std::string_view what) {
    text = xml::trim(text);
    if (std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }))
      fail(node, absl::StrFormat("%s has a control character", what));
    return std::string(text);
  }

  std::string optional_text(pugi::xml_node node, const char* name) {
    return clean(node, node.attribute(name).value(), name);
  }
  std::string required_text(pugi::xml_node node, const char* name) {
    std::string value = optional_text(node, name);
    if (value.empty()) fail(node, absl::StrFormat("no %s", name));
    return value;
  }

  // An xs:unsignedLong cut to 32 bits where that is harmless.
  std::optional<uint32_t> number(pugi::xml_node node, const char* name, bool cut) {
    const pugi::xml_attribute found = node.attribute(name);
    if (!found) return std::nullopt;
    const std::string_view value = xml::trim(found.value());
    uint32_t parsed = 0;
    const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), parsed);
    const bool whole = !value.empty() && end == value.data() + value.size();
    if (whole && code == std::errc::result_out_of_range && cut) return std::numeric_limits<uint32_t>::max();
    if (!whole || code != std::errc())
      fail(node, absl::StrFormat("%s is not a number: '%s'", name, log::printable(value, 32)));
    return parsed;
  }

  template <size_t N>
  size_t one_of(pugi::xml_node node, const char* name, const std::array<std::string_view, N>& values) {
    const std::string_view value = xml::trim(node.attribute(name).value());
    const auto found = std::find(values.begin(), values.end(), value);
    if (found != values.end()) return static_cast<size_t>(found - values.begin());
    fail(node, absl::StrFormat("%s is unknown: '%s'", name, log::printable(value, 32)));
    return 0;
  }

  Registration registration(pugi::xml_node node) {
    Registration registration;
    registration.aor = required_text(node, "aor");
    registration.id = optional_text(node, "id");
    registration.state = static_cast<RegistrationState>(one_of(node, "state", kRegistrationStates));
    for (const pugi::xml_node child : node.children()) {
      if (!is(child, "contact")) continue;
      if (++contacts_ > limits_.contacts) exceed("contacts", limits_.contacts);
      if (!error_.ok()) break;
      registration.contacts.push_back(contact(child));
    }
    return registration;
  }

  Contact contact(pugi::xml_node node) {
    Contact contact;
    contact.id = optional_text(node, "id");
    contact.state = static_cast<ContactState>(one_of(node, "state", kContactStates));
    contact.event = static_cast<ContactEvent>(one_of(node, "event", kContactEvents));
    contact.expires = number(node, "expires", true);
    contact.retry_after = number(node, "retry-after", true);
    contact.q = optional_text(node, "q");
    contact.callid = optional_text(node, "callid");
    contact.cseq = number(node, "cseq", false);
    for (const pugi::xml_node child : node.children()) {
      if (!error_.ok()) break;
      if (is(child, "uri")) {
        contact.uri = clean(child, xml::text(child), "it");
      } else if (is(child, "display-name")) {
        contact.display_name = clean(child, xml::text(child), "it");
      } else if (is(child, "unknown-param")) {
        if (contact.unknown_params.size() >= limits_.params) exceed("parameters of a contact", limits_.params);
        contact.unknown_params.emplace_back(required_text(child, "name"), clean(child, xml::text(child), "it"));
      } else if (is_gruu(child, "pub-gruu")) {
        contact.pub_gruu = required_text(child, "uri");
      } else if (is_gruu(child, "temp-gruu")) {
        contact.temp_gruu = TempGruu{required_text(child, "uri"), number(child, "first-cseq", false).value_or(0)};
      }
    }
    if (contact.uri.empty()) fail(node, "no uri");
    return contact;
  }

  const Limits& limits_;
  size_t contacts_ = 0;
  absl::Status error_;
};

}  // namespace

std::string_view name_of(RegistrationState state) {
  return kRegistrationStates[static_cast<size_t>(state)];
}
std::string_view name_of(ContactState state) {
  return kContactStates[static_cast<size_t>(state)];
}
std::string_view name_of(ContactEvent event) {
  return kContactEvents[static_cast<size_t>(event)];
}

std::string write(const RegInfo& info) {
  std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<reginfo";
  attribute(out, "xmlns", kNamespace);
  if (has_gruu(info)) attribute(out, "xmlns:gr", kGruuNamespace);
  attribute(out, "version", info.version);
  attribute(out, "state", info.full ? "full" : "partial");
  out += ">\n";
  for (const Registration& registration : info.registrations) {
    out += "<registration";
    attribute(out, "aor", registration.aor);
    attribute(out, "id", registration.id);
    attribute(out, "state", name_of(registration.state));
    out += ">\n";
    for (const Contact& contact : registration.contacts) write_contact(out, contact);
    out += "</registration>\n";
  }
  out += "</reginfo>\n";
  return out;
}

absl::StatusOr<RegInfo> parse(std::string_view xml, const Limits& limits) {
  absl::StatusOr<pugi::xml_document> document =
      xml::load(xml, {.bytes = limits.bytes, .depth = 16, .elements = 20'000, .attributes = 32});
  if (!document.ok()) return document.status();
  return Reader(limits).read(document->document_element());
}

}  // namespace lapwing::reginfo
