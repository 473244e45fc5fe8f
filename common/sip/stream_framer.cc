#include "common/sip/stream_framer.h"

#include <charconv>

#include "common/sip/chars.h"

namespace lapwing::sip {
namespace {

// What the Content-Length rows of a header part say.
struct Length {
  size_t size = 0;
  int status = 0;  // 0: fine
  const char* why = "";
};

// One past the row at `at`, folds included; the text has an empty line at its end.
size_t row_end(std::string_view headers, size_t at) {
  for (;;) {
    at = headers.find('\n', at);
    if (at == std::string_view::npos) return headers.size();
    ++at;
    if (at >= headers.size() || !chars::blank(headers[at])) return at;
  }
}

Length content_length(std::string_view headers, size_t limit) {
  bool found = false;
  Length length;
  for (size_t at = headers.find('\n') + 1, next; at < headers.size(); at = next) {
    next = row_end(headers, at);
    std::string_view row = headers.substr(at, next - at);
    size_t colon = row.find(':');
    if (colon == std::string_view::npos) continue;
    std::string_view name = row.substr(0, colon);
    while (!name.empty() && chars::blank(name.back())) name.remove_suffix(1);
    if (header_id(name) != HeaderId::content_length) continue;

    std::string_view value = chars::trim(row.substr(colon + 1));
    size_t size = 0;
    auto [stop, error] = std::from_chars(value.data(), value.data() + value.size(), size);
    if (stop != value.data() + value.size() || error == std::errc::invalid_argument) {
      return {0, 400, "Content-Length is not a number"};
    }
    if (error == std::errc::result_out_of_range || size > limit) return {0, 413, "Content-Length is over the limit"};
    if (found && size != length.size) return {0, 400, "Content-Length rows conflict"};
    found = true;
    length.size = size;
  }
  if (!found) return {0, 400, "Content-Length is missing on a stream"};
  return length;
}

}  // namespace

void StreamFramer::add(std::string_view bytes) {
  if (at_ == buffer_.size()) {
    buffer_.clear();
    at_ = 0;
  } else if (at_ > buffer_.size() / 2) {
    buffer_.erase(0, at_);
    at_ = 0;
  }
  buffer_.append(bytes);
}

void StreamFramer::use(size_t count) {
  at_ += count;
  scanned_ = headers_ = body_ = 0;
}

// Line ends between messages (RFC 5626 section 3.5.1); nullopt: a message begins at at_.
std::optional<StreamFramer::Event> StreamFramer::keep_alive() {
  std::string_view rest = std::string_view(buffer_).substr(at_);
  if (rest.empty()) return NeedMore{};
  if (rest.starts_with("\r\n\r\n")) {
    use(4);
    half_ping_ = false;
    return Ping{};
  }
  if (rest == "\r" || rest == "\r\n\r") return NeedMore{};
  if (rest.starts_with("\r\n")) {
    use(2);
    half_ping_ = !half_ping_;
    if (half_ping_) return Pong{};
    return Ping{};  // its first half came in an earlier read and passed for a pong, which nobody minds
  }
  half_ping_ = false;
  return std::nullopt;
}

StreamFramer::Event StreamFramer::next() {
  if (headers_ == 0) {
    if (scanned_ == 0) {
      if (std::optional<Event> event = keep_alive()) return *std::move(event);
      // SIP begins with a method or "SIP/": what does not is another protocol, SigComp or lost framing.
      if (!chars::token(buffer_[at_])) return broken(0, "the stream does not hold SIP", 0);
    }
    if (!find_headers()) {
      if (pending() > limits_.headers) return broken(513, "header part over the size limit", 0);
      return NeedMore{};
    }
    if (headers_ > limits_.headers) return broken(513, "header part over the size limit", headers_);
    std::string_view headers = std::string_view(buffer_).substr(at_, headers_);
    Length length = content_length(headers, limits_.body);
    if (length.status != 0) return broken(length.status, length.why, headers_);
    if (headers_ + length.size > limits_.message) return broken(513, "message over the size limit", headers_);
    body_ = length.size;
  }
  if (pending() < headers_ + body_) return NeedMore{};
  Complete complete{buffer_.substr(at_, headers_ + body_)};
  use(headers_ + body_);
  return complete;
}

// Looks for the empty line in what came since the last time.
bool StreamFramer::find_headers() {
  std::string_view rest = std::string_view(buffer_).substr(at_);
  size_t at = scanned_;
  while ((at = rest.find('\n', at)) != std::string_view::npos) {
    std::string_view after = rest.substr(at + 1);
    if (after.starts_with('\n') || after.starts_with("\r\n")) {
      headers_ = at + (after[0] == '\n' ? 2 : 3);
      return true;
    }
    if (after.empty() || after == "\r") {  // not decided yet
      scanned_ = at;
      return false;
    }
    ++at;
  }
  scanned_ = rest.size();
  return false;
}

// Everything that is there goes: what follows cannot be told apart from the body of the broken message.
StreamFramer::Event StreamFramer::broken(int status, std::string why, size_t headers) {
  Broken event{status, std::move(why), buffer_.substr(at_, headers)};
  use(pending());
  return event;
}

}  // namespace lapwing::sip
