#include "hss-client/freediameter/guard.h"

#include <algorithm>

#include "absl/strings/str_format.h"

namespace lapwing {
namespace {

using Bytes = std::span<uint8_t>;
using ReadBytes = std::span<const uint8_t>;

constexpr uint32_t session_id = 263, result_code = 268, auth_session_state = 277, failed_avp = 279, error_message = 281;
constexpr uint32_t class_code = 25, destination_realm = 283, proxy_info = 284, destination_host = 293;
constexpr uint32_t nobodys_code = 0xfffffff0;  // an AVP that no dictionary has

uint32_t read24(ReadBytes b, size_t at) {
  return uint32_t{b[at]} << 16 | uint32_t{b[at + 1]} << 8 | b[at + 2];
}
uint32_t read32(ReadBytes b, size_t at) {
  return uint32_t{b[at]} << 24 | read24(b, at + 1);
}

void write32(Bytes b, size_t at, uint32_t value) {
  for (size_t i = 0; i < 4; ++i) b[at + i] = static_cast<uint8_t>(value >> (24 - 8 * i));
}

struct Frame {
  uint32_t code = 0, vendor = 0;
  size_t header = 8, length = 0, padded = 0;
  bool vendor_flag = false;
};

// The AVP at the front; nullopt when it does not fit.
std::optional<Frame> frame_of(Bytes b) {
  if (b.size() < 8) return std::nullopt;
  Frame f;
  f.code = read32(b, 0);
  f.length = read24(b, 5);
  if (b[4] & diameter::avp_flag::vendor) {
    f.header = 12;
    if (b.size() < 12) return std::nullopt;
    f.vendor = read32(b, 8);
    f.vendor_flag = true;
  }
  if (f.length < f.header || f.length > b.size()) return std::nullopt;
  f.padded = std::min(b.size(), (f.length + 3) & ~size_t{3});
  return f;
}

std::optional<size_t> fixed_size(diameter::AvpType type) {
  switch (type) {
    case diameter::AvpType::unsigned32:
    case diameter::AvpType::integer32:
    case diameter::AvpType::time:
      return 4;
    case diameter::AvpType::unsigned64:
      return 8;
    default:
      return std::nullopt;
  }
}

// As freeDiameter knows it: its own dictionary has AVPs of RFC 6733 that ours lacks.
std::optional<diameter::AvpType> type_of(const Frame& f, const AvpRules& rules) {
  static constexpr uint32_t numbers[] = {27,  85,  265, 267, 270, 271, 272, 273, 274,
                                         276, 285, 291, 295, 299, 480, 483, 485};
  static constexpr uint32_t strings[] = {44, 50, 257, 269};
  constexpr uint32_t accounting_sub_session_id = 287;
  if (std::optional<AvpRule> rule = rules(f.code, f.vendor)) return rule->type;
  if (f.vendor != 0) return std::nullopt;
  if (f.code == accounting_sub_session_id) return diameter::AvpType::unsigned64;
  if (std::find(std::begin(numbers), std::end(numbers), f.code) != std::end(numbers)) {
    return diameter::AvpType::unsigned32;
  }
  if (std::find(std::begin(strings), std::end(strings), f.code) != std::end(strings)) return diameter::AvpType::octets;
  return std::nullopt;
}

std::optional<size_t> number_size(std::optional<diameter::AvpType> type) {
  if (!type || *type == diameter::AvpType::time) return std::nullopt;  // a Time is a string to freeDiameter
  return fixed_size(*type);
}

// Bounded by diameter::max_depth. Returns the first fault.
std::string set_flags(Bytes avps, const AvpRules& rules, bool answer, size_t depth) {
  if (depth == diameter::max_depth) return "groups too deep";
  while (!avps.empty()) {
    std::optional<Frame> f = frame_of(avps);
    if (!f) return "an AVP goes beyond its group";
    if (answer && f->vendor_flag && f->vendor == 0)
      return absl::StrFormat("AVP %d has the V flag and Vendor-Id 0", f->code);
    // It may hold what is broken; freeDiameter would parse it as a group.
    if (answer && f->code == failed_avp && f->vendor == 0) write32(avps, 0, nobodys_code);
    std::optional<AvpRule> rule = rules(read32(avps, 0), f->vendor);
    uint8_t& flags = avps[4];
    if (rule) {
      flags = static_cast<uint8_t>((flags & ~rule->flag_mask) | (rule->flag_value & rule->flag_mask));
      std::optional<size_t> size = fixed_size(rule->type);
      if (answer && size && f->length - f->header != *size) {
        return absl::StrFormat("AVP %d is %d bytes, %d wanted", f->code, f->length - f->header, *size);
      }
      if (rule->type == diameter::AvpType::group) {
        std::string fault = set_flags(avps.subspan(f->header, f->length - f->header), rules, answer, depth + 1);
        if (!fault.empty()) return fault;
      }
    } else if (answer) {
      flags &= static_cast<uint8_t>(~diameter::avp_flag::mandatory);
    }
    avps = avps.subspan(f->padded);
  }
  return {};
}

void write_length(Bytes avps, size_t length) {
  avps[5] = static_cast<uint8_t>(length >> 16);
  avps[6] = static_cast<uint8_t>(length >> 8);
  avps[7] = static_cast<uint8_t>(length);
}

// Writes an AVP's header without flags at the front.
void overwrite(Bytes avps, uint32_t code, size_t length) {
  write32(avps, 0, code);
  avps[4] = 0;
  write_length(avps, length);
}

// In place of all AVPs, an Error-Message that tells the fault, and one that says nothing in the space that is left.
void empty_out(Bytes avps, std::string_view fault) {
  if (avps.size() < 16 || avps.size() % 4 != 0) {
    std::fill(avps.begin() + 8, avps.end(), uint8_t{0});
    return overwrite(avps, nobodys_code, avps.size());
  }
  size_t length = std::min(avps.size(), (8 + fault.size() + 3) & ~size_t{3});
  if (avps.size() - length == 4) length -= 4;
  std::fill(avps.begin(), avps.end(), uint8_t{' '});
  std::copy_n(fault.begin(), std::min(fault.size(), length - 8), avps.begin() + 8);
  overwrite(avps, error_message, length);
  if (length < avps.size()) overwrite(avps.subspan(length), nobodys_code, avps.size() - length);
}

// Result-Code to where it is parsed first; one that could not be parsed becomes unknown.
void move_result_forward(Bytes avps) {
  size_t front = 0, at = 0;
  bool moved = false;
  while (at < avps.size()) {
    std::optional<Frame> f = frame_of(avps.subspan(at));
    if (!f) return;
    if (f->vendor == 0 && f->code == session_id && at == 0 && avps[4] == diameter::avp_flag::mandatory) {
      front = f->padded;
    } else if (f->vendor == 0 && f->code == result_code) {
      if (f->length == 12 && !f->vendor_flag && !moved) {
        avps[at + 4] = diameter::avp_flag::mandatory;
        std::rotate(avps.begin() + static_cast<std::ptrdiff_t>(front), avps.begin() + static_cast<std::ptrdiff_t>(at),
                    avps.begin() + static_cast<std::ptrdiff_t>(at + f->padded));
        moved = true;
      } else {
        write32(avps, at, nobodys_code);
        avps[at + 4] = 0;
      }
    }
    at += f->padded;
  }
}

// Gives the empty AVP at `at` one of its neighbours as a value, rather one that neither routing nor the answer needs.
// The value has not the size that is wanted. Without a neighbour, what remains can be read as no AVP.
void fill(Bytes avps, size_t at, std::optional<size_t> wanted) {
  size_t header = frame_of(avps.subspan(at))->header;
  auto here = [&](size_t offset) { return avps.begin() + static_cast<std::ptrdiff_t>(offset); };
  for (bool any : {false, true}) {
    for (size_t next = 0; std::optional<Frame> f = frame_of(avps.subspan(next)); next += f->padded) {
      bool needed = f->vendor == 0 && (f->code == session_id || f->code == destination_realm || f->code == proxy_info ||
                                       f->code == destination_host);
      if (next == at || f->padded % 4 != 0 || (needed && !any)) continue;
      if (next < at) {
        std::rotate(here(next), here(at), here(at + header));
      } else {
        std::rotate(here(at + header), here(next), here(next + f->padded));
      }
      size_t length = header + f->padded - (wanted == f->padded ? 1 : 0);
      return write_length(avps.subspan(std::min(at, next)), length);
    }
  }
  std::fill(avps.begin(), avps.end(), uint8_t{0});
}

// freeDiameter puts the first AVP that it refuses into Failed-AVP. An empty one it cannot encode there, and ends the
// connection. Groups too deep for us become ones that it does not enter. Returns true when there was one: the rest does
// not matter then.
bool fill_empty(Bytes avps, const AvpRules& rules, bool mandatory, size_t depth) {
  for (size_t at = 0; std::optional<Frame> f = frame_of(avps.subspan(at)); at += f->padded) {
    std::optional<diameter::AvpType> type = type_of(*f, rules);
    bool m = mandatory && (avps[at + 4] & diameter::avp_flag::mandatory);
    if (type == diameter::AvpType::group) {
      Bytes members = avps.subspan(at + f->header, f->length - f->header);
      if (depth + 1 < diameter::max_depth) {
        if (fill_empty(members, rules, m, depth + 1)) return true;
      } else if (!members.empty()) {
        std::fill(members.begin(), members.end(), uint8_t{0});
        return true;
      }
    } else if (f->length == f->header) {
      std::optional<size_t> size = number_size(type);
      if (!size && (type || !m)) continue;
      fill(avps, at, size);
      return true;
    }
  }
  return false;
}

// An AVP that does not fit costs the connection, and with it every request in flight. In a request it and what follows
// becomes an Auth-Session-State of a wrong length, which freeDiameter answers with 5014.
void mend_request(Bytes avps) {
  size_t at = 0, last = 0;
  while (at < avps.size()) {
    std::optional<Frame> f = frame_of(avps.subspan(at));
    if (!f) break;
    last = at;
    at += f->padded;
  }
  if (at == avps.size()) return;
  if (avps.size() - at < 9) at = last;  // no room for an AVP with a value: the one before is lost too
  Bytes rest = avps.subspan(at);
  std::fill(rest.begin(), rest.end(), uint8_t{0});
  if (rest.size() == 8) return overwrite(rest, nobodys_code, 8);  // it is all there is, and says nothing
  overwrite(rest, auth_session_state, rest.size() == 12 ? 11 : rest.size());
  rest[4] = diameter::avp_flag::mandatory;
}

// Whether freeDiameter can read these AVPs to their end, and so copy them into an answer. Empty ones that it does not
// know it could read but not copy: they become Class.
bool make_copyable(Bytes avps, const AvpRules& rules, size_t depth) {
  while (!avps.empty()) {
    std::optional<Frame> f = frame_of(avps);
    if (!f) return false;
    std::optional<diameter::AvpType> type = type_of(*f, rules);
    size_t length = f->length - f->header;
    if (number_size(type).value_or(length) != length) return false;
    if (!type && length == 0) {
      write32(avps, 0, class_code);
      avps[4] = diameter::avp_flag::mandatory;
      if (f->vendor_flag) write32(avps, 8, 0);  // now its value
    }
    if (type == diameter::AvpType::group) {
      if (depth + 1 == diameter::max_depth) return false;
      if (!make_copyable(avps.subspan(f->header, length), rules, depth + 1)) return false;
    }
    avps = avps.subspan(f->padded);
  }
  return true;
}

// freeDiameter copies each Proxy-Info of a request into the answer; when that fails it drops the request, or the
// connection. A group of another name is answered with 5004 or 5014.
void rename_broken_proxy_info(Bytes avps, const AvpRules& rules) {
  while (std::optional<Frame> f = frame_of(avps)) {
    if (f->code == proxy_info && f->vendor == 0 &&
        !make_copyable(avps.subspan(f->header, f->length - f->header), rules, 0)) {
      write32(avps, 0, failed_avp);
    }
    avps = avps.subspan(f->padded);
  }
}

// A NUL in a request's Session-Id makes freeDiameter shut itself down.
void clean_session_id(Bytes avps) {
  while (std::optional<Frame> f = frame_of(avps)) {
    if (f->code == session_id && f->vendor == 0) {
      // With a Vendor-Id of 0 freeDiameter reads the value from where that stands.
      Bytes value = avps.subspan(8, f->length - 8);
      std::replace(value.begin(), value.end(), uint8_t{0}, uint8_t{'?'});
    }
    avps = avps.subspan(f->padded);
  }
}

}  // namespace

std::optional<AnswerHeader> answer_header(std::span<const uint8_t> message) {
  constexpr uint8_t not_ours = diameter::command_flag::request | diameter::command_flag::error;
  if (message.size() < diameter::header_size + 8 || (message[4] & not_ours) != 0) return std::nullopt;
  return AnswerHeader{read24(message, 5), read32(message, 8), read32(message, 12), read32(message, 16)};
}

void blank(std::span<uint8_t> message) {
  Bytes avps = message.subspan(diameter::header_size);
  std::fill(avps.begin(), avps.end(), uint8_t{0});
  overwrite(avps, nobodys_code, avps.size());
}

std::string make_safe(std::span<uint8_t> message, const AvpRules& rules, std::span<const uint32_t> commands) {
  // CEA, RAA, ACA, ASA, STA, DWA, DPA: freeDiameter's own, with AVPs that we have no rules for.
  static constexpr uint32_t base_commands[] = {257, 258, 271, 274, 275, 280, 282};
  if (message.size() < diameter::header_size + 8) return {};
  bool answer = !(message[4] & diameter::command_flag::request);
  uint32_t command = read24(message, 5);
  Bytes avps = message.subspan(diameter::header_size);
  bool base = std::find(std::begin(base_commands), std::end(base_commands), command) != std::end(base_commands);
  if (!answer) mend_request(avps);
  clean_session_id(avps);
  std::string fault;
  if (std::find(commands.begin(), commands.end(), command) != commands.end()) {
    fault = set_flags(avps, rules, answer, 0);
  } else if (!base) {
    fault = absl::StrFormat("unknown command %d", command);
  }
  if (!answer) {
    fill_empty(avps, rules, true, 0);
    mend_request(avps);  // if that left nothing that can be read
    rename_broken_proxy_info(avps, rules);
    return {};
  }
  if (fault.empty()) {
    move_result_forward(avps);
  } else {
    empty_out(avps, fault);
  }
  return fault;
}

}  // namespace lapwing
