// Messages for the tests of this folder.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "common/sip/message.h"

namespace lapwing::scscf {

// An INVITE, or a 200 to it, with these header lines besides ("Name: value\r\n...").
inline sip::Message message_with(const std::string& start_line, const std::string& lines) {
  sip::ParseResult parsed = sip::Message::parse(start_line +
                                                    "\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\n"
                                                    "From: <sip:alice@home>;tag=a\r\nTo: <sip:bob@home>\r\n"
                                                    "Call-ID: c\r\nCSeq: 1 INVITE\r\n" +
                                                    lines + "Content-Length: 0\r\n\r\n",
                                                sip::Framing::stream);
  EXPECT_TRUE(parsed.ok()) << lines;
  return std::move(*parsed.message);
}
inline sip::Message invite_with(const std::string& lines) {
  return message_with("INVITE sip:bob@home SIP/2.0", lines);
}
inline sip::Message ok_with(const std::string& lines) {
  return message_with("SIP/2.0 200 OK", lines);
}

}  // namespace lapwing::scscf
