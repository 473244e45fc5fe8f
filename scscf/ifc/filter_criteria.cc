#include "scscf/ifc/filter_criteria.h"

#include <re2/re2.h>

#include <algorithm>

#include "absl/strings/str_format.h"
#include "common/runtime/log.h"
#include "common/sip/body.h"
#include "common/sip/uri.h"

namespace lapwing::scscf {
namespace {

using Pattern = std::unique_ptr<const re2::RE2>;

// An SPT with its expressions compiled; those that its kind does not have are null.
struct Condition {
  Pattern name;     // of a header or an SDP line: the whole of it
  Pattern content;  // found anywhere in the text, as regular expressions of POSIX are
};

re2::StringPiece piece(std::string_view text) {
  return {text.data(), text.size()};
}

bool found(const Pattern& pattern, std::string_view text) {
  return re2::RE2::PartialMatch(piece(text), *pattern);
}
bool is_whole(const Pattern& pattern, std::string_view text) {
  return re2::RE2::FullMatch(piece(text), *pattern);
}

// White space as one space, folds included.
std::string normalized(std::string_view value) {
  std::string text;
  for (char c : value) {
    bool space = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (!space) {
      text += c;
    } else if (!text.empty() && text.back() != ' ') {
      text += ' ';
    }
  }
  if (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

bool method_meets(const Spt::Method& method, const Spt& spt, const ServicePoint& point) {
  if (point.request.method_text() != method.name) return false;
  if (point.request.method() != sip::Method::register_ || spt.registration_types.empty()) return true;
  return std::find(spt.registration_types.begin(), spt.registration_types.end(), point.registration) !=
         spt.registration_types.end();
}

bool uri_meets(const Condition& condition, RequestUriPart part, const sip::Message& request) {
  if (part == RequestUriPart::whole) return found(condition.content, request.request_uri());
  auto uri = sip::Uri::parse(request.request_uri());
  if (!uri.ok()) return false;
  if (!uri->is_sip()) return found(condition.content, uri->scheme == sip::Scheme::tel ? uri->user : uri->text);
  std::string host(uri->host);
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  return found(condition.content, uri->port == 0 ? host : absl::StrFormat("%s:%d", host, uri->port));
}

// One value of a header, or all of them as they stand in one row.
bool row_meets(const Condition& condition, const sip::Message& request, const sip::HeaderRow& row) {
  if (!condition.content) return true;
  std::string text = normalized(request.value(row));
  if (found(condition.content, text)) return true;
  if (!sip::is_list(row.id)) return false;
  for (std::string_view rest = text; !rest.empty();) {
    if (found(condition.content, sip::take_list_value(rest))) return true;
  }
  return false;
}

bool header_meets(const Condition& condition, const sip::Message& request) {
  for (const sip::HeaderRow& row : request.rows()) {
    std::string_view name = row.id == sip::HeaderId::other ? request.name(row) : sip::header_name(row.id);
    if (is_whole(condition.name, name) && row_meets(condition, request, row)) return true;
  }
  return false;
}

bool session_meets(const Condition& condition, const sip::Message& request) {
  std::string_view body = sip::body_part(request, "application/sdp");
  while (!body.empty()) {
    size_t end = std::min(body.find_first_of("\r\n"), body.size());
    std::string_view line = body.substr(0, end);
    body.remove_prefix(std::min(end + 1, body.size()));
    if (line.size() < 2 || line[1] != '=' || !is_whole(condition.name, line.substr(0, 1))) continue;
    if (!condition.content || found(condition.content, line.substr(2))) return true;
  }
  return false;
}

bool meets(const Spt& spt, const Condition& condition, RequestUriPart part, const ServicePoint& point) {
  bool met = false;
  if (const auto* method = std::get_if<Spt::Method>(&spt.condition)) {
    met = method_meets(*method, spt, point);
  } else if (const auto* session_case = std::get_if<SessionCase>(&spt.condition)) {
    met = *session_case == point.session_case;
  } else if (std::holds_alternative<Spt::RequestUri>(spt.condition)) {
    met = uri_meets(condition, part, point.request);
  } else if (std::holds_alternative<Spt::SipHeader>(spt.condition)) {
    met = header_meets(condition, point.request);
  } else {
    met = session_meets(condition, point.request);
  }
  return met != spt.negated;
}

// Reads the expressions of a profile; what cannot be read is kept as a fault.
class Compiler {
 public:
  explicit Compiler(const InitialFilterCriteria& criteria, std::vector<std::string>& faults)
      : criteria_(criteria), faults_(faults) {}

  Condition condition(const Spt& spt) {
    Condition compiled;
    if (const auto* uri = std::get_if<Spt::RequestUri>(&spt.condition)) {
      compiled.content = pattern(uri->pattern, true);
    } else if (const auto* header = std::get_if<Spt::SipHeader>(&spt.condition)) {
      std::string_view long_name = sip::header_name(sip::header_id(header->name));  // profiles have compact ones too
      compiled.name = pattern(long_name.empty() ? header->name : std::string(long_name), false);
      if (header->content) compiled.content = pattern(*header->content, true);
    } else if (const auto* description = std::get_if<Spt::SessionDescription>(&spt.condition)) {
      compiled.name = pattern(description->line, true);
      if (description->content) compiled.content = pattern(*description->content, true);
    }
    return compiled;
  }
  bool failed() const { return failed_; }

 private:
  Pattern pattern(const std::string& text, bool case_sensitive) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_case_sensitive(case_sensitive);
    options.set_max_mem(1 << 20);
    // Bytewise: a byte that is no UTF-8 must not keep an expression from matching around it.
    options.set_encoding(re2::RE2::Options::EncodingLatin1);
    auto compiled = std::make_unique<const re2::RE2>(text, options);
    if (compiled->ok()) return compiled;
    failed_ = true;
    faults_.push_back(absl::StrFormat(
        "the criterion of priority %d for %s has an expression that cannot be read, '%s': %s", criteria_.priority,
        criteria_.application_server.server_name, log::printable(text, 80), compiled->error()));
    return nullptr;
  }

  const InitialFilterCriteria& criteria_;
  std::vector<std::string>& faults_;
  bool failed_ = false;
};

std::string list_of(const std::vector<RegistrationType>& types) {
  std::string text;
  for (RegistrationType type : types) text += (text.empty() ? " " : ", ") + std::to_string(static_cast<int>(type));
  return text;
}

}  // namespace

std::vector<InitialFilterCriteria> in_order(std::vector<InitialFilterCriteria> criteria) {
  std::vector<InitialFilterCriteria> ordered;
  ordered.reserve(criteria.size());
  for (InitialFilterCriteria& one : criteria) {
    auto behind = std::upper_bound(ordered.begin(), ordered.end(), one.priority,
                                   [](uint32_t priority, auto& other) { return priority < other.priority; });
    ordered.insert(behind, std::move(one));
  }
  return ordered;
}

struct FilterCriteria::Trigger {
  bool readable = true;
  std::vector<Condition> conditions;        // of each SPT
  std::vector<std::vector<size_t>> groups;  // SPTs of each
};

FilterCriteria::FilterCriteria(std::vector<InitialFilterCriteria> criteria, RequestUriPart uri_part)
    : uri_part_(uri_part), criteria_(in_order(std::move(criteria))) {
  for (const InitialFilterCriteria& one : criteria_) {
    Trigger& trigger = triggers_.emplace_back();
    if (!one.trigger_point) continue;
    Compiler compiler(one, faults_);
    std::vector<uint32_t> numbers;
    for (size_t i = 0; i < one.trigger_point->spts.size(); ++i) {
      const Spt& spt = one.trigger_point->spts[i];
      trigger.conditions.push_back(compiler.condition(spt));
      for (uint32_t number : spt.groups) {
        auto at = std::find(numbers.begin(), numbers.end(), number);
        if (at == numbers.end()) {
          at = numbers.insert(at, number);
          trigger.groups.emplace_back();
        }
        trigger.groups[static_cast<size_t>(at - numbers.begin())].push_back(i);
      }
    }
    trigger.readable = !compiler.failed();
  }
}

FilterCriteria::~FilterCriteria() = default;

bool FilterCriteria::meets(size_t index, const ServicePoint& point) const {
  const InitialFilterCriteria& criterion = criteria_[index];
  const Trigger& trigger = triggers_[index];
  if (criterion.profile_part && (*criterion.profile_part == ProfilePart::registered) != point.registered())
    return false;
  if (!criterion.trigger_point) return true;
  if (!trigger.readable) return false;
  const TriggerPoint& wanted = *criterion.trigger_point;
  auto met = [&](size_t i) { return scscf::meets(wanted.spts[i], trigger.conditions[i], uri_part_, point); };
  // CNF: in every group one that is met; DNF: a group whose every one is.
  if (wanted.cnf) {
    return std::all_of(trigger.groups.begin(), trigger.groups.end(),
                       [&](auto& group) { return std::any_of(group.begin(), group.end(), met); });
  }
  return std::any_of(trigger.groups.begin(), trigger.groups.end(),
                     [&](auto& group) { return std::all_of(group.begin(), group.end(), met); });
}

size_t FilterCriteria::next(size_t from, const ServicePoint& point) const {
  while (from < criteria_.size() && !meets(from, point)) ++from;
  return from;
}

std::vector<std::string> FilterCriteria::explain(size_t index, const ServicePoint& point) const {
  const InitialFilterCriteria& criterion = criteria_[index];
  const Trigger& trigger = triggers_[index];
  std::vector<std::string> lines;
  if (criterion.profile_part) {
    bool for_registered = *criterion.profile_part == ProfilePart::registered;
    lines.push_back(absl::StrFormat("%s: for %s users", for_registered == point.registered() ? "yes" : "no",
                                    for_registered ? "registered" : "unregistered"));
  }
  if (!criterion.trigger_point) {
    lines.emplace_back("yes: no trigger point, so every request");
    return lines;
  }
  if (!trigger.readable) {
    lines.emplace_back("no: an expression cannot be read");
    return lines;
  }
  const std::vector<Spt>& spts = criterion.trigger_point->spts;
  for (size_t i = 0; i < spts.size(); ++i) {
    bool met = scscf::meets(spts[i], trigger.conditions[i], uri_part_, point);
    std::string groups;
    for (uint32_t number : spts[i].groups) groups += (groups.empty() ? "" : ", ") + std::to_string(number);
    lines.push_back(absl::StrFormat("%s: %s (group %s)", met ? "yes" : "no", text_of(spts[i]), groups));
  }
  return lines;
}

std::string_view text_of(SessionCase session_case) {
  switch (session_case) {
    case SessionCase::originating:
      return "originating";
    case SessionCase::terminating_registered:
      return "terminating, registered";
    case SessionCase::terminating_unregistered:
      return "terminating, unregistered";
    case SessionCase::originating_unregistered:
      return "originating, unregistered";
    case SessionCase::originating_cdiv:
      return "originating after diversion";
  }
  return "unknown";
}

std::string text_of(const Spt& spt) {
  std::string text = spt.negated ? "not " : "";
  if (const auto* method = std::get_if<Spt::Method>(&spt.condition)) {
    text += "Method " + method->name;
    if (!spt.registration_types.empty()) text += " of registration type" + list_of(spt.registration_types);
  } else if (const auto* session_case = std::get_if<SessionCase>(&spt.condition)) {
    text += absl::StrFormat("SessionCase %d (%s)", static_cast<int>(*session_case), text_of(*session_case));
  } else if (const auto* uri = std::get_if<Spt::RequestUri>(&spt.condition)) {
    text += "RequestURI " + uri->pattern;
  } else if (const auto* header = std::get_if<Spt::SipHeader>(&spt.condition)) {
    text += "SIPHeader " + header->name + (header->content ? ": " + *header->content : "");
  } else {
    const auto& description = std::get<Spt::SessionDescription>(spt.condition);
    text += "SessionDescription " + description.line + (description.content ? "=" + *description.content : "");
  }
  return text;
}

}  // namespace lapwing::scscf
