#include "pcscf/ipsec/sec_agree.h"

#include <algorithm>
#include <charconv>
#include <span>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

namespace lapwing::ipsec {
namespace {

// The longest list seen holds eight elements of nine parameters.
constexpr size_t kMostElements = 32;
constexpr size_t kMostParameters = 16;

struct Parameter {
  std::string name;   // in lower case
  std::string value;  // in lower case, without quotes
  auto operator<=>(const Parameter&) const = default;
};

struct Element {
  std::string mechanism;  // in lower case
  std::vector<Parameter> parameters;

  // Empty: absent.
  std::string_view value(std::string_view name) const {
    for (const Parameter& parameter : parameters)
      if (parameter.name == name) return parameter.value;
    return {};
  }
  bool has(std::string_view name) const {
    return std::any_of(parameters.begin(), parameters.end(), [&](const Parameter& p) { return p.name == name; });
  }
};

std::string lower(std::string_view text) {
  return absl::AsciiStrToLower(absl::string_view(text.data(), text.size()));
}

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool is_token(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         std::string_view("-.!%*_+`'~").find(c) != std::string_view::npos;
}

// What a value without quotes may hold: a token or a host (RFC 3261 gen-value).
bool is_value(char c) {
  return is_token(c) || c == '[' || c == ']' || c == ':';
}

absl::Status malformed(std::string_view why) {
  return absl::InvalidArgumentError(absl::StrFormat("security agreement list: %s", why));
}

// Reads the elements of one header row, one character after the other.
class ListReader {
 public:
  explicit ListReader(std::string_view text) : text_(text) {}

  absl::Status read(std::vector<Element>& elements) {
    while (true) {
      skip_space();
      if (at_ == text_.size()) return absl::OkStatus();
      if (take(',')) continue;  // an empty element, as RFC 3261 implementations send them
      if (elements.size() == kMostElements) return malformed("too many elements");
      Element element;
      element.mechanism = lower(run_of(is_token));
      if (element.mechanism.empty()) return malformed("an element without a mechanism name");
      if (absl::Status status = read_parameters(element); !status.ok()) return status;
      elements.push_back(std::move(element));
    }
  }

 private:
  absl::Status read_parameters(Element& element) {
    while (true) {
      skip_space();
      if (at_ == text_.size() || text_[at_] == ',') return absl::OkStatus();
      if (!take(';')) return malformed("something other than ; or , after a value");
      skip_space();
      if (element.parameters.size() == kMostParameters) return malformed("too many parameters");
      Parameter parameter;
      parameter.name = lower(run_of(is_token));
      if (parameter.name.empty()) return malformed("a parameter without a name");
      if (element.has(parameter.name)) return malformed("a parameter given twice");
      skip_space();
      if (take('=')) {
        skip_space();
        std::optional<std::string> value = read_value();
        if (!value) return malformed("a parameter without a value, or a quote left open");
        parameter.value = std::move(*value);
      }
      element.parameters.push_back(std::move(parameter));
    }
  }

  std::optional<std::string> read_value() {
    if (!take('"')) {
      std::string_view value = run_of(is_value);
      if (value.empty()) return std::nullopt;
      return lower(value);
    }
    std::string value;
    while (at_ < text_.size()) {
      char c = text_[at_++];
      if (c == '"') return lower(value);
      if (c == '\\') {
        if (at_ == text_.size()) return std::nullopt;
        c = text_[at_++];
      }
      value += c;
    }
    return std::nullopt;
  }

  std::string_view run_of(bool (*accepted)(char)) {
    size_t from = at_;
    while (at_ < text_.size() && accepted(text_[at_])) ++at_;
    return text_.substr(from, at_ - from);
  }
  void skip_space() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }
  bool take(char c) {
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  std::string_view text_;
  size_t at_ = 0;
};

absl::StatusOr<std::vector<Element>> elements_of(const sip::Message& message, sip::HeaderId header) {
  std::vector<Element> elements;
  for (const sip::HeaderRow& row : message.rows()) {
    if (row.id != header) continue;
    if (absl::Status status = ListReader(message.value(row)).read(elements); !status.ok()) return status;
  }
  return elements;
}

// 1 to most_digits decimal digits.
std::optional<uint64_t> number(std::string_view text, size_t most_digits) {
  if (text.empty() || text.size() > most_digits) return std::nullopt;
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

absl::StatusOr<Spi> spi_of(const Element& element, std::string_view name) {
  std::optional<uint64_t> value = number(element.value(name), 10);
  // 0 to 255 are reserved (RFC 4303 section 2.1).
  if (!value || *value < 256 || *value > 0xffffffff)
    return malformed(absl::StrFormat("%s is missing or not within 256..4294967295", name));
  return Spi{static_cast<uint32_t>(*value)};
}

absl::StatusOr<Port> port_of(const Element& element, std::string_view name) {
  std::optional<uint64_t> value = number(element.value(name), 5);
  // The protected ports differ from the ports for clear text (TS 33.203 section 7.1).
  if (!value || *value == 0 || *value > 0xffff || *value == 5060 || *value == 5061)
    return malformed(absl::StrFormat("%s is missing or no port for protected traffic", name));
  return Port{static_cast<uint16_t>(*value)};
}

// qvalue of RFC 3261 section 25.1 in thousandths.
std::optional<uint16_t> thousandths(std::string_view text) {
  size_t point = text.find('.');
  std::optional<uint64_t> whole = number(text.substr(0, point), 1);
  if (!whole || *whole > 1) return std::nullopt;
  uint64_t fraction = 0;
  if (point != std::string_view::npos && point + 1 < text.size()) {
    std::string digits(text.substr(point + 1));
    if (digits.size() > 3) return std::nullopt;
    digits.resize(3, '0');
    std::optional<uint64_t> parsed = number(digits, 3);
    if (!parsed) return std::nullopt;
    fraction = *parsed;
  }
  uint64_t value = *whole * 1000 + fraction;
  if (value > 1000) return std::nullopt;
  return static_cast<uint16_t>(value);
}

// nullopt: well formed, but nothing that we do.
absl::StatusOr<std::optional<Mechanism>> mechanism_of(const Element& element) {
  if (element.mechanism != "ipsec-3gpp") return std::nullopt;
  if (std::string_view prot = element.value("prot"); !prot.empty() && prot != "esp") return std::nullopt;
  if (std::string_view mod = element.value("mod"); !mod.empty() && mod != "trans") return std::nullopt;
  if (element.value("alg").empty()) return malformed("an element without alg");
  std::optional<Integrity> integrity = integrity_from(element.value("alg"));
  std::optional<Encryption> encryption = encryption_from(element.value("ealg"));
  if (!integrity || !encryption) return std::nullopt;
  Mechanism mechanism;
  mechanism.algorithms = {*integrity, *encryption};
  if (!mechanism.algorithms.valid()) return std::nullopt;

  absl::StatusOr<Spi> spi_c = spi_of(element, "spi-c"), spi_s = spi_of(element, "spi-s");
  if (!spi_c.ok()) return spi_c.status();
  if (!spi_s.ok()) return spi_s.status();
  absl::StatusOr<Port> port_c = port_of(element, "port-c"), port_s = port_of(element, "port-s");
  if (!port_c.ok()) return port_c.status();
  if (!port_s.ok()) return port_s.status();
  if (*spi_c == *spi_s) return malformed("spi-c and spi-s are the same");
  if (*port_c == *port_s) return malformed("port-c and port-s are the same");
  mechanism.spi_c = *spi_c;
  mechanism.spi_s = *spi_s;
  mechanism.port_c = *port_c;
  mechanism.port_s = *port_s;
  if (element.has("q")) {
    std::optional<uint16_t> q = thousandths(element.value("q"));
    if (!q) return malformed("q is not within 0..1");
    mechanism.q = *q;
  }
  return mechanism;
}

// The element with every value in one form, so that equal meaning is equal text.
void normalize(Element& element) {
  if (element.mechanism == "ipsec-3gpp") {
    for (auto [name, standard] : {std::pair("prot", "esp"), std::pair("mod", "trans"), std::pair("ealg", "null")})
      if (!element.has(name)) element.parameters.push_back({name, standard});
  }
  for (Parameter& parameter : element.parameters) {
    if (parameter.name == "q") {
      if (std::optional<uint16_t> q = thousandths(parameter.value)) parameter.value = std::to_string(*q);
    } else if (std::optional<uint64_t> value = number(parameter.value, 10)) {
      parameter.value = std::to_string(*value);
    }
  }
  std::sort(element.parameters.begin(), element.parameters.end());
}

std::string element_text(const Algorithms& algorithms, std::string_view q, Spi spi_c, Spi spi_s, Port port_c,
                         Port port_s) {
  return absl::StrFormat("ipsec-3gpp;%sprot=esp;mod=trans;spi-c=%d;spi-s=%d;port-c=%d;port-s=%d;alg=%s;ealg=%s", q,
                         spi_c.value, spi_s.value, port_c.value, port_s.value, token(algorithms.integrity),
                         token(algorithms.encryption));
}

}  // namespace

absl::StatusOr<std::vector<Mechanism>> parse_offer(const sip::Message& message, sip::HeaderId header) {
  absl::StatusOr<std::vector<Element>> elements = elements_of(message, header);
  if (!elements.ok()) return elements.status();
  std::vector<Mechanism> offer;
  for (const Element& element : *elements) {
    absl::StatusOr<std::optional<Mechanism>> mechanism = mechanism_of(element);
    if (!mechanism.ok()) return mechanism.status();
    if (!mechanism->has_value()) continue;
    const Mechanism& found = **mechanism;
    if (!offer.empty() && (found.spi_c != offer[0].spi_c || found.spi_s != offer[0].spi_s ||
                           found.port_c != offer[0].port_c || found.port_s != offer[0].port_s))
      return malformed("SPIs or ports differ between elements");
    offer.push_back(found);
  }
  return offer;
}

std::optional<Algorithms> choose(const std::vector<Algorithms>& ours, const std::vector<Mechanism>& offered) {
  for (const Algorithms& candidate : ours)
    for (const Mechanism& mechanism : offered)
      if (mechanism.algorithms == candidate) return candidate;
  return std::nullopt;
}

std::string security_server(const std::vector<Algorithms>& ours, Spi spi_pc, Spi spi_ps, Port pc, Port ps) {
  std::string list;
  // q falls so that a handset that sorts by it and one that takes the first both end at our choice. A null ealg is
  // written out: its absence means the same, but handsets are known to read it.
  const bool tenths = ours.size() < 10;
  for (size_t i = 0; i < ours.size(); ++i) {
    if (i > 0) list += ", ";
    // q orders elements among each other: one alone has none.
    std::string q = ours.size() == 1 ? ""
                    : tenths         ? absl::StrFormat("q=0.%d;", ours.size() - i)
                                     : absl::StrFormat("q=0.%03d;", ours.size() - i);
    list += element_text(ours[i], q, spi_pc, spi_ps, pc, ps);
  }
  return list;
}

std::string security_client(const std::vector<Algorithms>& ours, Spi spi_uc, Spi spi_us, Port uc, Port us) {
  std::string list;
  for (const Algorithms& algorithms : ours) {
    if (!list.empty()) list += ", ";
    list += element_text(algorithms, "", spi_uc, spi_us, uc, us);
  }
  return list;
}

bool repeats(const sip::Message& verify, sip::HeaderId verify_header, std::string_view sent) {
  absl::StatusOr<std::vector<Element>> repeated = elements_of(verify, verify_header);
  std::vector<Element> original;
  if (!repeated.ok() || !ListReader(sent).read(original).ok()) return false;
  if (repeated->empty() || repeated->size() != original.size()) return false;
  for (size_t i = 0; i < original.size(); ++i) {
    Element& ours = original[i];
    Element& theirs = (*repeated)[i];
    normalize(ours);
    normalize(theirs);
    if (ours.mechanism != theirs.mechanism || ours.parameters != theirs.parameters) return false;
  }
  return true;
}

}  // namespace lapwing::ipsec
