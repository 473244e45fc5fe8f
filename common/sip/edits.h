// Changing and making messages.
//
// Edits is an ordered list of changes to a message; write() makes the outgoing bytes in one linear pass. Rows nobody
// touched leave byte for byte and in their order.
//
//   Edits edits;
//   edits.prepend(HeaderId::via, "SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK0012ab");
//   edits.remove(HeaderId::security_client);
//   edits.set(HeaderId::max_forwards, "69");
//   std::string wire = edits.write(message);
//
// Values are written as given, with folds turned into single spaces: take them from parsed input or from quote(). A CR
// or LF that is no fold, or a NUL that is not escaped by a backslash, is a broken invariant (the program stops), since
// it would let one header forge another; a message that parsed has none. Names, URIs and phrases may hold no CR, LF,
// NUL.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/sip/message.h"

namespace lapwing::sip {

class Edits {
 public:
  void request_uri(std::string uri);
  void status(int code, std::string reason);
  // Every row of the header, or every row with this name (any case; compact forms and "Name :" included).
  void remove(HeaderId id);
  void remove(std::string name);
  // Leaves exactly one row, in the place of the first (at the end of the headers when there was none).
  void set(HeaderId id, std::string value);
  // A row of its own before the first row of this header (at the top, after the start line, when there was none).
  void prepend(HeaderId id, std::string value);
  // A row of its own after the last row of this header (at the end of the headers when there was none).
  void append(HeaderId id, std::string value);
  void append(std::string name, std::string value);
  // Takes the first value off a list header; the row goes when it was the only one.
  void remove_first_value(HeaderId id);
  // Replaces the first value of a list header.
  void replace_first_value(HeaderId id, std::string value);
  // The value goes from the list; the row with its last value too ("Require: path, sec-agree" minus sec-agree). Any
  // case.
  void remove_token(HeaderId id, std::string token);
  // Replaces body and Content-Type. Content-Length is always written anew.
  void body(std::string content_type, std::string body);

  bool empty() const { return edits_.empty(); }
  // Applies them in order. Content-Length is set right, and added when it was absent. Where a line of the message ended
  // in a lone LF, all its rows are written anew with CRLF.
  std::string write(const Message& message) const;

 private:
  enum class Kind : uint8_t {
    request_uri,
    status,
    remove,
    set,
    prepend,
    append,
    remove_first,
    replace_first,
    remove_token,
    body
  };
  struct Edit {
    Kind kind;
    HeaderId id;
    std::string name;  // or content type
    std::string value;
    int code;
  };
  class Rows;
  struct Outcome;
  void add(Kind kind, HeaderId id, std::string name, std::string value, int code = 0);
  static void apply(const Edit& edit, Rows& rows, Outcome& outcome);

  std::vector<Edit> edits_;
};

// A message from nothing, in the order given; Content-Length is added by finish().
class Writer {
 public:
  static Writer request(std::string_view method, std::string_view uri);
  static Writer response(int code, std::string_view reason);
  Writer& add(HeaderId id, std::string_view value);
  Writer& add(std::string_view name, std::string_view value);
  std::string finish(std::string_view content_type = {}, std::string_view body = {}) &&;

 private:
  friend Writer response_to(const Message& request, int code, std::string_view reason, std::string_view to_tag);
  std::string out_;
};

// The start of a response to the request (RFC 3261 section 8.2.6.2): Via rows in order, From, To (with to_tag, when it
// has none, except for 100), Call-ID, CSeq, and Timestamp for 100. For dialog makers add Record-Route yourself.
// Works on messages that failed to parse but are usable.
Writer response_to(const Message& request, int code, std::string_view reason, std::string_view to_tag);

// The standard phrase of a status code, "Unknown" when there is none.
std::string_view reason_phrase(int code);

}  // namespace lapwing::sip
