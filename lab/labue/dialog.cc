#include "lab/labue/dialog.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "common/sip/headers.h"

namespace lapwing::labue {
namespace {

using sip::HeaderId;

std::vector<std::string> record_route(const sip::Message& message) {
  std::vector<std::string> routes;
  for (std::string_view value : message.values(HeaderId::record_route)) routes.push_back(sip::unfold(value));
  return routes;
}

// "Alice <sip:a@b>;tag=1" without its tag.
std::string without_tag(std::string_view value) {
  absl::StatusOr<sip::NameAddr> address = sip::NameAddr::parse(value);
  return address.ok() ? absl::StrFormat("<%s>", address->uri.text) : std::string(value);
}

}  // namespace

std::string tag_of(const sip::Message& message, HeaderId id) {
  absl::StatusOr<sip::NameAddr> address = sip::NameAddr::parse(message.header(id));
  return address.ok() ? std::string(address->tag()) : std::string();
}

std::string uri_of(const sip::Message& message, HeaderId id) {
  std::string_view first = sip::is_list(id) ? message.values(id).front() : message.header(id);
  absl::StatusOr<sip::NameAddr> address = sip::NameAddr::parse(first);
  return address.ok() ? std::string(address->uri.text) : std::string();
}

Dialog Dialog::of_response(const RequestShape& request, const sip::Message& response) {
  Dialog dialog;
  dialog.call_id = request.call_id;
  dialog.local_tag = tag_of(response, HeaderId::from);
  dialog.remote_tag = tag_of(response, HeaderId::to);
  dialog.local = without_tag(request.from);
  dialog.remote = without_tag(request.to);
  dialog.target = uri_of(response, HeaderId::contact);
  dialog.routes = record_route(response);
  std::reverse(dialog.routes.begin(), dialog.routes.end());
  dialog.cseq = request.cseq;
  return dialog;
}

Dialog Dialog::of_request(const sip::Message& request, std::string local_tag) {
  Dialog dialog;
  dialog.call_id = request.header(HeaderId::call_id);
  dialog.local_tag = std::move(local_tag);
  dialog.remote_tag = tag_of(request, HeaderId::from);
  dialog.local = without_tag(request.header(HeaderId::to));
  dialog.remote = without_tag(request.header(HeaderId::from));
  dialog.target = uri_of(request, HeaderId::contact);
  dialog.routes = record_route(request);
  dialog.in_order(request);
  return dialog;
}

bool Dialog::has(const sip::Message& request) const {
  return request.header(HeaderId::call_id) == call_id && tag_of(request, HeaderId::to) == local_tag &&
         tag_of(request, HeaderId::from) == remote_tag;
}

RequestShape Dialog::request(sip::Method method) {
  auto tagged = [](const std::string& address, const std::string& tag) {
    return tag.empty() ? address : absl::StrFormat("%s;tag=%s", address, tag);
  };
  RequestShape shape;
  shape.method = method;
  shape.uri = target;
  shape.from = tagged(local, local_tag);
  shape.to = tagged(remote, remote_tag);
  shape.call_id = call_id;
  shape.cseq = method == sip::Method::ack ? cseq : ++cseq;
  shape.routes = routes;
  return shape;
}

bool Dialog::in_order(const sip::Message& request) {
  absl::StatusOr<sip::CSeq> number = sip::CSeq::parse(request.header(HeaderId::cseq));
  if (!number.ok() || (remote_cseq && number->number < *remote_cseq)) return false;
  remote_cseq = number->number;
  return true;
}

void Dialog::refresh_target(const sip::Message& message) {
  if (std::string uri = uri_of(message, HeaderId::contact); !uri.empty()) target = std::move(uri);
}

}  // namespace lapwing::labue
