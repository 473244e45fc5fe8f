#include "scscf/numbers.h"

#include <algorithm>

#include "common/sip/headers.h"

namespace lapwing::scscf {
namespace {

// Without visual separators (RFC 3966 section 3); empty when something else than a number is left.
std::string plain_number(std::string_view text) {
  std::string number;
  for (char c : text) {
    if (c == '-' || c == '.' || c == '(' || c == ')') continue;
    bool plus = c == '+' && number.empty();
    bool digit = (c >= '0' && c <= '9') || c == '*' || c == '#';
    if (!plus && !digit) return {};
    number += c;
  }
  return number == "+" ? std::string() : number;
}

void add(std::vector<std::string>& identities, const std::string& identity) {
  auto uri = sip::Uri::parse(identity);
  if (!uri.ok()) return;
  std::string canonical = uri->canonical();
  if (std::find(identities.begin(), identities.end(), canonical) == identities.end()) identities.push_back(canonical);
}

// A SIP URI has the parameters of a tel URI in its user part (RFC 3261 section 19.1.6).
std::string phone_context(const sip::Uri& uri) {
  if (uri.scheme == sip::Scheme::tel) return std::string(uri.param("phone-context"));
  std::string user = sip::unescape(uri.user);
  std::string_view params = user;
  params.remove_prefix(std::min(params.find(';'), params.size()));
  while (auto item = sip::Params::take(params)) {
    if (item->name.empty()) break;
    if (sip::equals_ignoring_case(item->name, "phone-context")) return std::string(item->value);
  }
  return {};
}

}  // namespace

bool is_home(const sip::Uri& uri, std::string_view home_domain) {
  if (uri.scheme == sip::Scheme::tel) return true;
  if (!uri.is_sip()) return false;
  bool number = uri.host.find_first_not_of("0123456789") == std::string_view::npos;
  return sip::equals_ignoring_case(uri.host, home_domain) ||
         (number && sip::equals_ignoring_case(uri.param("user"), "phone"));
}

std::optional<std::string> dialled_number(const sip::Uri& uri, std::string_view home_domain) {
  std::string number;
  if (uri.scheme == sip::Scheme::tel) {
    number = plain_number(uri.user);
  } else if (is_home(uri, home_domain)) {
    std::string user = sip::unescape(uri.user);
    number = plain_number(std::string_view(user).substr(0, user.find(';')));
  }
  if (number.empty()) return std::nullopt;
  return number;
}

std::optional<std::string> global_number(const NumberPlan& plan, std::string_view number, std::string_view context) {
  std::string digits(number);
  if (digits.starts_with('+')) return digits;
  if (digits.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  if (context.starts_with('+')) {
    std::string prefix = plain_number(context);
    if (prefix.empty()) return std::nullopt;
    return prefix + digits;
  }
  if (!plan.international_prefix.empty() && digits.starts_with(plan.international_prefix)) {
    return "+" + digits.substr(plan.international_prefix.size());
  }
  if (plan.country_code.empty()) return std::nullopt;
  if (!plan.national_prefix.empty() && digits.starts_with(plan.national_prefix)) {
    return "+" + plan.country_code + digits.substr(plan.national_prefix.size());
  }
  return "+" + plan.country_code + plan.area_code + digits;
}

std::vector<std::string> possible_identities(const NumberPlan& plan, const sip::Uri& uri,
                                             std::string_view home_domain) {
  std::vector<std::string> identities{uri.canonical()};
  std::optional<std::string> number = dialled_number(uri, home_domain);
  if (!number) return identities;
  std::string domain(home_domain);
  add(identities, "tel:" + *number);
  add(identities, "sip:" + *number + "@" + domain);
  if (auto global = global_number(plan, *number, phone_context(uri))) {
    add(identities, "tel:" + *global);
    add(identities, "sip:" + *global + "@" + domain);
  }
  return identities;
}

bool is_incomplete(const NumberPlan& plan, const sip::Uri& uri, std::string_view home_domain) {
  std::optional<std::string> number = dialled_number(uri, home_domain);
  return number && !global_number(plan, *number, phone_context(uri));
}

}  // namespace lapwing::scscf
