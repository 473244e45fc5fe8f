#include "common/sip/edits.h"

#include <gtest/gtest.h>

#include "tests/unit/sip/messages.h"

namespace lapwing::sip {
namespace {

constexpr std::string_view kHead = "REGISTER sip:ims.example.org SIP/2.0\r\n";
constexpr std::string_view kRows =
    "v : SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\n"
    "From:   <sip:a@example.org>;tag=1\r\n"
    "To: <sip:b@example.org>\r\n"
    "Call-ID: c1\r\n"
    "CSeq: 1 REGISTER\r\n"
    "Require: path, sec-agree\r\n"
    "Route: <sip:r1;lr>, <sip:r2;lr>\r\n"
    "X-Name : v\r\n"
    "Subject: one\r\n two\r\n"
    "Max-Forwards: 70\r\n"
    "Content-Length : 0\r\n"
    "\r\n";

Message message() {
  ParseResult result = Message::parse(std::string(kHead).append(kRows), Framing::datagram);
  EXPECT_TRUE(result.ok());
  return std::move(*result.message);
}

// The rows after the edits, with `from` replaced by `to` in the message above.
std::string expected(std::string_view from, std::string_view to) {
  std::string text = std::string(kHead).append(kRows);
  size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(Edits, when_there_are_none_then_the_message_leaves_as_it_came) {
  EXPECT_TRUE(Edits().empty());
  EXPECT_EQ(Edits().write(message()), std::string(kHead).append(kRows));
}

TEST(Edits, when_prepended_then_before_the_first_row_of_the_header_or_at_the_top) {
  Edits edits;
  edits.prepend(HeaderId::via, "SIP/2.0/UDP me");
  EXPECT_EQ(edits.write(message()), expected("v :", "Via: SIP/2.0/UDP me\r\nv :"));
  edits.prepend(HeaderId::path, "<sip:p;lr>");
  EXPECT_EQ(edits.write(message()), expected("v :", "Path: <sip:p;lr>\r\nVia: SIP/2.0/UDP me\r\nv :"));
}

TEST(Edits, when_appended_then_after_the_last_row_of_the_header_or_at_the_end) {
  Edits edits;
  edits.append(HeaderId::route, "<sip:r3;lr>");
  EXPECT_EQ(edits.write(message()), expected("X-Name", "Route: <sip:r3;lr>\r\nX-Name"));
  Edits path;
  path.append(HeaderId::path, "<sip:p;lr>");
  path.append("X-Other", "o");
  path.append("p-charging-vector", "icid-value=1");
  EXPECT_EQ(path.write(message()),
            expected("Content-Length : 0\r\n",
                     "Content-Length : 0\r\nPath: <sip:p;lr>\r\nX-Other: o\r\nP-Charging-Vector: icid-value=1\r\n"));
}

TEST(Edits, when_set_then_exactly_one_row_stays) {
  Edits edits;
  edits.set(HeaderId::max_forwards, "69");
  EXPECT_EQ(edits.write(message()), expected("Max-Forwards: 70", "Max-Forwards: 69"));
  edits.append(HeaderId::route, "<sip:r3;lr>");
  edits.set(HeaderId::route, "<sip:r9;lr>");
  EXPECT_EQ(Edits(edits).write(message()).find("<sip:r3"), std::string::npos);
  Edits absent;
  absent.set(HeaderId::expires, "60");
  EXPECT_EQ(absent.write(message()), expected("Content-Length : 0\r\n", "Content-Length : 0\r\nExpires: 60\r\n"));
}

TEST(Edits, when_removed_by_id_or_name_then_every_spelling_goes) {
  Edits edits;
  edits.remove("x-NAME");
  EXPECT_EQ(edits.write(message()), expected("X-Name : v\r\n", ""));
  Edits known;
  known.remove("max-forwards");
  known.remove(HeaderId::subject);
  EXPECT_EQ(known.write(message()), expected("Subject: one\r\n two\r\nMax-Forwards: 70\r\n", ""));
  Edits compact;
  compact.remove("VIA");
  EXPECT_EQ(compact.write(message()), expected("v : SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\n", ""));
}

TEST(Edits, when_first_value_is_removed_then_the_row_goes_with_its_last) {
  Edits edits;
  edits.remove_first_value(HeaderId::route);
  EXPECT_EQ(edits.write(message()), expected("<sip:r1;lr>, <sip:r2;lr>", "<sip:r2;lr>"));
  edits.remove_first_value(HeaderId::route);
  EXPECT_EQ(edits.write(message()), expected("Route: <sip:r1;lr>, <sip:r2;lr>\r\n", ""));
  edits.remove_first_value(HeaderId::route);  // nothing left: nothing happens
  EXPECT_EQ(edits.write(message()), expected("Route: <sip:r1;lr>, <sip:r2;lr>\r\n", ""));
}

TEST(Edits, when_first_value_is_replaced_then_the_others_stay) {
  Edits edits;
  edits.replace_first_value(HeaderId::route, "<sip:x;lr>");
  EXPECT_EQ(edits.write(message()), expected("<sip:r1;lr>", "<sip:x;lr>"));
  Edits via;
  via.replace_first_value(HeaderId::via, "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1;received=10.0.0.9");
  EXPECT_EQ(via.write(message()), expected("v : SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1",
                                           "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1;received=10.0.0.9"));
}

TEST(Edits, when_a_token_is_removed_then_the_rest_of_the_list_stays) {
  Edits edits;
  edits.remove_token(HeaderId::require, "SEC-AGREE");
  EXPECT_EQ(edits.write(message()), expected("path, sec-agree", "path"));
  edits.remove_token(HeaderId::require, "path");
  EXPECT_EQ(edits.write(message()), expected("Require: path, sec-agree\r\n", ""));
  Edits none;
  none.remove_token(HeaderId::require, "sec");
  EXPECT_EQ(none.write(message()), std::string(kHead).append(kRows));
}

TEST(Edits, when_applied_then_in_order) {
  Edits edits;
  edits.prepend(HeaderId::via, "SIP/2.0/UDP me");
  edits.remove_first_value(HeaderId::via);
  EXPECT_EQ(edits.write(message()), std::string(kHead).append(kRows));
}

TEST(Edits, when_body_is_replaced_then_type_and_length_follow) {
  Edits edits;
  edits.body("text/plain", std::string("a\0b\r\n", 5));
  std::string out = edits.write(message());
  ParseResult result = Message::parse(out, Framing::stream);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result.message->body(), std::string_view("a\0b\r\n", 5));
  EXPECT_EQ(result.message->header(HeaderId::content_type), "text/plain");
  EXPECT_EQ(result.message->header(HeaderId::content_length), "5");
  Edits back;
  back.body("", "");
  out = back.write(*result.message);
  EXPECT_EQ(out.find("text/plain"), std::string::npos);
  EXPECT_NE(out.find("Content-Length: 0\r\n"), std::string::npos);
}

TEST(Edits, when_content_length_is_absent_wrong_or_doubled_then_put_right) {
  std::string text = std::string(kHead).append(kRows);
  text.replace(text.find("Content-Length : 0\r\n"), 20, "");
  ParseResult result = Message::parse(text + "abc", Framing::datagram);
  EXPECT_TRUE(Edits().write(*result.message).ends_with("Content-Length: 3\r\n\r\nabc"));
  text.insert(text.size() - 2, "l: 2\r\nContent-Length: 2\r\n");
  result = Message::parse(text + "abc", Framing::datagram);
  EXPECT_TRUE(Edits().write(*result.message).ends_with("Max-Forwards: 70\r\nl: 2\r\nContent-Length: 2\r\n\r\nab") ||
              Edits().write(*result.message).ends_with("Max-Forwards: 70\r\nContent-Length: 2\r\n\r\nab"));
}

TEST(Edits, when_start_line_changes_then_only_it) {
  Edits edits;
  edits.request_uri("sip:other");
  EXPECT_EQ(edits.write(message()), "REGISTER sip:other SIP/2.0\r\n" + std::string(kRows));
  std::string response = response_to(message(), 200, "OK", "t").finish();
  Edits status;
  status.status(503, "Busy");
  EXPECT_TRUE(status.write(*Message::parse(response, Framing::datagram).message).starts_with("SIP/2.0 503 Busy\r\n"));
}

TEST(Edits, when_a_value_from_parsed_input_is_folded_then_it_is_written_unfolded) {
  Edits edits;
  edits.append("X-Copy", std::string(message().header(HeaderId::subject)));
  EXPECT_NE(edits.write(message()).find("\r\nX-Copy: one two\r\n"), std::string::npos);
}

TEST(EditsDeathTest, when_a_value_would_forge_a_header_then_the_program_stops) {
  Edits edits;
  EXPECT_DEATH(edits.append("X-A", "v\r\nVia: evil"), "CR, LF or NUL");
  EXPECT_DEATH(edits.append("X-A", "v\nVia: evil"), "CR, LF or NUL");
  EXPECT_DEATH(edits.append("X-A", "v\r"), "CR, LF or NUL");
  EXPECT_DEATH(edits.append("X-A\r\nVia", "v"), "CR, LF or NUL");
  EXPECT_DEATH(edits.set(HeaderId::subject, std::string("a\0b", 3)), "CR, LF or NUL");
  EXPECT_DEATH(edits.request_uri("sip:a SIP/2.0\r\nVia: evil"), "CR, LF or NUL");
  EXPECT_DEATH(edits.request_uri("sip:a\r\n b"), "CR, LF or NUL") << "a start line has no folds";
  EXPECT_DEATH(edits.status(200, "O\r\n K"), "CR, LF or NUL");
  EXPECT_DEATH(edits.body("a/b\r\nVia: evil", "x"), "CR, LF or NUL");
  EXPECT_DEATH(Writer::response(200, "OK\r\nVia: evil"), "CR, LF or NUL");
  EXPECT_DEATH(response_to(message(), 200, "OK", "t\r\nVia: evil"), "CR, LF or NUL");
}

TEST(Writer, when_finished_then_a_message_that_parses) {
  Writer writer = Writer::request("OPTIONS", "sip:b@example.org");
  writer.add(HeaderId::via, "SIP/2.0/UDP h;branch=z9hG4bK1").add(HeaderId::from, "<sip:a@h>;tag=1");
  writer.add(HeaderId::to, "<sip:b@h>").add(HeaderId::call_id, "c").add(HeaderId::cseq, "1 OPTIONS").add("X-A", "b");
  EXPECT_EQ(std::move(writer).finish("text/plain", "hi"),
            "OPTIONS sip:b@example.org SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\n"
            "To: <sip:b@h>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\nX-A: b\r\nContent-Type: text/plain\r\n"
            "Content-Length: 2\r\n\r\nhi");
}

TEST(ResponseTo, when_made_then_the_rows_of_section_8_2_6_2_come_back) {
  EXPECT_EQ(response_to(message(), 404, reason_phrase(404), "ab12").finish(),
            "SIP/2.0 404 Not Found\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@example.org>;tag=1\r\n"
            "To: <sip:b@example.org>;tag=ab12\r\nCall-ID: c1\r\nCSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n");
}

Message with_to(const std::string& to, const std::string& more = "") {
  std::string text = expected("To: <sip:b@example.org>\r\n", "To: " + to + "\r\n" + more);
  return std::move(*Message::parse(text, Framing::datagram).message);
}

std::string to_in_response(const std::string& to, int code = 200) {
  std::string out = response_to(with_to(to), code, "x", "new").finish();
  size_t at = out.find("To: ") + 4;
  return out.substr(at, out.find("\r\n", at) - at);
}

TEST(ResponseTo, when_to_has_a_tag_already_then_kept) {
  EXPECT_EQ(to_in_response("<sip:b@h>;TAG=x"), "<sip:b@h>;TAG=x");
  EXPECT_EQ(to_in_response("<sip:b@h> ;\r\n  tag = x"), "<sip:b@h> ; tag = x");
  EXPECT_EQ(to_in_response("sip:b@h;tag=x"), "sip:b@h;tag=x");
  EXPECT_EQ(to_in_response("\";tag=x\" <sip:b@h;tag=y>"), "\";tag=x\" <sip:b@h;tag=y>;tag=new");
  EXPECT_EQ(to_in_response("<sip:b@h>;tags=x"), "<sip:b@h>;tags=x;tag=new");
  EXPECT_EQ(to_in_response("<sip:b@h>;"), "<sip:b@h>;;tag=new");
  EXPECT_EQ(to_in_response("<sip:b@h>", 100), "<sip:b@h>");
}

TEST(ResponseTo, when_100_then_timestamp_is_copied) {
  Message request = with_to("<sip:b@h>", "Timestamp: 54\r\n");
  EXPECT_NE(response_to(request, 100, "Trying", "").finish().find("Timestamp: 54\r\n"), std::string::npos);
  EXPECT_EQ(response_to(request, 200, "OK", "t").finish().find("Timestamp"), std::string::npos);
}

TEST(ReasonPhrase, when_code_is_unknown_then_unknown) {
  EXPECT_EQ(reason_phrase(494), "Security Agreement Required");
  EXPECT_EQ(reason_phrase(299), "Unknown");
}

}  // namespace
}  // namespace lapwing::sip
