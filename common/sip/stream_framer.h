// Cuts a byte stream into SIP messages (RFC 3261 section 18.3, RFC 5626 section 3.5.1). No I/O.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "common/sip/message.h"

namespace lapwing::sip {

class StreamFramer {
 public:
  explicit StreamFramer(const Limits& limits) : limits_(limits) {}

  struct NeedMore {};  // wait for bytes
  struct Ping {};      // CRLFCRLF: answer CRLF
  struct Pong {};      // a single CRLF: ignore; told at once, so a client sees its answer
  struct Complete {
    std::string bytes;
  };  // one message: Message::parse(bytes, Framing::stream)
  struct Broken {  // close after answering, when the headers can be used
    int status;
    std::string why;
    std::string headers;  // what there is of the message up to and with the empty line; may be empty
  };
  using Event = std::variant<NeedMore, Ping, Pong, Complete, Broken>;

  void add(std::string_view bytes);
  Event next();
  size_t pending() const { return buffer_.size() - at_; }

 private:
  std::optional<Event> keep_alive();
  bool find_headers();
  Event broken(int status, std::string why, size_t headers);
  void use(size_t count);

  Limits limits_;
  std::string buffer_;
  size_t at_ = 0;           // bytes before this are used up
  size_t scanned_ = 0;      // no empty line begins within this many bytes after at_
  size_t headers_ = 0;      // size of the header part, empty line included; 0: not found yet
  size_t body_ = 0;         // what Content-Length says, once the header part is there
  bool half_ping_ = false;  // the last thing was a CRLF: another one right behind it makes a ping
};

}  // namespace lapwing::sip
