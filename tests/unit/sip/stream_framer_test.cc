#include "common/sip/stream_framer.h"

#include <gtest/gtest.h>

#include "tests/unit/sip/messages.h"

namespace lapwing::sip {
namespace {

constexpr std::string_view kOne =
    "OPTIONS sip:b@example.org SIP/2.0\r\n"
    "Via: SIP/2.0/TCP 10.0.0.1;branch=z9hG4bK1\r\n"
    "From: <sip:a@example.org>;tag=1\r\n"
    "To: <sip:b@example.org>\r\n"
    "Call-ID: c1\r\n"
    "CSeq: 1 OPTIONS\r\n";

std::string message(const std::string& length_rows, const std::string& body = "") {
  return std::string(kOne) + length_rows + "\r\n" + body;
}

// What happens when the bytes come in pieces of the given size, one letter per event: M message, p ping, o pong,
// B broken.
std::string events(const std::string& bytes, size_t piece, std::vector<std::string>* messages = nullptr) {
  StreamFramer framer{Limits()};
  std::string out;
  for (size_t at = 0; at < bytes.size(); at += piece) {
    framer.add(std::string_view(bytes).substr(at, piece));
    for (;;) {
      StreamFramer::Event event = framer.next();
      if (std::holds_alternative<StreamFramer::NeedMore>(event)) break;
      if (auto* complete = std::get_if<StreamFramer::Complete>(&event)) {
        out += 'M';
        if (messages != nullptr) messages->push_back(complete->bytes);
      } else if (std::holds_alternative<StreamFramer::Ping>(event)) {
        out += 'p';
      } else if (std::holds_alternative<StreamFramer::Pong>(event)) {
        out += 'o';
      } else {
        return out + 'B';
      }
    }
  }
  return out;
}

StreamFramer::Broken broken(const std::string& bytes, const Limits& limits = {}) {
  StreamFramer framer(limits);
  framer.add(bytes);
  StreamFramer::Event event = framer.next();
  EXPECT_TRUE(std::holds_alternative<StreamFramer::Broken>(event)) << bytes;
  return std::holds_alternative<StreamFramer::Broken>(event) ? std::get<StreamFramer::Broken>(event)
                                                             : StreamFramer::Broken();
}

TEST(StreamFramer, when_several_messages_come_in_any_pieces_then_each_comes_out) {
  std::string first = message("l : 5\r\n", "a\r\n\r\n"), second = message("Content-Length:\r\n 0\r\n");
  for (size_t piece = 1; piece <= first.size() + second.size(); ++piece) {
    std::vector<std::string> messages;
    ASSERT_EQ(events(first + second, piece, &messages), "MM") << piece;
    EXPECT_EQ(messages[0], first);
    EXPECT_EQ(messages[1], second);
    EXPECT_TRUE(Message::parse(messages[0], Framing::stream).ok());
  }
}

TEST(StreamFramer, when_lines_end_in_lf_then_framed_too) {
  std::string text = message("l: 2\r\n"), lf;
  for (char c : text) {
    if (c != '\r') lf.push_back(c);
  }
  for (size_t piece : {1u, 7u, 1000u}) EXPECT_EQ(events(lf + "ab" + text + "ab", piece), "MM");
}

TEST(StreamFramer, when_keep_alives_come_then_pings_and_pongs_are_told_apart) {
  EXPECT_EQ(events("\r\n\r\n", 4), "p");
  EXPECT_EQ(events("\r\n", 2), "o");
  EXPECT_EQ(events("\r\n\r\n" + message("l: 0\r\n") + "\r\n\r\n", 1000), "pMp");
  EXPECT_EQ(events("\r\n" + message("l: 0\r\n"), 1000), "oM");
}

TEST(StreamFramer, when_a_ping_is_cut_then_it_is_still_answered) {
  EXPECT_EQ(events("\r\n\r\n", 2), "op");
  EXPECT_EQ(events("\r\n\r\n", 1), "op");
  EXPECT_EQ(events("\r\n\r\n", 3), "p");
}

TEST(StreamFramer, when_content_length_is_missing_or_wrong_then_broken_with_headers) {
  for (const char* rows : {"", "l: -1\r\n", "l: x\r\n", "l:\r\n", "l: 1\r\nl: 2\r\n", "l: 1 1\r\n", "l: 1x\r\n"}) {
    StreamFramer::Broken event = broken(message(rows, "abc"));
    EXPECT_EQ(event.status, 400) << rows;
    EXPECT_EQ(event.headers, message(rows)) << rows;
    EXPECT_TRUE(Message::parse(event.headers, Framing::stream).message) << rows;
  }
  EXPECT_EQ(events(message("l: 2\r\nContent-Length: 2\r\n", "ab"), 1000), "M");
}

TEST(StreamFramer, when_content_length_is_over_the_limit_then_413_at_once) {
  EXPECT_EQ(broken(message("l: 65537\r\n")).status, 413);
  EXPECT_EQ(broken(message("l: 4294967296\r\n")).status, 413);
  EXPECT_EQ(broken(message("l: 99999999999999999999999999\r\n")).status, 413);
  EXPECT_EQ(events(message("l: 65536\r\n"), 1000), "");
}

TEST(StreamFramer, when_headers_do_not_end_then_513) {
  EXPECT_EQ(broken(std::string(kOne) + "X-A: " + std::string(64 * 1024, 'x')).status, 513);
  EXPECT_EQ(broken(std::string(kOne) + "X-A: " + std::string(64 * 1024, 'x') + "\r\nl: 0\r\n\r\n").status, 513);
  Limits limits;
  limits.message = 1000;
  EXPECT_EQ(broken(message("l: 900\r\n"), limits).status, 513);
}

TEST(StreamFramer, when_it_is_not_sip_then_broken_without_answer) {
  for (const char* bytes : {"\xf8sigcomp", "\x16\x03\x01tls", " INVITE", "\rx", ":"}) {
    EXPECT_EQ(broken(bytes).status, 0) << bytes;
    EXPECT_EQ(broken(bytes).headers, "");
  }
  EXPECT_EQ(broken(std::string(4, '\0')).status, 0);
}

TEST(StreamFramer, when_broken_then_nothing_is_pending) {
  StreamFramer framer{Limits()};
  framer.add(message("", "abc") + message("l: 0\r\n"));
  EXPECT_GT(framer.pending(), 0u);
  framer.next();
  EXPECT_EQ(framer.pending(), 0u);
}

TEST(StreamFramer, when_a_long_body_comes_in_small_pieces_then_it_is_read_once) {
  std::string rows;
  for (int i = 0; i < 200; ++i) rows += "X-A: " + std::string(200, 'x') + "\r\n";
  std::string text = message(rows + "l: 60000\r\n", std::string(60000, 'b'));
  std::string many;
  for (int i = 0; i < 20; ++i) many += text;
  EXPECT_EQ(events(many, 10), std::string(20, 'M'));
}

}  // namespace
}  // namespace lapwing::sip
