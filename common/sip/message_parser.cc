// Message::parse: one pass over the header part that finds line ends and bad bytes together, then a few checks on the
// rows that everything else relies on.
#include <optional>
#include <utility>

#include "common/sip/chars.h"
#include "common/sip/message.h"

namespace lapwing::sip {
namespace {

// Digits only; nullopt on anything else. What does not fit into 64 bits is the largest number.
std::optional<uint64_t> number(std::string_view text) {
  if (text.empty()) return std::nullopt;
  uint64_t value = 0;
  for (char c : text) {
    if (!chars::digit(c)) return std::nullopt;
    uint64_t next = value * 10 + static_cast<uint64_t>(c - '0');
    value = value > UINT64_MAX / 10 - 1 ? UINT64_MAX : next;
  }
  return value;
}

bool begins_with_sip(std::string_view text) {
  return text.size() >= 4 && chars::same_ignoring_case(text.substr(0, 4), "SIP/");
}

// 0 when it is SIP/2.0, else what to answer.
int version_error(std::string_view text) {
  if (!begins_with_sip(text)) return 400;
  text.remove_prefix(4);
  if (text == "2.0") return 0;
  size_t dot = text.find('.');
  if (dot == std::string_view::npos) return 400;
  return number(text.substr(0, dot)) && number(text.substr(dot + 1)) ? 505 : 400;
}

// Is every NUL in the row the second half of a quoted-pair (RFC 3261 section 25.1)?
bool nuls_are_quoted(std::string_view row) {
  bool quoted = false;
  for (size_t at = 0; at < row.size(); ++at) {
    if (quoted && row[at] == '\\') {
      ++at;
    } else if (row[at] == '"') {
      quoted = !quoted;
    } else if (row[at] == '\0') {
      return false;
    }
  }
  return true;
}

// The lists whose length is limited; the index in list_sizes_.
constexpr HeaderId kLimited[] = {HeaderId::via,  HeaderId::route,         HeaderId::record_route,
                                 HeaderId::path, HeaderId::service_route, HeaderId::contact};

// What an error response copies (RFC 3261 section 8.2.6.2), and what every message must have.
constexpr HeaderId kMandatory[] = {HeaderId::via, HeaderId::from, HeaderId::to, HeaderId::call_id, HeaderId::cseq};

constexpr bool mandatory(HeaderId id) {
  for (HeaderId each : kMandatory) {
    if (each == id) return true;
  }
  return false;
}

}  // namespace

class MessageParser {
 public:
  MessageParser(Message& message, Framing framing, const Limits& limits)
      : message_(message),
        framing_(framing),
        limits_(limits),
        begin_(message.buffer_.data()),
        end_(begin_ + message.buffer_.size()) {}

  // True when the message can be used; see failure() for whether it is right.
  bool parse() {
    if (message_.buffer_.size() > limits_.message) fail(513, "message over the size limit", /*framing_lost=*/true);
    const char* at = begin_;
    while (at < end_ && (*at == '\r' || *at == '\n')) ++at;
    at = start_line(at);
    if (at == nullptr) return false;
    at = header_rows(at);
    check_mandatory();
    check_sizes();
    if (at != nullptr) frame_body(at);
    if (!failure_) return true;
    if (!message_.is_request() || message_.method_ == Method::ack) failure_->status = 0;
    return usable();
  }

  std::optional<ParseFailure> failure() && { return std::move(failure_); }

 private:
  struct Line {
    const char* end = nullptr;   // of the text
    const char* next = nullptr;  // after the line end; nullptr: the buffer ended first
    bool lone_cr = false;
    bool has_nul = false;
  };

  void fail(int status, std::string_view why, bool framing_lost = false) {
    bool stream = framing_ == Framing::stream;
    if (!failure_) failure_ = ParseFailure{status, std::string(why), false};
    failure_->close_stream |= stream && framing_lost;
  }

  void fail(int status, HeaderId id, std::string_view why, bool framing_lost = false) {
    if (failure_ && !framing_lost) return;
    std::string text(header_name(id));
    fail(status, text.append(why), framing_lost);
  }

  uint32_t offset(const char* at) const { return static_cast<uint32_t>(at - begin_); }

  // The line at `at`, with the folded lines after it when `folds`.
  [[gnu::always_inline]] inline Line line(const char* at, bool folds) {
    Line line;
    for (;;) {
      at = chars::find_control(at, end_);
      if (at == end_) {
        line.end = end_;
        return line;
      }
      char c = *at;
      if (c == '\r' && at + 1 < end_ && at[1] == '\n') {
        line.end = at;
        at += 2;
      } else if (c == '\n') {
        message_.bare_lf_ = true;
        line.end = at;
        at += 1;
      } else {
        line.lone_cr |= c == '\r';
        line.has_nul |= c == '\0';
        ++at;
        continue;
      }
      if (folds && at < end_ && chars::blank(*at)) continue;
      line.next = at;
      return line;
    }
  }

  // Returns where the header rows begin; nullptr: nothing can be used.
  const char* start_line(const char* at) {
    Line start = line(at, /*folds=*/false);
    std::string_view text(at, static_cast<size_t>(start.end - at));
    message_.start_at_ = offset(at);
    message_.start_size_ = static_cast<uint32_t>(text.size());
    bool response = begins_with_sip(text);
    message_.status_ = response ? 100 : 0;  // what is_request() tells until the code is known
    if (start.next == nullptr) {
      fail(400, "no line end after the start line", true);
      return nullptr;
    }
    if (text.size() > limits_.start_line) fail(414, "start line over the size limit");
    if (chars::find_control(at, start.end) != start.end) fail(400, "control character in the start line");
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    bool readable = response ? status_line(text) : request_line(text);
    return readable ? start.next : nullptr;
  }

  bool request_line(std::string_view text) {
    size_t space = text.find(' ');
    std::string_view method = text.substr(0, space);
    if (space == std::string_view::npos || !chars::all_token(method)) {
      fail(400, "start line without a method", true);
      return false;
    }
    message_.method_at_ = offset(method.data());
    message_.method_size_ = static_cast<uint32_t>(method.size());
    message_.method_ = method_from(method);

    std::string_view rest = text.substr(text.find_first_not_of(' ', space));
    space = rest.rfind(' ');
    if (space == std::string_view::npos) {
      fail(400, "start line without a SIP version");
      return true;
    }
    if (int error = version_error(rest.substr(space + 1)); error != 0) {
      fail(error, error == 505 ? "SIP version is not 2.0" : "SIP version cannot be read");
    }
    std::string_view uri = rest.substr(0, rest.find_last_not_of(' ', space) + 1);
    message_.uri_at_ = offset(uri.data());
    message_.uri_size_ = static_cast<uint32_t>(uri.size());
    if (uri.size() > limits_.request_uri) fail(414, "Request-URI over the size limit");
    if (uri.find(' ') != std::string_view::npos) fail(400, "white space in the Request-URI");
    if (uri.front() == '<') fail(400, "Request-URI in angle brackets");
    return true;
  }

  bool status_line(std::string_view text) {
    size_t space = text.find(' ');
    if (space == std::string_view::npos || version_error(text.substr(0, space)) != 0) {
      fail(0, "status line cannot be read", true);
      return false;
    }
    std::string_view rest = text.substr(text.find_first_not_of(' ', space));
    std::optional<uint64_t> code = number(rest.substr(0, 3));
    if (rest.size() < 3 || !code || *code < 100 || *code > 699 || (rest.size() > 3 && rest[3] != ' ')) {
      fail(0, "status code is not 100 to 699", true);
      return false;
    }
    message_.status_ = static_cast<int16_t>(*code);
    rest.remove_prefix(rest.size() > 3 ? 4 : 3);
    message_.uri_at_ = offset(rest.data());
    message_.uri_size_ = static_cast<uint32_t>(rest.size());
    return true;
  }

  // Returns where the body begins; nullptr: there is no empty line, or too much before it.
  const char* header_rows(const char* at) {
    if (at < end_ && chars::blank(*at)) fail(400, "the start line is folded", true);
    for (;;) {
      if (at - begin_ > limits_.headers) return fail(513, "header part over the size limit", true), nullptr;
      if (at < end_ && *at == '\n') return message_.bare_lf_ = true, at + 1;
      if (at + 1 < end_ && at[0] == '\r' && at[1] == '\n') return at + 2;
      if (message_.rows_.size() >= limits_.rows) return fail(400, "too many header rows", true), nullptr;
      Line row = line(at, /*folds=*/true);
      if (row.next == nullptr) return fail(400, "no empty line after the headers", true), nullptr;
      add_row(at, row);
      at = row.next;
    }
  }

  [[gnu::always_inline]] inline void add_row(const char* at, const Line& line) {
    if (line.next - at > limits_.row) fail(400, "header row over the size limit");
    const char* colon = chars::find_colon(at, line.end);
    const char* name_end = colon;
    while (name_end > at && chars::blank(name_end[-1])) --name_end;
    std::string_view name(at, static_cast<size_t>(name_end - at));
    HeaderId id = header_id(name);
    if (id == HeaderId::other && (colon == line.end || name.size() > UINT16_MAX || !chars::all_token(name))) {
      return fail(400, colon == line.end ? "header row without a colon" : "header name is not a token");
    }
    if (colon == line.end) return fail(400, "header row without a colon");

    const char* value = colon + 1;
    const char* value_end = line.end;
    while (value < value_end && chars::space(*value)) ++value;
    while (value_end > value && chars::space(value_end[-1])) --value_end;
    size_t size = static_cast<size_t>(value_end - value);
    if (line.lone_cr || (line.has_nul && !nuls_are_quoted({value, size}))) {
      spoiled_ |= mandatory(id);
      fail(400, id, line.lone_cr ? " row with a lone CR" : " row with a NUL");
    }

    uint16_t& first = message_.first_row_[static_cast<size_t>(id)];
    // Filled in place: a row made elsewhere and copied costs a stall on the way through the store buffer.
    HeaderRow& row = message_.rows_.emplace_back();
    row.name_at = offset(at);
    row.value_at = offset(value);
    row.value_size = static_cast<uint32_t>(size);
    row.row_end = offset(line.next);
    row.name_size = static_cast<uint16_t>(name.size());
    row.id = id;
    if (first == 0) {
      first = static_cast<uint16_t>(message_.rows_.size());
    } else if (is_single(id)) {
      repeated(id, {value, size});
    }
    count_values(id, {value, size});
  }

  void repeated(HeaderId id, std::string_view value) {
    if (id != HeaderId::content_length) return fail(400, id, " occurs more than once");
    std::optional<uint64_t> length = number(value);
    if (!length || length != number(message_.header(id))) fail(400, id, " rows conflict", true);
  }

  // An upper bound, by commas; check_sizes() counts exactly where that is over the limit.
  void count_values(HeaderId id, std::string_view value) {
    size_t list = 0;
    switch (id) {
      case HeaderId::via:
        list = 0;
        break;
      case HeaderId::route:
        list = 1;
        break;
      case HeaderId::record_route:
        list = 2;
        break;
      case HeaderId::path:
        list = 3;
        break;
      case HeaderId::service_route:
        list = 4;
        break;
      case HeaderId::contact:
        list = 5;
        break;
      default:
        return;
    }
    uint32_t count = 1;
    const char* at = value.data();
    const char* end = at + value.size();
    while ((at = static_cast<const char*>(std::memchr(at, ',', static_cast<size_t>(end - at)))) != nullptr) {
      ++count;
      ++at;
    }
    list_sizes_[list] += count;
  }

  void check_sizes() {
    for (size_t list = 0; list < std::size(kLimited); ++list) {
      HeaderId id = kLimited[list];
      if (id == HeaderId::contact && message_.method_ != Method::register_) continue;
      uint32_t limit = id == HeaderId::contact ? limits_.contacts : limits_.list_values;
      if (list_sizes_[list] > limit && message_.values(id).size() > limit) fail(400, id, " has too many values");
    }
  }

  void check_mandatory() {
    for (HeaderId id : kMandatory) {
      const HeaderRow* row = message_.first(id);
      if (row == nullptr) {
        fail(400, id, " is missing");
      } else if (row->value_size == 0) {
        fail(400, id, " is empty");
      }
    }
    if (const HeaderRow* row = message_.first(HeaderId::cseq); row != nullptr) check_cseq(message_.value(*row));
    if (const HeaderRow* row = message_.first(HeaderId::max_forwards); row != nullptr) {
      std::optional<uint64_t> hops = number(message_.value(*row));
      if (!hops || *hops > 255) fail(400, HeaderId::max_forwards, " is not 0 to 255");
    }
    if (const HeaderRow* row = message_.first(HeaderId::expires); row != nullptr && row->value_size == 0) {
      fail(400, HeaderId::expires, " is empty");
    }
  }

  void check_cseq(std::string_view value) {
    size_t digits = 0;
    while (digits < value.size() && chars::digit(value[digits])) ++digits;
    std::optional<uint64_t> sequence = number(value.substr(0, digits));
    std::string_view method = chars::trim(value.substr(digits));
    if (!sequence || *sequence > UINT32_MAX) return fail(400, HeaderId::cseq, " number is not 0 to 4294967295");
    if (method.data() == value.data() + digits || !chars::all_token(method)) {
      return fail(400, HeaderId::cseq, " has no method");
    }
    if (message_.is_request() && method != message_.method_text()) {
      // An unknown method is the more useful thing to tell (RFC 4475 section 3.1.2.18).
      fail(message_.method_ == Method::other ? 501 : 400, HeaderId::cseq, " method differs from the request's");
    }
  }

  void frame_body(const char* at) {
    size_t rest = static_cast<size_t>(end_ - at);
    size_t size = rest;
    const HeaderRow* row = message_.first(HeaderId::content_length);
    if (row != nullptr) {
      std::optional<uint64_t> length = number(message_.value(*row));
      if (!length) {
        fail(400, HeaderId::content_length, " is not a number", true);
      } else if (*length > limits_.body) {
        fail(*length > rest ? 400 : 413, HeaderId::content_length, " is over the limit", true);
      } else if (*length > rest) {
        fail(400, HeaderId::content_length, " is more than there is", true);
      } else {
        size = *length;
      }
    } else if (framing_ == Framing::stream) {
      fail(400, HeaderId::content_length, " is missing on a stream", true);
    }
    if (size > limits_.body) fail(413, "body over the size limit");
    message_.body_at_ = offset(at);
    message_.body_size_ = static_cast<uint32_t>(size);
  }

  bool usable() const {
    if (!message_.is_request() || spoiled_) return false;
    for (HeaderId id : kMandatory) {
      if (message_.header(id).empty()) return false;
    }
    return true;
  }

  Message& message_;
  Framing framing_;
  const Limits& limits_;
  const char* begin_;
  const char* end_;
  std::optional<ParseFailure> failure_;
  uint32_t list_sizes_[std::size(kLimited)] = {};
  bool spoiled_ = false;  // a row that a response copies has bytes that must not go out
};

ParseResult Message::parse(std::string buffer, Framing framing, const Limits& limits) {
  ParseResult result;
  // Offsets are 32 bits wide; nothing near that is let in by the transports.
  if (buffer.size() >= UINT32_MAX) {
    result.failure = ParseFailure{513, "message over the size limit", framing == Framing::stream};
    return result;
  }
  Message& message = result.message.emplace();
  message.buffer_ = std::move(buffer);
  MessageParser parser(message, framing, limits);
  bool usable = parser.parse();
  result.failure = std::move(parser).failure();
  if (!usable) result.message.reset();
  return result;
}

}  // namespace lapwing::sip
