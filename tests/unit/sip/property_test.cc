// What must hold for any bytes: nothing crashes, and a message that parses says the same after it was written.
#include <gtest/gtest.h>

#include "common/sip/edits.h"
#include "common/sip/headers.h"
#include "common/sip/stream_framer.h"
#include "tests/unit/sip/messages.h"

namespace lapwing::sip {
namespace {

std::map<std::string, std::string> all() {
  std::map<std::string, std::string> messages = all_torture();
  messages.merge(all_captured());
  EXPECT_GE(messages.size(), 61u);
  return messages;
}

// The message as it means: unfolded values under long names.
std::string content(const Message& message) {
  std::string out = message.is_request() ? std::string(message.method_text()) + " " + std::string(message.request_uri())
                                         : std::to_string(message.status()) + " " + std::string(message.reason());
  for (const HeaderRow& row : message.rows()) {
    if (row.id == HeaderId::content_length) continue;  // set right, or added
    std::string_view name = row.id == HeaderId::other ? message.name(row) : header_name(row.id);
    out.append("\n").append(name).append(": ").append(unfold(message.value(row)));
  }
  return out.append("\n\n").append(message.body());
}

// Everything a daemon may do with bytes from outside.
void exercise(const std::string& bytes) {
  for (Framing framing : {Framing::datagram, Framing::stream}) {
    ParseResult result = Message::parse(bytes, framing);
    if (!result.message) continue;
    const Message& message = *result.message;
    if (message.is_request()) {
      ParseResult response = Message::parse(response_to(message, 400, "Bad Request", "t").finish(), Framing::stream);
      ASSERT_TRUE(response.message || result.failure) << "the answer to a good request parses";
    }
    if (!result.ok()) continue;
    answer_to(result);
    std::string written = Edits().write(message);
    ParseResult again = Message::parse(written, Framing::stream);
    ASSERT_TRUE(again.ok()) << again.failure->why << "\n" << bytes << "\nwritten as\n" << written;
    ASSERT_EQ(content(message), content(*again.message));
  }
}

TEST(Property, when_written_then_parses_to_the_same) {
  for (const auto& [name, text] : all()) {
    SCOPED_TRACE(name);
    exercise(text);
  }
}

TEST(Property, when_cut_at_any_byte_then_no_crash) {
  for (const auto& [name, text] : all()) {
    SCOPED_TRACE(name);
    for (size_t size = 0; size < text.size(); ++size) exercise(text.substr(0, size));
  }
}

TEST(Property, when_any_byte_is_flipped_then_no_crash) {
  for (const auto& [name, text] : all()) {
    SCOPED_TRACE(name);
    std::string bytes = text;
    for (size_t at = 0; at < text.size(); ++at) {
      for (char c : {static_cast<char>(text[at] ^ 0x20), static_cast<char>(text[at] ^ 0xff),
                     std::string_view("\0\r\n\",<;: ", 9)[at % 9]}) {
        bytes[at] = c;
        exercise(bytes);
      }
      bytes[at] = text[at];
    }
  }
}

TEST(Property, when_crlf_becomes_lf_then_no_crash) {
  for (const auto& [name, text] : all()) {
    SCOPED_TRACE(name);
    std::string lf = text;
    for (size_t at = 0; (at = lf.find("\r\n", at)) != std::string::npos; ++at) {
      std::string one = text;
      one.erase(one.find("\r\n", at), 1);
      exercise(one);
      lf.erase(at, 1);
    }
    exercise(lf);
  }
}

TEST(Property, when_any_header_is_repeated_1000_times_then_no_crash_and_refused) {
  for (const auto& [name, text] : all()) {
    SCOPED_TRACE(name);
    ParseResult result = Message::parse(text, Framing::datagram);
    if (!result.message) continue;
    for (const HeaderRow& row : result.message->rows()) {
      std::string bytes = text.substr(0, row.row_end);
      for (int i = 0; i < 1000; ++i) bytes.append(text, row.name_at, row.row_end - row.name_at);
      bytes.append(text, row.row_end);
      exercise(bytes);
      EXPECT_TRUE(Message::parse(bytes, Framing::datagram).failure);
    }
  }
}

TEST(Property, when_cut_into_pieces_then_the_framer_sees_the_same) {
  for (const auto& [name, text] : all()) {
    SCOPED_TRACE(name);
    std::string wire = text + text, first;
    for (size_t piece : {wire.size(), size_t{1}, size_t{3}, size_t{64}}) {
      StreamFramer framer{Limits()};
      std::string seen;
      bool broken = false;
      for (size_t at = 0; at < wire.size() && !broken; at += piece) {
        framer.add(std::string_view(wire).substr(at, piece));
        for (bool more = true; more && !broken;) {
          StreamFramer::Event event = framer.next();
          more = !std::holds_alternative<StreamFramer::NeedMore>(event);
          broken = std::holds_alternative<StreamFramer::Broken>(event);
          if (auto* complete = std::get_if<StreamFramer::Complete>(&event)) seen += complete->bytes + "|";
        }
      }
      seen += broken ? "broken" : "";
      if (first.empty()) first = seen;
      EXPECT_EQ(seen, first) << piece;
    }
  }
}

TEST(Captured, when_a_handset_or_core_really_sent_it_then_accepted) {
  std::map<std::string, std::string> messages = all_captured();
  if (messages.empty()) GTEST_SKIP() << "no captured messages: set LAPWING_HANDSET_DATA";
  for (const auto& [name, text] : messages) {
    ParseResult result = Message::parse(text, Framing::datagram);
    EXPECT_TRUE(result.ok()) << name << ": " << (result.failure ? result.failure->why : "");
    if (!result.ok()) continue;
    const Message& message = *result.message;
    EXPECT_TRUE(Edits().write(message).starts_with(message.start_line())) << name;
    Verdict verdict = message.is_request() ? validate_request(message) : validate_response(message);
    EXPECT_TRUE(verdict.ok()) << name << ": " << verdict.why;
  }
}

}  // namespace
}  // namespace lapwing::sip
