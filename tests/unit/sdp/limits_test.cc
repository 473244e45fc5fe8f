#include <chrono>

#include "absl/strings/str_format.h"
#include "tests/unit/sdp/support.h"

namespace lapwing::sdp {
namespace {

std::string repeated(std::string_view text, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += text;
  return out;
}

void expect_limit(const std::string& body, std::string_view message) {
  const absl::StatusOr<SessionDescription> result = parse(body);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(std::string(result.status().message()), message);
}

TEST(Limits, when_the_body_is_over_64_kib_then_it_is_refused) {
  std::string body = "v=0\n";
  while (body.size() < 65536 - 100) body += "i=" + std::string(97, 'x') + "\n";
  body.resize(65536, '\n');
  EXPECT_EQ(error_of(body), "");
  expect_limit(body + "\n", "SDP over 65536 bytes");
}

TEST(Limits, when_a_line_is_over_4_kib_then_it_is_refused) {
  const std::string line = "i=" + std::string(4094, 'x');
  EXPECT_EQ(error_of("v=0\n" + line + "\r\n"), "");
  expect_limit("v=0\n" + line + "x\r\n", "SDP line 2: over 4096 bytes");
}

TEST(Limits, when_there_are_more_than_32_media_then_they_are_refused) {
  const std::string media = "v=0\n" + repeated("m=audio 4 RTP/AVP 0\n", 32);
  EXPECT_EQ(parsed(media).media.size(), 32);
  expect_limit(media + "m=audio 0 RTP/AVP 0\n", "SDP line 34: more than 32 m= lines");
}

TEST(Limits, when_a_media_has_more_than_64_formats_then_they_are_refused) {
  const std::string media = "v=0\nm=audio 4 RTP/AVP" + repeated(" 96", 64);
  EXPECT_EQ(parsed(media).media.at(0).formats.size(), 64);
  expect_limit(media + " 96\n", "SDP line 2: more than 64 formats in one m= line");
}

TEST(Limits, when_a_section_has_more_than_256_attributes_then_they_are_refused) {
  // Those that are not kept as text count too.
  const std::string attributes = "a=sendrecv\n" + repeated("a=x:1\n", 255);
  const std::string body = "v=0\n" + attributes + "m=audio 4 RTP/AVP 0\n" + attributes + "m=audio 4 RTP/AVP 0\n";
  EXPECT_EQ(error_of(body + attributes), "");
  expect_limit("v=0\n" + attributes + "a=x\n", "SDP line 258: more than 256 attributes in one section");
  expect_limit(body + attributes + "a=x\n", "SDP line 772: more than 256 attributes in one section");
}

TEST(Limits, when_a_section_has_more_than_16_bandwidths_then_they_are_refused) {
  const std::string bandwidths = repeated("b=AS:1\n", 16);
  const std::string body = "v=0\n" + bandwidths + "m=audio 4 RTP/AVP 0\n" + bandwidths;
  EXPECT_EQ(error_of(body), "");
  expect_limit("v=0\n" + bandwidths + "b=AS:1\n", "SDP line 18: more than 16 b= lines in one section");
  expect_limit(body + "b=AS:1\n", "SDP line 35: more than 16 b= lines in one section");
}

TEST(Limits, when_a_word_is_over_128_bytes_then_it_is_refused) {
  const std::string word(128, 'x');
  for (const char* line : {"m=%s 4 udptl t38\n", "m=image 4 %s t38\n", "m=image 4 udptl %s\n", "b=%s:1\n",
                           "m=audio 4 RTP/AVP 96\na=rtpmap:96 %s/8000\n"}) {
    const auto format = absl::ParsedFormat<'s'>::New(line);
    ASSERT_TRUE(format);
    EXPECT_EQ(error_of("v=0\n" + absl::StrFormat(*format, word)), "");
    const std::string number = std::string_view(line).find("rtpmap") == std::string_view::npos ? "2" : "3";
    expect_limit("v=0\n" + absl::StrFormat(*format, word + "x"), "SDP line " + number + ": a word over 128 bytes");
  }
}

TEST(Limits, when_limits_are_given_then_they_count) {
  EXPECT_EQ(error_of("v=0\nm=audio 4 RTP/AVP 0\n", {.media = 0}), "SDP line 2: more than 0 m= lines");
  EXPECT_EQ(error_of("v=0\n", {.bytes = 3}), "SDP over 3 bytes");
}

// The largest that the limits let through, in the shapes that make the reader look back.
TEST(Limits, when_a_body_is_as_bad_as_it_can_be_then_reading_it_takes_little_time) {
  std::string rtpmaps = "v=0\n";
  while (rtpmaps.size() < 60000) {
    rtpmaps += "m=audio 4 RTP/AVP" + repeated(" 96", 64) + "\n" + repeated("a=rtpmap:96 a/1\n", 256);
  }
  const std::string blanks = "v=0\n" + repeated("a=" + std::string(4000, ' ') + "x\n", 16);
  const std::string empty = "v=0\n" + repeated("\n", 65000);
  const auto start = std::chrono::steady_clock::now();
  for (const std::string& body : {rtpmaps, blanks, empty}) {
    ASSERT_LE(body.size(), 65536u);
    EXPECT_EQ(error_of(body), "");
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
}

}  // namespace
}  // namespace lapwing::sdp
