#include "hss-client/avp.h"

#include <algorithm>

#include "absl/strings/str_format.h"

namespace lapwing::diameter {
namespace {

constexpr size_t avp_header = 8, vendor_size = 4;

uint32_t read24(std::string_view bytes, size_t at) {
  return static_cast<uint32_t>(static_cast<uint8_t>(bytes[at]) << 16 | static_cast<uint8_t>(bytes[at + 1]) << 8 |
                               static_cast<uint8_t>(bytes[at + 2]));
}

uint32_t read32(std::string_view bytes, size_t at) {
  return static_cast<uint32_t>(static_cast<uint8_t>(bytes[at])) << 24 | read24(bytes, at + 1);
}

void put24(std::string& out, uint32_t value) {
  out.push_back(static_cast<char>(value >> 16));
  out.push_back(static_cast<char>(value >> 8));
  out.push_back(static_cast<char>(value));
}

void put32(std::string& out, uint32_t value) {
  out.push_back(static_cast<char>(value >> 24));
  put24(out, value & 0xffffff);
}

void set24(std::string& out, size_t at, size_t value) {
  out[at] = static_cast<char>(value >> 16);
  out[at + 1] = static_cast<char>(value >> 8);
  out[at + 2] = static_cast<char>(value);
}

// RFC 6733 section 7.1.5: Failed-AVP holds the header of an AVP of impossible length, with no data.
Fault length_fault(uint32_t code, uint32_t vendor, std::string text) {
  return Fault{5014, std::move(text),
               Avp{.code = code, .vendor = vendor, .mandatory = true, .group = false, .data = {}, .children = {}}};
}

class Reader {
 public:
  explicit Reader(IsGroup is_group) : is_group_(is_group) {}

  // Recursion ends at max_depth, whatever the input.
  std::optional<Fault> read(std::string_view bytes, size_t depth, std::vector<Avp>& out) {
    while (!bytes.empty()) {
      if (++count_ > max_avps) return Fault{5009, absl::StrFormat("more than %d AVPs", max_avps), {}};
      if (bytes.size() < avp_header) {
        return Fault{5014, absl::StrFormat("%d bytes left where an AVP header needs 8", bytes.size()), {}};
      }
      uint32_t code = read32(bytes, 0);
      uint8_t flags = static_cast<uint8_t>(bytes[4]);
      size_t length = read24(bytes, 5);
      size_t header = avp_header;
      uint32_t vendor = 0;
      if (flags & avp_flag::vendor) {
        header += vendor_size;
        if (bytes.size() < header)
          return length_fault(code, 0, absl::StrFormat("AVP %d ends inside its Vendor-Id", code));
        vendor = read32(bytes, 8);
        if (vendor == 0) return Fault{3009, absl::StrFormat("AVP %d has the V flag and Vendor-Id 0", code), {}};
      }
      if (length < header) {
        return length_fault(code, vendor,
                            absl::StrFormat("AVP %d says %d bytes, its header has %d", code, length, header));
      }
      if (length > bytes.size()) {
        return length_fault(code, vendor,
                            absl::StrFormat("AVP %d says %d bytes, %d are left", code, length, bytes.size()));
      }
      Avp& avp = out.emplace_back();
      avp.code = code;
      avp.vendor = vendor;
      avp.mandatory = (flags & avp_flag::mandatory) != 0;
      avp.group = is_group_(code, vendor);
      std::string_view data = bytes.substr(header, length - header);
      if (avp.group) {
        if (depth + 1 >= max_depth) return Fault{5004, absl::StrFormat("groups deeper than %d", max_depth), {}};
        if (auto fault = read(data, depth + 1, avp.children)) return fault;
      } else {
        avp.data.assign(data);
      }
      // The last AVP may come without its padding: freeDiameter and others take it so.
      bytes.remove_prefix(std::min(bytes.size(), (length + 3) & ~size_t{3}));
    }
    return std::nullopt;
  }

 private:
  IsGroup is_group_;
  size_t count_ = 0;
};

void write(const Avp& avp, std::string& out) {
  size_t start = out.size();
  put32(out, avp.code);
  uint8_t flags = static_cast<uint8_t>((avp.vendor ? avp_flag::vendor : 0) | (avp.mandatory ? avp_flag::mandatory : 0));
  out.push_back(static_cast<char>(flags));
  put24(out, 0);
  if (avp.vendor) put32(out, avp.vendor);
  if (avp.group) {
    for (const Avp& child : avp.children) write(child, out);
  } else {
    out += avp.data;
  }
  set24(out, start + 5, out.size() - start);
  out.append((4 - out.size() % 4) % 4, '\0');
}

}  // namespace

Avp octets(uint32_t code, uint32_t vendor, bool mandatory, std::string_view data) {
  return Avp{.code = code,
             .vendor = vendor,
             .mandatory = mandatory,
             .group = false,
             .data = std::string(data),
             .children = {}};
}

Avp unsigned32(uint32_t code, uint32_t vendor, bool mandatory, uint32_t value) {
  Avp avp{.code = code, .vendor = vendor, .mandatory = mandatory, .group = false, .data = {}, .children = {}};
  put32(avp.data, value);
  return avp;
}

Avp grouped(uint32_t code, uint32_t vendor, bool mandatory, std::vector<Avp> children) {
  return Avp{.code = code,
             .vendor = vendor,
             .mandatory = mandatory,
             .group = true,
             .data = {},
             .children = std::move(children)};
}

std::optional<uint32_t> value32(const Avp& avp) {
  if (avp.group || avp.data.size() != 4) return std::nullopt;
  return read32(avp.data, 0);
}

const Avp* find(const std::vector<Avp>& avps, uint32_t code, uint32_t vendor) {
  for (const Avp& avp : avps) {
    if (avp.code == code && avp.vendor == vendor) return &avp;
  }
  return nullptr;
}

Parsed<size_t> message_length(std::string_view first_bytes) {
  if (first_bytes.size() < 4) return Fault{5015, "fewer than 4 bytes", {}};
  if (first_bytes[0] != 1) {
    return Fault{5011, absl::StrFormat("Diameter version %d", static_cast<uint8_t>(first_bytes[0])), {}};
  }
  size_t length = read24(first_bytes, 1);
  if (length < header_size || length % 4 != 0 || length > max_message) {
    return Fault{5015, absl::StrFormat("a message of %d bytes", length), {}};
  }
  return length;
}

Parsed<Message> decode(std::string_view bytes, IsGroup is_group) {
  Parsed<size_t> length = message_length(bytes);
  if (auto* fault = std::get_if<Fault>(&length)) return std::move(*fault);
  if (std::get<size_t>(length) != bytes.size()) {
    return Fault{
        5015, absl::StrFormat("the header says %d bytes, there are %d", std::get<size_t>(length), bytes.size()), {}};
  }
  Message message;
  message.flags = static_cast<uint8_t>(bytes[4]);
  message.command = read24(bytes, 5);
  message.application = read32(bytes, 8);
  message.hop_by_hop = read32(bytes, 12);
  message.end_to_end = read32(bytes, 16);
  if (auto fault = Reader(is_group).read(bytes.substr(header_size), 0, message.avps)) return std::move(*fault);
  return message;
}

Parsed<std::vector<Avp>> decode_avps(std::string_view bytes, IsGroup is_group) {
  if (bytes.size() > max_message) return Fault{5014, absl::StrFormat("AVPs of %d bytes", bytes.size()), {}};
  std::vector<Avp> avps;
  if (auto fault = Reader(is_group).read(bytes, 0, avps)) return std::move(*fault);
  return avps;
}

std::string encode(const Message& message) {
  std::string out;
  out.reserve(512);
  put32(out, 0x01000000);
  out.push_back(static_cast<char>(message.flags));
  put24(out, message.command);
  put32(out, message.application);
  put32(out, message.hop_by_hop);
  put32(out, message.end_to_end);
  for (const Avp& avp : message.avps) write(avp, out);
  set24(out, 1, out.size());
  return out;
}

std::string encode_avps(const std::vector<Avp>& avps) {
  std::string out;
  for (const Avp& avp : avps) write(avp, out);
  return out;
}

}  // namespace lapwing::diameter
