// Cuts a byte stream into SIP messages (RFC 3261 section 18.3, RFC 5626 section 3.5.1). No I/O.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "common/sip/message.h"

namespace lapwing::sip {

class StreamFramer {
 public:
  explicit StreamFramer(const Limits& limits) : limits_(limits) {}

  struct NeedMore {};                          // wait for bytes
  struct Ping {};                              // CRLFCRLF: answer CRLF
  struct Pong {};                              // a single CRLF: ignore
  struct Complete { std::string bytes; };      // one message: Message::parse(bytes, Framing::stream)
  struct Broken {                              // close after answering, when the headers can be used
    int status;
    std::string why;
    std::string headers;                       // what there is of the message up to and with the empty line; may be empty
  };
  using Event = std::variant<NeedMore, Ping, Pong, Complete, Broken>;

  void add(std::string_view bytes);
  Event next();
  size_t pending() const { return buffer_.size() - at_; }

 private:
  Limits limits_;
  std::string buffer_;
  size_t at_ = 0;       // bytes before this are used up
  size_t scanned_ = 0;  // no end of headers before this
};

}  // namespace lapwing::sip
