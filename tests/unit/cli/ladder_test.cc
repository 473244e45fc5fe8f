#include "cli/ladder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "cli/hep.h"
#include "cli/pcapng.h"

namespace lapwing::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* request = "REGISTER sip:h SIP/2.0\r\nCSeq: 1 REGISTER\r\nCall-ID: a\r\n\r\n";
constexpr const char* forwarded = "REGISTER sip:h SIP/2.0\r\nVia: x\r\nCSeq: 1 REGISTER\r\nCall-ID: a\r\n\r\n";
constexpr const char* refusal = "SIP/2.0 403 Forbidden\r\nCSeq: 1 REGISTER\r\nCall-ID: a\r\n\r\n";

v1::TraceMessage message(int milliseconds, const std::string& program, bool incoming, const std::string& local,
                         const std::string& remote, const std::string& bytes, const std::string& carrier = "udp") {
  v1::TraceMessage out;
  out.mutable_time()->set_seconds(1'800'000'000);
  out.mutable_time()->set_nanos(milliseconds * 1'000'000);
  out.set_program(program);
  out.set_incoming(incoming);
  out.set_carrier(carrier);
  out.set_local(local);
  out.set_remote(remote);
  out.set_message(bytes);
  return out;
}

std::vector<v1::TraceMessage> registration() {
  return {message(1, "pcscf", true, "10.0.0.1:5060", "10.9.0.1:5060", request),
          message(2, "pcscf", false, "10.0.0.2:5060", "10.0.0.3:6060", forwarded),
          message(7, "scscf", false, "10.0.0.3:6060", "10.0.0.2:5060", refusal),
          message(8, "pcscf", true, "10.0.0.2:5060", "10.0.0.3:6060", refusal),
          message(9, "pcscf", false, "10.0.0.1:5060", "10.9.0.1:5060", refusal),
          message(3, "scscf", true, "10.0.0.3:6060", "10.0.0.2:5060", forwarded)};
}

TEST(Ladder, when_two_daemons_saw_a_message_then_it_is_one_arrow) {
  const Ladder ladder = ladder_of(registration());
  EXPECT_THAT(ladder.columns, ElementsAre("UE 10.9.0.1", "P-CSCF", "S-CSCF"));
  std::vector<std::string> steps;
  for (const LadderStep& one : ladder.steps) {
    steps.push_back(one.label + " " + std::to_string(one.from) + std::to_string(one.to));
  }
  EXPECT_THAT(steps,
              ElementsAre("REGISTER 01", "REGISTER 12", "403 Forbidden (REGISTER) 21", "403 Forbidden (REGISTER) 10"));
  EXPECT_EQ(ladder.steps[3].tone, LadderStep::Tone::failure);
}

TEST(Ladder, when_a_message_is_sent_again_then_it_is_two_arrows) {
  std::vector<v1::TraceMessage> all = registration();
  all.push_back(message(5, "pcscf", false, "10.0.0.2:5060", "10.0.0.3:6060", forwarded));
  EXPECT_EQ(ladder_of(all).steps.size(), 5U);
  all.push_back(message(6, "scscf", true, "10.0.0.3:6060", "10.0.0.2:5060", forwarded));
  EXPECT_EQ(ladder_of(all).steps.size(), 5U);
}

TEST(Ladder, when_only_one_daemon_was_asked_then_the_other_side_is_named_by_its_address) {
  std::vector<v1::TraceMessage> all = {
      message(1, "scscf", true, "10.0.0.3:6060", "10.0.0.9:5060", request),
      message(2, "scscf", false, "0.0.0.0:0", "10.0.0.4:3868", "no Diameter", "diameter")};
  const Ladder ladder = ladder_of(all);
  EXPECT_THAT(ladder.columns, ElementsAre("S-CSCF", "HSS", "AS 10.0.0.9"));
  EXPECT_EQ(ladder.steps[1].label, "Diameter");
}

TEST(Ladder, when_written_as_text_then_arrows_stand_between_the_columns) {
  const std::string text = ladder_text(ladder_of(registration()), {.width = 80, .colour = false, .full = false});
  EXPECT_THAT(text, HasSubstr("UE 10.9.0.1"));
  EXPECT_THAT(text, HasSubstr("▶│"));
  EXPECT_THAT(text, HasSubstr("│◀"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 5);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  const std::string full = ladder_text(ladder_of(registration()), {.width = 80, .colour = true, .full = true});
  EXPECT_THAT(full, HasSubstr("    Call-ID: a\n"));
  EXPECT_THAT(full, HasSubstr("\x1b[31m"));
}

TEST(Ladder, when_drawn_then_what_came_from_outside_is_escaped) {
  std::vector<v1::TraceMessage> all = {
      message(1, "pcscf", true, "10.0.0.1:5060", "10.9.0.1:5060", "<script>alert(1)</script> sip:h SIP/2.0\r\n\r\n")};
  const Ladder ladder = ladder_of(all);
  for (const std::string& picture : {ladder_svg(ladder), ladder_html(ladder, "<b>")}) {
    EXPECT_EQ(picture.find("<script>"), std::string::npos);
    EXPECT_EQ(picture.find("<b>"), std::string::npos);
    EXPECT_THAT(picture, HasSubstr("&lt;script&gt;"));
  }
  EXPECT_THAT(ladder_html(ladder, "x"), StartsWith("<!DOCTYPE html>"));
}

TEST(Ladder, when_there_is_nothing_then_nothing_is_drawn) {
  EXPECT_THAT(ladder_of({}).steps, testing::IsEmpty());
  EXPECT_THAT(ladder_svg(ladder_of({})), HasSubstr("<svg"));
  EXPECT_EQ(ladder_text(ladder_of({}), {}), "\n");
}

TEST(Pcapng, when_written_then_blocks_have_whole_words_and_their_length_at_both_ends) {
  std::string file = pcapng_head("a test");
  for (const v1::TraceMessage& one : registration()) file += pcapng_block(one);
  file += pcapng_block(message(1, "scscf", true, "[2001:db8::1]:6060", "[2001:db8::2]:5060", request));
  size_t at = 0, blocks = 0;
  while (at < file.size()) {
    uint32_t length = 0, again = 0;
    ASSERT_LE(at + 12, file.size());
    std::memcpy(&length, file.data() + at + 4, 4);
    ASSERT_EQ(length % 4, 0U);
    ASSERT_LE(at + length, file.size());
    std::memcpy(&again, file.data() + at + length - 4, 4);
    ASSERT_EQ(length, again);
    at += length;
    ++blocks;
  }
  EXPECT_EQ(blocks, 2 + 6 + 1U);
}

// A decoder of its own: type to value, of a packet whose lengths are right.
std::map<int, std::string> decode_hep(const std::string& packet) {
  auto number = [&](size_t at) {
    return static_cast<size_t>(static_cast<uint8_t>(packet[at])) << 8 | static_cast<uint8_t>(packet[at + 1]);
  };
  std::map<int, std::string> out;
  EXPECT_EQ(packet.substr(0, 4), "HEP3");
  EXPECT_EQ(number(4), packet.size());
  for (size_t at = 6; at + 6 <= packet.size();) {
    EXPECT_EQ(number(at), 0U) << "the generic vendor";
    const size_t length = number(at + 4);
    if (length < 6 || at + length > packet.size()) return ADD_FAILURE() << "a chunk's length", out;
    out[static_cast<int>(number(at + 2))] = packet.substr(at + 6, length - 6);
    at += length;
  }
  return out;
}

TEST(Hep, when_a_message_is_sent_to_Homer_then_both_ends_time_and_text_stand_in_it) {
  auto chunks = decode_hep(
      hep_packet(message(234, "pcscf", true, "10.0.0.1:5060", "10.9.0.1:40000", request, "tcp"), 0x01020304));
  EXPECT_EQ(chunks[1], std::string("\x02"));
  EXPECT_EQ(chunks[2], std::string("\x06"));
  EXPECT_EQ(chunks[3], std::string("\x0a\x09\x00\x01", 4));
  EXPECT_EQ(chunks[4], std::string("\x0a\x00\x00\x01", 4));
  EXPECT_EQ(chunks[7], std::string("\x9c\x40"));
  EXPECT_EQ(chunks[8], std::string("\x13\xc4"));
  EXPECT_EQ(chunks[9], std::string("\x6b\x49\xd2\x00", 4));
  EXPECT_EQ(chunks[10], std::string("\x00\x03\x92\x10", 4));
  EXPECT_EQ(chunks[11], std::string("\x01"));
  EXPECT_EQ(chunks[12], std::string("\x01\x02\x03\x04"));
  EXPECT_EQ(chunks[15], request);
  auto ip6 = decode_hep(hep_packet(message(1, "pcscf", false, "[2001:db8::1]:5060", "[2001:db8::2]:6300", refusal), 1));
  EXPECT_EQ(ip6[1], std::string("\x0a"));
  EXPECT_EQ(ip6[2], std::string("\x11"));
  EXPECT_EQ(ip6[5].size(), 16U);
  EXPECT_EQ(ip6[6].back(), '\x02');
  EXPECT_FALSE(ip6.contains(3));
}

TEST(Hep, when_a_message_is_no_SIP_then_nothing_is_sent) {
  EXPECT_EQ(hep_packet(message(1, "scscf", false, "0.0.0.0:0", "10.0.0.4:3868", "x", "diameter"), 1), "");
}

}  // namespace
}  // namespace lapwing::cli
