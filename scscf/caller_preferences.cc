#include "scscf/caller_preferences.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <tuple>

#include "common/sip/headers.h"

namespace lapwing::scscf {
namespace {

using sip::HeaderId;

// One value of a feature (RFC 3840 section 9): TRUE and FALSE, a token, "<text>", or numbers "#>=5", "#1:10".
struct Value {
  bool negated = false;
  std::string text;
  bool number = false;
  double low = 0, high = 0;
};

bool to_double(std::string_view text, double& out) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

bool read_number(std::string_view text, Value& value) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  size_t colon = text.find(':');
  if (colon != std::string_view::npos) {
    return to_double(text.substr(0, colon), value.low) && to_double(text.substr(colon + 1), value.high);
  }
  bool at_least = text.starts_with(">="), at_most = text.starts_with("<="), equal = text.starts_with("=");
  double number = 0;
  if (!to_double(text.substr(at_least || at_most ? 2 : equal ? 1 : 0), number)) return false;
  value.low = at_most ? -infinity : number;
  value.high = at_least ? infinity : number;
  return true;
}

std::vector<Value> read_values(const sip::Params::Item& item) {
  std::vector<Value> values;
  if (!item.has_value) return {Value{.text = "TRUE"}};
  std::string text = sip::unquote(item.value);
  std::string_view rest = text;
  while (!rest.empty()) {
    std::string_view one = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(one.size() + 1, rest.size()));
    Value value;
    if (one.starts_with('!')) {
      value.negated = true;
      one.remove_prefix(1);
    }
    if (one.starts_with('#')) value.number = read_number(one.substr(1), value);
    value.text = std::string(one);
    values.push_back(std::move(value));
  }
  return values;
}

bool same(const Value& a, const Value& b) {
  if (a.number && b.number) return a.low <= b.high && b.low <= a.high;
  // Strings in <> are compared as they are, tokens in any case.
  return a.text.starts_with('<') ? a.text == b.text : sip::equals_ignoring_case(a.text, b.text);
}

// Is there a value that both sets hold? A negated value stands for everything else.
bool overlap(const std::vector<Value>& wanted, const std::vector<Value>& has) {
  return std::any_of(wanted.begin(), wanted.end(), [&](const Value& w) {
    return std::any_of(has.begin(), has.end(), [&](const Value& h) {
      if (w.negated && h.negated) return true;
      return w.negated != h.negated ? !same(w, h) : same(w, h);
    });
  });
}

// Parameters that are no features.
bool is_feature(std::string_view name) {
  for (std::string_view other : {"require", "explicit", "q", "expires", "reg-id", "methods-policy"}) {
    if (sip::equals_ignoring_case(name, other)) return false;
  }
  return !name.empty();
}

// How a contact stands to one Accept-Contact or Reject-Contact value (RFC 3841 section 7.2.4).
struct Match {
  size_t features = 0, met = 0, unknown = 0;  // unknown: the contact does not say
  bool conflict() const { return met + unknown < features; }
  double score() const { return features == 0 ? 1 : static_cast<double>(met) / static_cast<double>(features); }
};

Match match(std::string_view predicate, const Binding& contact) {
  Match result;
  while (auto item = sip::Params::take(predicate)) {
    if (item->name.empty()) break;
    if (!is_feature(item->name)) continue;
    ++result.features;
    bool said = false, met = false;
    for (std::string_view rest = contact.params; auto own = sip::Params::take(rest);) {
      if (own->name.empty()) break;
      if (!sip::equals_ignoring_case(own->name, item->name)) continue;
      said = true;
      met = overlap(read_values(*item), read_values(*own));
    }
    if (met) ++result.met;
    if (!said) ++result.unknown;
  }
  return result;
}

struct Ranked {
  Binding contact;
  double preference = 0;
  size_t order = 0;  // as they came
};

// nullopt: the request is not for this contact.
std::optional<double> rank(const Binding& contact, const sip::Message& request) {
  for (std::string_view value : request.values(HeaderId::reject_contact)) {
    auto rejected = sip::TokenParams::parse(value);
    if (!rejected.ok()) continue;
    Match found = match(rejected->params.text(), contact);
    // Only a contact that says something about every feature can be meant.
    if (found.features > 0 && found.met == found.features) return std::nullopt;
  }
  double sum = 0;
  size_t count = 0;
  for (std::string_view value : request.values(HeaderId::accept_contact)) {
    auto accepted = sip::TokenParams::parse(value);
    if (!accepted.ok()) continue;
    Match found = match(accepted->params.text(), contact);
    bool needs = accepted->params.has("require"), openly = accepted->params.has("explicit");
    bool fits = !found.conflict() && !(openly && found.unknown > 0);
    if (!fits && needs) return std::nullopt;
    sum += fits ? found.score() : 0;
    ++count;
  }
  // What a contact cannot do it is not asked (section 7.2.2).
  std::string implied = ";methods=\"" + std::string(request.method_text()) + "\"";
  if (match(implied, contact).conflict()) return std::nullopt;
  return count == 0 ? 1 : sum / static_cast<double>(count);
}

}  // namespace

bool has_disposition(const sip::Message& request, std::string_view directive) {
  return sip::has_token(request, HeaderId::request_disposition, directive);
}

std::vector<std::vector<Binding>> order_contacts(std::vector<Binding> contacts, const sip::Message& request) {
  std::vector<Ranked> ranked;
  for (Binding& contact : contacts) {
    std::optional<double> preference = rank(contact, request);
    if (!preference) continue;
    auto same_device = std::find_if(ranked.begin(), ranked.end(), [&](const Ranked& other) {
      return !contact.instance.empty() && other.contact.instance == contact.instance;
    });
    if (same_device != ranked.end()) {
      if (contact.expires > same_device->contact.expires)
        *same_device = {std::move(contact), *preference, same_device->order};
      continue;
    }
    ranked.push_back({std::move(contact), *preference, ranked.size()});
  }
  std::sort(ranked.begin(), ranked.end(), [](const Ranked& a, const Ranked& b) {
    return std::tuple(b.contact.q, b.preference, a.order) < std::tuple(a.contact.q, a.preference, b.order);
  });
  if (ranked.size() > 1 && has_disposition(request, "no-fork")) ranked.resize(1);
  bool one_by_one = has_disposition(request, "sequential"), all = has_disposition(request, "parallel");
  std::vector<std::vector<Binding>> groups;
  for (Ranked& next : ranked) {
    bool joins = !groups.empty() && !one_by_one && (all || groups.back().front().q == next.contact.q);
    if (!joins) groups.emplace_back();
    groups.back().push_back(std::move(next.contact));
  }
  return groups;
}

}  // namespace lapwing::scscf
