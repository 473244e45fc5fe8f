// A SIP message (RFC 3261 section 7): one immutable buffer and an index of its header rows, made in one pass.
//
//   ParseResult parsed = Message::parse(std::move(datagram), Framing::datagram);
//   if (!parsed.ok()) ...                      // parsed.failure says what to answer
//   std::string_view call_id = parsed.message->header(HeaderId::call_id);
//   for (std::string_view via : parsed.message->values(HeaderId::via)) ...
//
// Views point into the message's buffer and live as long as the Message does (moving a Message keeps them valid for
// buffers on the heap; do not keep views over a move). Changing a message: see edits.h. Typed views: uri.h, headers.h.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "common/sip/header_id.h"

namespace lapwing::sip {

// Sizes in bytes unless said otherwise. What is over a limit is answered, never cut (see ParseFailure::status).
struct Limits {
  uint32_t message = 128 * 1024;
  uint32_t headers = 64 * 1024;     // start line and all header rows
  uint32_t start_line = 8 * 1024;   // 414
  uint32_t request_uri = 4 * 1024;  // 414
  uint32_t row = 16 * 1024;         // one header row
  uint32_t rows = 256;              // number of header rows
  uint32_t list_values = 64;        // values of each of Via, Route, Record-Route, Path, Service-Route
  uint32_t contacts = 16;           // Contact values in a REGISTER
  uint32_t body = 64 * 1024;        // 413
};

enum class Method : uint8_t {
  other,
  ack,
  bye,
  cancel,
  info,
  invite,
  message,
  notify,
  options,
  prack,
  publish,
  refer,
  register_,
  subscribe,
  update
};
Method method_from(std::string_view text);  // case-sensitive (RFC 3261 section 7.1)
std::string_view method_text(Method method);

enum class Framing {
  datagram,  // the body is what Content-Length says, or the rest; more bytes than that are ignored (section 18.3)
  stream     // the buffer holds exactly one message, cut out by StreamFramer (stream_framer.h)
};

struct HeaderRow {
  uint32_t name_at;
  uint32_t value_at;    // after the colon and leading white space
  uint32_t value_size;  // without trailing white space; may hold folds (CRLF and white space)
  uint32_t row_end;     // one past the row's line end, folds included: [name_at, row_end) is the row as it came
  uint16_t name_size;
  HeaderId id;
};

class ValueRange;
struct ParseResult;

class Message {
 public:
  // Checks the structure and everything a stateful element relies on: start line, header rows, limits, Content-Length,
  // and for requests the mandatory headers (Via, From, To, Call-ID, CSeq with the request's method), each at most
  // once. Other headers are checked when somebody asks for their typed view.
  static ParseResult parse(std::string buffer, Framing framing, const Limits& limits = {});

  bool is_request() const { return status_ == 0; }
  // Requests.
  Method method() const { return method_; }
  std::string_view method_text() const { return view(method_at_, method_size_); }
  std::string_view request_uri() const { return view(uri_at_, uri_size_); }
  // Responses: 100..699, and the phrase, which may be empty.
  int status() const { return status_; }
  std::string_view reason() const { return view(uri_at_, uri_size_); }

  std::span<const HeaderRow> rows() const { return {rows_.data(), rows_.size()}; }
  std::string_view name(const HeaderRow& row) const { return view(row.name_at, row.name_size); }
  std::string_view value(const HeaderRow& row) const { return view(row.value_at, row.value_size); }

  // The value of the first row of this header; empty when there is none (use has() to tell).
  std::string_view header(HeaderId id) const;
  bool has(HeaderId id) const { return first(id) != nullptr; }
  const HeaderRow* first(HeaderId id) const;
  // The first row of a header the program has no id for; name in any case.
  const HeaderRow* first(std::string_view name) const;
  // Every value of a list header, over all its rows, in order, split at top-level commas.
  ValueRange values(HeaderId id) const;

  std::string_view body() const { return view(body_at_, body_size_); }
  std::string_view buffer() const { return buffer_; }
  std::string_view start_line() const { return view(start_at_, start_size_); }
  // Did a line end in LF alone? Such rows are not forwarded as they came: the next hop may see other lines than we did.
  bool has_bare_lf() const { return bare_lf_; }

 private:
  friend class MessageParser;
  std::string_view view(uint32_t at, uint32_t size) const { return std::string_view(buffer_).substr(at, size); }

  std::string buffer_;
  absl::InlinedVector<HeaderRow, 32> rows_;
  uint16_t first_row_[static_cast<size_t>(HeaderId::count)] = {};  // 1 + index in rows_, 0: absent
  uint32_t start_at_ = 0, start_size_ = 0, method_at_ = 0, method_size_ = 0, uri_at_ = 0, uri_size_ = 0, body_at_ = 0,
           body_size_ = 0;
  Method method_ = Method::other;
  int16_t status_ = 0;
  bool bare_lf_ = false;
};

struct ParseFailure {
  int status = 0;             // what to answer: 400, 413, 414, 505, 501, 513; 0: drop without an answer
  std::string why;            // for the log and the Warning; no bytes of the message in it beyond names
  bool close_stream = false;  // on a stream the framing is lost
};

struct ParseResult {
  // Set on success. Set on failure too where Via, From, To, Call-ID and CSeq can be copied into an error response.
  std::optional<Message> message;
  std::optional<ParseFailure> failure;
  bool ok() const { return !failure && message; }
};

// Iterates over the values of a list header: for (std::string_view v : message.values(HeaderId::route)). Empty values
// ("a,,b") are passed over.
class ValueRange {
 public:
  class Iterator {
   public:
    std::string_view operator*() const { return value_; }
    Iterator& operator++();
    bool operator==(const Iterator& other) const { return row_ == other.row_ && rest_.data() == other.rest_.data(); }

   private:
    friend class ValueRange;
    Iterator(const Message& message, HeaderId id, size_t row);
    void next_row(size_t from);
    const Message* message_;
    HeaderId id_;
    size_t row_;
    std::string_view rest_, value_;
  };
  Iterator begin() const;
  Iterator end() const;
  size_t size() const;
  std::string_view front() const;  // empty when there is none

 private:
  friend class Message;
  ValueRange(const Message& message, HeaderId id) : message_(message), id_(id) {}
  const Message& message_;
  HeaderId id_;
};

// Takes the first value off a comma list (what stands in quotes or <> is opaque; no list header has comments) and
// leaves the rest; white space around it is trimmed. The value is empty where two commas meet.
std::string_view take_list_value(std::string_view& rest);
// The text with folds turned into single spaces and white space trimmed.
std::string unfold(std::string_view value);

}  // namespace lapwing::sip
