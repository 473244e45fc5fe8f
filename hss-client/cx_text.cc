#include "hss-client/cx_text.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "hss-client/cx_codec.h"

namespace lapwing::cx {
namespace {

void list_avps(std::string& out, const std::vector<diameter::Avp>& avps, size_t depth) {
  for (const diameter::Avp& avp : avps) {
    const AvpDefinition* known = definition(avp.code, avp.vendor);
    absl::StrAppend(&out, std::string(2 * depth, ' '),
                    known             ? known->name
                    : avp.vendor == 0 ? absl::StrCat(avp.code)
                                      : absl::StrCat(avp.code, "/", avp.vendor));
    if (avp.group) {
      absl::StrAppend(&out, "\n");
      list_avps(out, avp.children, depth + 1);
      continue;
    }
    const bool text = std::all_of(avp.data.begin(), avp.data.end(),
                                  [](unsigned char c) { return (c >= 0x20 && c < 0x7f) || c == '\n' || c == '\r'; });
    const auto number = diameter::value32(avp);
    absl::StrAppend(&out, ": ",
                    number && !text ? absl::StrCat(*number)
                    : text          ? avp.data
                                    : absl::StrFormat("%d bytes", avp.data.size()),
                    "\n");
  }
}

}  // namespace

std::string name_of(uint32_t command, bool request) {
  static const std::map<uint32_t, std::string> names = {{300, "UA"}, {301, "SA"}, {302, "LI"},
                                                        {303, "MA"}, {304, "RT"}, {305, "PP"}};
  auto name = names.find(command);
  return absl::StrCat(name == names.end() ? absl::StrCat(command) : name->second, request ? "R" : "A");
}

std::string name_of(const diameter::Message& message) {
  std::string out = name_of(message.command, message.request());
  if (message.request()) return out;
  auto result = result_of(message.avps);
  if (auto* known = std::get_if<Result>(&result)) absl::StrAppend(&out, " ", known->code);
  return out;
}

std::string one_line(const diameter::Message& message) {
  std::string out = name_of(message);
  // User-Name (RFC 6733), Public-Identity, Server-Name (TS 29.229 section 6.3).
  for (auto [code, vendor] : {std::pair(1U, 0U), std::pair(601U, 10415U), std::pair(602U, 10415U)}) {
    const diameter::Avp* avp = diameter::find(message.avps, code, vendor);
    const AvpDefinition* known = definition(code, vendor);
    if (avp && known && !avp->data.empty()) absl::StrAppend(&out, ", ", known->name, ": ", avp->data);
  }
  return out;
}

std::string listing(const diameter::Message& message) {
  std::string lines = absl::StrCat(name_of(message), "\n");
  list_avps(lines, message.avps, 1);
  return lines;
}

}  // namespace lapwing::cx
