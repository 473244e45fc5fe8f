#include "common/sip/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/sip/edits.h"
#include "tests/unit/sip/messages.h"

namespace lapwing::sip {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kMandatoryRows =
    "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\n"
    "From: <sip:a@example.org>;tag=1\r\n"
    "To: <sip:b@example.org>\r\n"
    "Call-ID: c1\r\n"
    "CSeq: 1 OPTIONS\r\n";

std::string options(const std::string& rows = "", const std::string& body = "") {
  return "OPTIONS sip:b@example.org SIP/2.0\r\n" + std::string(kMandatoryRows) + rows + "\r\n" + body;
}

std::string ok_response(const std::string& rows = "") {
  return "SIP/2.0 200 OK\r\n" + std::string(kMandatoryRows) + rows + "\r\n";
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

ParseResult parse(std::string text, Framing framing = Framing::datagram, const Limits& limits = {}) {
  return Message::parse(std::move(text), framing, limits);
}

int failure(std::string text, Framing framing = Framing::datagram, const Limits& limits = {}) {
  ParseResult result = parse(std::move(text), framing, limits);
  return result.failure ? result.failure->status : -1;  // -1: it was right
}

TEST(Message, when_request_then_start_line_rows_and_body_are_seen) {
  ParseResult result = parse(options("X-One: 1\r\nl: 3\r\n", "abc"));
  ASSERT_TRUE(result.ok());
  const Message& message = *result.message;
  EXPECT_TRUE(message.is_request());
  EXPECT_EQ(message.method(), Method::options);
  EXPECT_EQ(message.method_text(), "OPTIONS");
  EXPECT_EQ(message.request_uri(), "sip:b@example.org");
  EXPECT_EQ(message.start_line(), "OPTIONS sip:b@example.org SIP/2.0");
  EXPECT_EQ(message.rows().size(), 7u);
  EXPECT_EQ(message.header(HeaderId::call_id), "c1");
  EXPECT_EQ(message.value(*message.first("x-one")), "1");
  EXPECT_EQ(message.value(*message.first("content-length")), "3");
  EXPECT_FALSE(message.has(HeaderId::route));
  EXPECT_EQ(message.header(HeaderId::route), "");
  EXPECT_EQ(message.body(), "abc");
}

TEST(Message, when_response_then_status_and_reason_are_seen) {
  ParseResult result = parse(ok_response());
  ASSERT_TRUE(result.ok());
  EXPECT_FALSE(result.message->is_request());
  EXPECT_EQ(result.message->status(), 200);
  EXPECT_EQ(result.message->reason(), "OK");
  EXPECT_EQ(parse(replaced(ok_response(), "200 OK", "200")).message->reason(), "");
}

TEST(Message, when_moved_then_it_still_reads) {
  Message moved = std::move(*parse(options("l: 3\r\n", "abc")).message);
  EXPECT_EQ(moved.header(HeaderId::call_id), "c1");
  EXPECT_EQ(moved.body(), "abc");
}

TEST(Message, when_every_method_is_named_then_it_is_known) {
  for (int i = 1; i <= static_cast<int>(Method::update); ++i) {
    Method method = static_cast<Method>(i);
    EXPECT_EQ(method_from(method_text(method)), method) << method_text(method);
  }
  EXPECT_EQ(method_from("invite"), Method::other);
  EXPECT_EQ(method_from(""), Method::other);
}

TEST(Message, when_compact_odd_case_or_space_before_the_colon_then_same_header) {
  std::string text = options("X-Secret : v\r\nrOUTE\t:<sip:r1;lr>\r\n");
  ParseResult result = parse(replaced(text, "Call-ID: c1", "I : c1"));
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result.message->header(HeaderId::call_id), "c1");
  EXPECT_EQ(result.message->header(HeaderId::route), "<sip:r1;lr>");
  EXPECT_EQ(result.message->value(*result.message->first("x-secret")), "v");
}

TEST(Message, when_lines_end_in_lf_then_accepted_and_sent_with_crlf) {
  std::string text = options("Subject: a\r\n b\r\nl: 0\r\n"), lf;
  for (char c : text) {
    if (c != '\r') lf.push_back(c);
  }
  ParseResult result = parse(lf);
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result.message->has_bare_lf());
  std::string sent = Edits().write(*result.message);
  EXPECT_EQ(sent, options("Subject: a b\r\nl: 0\r\n"));
}

TEST(Message, when_line_ends_come_first_then_skipped) {
  EXPECT_TRUE(parse("\r\n\r\n\n" + options()).ok());
}

TEST(Message, when_folded_then_one_row) {
  ParseResult result = parse(options("Subject: one\r\n\ttwo\r\n   three\r\n"));
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(unfold(result.message->header(HeaderId::subject)), "one two three");
  EXPECT_EQ(unfold("  a \r\n  \r\n b "), "a b");
}

TEST(Message, when_start_line_is_folded_then_400) {
  EXPECT_EQ(failure(replaced(options(), "SIP/2.0\r\nVia", "SIP/2.0\r\n Via")), 400);
  EXPECT_EQ(failure(replaced(options(), " SIP/2.0\r\n", "\r\n SIP/2.0\r\n")), 400);
}

TEST(Message, when_start_line_is_broken_then_answered) {
  auto with = [](std::string_view line) { return replaced(options(), "OPTIONS sip:b@example.org SIP/2.0", line); };
  EXPECT_EQ(failure(with("OPTIONS sip:b@example.org")), 400);
  EXPECT_EQ(failure(with("OPTIONS")), 400);
  EXPECT_EQ(failure(with("OPTIONS  SIP/2.0")), 400);
  EXPECT_EQ(failure(with("OPTIONS sip:b@example.org HTTP/1.1")), 400);
  EXPECT_EQ(failure(with("OPTIONS sip:b@example.org SIP/2")), 400);
  EXPECT_EQ(failure(with("OPTIONS sip:b@example.org SIP/2.1")), 505);
  EXPECT_EQ(failure(with("OPTIONS sip:b@example.org SIP/1.0")), 505);
  EXPECT_EQ(failure(with("OPTIONS sip:b@example.org sip/2.0")), -1);
  EXPECT_EQ(failure(with("OPTIONS\tsip:b@example.org SIP/2.0")), 400);
  EXPECT_EQ(failure(with("OPT(IONS sip:b@example.org SIP/2.0")), 400);
  EXPECT_EQ(failure(with("OPTIONS <sip:b@example.org> SIP/2.0")), 400);
  EXPECT_EQ(failure(with(std::string_view("OPTIONS sip:b\0@example.org SIP/2.0", 34))), 400);
  EXPECT_EQ(failure(with("")), 400) << "line ends before it are skipped: the Via row is taken for it";
}

TEST(Message, when_status_line_is_broken_then_dropped) {
  for (std::string_view line : {"SIP/2.0 99 x", "SIP/2.0 700 x", "SIP/2.0 20 x", "SIP/2.0 2000 x", "SIP/2.0 abc x",
                                "SIP/2.0", "SIP/2.0 ", "SIP/3.0 200 x", "SIP/2.0 -10 x", "SIP/2.0 +20 x"}) {
    ParseResult result = parse(replaced(ok_response(), "SIP/2.0 200 OK", line));
    ASSERT_TRUE(result.failure) << line;
    EXPECT_EQ(result.failure->status, 0) << line;
    EXPECT_FALSE(result.message) << line;
  }
}

TEST(Message, when_mandatory_header_is_missing_empty_or_repeated_then_400) {
  for (std::string_view row : {"Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\n", "From: <sip:a@example.org>;tag=1\r\n",
                               "To: <sip:b@example.org>\r\n", "Call-ID: c1\r\n", "CSeq: 1 OPTIONS\r\n"}) {
    ParseResult missing = parse(replaced(options(), row, ""));
    ASSERT_TRUE(missing.failure) << row;
    EXPECT_EQ(missing.failure->status, 400) << row;
    EXPECT_FALSE(missing.message) << row;
    std::string name(row.substr(0, row.find(':')));
    EXPECT_EQ(failure(replaced(options(), row, name + ":\r\n")), 400) << row;
    ParseResult twice = parse(replaced(options(), row, std::string(row) + std::string(row)));
    EXPECT_EQ(twice.failure.has_value(), name != "Via") << row;
    EXPECT_TRUE(twice.message) << row;
  }
}

TEST(Message, when_single_header_is_repeated_in_compact_form_then_400) {
  EXPECT_EQ(failure(options("i: c2\r\n")), 400);
  EXPECT_EQ(failure(options("Content-Type: a/b\r\nc: a/b\r\n")), 400);
  EXPECT_EQ(failure(options("Expires: 1\r\nExpires: 1\r\n")), 400);
  EXPECT_EQ(failure(options("Max-Forwards: 1\r\nMax-Forwards: 1\r\n")), 400);
  EXPECT_EQ(failure(options("Authorization: A b\r\nAuthorization: A c\r\n")), -1);
}

TEST(Message, when_cseq_is_wrong_then_400) {
  auto with = [](std::string_view value) { return failure(replaced(options(), "1 OPTIONS", value)); };
  EXPECT_EQ(with("4294967295 OPTIONS"), -1);
  EXPECT_EQ(with("4294967296 OPTIONS"), 400);
  EXPECT_EQ(with("99999999999999999999999 OPTIONS"), 400);
  EXPECT_EQ(with("-1 OPTIONS"), 400);
  EXPECT_EQ(with("OPTIONS"), 400);
  EXPECT_EQ(with("1"), 400);
  EXPECT_EQ(with("1OPTIONS"), 400);
  EXPECT_EQ(with("1 OPTIONS x"), 400);
  EXPECT_EQ(with("1 options"), 400);
  EXPECT_EQ(with("1\r\n OPTIONS"), -1);
  EXPECT_EQ(with("1 " + std::string(5000, 'A')), 400);  // CVE-2017-9372
}

TEST(Message, when_max_forwards_is_wrong_then_400) {
  EXPECT_EQ(failure(options("Max-Forwards: 255\r\n")), -1);
  EXPECT_EQ(failure(options("Max-Forwards: 0\r\n")), -1);
  for (const char* value : {"256", "", "x", "-1", "7 0", "99999999999999999999"}) {
    EXPECT_EQ(failure(options("Max-Forwards: " + std::string(value) + "\r\n")), 400) << value;
  }
}

TEST(Message, when_row_is_malformed_then_400) {
  EXPECT_EQ(failure(options("no colon here\r\n")), 400);
  EXPECT_EQ(failure(options(": no name\r\n")), 400);
  EXPECT_EQ(failure(options("Bad Name: x\r\n")), 400);
  EXPECT_EQ(failure(options("B\xc3\xa4"
                            "d: x\r\n")),
            400);
  EXPECT_EQ(failure(options("Subject\r\n : x\r\n")), 400);
}

TEST(Message, when_nul_or_lone_cr_in_headers_then_400) {
  EXPECT_EQ(failure(options("Subject: a\rb\r\n")), 400);
  EXPECT_EQ(failure(options("Subject: a\r\r\n")), 400);
  EXPECT_EQ(failure(options(std::string("Subject: a\0b\r\n", 14))), 400);
  EXPECT_EQ(failure(options(std::string("Subject: a\\\0b\r\n", 15))), 400) << "outside quotes";
  EXPECT_EQ(failure(options(std::string("Subject: \"a\\\0b\"\r\n", 17))), -1) << "a quoted-pair";
  EXPECT_EQ(failure(options(std::string("Subject: \"a\\\\\0b\"\r\n", 18))), 400) << "the backslash is escaped itself";
  EXPECT_EQ(failure(options("", std::string("a\0\r", 3))), -1) << "bodies may hold anything";
}

TEST(Message, when_a_row_to_copy_has_a_lone_cr_then_there_is_no_answer) {
  ParseResult result = parse(replaced(options(), "Call-ID: c1", "Call-ID: c1\rEvil: x"));
  ASSERT_TRUE(result.failure);
  EXPECT_FALSE(result.message);
  EXPECT_TRUE(parse(options("Subject: a\rb\r\n")).message) << "but other rows are not copied";
}

TEST(Message, when_ack_is_broken_then_dropped) {
  std::string text = replaced(replaced(options("Max-Forwards: 999\r\n"), "OPTIONS", "ACK"), "1 OPTIONS", "1 ACK");
  EXPECT_EQ(failure(text), 0);
}

TEST(Message, when_content_length_disagrees_with_a_datagram_then_as_section_18_3_says) {
  EXPECT_EQ(parse(options("l: 2\r\n", "abcdef")).message->body(), "ab");
  EXPECT_EQ(parse(options("", "abcdef")).message->body(), "abcdef");
  EXPECT_EQ(parse(options("l: 2\r\nContent-Length: 002\r\n", "abcdef")).message->body(), "ab");
  for (const char* rows : {"l: 7\r\n", "l: -1\r\n", "l:\r\n", "l: x\r\n", "l: 1 2\r\n", "l: 2\r\nl: 3\r\n",
                           "l: 4294967296\r\n", "l: 99999999999999999999999999\r\n"}) {
    EXPECT_EQ(failure(options(rows, "abcdef")), 400) << rows;
  }
}

TEST(Message, when_stream_message_has_no_content_length_then_400_and_close) {
  ParseResult result = parse(options(), Framing::stream);
  ASSERT_TRUE(result.failure);
  EXPECT_EQ(result.failure->status, 400);
  EXPECT_TRUE(result.failure->close_stream);
  EXPECT_TRUE(result.message);
  EXPECT_FALSE(parse(options("Max-Forwards: 999\r\nl: 0\r\n"), Framing::stream).failure->close_stream);
}

TEST(Message, when_no_empty_line_then_400) {
  std::string text = options();
  EXPECT_EQ(failure(text.substr(0, text.size() - 2)), 400);
  EXPECT_EQ(failure(text.substr(0, text.size() - 1)), 400);
  EXPECT_EQ(failure(text.substr(0, 20)), 400);
  EXPECT_EQ(failure(""), 400);
}

TEST(MessageLimits, when_start_line_or_uri_is_too_long_then_414) {
  auto with = [](size_t size) {
    return failure(replaced(options(), "sip:b@example.org", "sip:" + std::string(size - 4, 'b')));
  };
  EXPECT_EQ(with(4096), -1);
  EXPECT_EQ(with(4097), 414);
  EXPECT_EQ(with(9000), 414);
  EXPECT_TRUE(parse(replaced(options(), "sip:b@", "sip:" + std::string(9000, 'b') + "@")).message);
  Limits limits;
  limits.start_line = 20;
  EXPECT_EQ(failure(options(), Framing::datagram, limits), 414);
}

TEST(MessageLimits, when_50_long_accept_rows_come_then_kept) {  // CVE-2018-7284
  std::string rows;
  for (int i = 0; i < 50; ++i) rows += "Accept: application/" + std::string(500, 'x') + "\r\n";
  ParseResult result = parse(options(rows));
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result.message->values(HeaderId::accept).size(), 50u);
}

TEST(MessageLimits, when_a_row_is_too_long_then_400) {
  std::string row = "Subject: " + std::string(16 * 1024 - 11, 'x') + "\r\n";
  EXPECT_EQ(failure(options(row)), -1);
  EXPECT_EQ(failure(options("x" + row)), 400);
}

TEST(MessageLimits, when_there_are_too_many_rows_then_400) {
  std::string rows;
  for (int i = 5; i < 256; ++i) rows += "X-A: y\r\n";
  EXPECT_EQ(failure(options(rows)), -1);
  EXPECT_EQ(failure(options(rows + "X-A: y\r\n")), 400);
}

TEST(MessageLimits, when_headers_or_message_are_too_long_then_513) {
  std::string rows;
  for (int i = 0; i < 5; ++i) rows += "X-A: " + std::string(15 * 1024, 'x') + "\r\n";
  EXPECT_EQ(failure(options(rows)), 513);
  EXPECT_EQ(failure(options("", std::string(128 * 1024, 'x'))), 513);
}

TEST(MessageLimits, when_body_is_too_long_then_413) {
  EXPECT_EQ(failure(options("", std::string(64 * 1024, 'x'))), -1);
  EXPECT_EQ(failure(options("", std::string(64 * 1024 + 1, 'x'))), 413);
  EXPECT_EQ(failure(options("l: 65537\r\n", std::string(64 * 1024 + 1, 'x'))), 413);
}

TEST(MessageLimits, when_a_list_has_too_many_values_then_400) {
  for (std::string name : {"Route", "Record-Route", "Path", "Service-Route", "Via"}) {
    std::string value = name == "Via" ? "SIP/2.0/UDP h" : "<sip:h;lr>";
    size_t room = name == "Via" ? 63 : 64;
    std::string list = name + ": " + value;
    for (size_t i = 1; i < room; ++i) list += ", " + value;
    EXPECT_EQ(failure(options(list + "\r\n")), -1) << name;
    EXPECT_EQ(failure(options(list + "," + value + "\r\n")), 400) << name;
  }
  std::string commas = "Route: \"" + std::string(100, ',') + "\" <sip:a,,,,,@h>\r\n";
  EXPECT_EQ(failure(options(commas)), -1) << "only commas between values count";
}

TEST(MessageLimits, when_a_register_has_too_many_contacts_then_400) {
  std::string contacts = "Contact: <sip:0@h>";
  for (int i = 1; i < 16; ++i) contacts += ",<sip:" + std::to_string(i) + "@h>";
  auto as_register = [](const std::string& rows) {
    return failure(replaced(replaced(options(rows), "OPTIONS", "REGISTER"), "1 OPTIONS", "1 REGISTER"));
  };
  EXPECT_EQ(as_register(contacts + "\r\n"), -1);
  EXPECT_EQ(as_register(contacts + "\r\nm: <sip:x@h>\r\n"), 400);
  EXPECT_EQ(failure(options(contacts + "\r\nm: <sip:x@h>\r\n")), -1) << "other methods have other limits";
}

TEST(MessageValues, when_list_is_spread_over_rows_then_in_order) {
  ParseResult result = parse(
      options("Route: <sip:a,b;lr>, \"x, \\\", y\" <sip:c>\r\nRoute:\r\nX-A: 1\r\nroute: ,<sip:d>,, <sip:e>,\r\n"));
  ASSERT_TRUE(result.ok());
  std::vector<std::string> routes;
  for (std::string_view value : result.message->values(HeaderId::route)) routes.emplace_back(value);
  EXPECT_THAT(routes, ElementsAre("<sip:a,b;lr>", "\"x, \\\", y\" <sip:c>", "<sip:d>", "<sip:e>"));
  EXPECT_EQ(result.message->values(HeaderId::route).size(), 4u);
  EXPECT_EQ(result.message->values(HeaderId::route).front(), "<sip:a,b;lr>");
  EXPECT_EQ(result.message->values(HeaderId::path).size(), 0u);
  EXPECT_EQ(result.message->values(HeaderId::path).front(), "");
}

TEST(MessageValues, when_quote_or_bracket_is_open_then_the_rest_is_one_value) {
  for (std::string_view text : {"\"a, b, c", "<a, b, c", "\"a\\"}) {
    std::string_view rest = text;
    EXPECT_EQ(take_list_value(rest), text);
    EXPECT_EQ(rest, "");
  }
}

TEST(Message, when_failing_then_the_reason_names_the_header_and_no_content) {
  ParseResult result = parse(options("Max-Forwards: secret\r\n"));
  EXPECT_THAT(result.failure->why, HasSubstr("Max-Forwards"));
  EXPECT_EQ(result.failure->why.find("secret"), std::string::npos);
}

}  // namespace
}  // namespace lapwing::sip
