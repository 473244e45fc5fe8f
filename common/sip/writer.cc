#include <charconv>
#include <cstdio>
#include <cstdlib>

#include "common/sip/chars.h"
#include "common/sip/edits.h"
#include "common/sip/wire_text.h"

namespace lapwing::sip {
namespace {

// Has the value of a To a tag parameter? Looks only at what stands outside quotes and brackets, so that it can say
// something on values that NameAddr::parse rejects.
bool has_tag(std::string_view value) {
  bool quoted = false, bracketed = false;
  for (size_t at = 0; at < value.size(); ++at) {
    char c = value[at];
    if (quoted) {
      if (c == '\\') ++at;
      if (c == '"') quoted = false;
    } else if (bracketed) {
      bracketed = c != '>';
    } else if (c == '"') {
      quoted = true;
    } else if (c == '<') {
      bracketed = true;
    } else if (c == ';') {
      std::string_view name = chars::trim(value.substr(at + 1));
      std::string_view after = name.size() > 3 ? chars::trim(name.substr(3)) : std::string_view();
      if (chars::same_ignoring_case(name.substr(0, 3), "tag") && !after.empty() && after.front() == '=') return true;
    }
  }
  return false;
}

void copy_rows(std::string& out, const Message& from, HeaderId id) {
  for (const HeaderRow& row : from.rows()) {
    if (row.id == id) append_row(out, header_name(id), from.value(row));
  }
}

void copy_first(std::string& out, const Message& from, HeaderId id) {
  if (const HeaderRow* row = from.first(id); row != nullptr) append_row(out, header_name(id), from.value(*row));
}

[[noreturn]] void stop(std::string_view what) {
  std::fprintf(stderr, "a CR, LF or NUL in an outgoing %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

}  // namespace

void require_clean(std::string_view text, std::string_view what) {
  const char* at = text.data();
  const char* end = at + text.size();
  while ((at = chars::find_control(at, end)) != end) {
    if (*at == '\r' && (at + 1 == end || at[1] != '\n')) stop(what);
    if (*at == '\n' && (at + 1 == end || !chars::blank(at[1]))) stop(what);
    if (*at == '\0' && (at == text.data() || at[-1] != '\\')) stop(what);
    ++at;
  }
}

void require_line(std::string_view text, std::string_view what) {
  if (text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) stop(what);
}

void append_value(std::string& out, std::string_view value) {
  if (value.find('\n') == std::string_view::npos) {
    out.append(value);
  } else {
    out.append(unfold(value));
  }
}

void append_row(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ");
  append_value(out, value);
  out.append("\r\n");
}

void append_number(std::string& out, size_t number) {
  char digits[20];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

void append_status_line(std::string& out, int code, std::string_view reason) {
  out.append("SIP/2.0 ");
  append_number(out, static_cast<size_t>(code));
  out.push_back(' ');
  out.append(reason).append("\r\n");
}

Writer Writer::request(std::string_view method, std::string_view uri) {
  require_line(method, "method");
  require_line(uri, "Request-URI");
  Writer writer;
  writer.out_.reserve(1024);
  writer.out_.append(method).append(" ").append(uri).append(" SIP/2.0\r\n");
  return writer;
}

Writer Writer::response(int code, std::string_view reason) {
  require_line(reason, "reason phrase");
  Writer writer;
  writer.out_.reserve(1024);
  append_status_line(writer.out_, code, reason);
  return writer;
}

Writer& Writer::add(HeaderId id, std::string_view value) {
  return add(header_name(id), value);
}

Writer& Writer::add(std::string_view name, std::string_view value) {
  require_line(name, "header name");
  require_clean(value, name);
  append_row(out_, name, value);
  return *this;
}

std::string Writer::finish(std::string_view content_type, std::string_view body) && {
  if (!content_type.empty()) add(HeaderId::content_type, content_type);
  out_.append("Content-Length: ");
  append_number(out_, body.size());
  out_.append("\r\n\r\n").append(body);
  return std::move(out_);
}

Writer response_to(const Message& request, int code, std::string_view reason, std::string_view to_tag) {
  Writer writer = Writer::response(code, reason);
  std::string& rows = writer.out_;
  copy_rows(rows, request, HeaderId::via);
  copy_first(rows, request, HeaderId::from);
  copy_first(rows, request, HeaderId::to);
  if (code != 100 && !to_tag.empty() && !has_tag(request.header(HeaderId::to))) {
    require_line(to_tag, "To tag");
    rows.resize(rows.size() - 2);
    rows.append(";tag=").append(to_tag).append("\r\n");
  }
  copy_first(rows, request, HeaderId::call_id);
  copy_first(rows, request, HeaderId::cseq);
  if (code == 100) copy_first(rows, request, HeaderId::timestamp);
  return writer;
}

std::string_view reason_phrase(int code) {
  switch (code) {
    case 100:
      return "Trying";
    case 180:
      return "Ringing";
    case 181:
      return "Call Is Being Forwarded";
    case 182:
      return "Queued";
    case 183:
      return "Session Progress";
    case 199:
      return "Early Dialog Terminated";
    case 200:
      return "OK";
    case 202:
      return "Accepted";
    case 204:
      return "No Notification";
    case 300:
      return "Multiple Choices";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Moved Temporarily";
    case 305:
      return "Use Proxy";
    case 380:
      return "Alternative Service";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 402:
      return "Payment Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 407:
      return "Proxy Authentication Required";
    case 408:
      return "Request Timeout";
    case 410:
      return "Gone";
    case 412:
      return "Conditional Request Failed";
    case 413:
      return "Request Entity Too Large";
    case 414:
      return "Request-URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Unsupported URI Scheme";
    case 417:
      return "Unknown Resource-Priority";
    case 420:
      return "Bad Extension";
    case 421:
      return "Extension Required";
    case 422:
      return "Session Interval Too Small";
    case 423:
      return "Interval Too Brief";
    case 424:
      return "Bad Location Information";
    case 428:
      return "Use Identity Header";
    case 429:
      return "Provide Referrer Identity";
    case 430:
      return "Flow Failed";
    case 433:
      return "Anonymity Disallowed";
    case 436:
      return "Bad Identity Info";
    case 437:
      return "Unsupported Credential";
    case 438:
      return "Invalid Identity Header";
    case 439:
      return "First Hop Lacks Outbound Support";
    case 440:
      return "Max-Breadth Exceeded";
    case 469:
      return "Bad Info Package";
    case 470:
      return "Consent Needed";
    case 480:
      return "Temporarily Unavailable";
    case 481:
      return "Call/Transaction Does Not Exist";
    case 482:
      return "Loop Detected";
    case 483:
      return "Too Many Hops";
    case 484:
      return "Address Incomplete";
    case 485:
      return "Ambiguous";
    case 486:
      return "Busy Here";
    case 487:
      return "Request Terminated";
    case 488:
      return "Not Acceptable Here";
    case 489:
      return "Bad Event";
    case 491:
      return "Request Pending";
    case 493:
      return "Undecipherable";
    case 494:
      return "Security Agreement Required";
    case 500:
      return "Server Internal Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Server Time-out";
    case 505:
      return "Version Not Supported";
    case 513:
      return "Message Too Large";
    case 555:
      return "Push Notification Service Not Supported";
    case 580:
      return "Precondition Failure";
    case 600:
      return "Busy Everywhere";
    case 603:
      return "Decline";
    case 604:
      return "Does Not Exist Anywhere";
    case 606:
      return "Not Acceptable";
    default:
      return "Unknown";
  }
}

}  // namespace lapwing::sip
