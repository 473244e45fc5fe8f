#include "hss-client/freediameter/guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hss-client/cx_codec.h"

namespace lapwing {
namespace {

using diameter::Avp;
using ::testing::HasSubstr;

std::optional<AvpRule> rules(uint32_t code, uint32_t vendor) {
  const cx::AvpDefinition* known = cx::definition(code, vendor);
  if (known == nullptr) return std::nullopt;
  if (vendor != 0) return AvpRule{known->type, 0x80, 0x80};
  return AvpRule{known->type, 0xc0, static_cast<uint8_t>(known->mandatory ? 0x40 : 0)};
}

constexpr uint32_t commands[] = {300, 301, 302, 303, 304, 305};

struct Safe {
  std::string fault;
  std::vector<Avp> avps;
};

Safe safe(uint8_t flags, std::vector<Avp> avps, uint32_t command = 303) {
  diameter::Message message;
  message.flags = flags;
  message.command = command;
  message.application = cx::application_id;
  message.avps = std::move(avps);
  std::string bytes = diameter::encode(message);
  Safe out;
  out.fault = make_safe({reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()}, rules, commands);
  auto parsed = diameter::decode(bytes, cx::is_group);
  EXPECT_TRUE(std::holds_alternative<diameter::Message>(parsed));
  out.avps = std::get<diameter::Message>(parsed).avps;
  return out;
}

constexpr uint8_t answer = 0x40, request = 0xc0;
const Avp session = diameter::octets(263, 0, true, "a;1;2");
const Avp success = diameter::unsigned32(268, 0, true, 2001);
const Avp origin = diameter::octets(264, 0, true, "hss.example");

TEST(Guard, when_result_code_is_last_then_it_comes_behind_session_id) {
  Safe s = safe(answer, {session, origin, diameter::octets(601, 10415, true, "sip:u"), success});
  EXPECT_EQ(s.avps, (std::vector<Avp>{session, success, origin, diameter::octets(601, 10415, true, "sip:u")}));
  EXPECT_EQ(s.fault, "");
}

TEST(Guard, when_there_is_no_session_id_then_result_code_comes_first) {
  EXPECT_EQ(safe(answer, {origin, success}, 280).avps, (std::vector<Avp>{success, origin}));
}

TEST(Guard, when_an_unknown_avp_has_m_then_an_answer_loses_the_flag_and_a_request_keeps_it) {
  Avp unknown = diameter::octets(9999, 10415, true, "x");
  EXPECT_FALSE(safe(answer, {session, unknown, success}).avps[2].mandatory);
  EXPECT_TRUE(safe(request, {session, unknown}).avps[1].mandatory);
}

TEST(Guard, when_known_avps_have_other_flags_then_they_are_set_right) {
  Avp error = diameter::octets(281, 0, true, "why");  // Error-Message has no M in the dictionary
  Avp host = diameter::octets(264, 0, false, "hss.example");
  Safe s = safe(answer, {session, error, host, success});
  EXPECT_FALSE(s.avps[2].mandatory);
  EXPECT_TRUE(s.avps[3].mandatory);
}

TEST(Guard, when_a_number_has_another_size_then_the_answer_is_emptied_with_the_reason) {
  Safe s = safe(answer, {session, diameter::octets(607, 10415, true, "abc"), success});
  EXPECT_THAT(s.fault, HasSubstr("AVP 607 is 3 bytes, 4 wanted"));
  ASSERT_EQ(s.avps.size(), 2u);
  EXPECT_EQ(s.avps[0].code, 281u);
  EXPECT_THAT(s.avps[0].data, HasSubstr("AVP 607 is 3 bytes, 4 wanted"));
  EXPECT_FALSE(s.avps[0].mandatory || s.avps[1].mandatory);
  EXPECT_NE(safe(answer, {session, diameter::octets(268, 0, true, "abc")}).fault, "");
  EXPECT_NE(
      safe(answer, {session, success, diameter::grouped(297, 0, true, {diameter::octets(298, 0, true, "abc")})}).fault,
      "");
}

TEST(Guard, when_the_result_code_of_a_base_answer_is_broken_then_it_becomes_unknown) {
  Safe s = safe(answer, {diameter::octets(268, 0, true, "abc"), origin}, 257);
  EXPECT_EQ(diameter::find(s.avps, 268, 0), nullptr);
}

TEST(Guard, when_there_are_two_result_codes_then_one_is_left) {
  Safe s = safe(answer, {session, success, diameter::unsigned32(268, 0, true, 5012)});
  EXPECT_EQ(std::count_if(s.avps.begin(), s.avps.end(), [](const Avp& a) { return a.code == 268; }), 1);
}

TEST(Guard, when_failed_avp_holds_a_broken_avp_then_the_result_is_kept) {
  Safe s = safe(answer, {session, diameter::octets(279, 0, true, "broken"), diameter::unsigned32(268, 0, true, 5014)});
  EXPECT_EQ(s.fault, "");
  EXPECT_EQ(diameter::value32(s.avps[1]), 5014u);
  EXPECT_FALSE(s.avps[2].mandatory);
}

TEST(Guard, when_an_answer_of_any_size_is_emptied_then_it_stays_a_message) {
  for (size_t size = 0; size < 60; ++size) {
    Safe s = safe(answer, {diameter::octets(607, 10415, true, "abc"),
                           diameter::octets(601, 10415, true, std::string(size, 'x'))});
    EXPECT_NE(s.fault, "");
    for (const Avp& avp : s.avps) EXPECT_FALSE(avp.mandatory);
  }
  EXPECT_NE(safe(answer, {diameter::octets(268, 0, true, "")}).fault, "");
}

TEST(Guard, when_the_command_is_unknown_then_the_answer_is_emptied) {
  Safe s = safe(answer, {session, success, origin}, 4711);
  EXPECT_THAT(s.fault, HasSubstr("unknown command 4711"));
  EXPECT_EQ(diameter::find(s.avps, 268, 0), nullptr);
}

const Avp state = diameter::unsigned32(277, 0, true, 1);
const Avp realm = diameter::octets(283, 0, true, "example");

TEST(Guard, when_an_empty_avp_of_a_request_would_be_refused_then_a_neighbour_becomes_its_value) {
  Avp empty_reason = diameter::octets(616, 10415, true, ""), info = diameter::octets(617, 10415, true, "why");
  struct {
    std::vector<Avp> avps;
    uint32_t code;
  } cases[] = {
      {{session, diameter::octets(277, 0, true, ""), realm, origin}, 277},
      {{session, state, realm, diameter::octets(9999, 0, true, "")}, 9999},  // unknown, with M
      {{session, realm, diameter::octets(270, 0, false, ""), origin}, 270},  // of RFC 6733, not of Cx
      {{session, diameter::octets(287, 0, true, ""), diameter::octets(33, 0, false, ""), realm}, 287},  // 64 bits
  };
  for (const auto& c : cases) {
    std::vector<Avp> avps = safe(request, c.avps).avps;
    ASSERT_EQ(avps.size(), 3u) << c.code;
    const Avp* filled = diameter::find(avps, c.code, 0);
    ASSERT_NE(filled, nullptr) << c.code;
    EXPECT_THAT(filled->data.size(), ::testing::AllOf(::testing::Gt(0u), ::testing::Ne(4u), ::testing::Ne(8u)));
    EXPECT_NE(diameter::find(avps, 263, 0), nullptr) << c.code;  // the answer needs it
    EXPECT_NE(diameter::find(avps, 283, 0), nullptr) << c.code;  // routing needs it
  }
  std::vector<Avp> inside = safe(request, {session, diameter::grouped(615, 10415, true, {empty_reason, info})}).avps;
  ASSERT_EQ(inside[1].children.size(), 1u);
  EXPECT_GT(inside[1].children[0].data.size(), 0u);
  EXPECT_EQ(safe(request, {diameter::octets(278, 0, true, ""), origin}, 280).avps.size(), 1u);  // of a watchdog too
}

TEST(Guard, when_an_empty_avp_of_a_request_is_taken_then_it_stays) {
  std::vector<Avp> avps = {session,
                           diameter::octets(1, 0, true, ""),
                           diameter::octets(9999, 0, false, ""),
                           diameter::octets(55, 0, true, ""),  // a Time is a string to freeDiameter
                           diameter::grouped(628, 10415, false, {diameter::octets(9999, 0, true, "")}),
                           origin};
  EXPECT_EQ(safe(request, avps).avps, avps);
}

TEST(Guard, when_an_empty_avp_has_no_neighbour_then_its_group_can_be_read_no_more) {
  diameter::Message message;
  message.flags = request;
  message.command = 304;
  message.application = cx::application_id;
  message.avps = {session, diameter::grouped(615, 10415, true, {diameter::octets(616, 10415, true, "")}), realm};
  std::string bytes = diameter::encode(message);
  make_safe({reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()}, rules, commands);
  auto avps = diameter::decode_avps(bytes.substr(20), [](uint32_t, uint32_t) { return false; });
  ASSERT_TRUE(std::holds_alternative<std::vector<Avp>>(avps));
  const Avp* group = diameter::find(std::get<std::vector<Avp>>(avps), 615, 10415);
  EXPECT_EQ(group->data, std::string(12, '\0'));
  EXPECT_NE(diameter::find(std::get<std::vector<Avp>>(avps), 283, 0), nullptr);
}

TEST(Guard, when_an_avp_of_a_request_goes_beyond_it_then_the_rest_becomes_one_of_a_wrong_size) {
  for (size_t junk = 1; junk < 80; ++junk) {
    for (char byte : {'\0', '\xff'}) {
      diameter::Message message;
      message.flags = request;
      message.command = junk % 2 ? 304 : 280;
      message.application = junk % 4 < 2 ? cx::application_id : 0;  // 0: also that of CER, DWR and DPR
      message.avps = {session, origin};
      std::string bytes = diameter::encode(message);
      bytes += std::string(junk, byte);
      bytes[2] = static_cast<char>(bytes.size() >> 8);
      bytes[3] = static_cast<char>(bytes.size());
      make_safe({reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()}, rules, commands);
      auto avps = diameter::decode_avps(bytes.substr(20), cx::is_group);
      ASSERT_TRUE(std::holds_alternative<std::vector<Avp>>(avps)) << junk;
      const Avp& last = std::get<std::vector<Avp>>(avps).back();
      EXPECT_EQ(last.code, 277u);
      EXPECT_NE(last.data.size(), 4u);
      EXPECT_GT(last.data.size(), 0u);
    }
  }
}

TEST(Guard, when_a_request_has_no_room_for_more_than_one_avp_then_it_becomes_one_that_fits) {
  for (size_t room = 8; room < 24; ++room) {
    for (char byte : {'\0', '\xff'}) {
      std::string bytes = {1, 0, 0, static_cast<char>(20 + room), '\xc0', 0, 1, 0x30, 1, 0, 0, 0};
      bytes.resize(20 + room, byte);
      make_safe({reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()}, rules, commands);
      auto avps = diameter::decode_avps(bytes.substr(20), cx::is_group);
      ASSERT_TRUE(std::holds_alternative<std::vector<Avp>>(avps)) << room;
      const Avp& only = std::get<std::vector<Avp>>(avps).at(0);
      EXPECT_EQ(only.code, room == 8 ? 0xfffffff0u : 277u) << room;
      EXPECT_NE(only.data.size(), 4u);
    }
  }
}

// It cannot be: freeDiameter closes the connection, which is right for what cannot be read at all.
TEST(Guard, when_a_request_has_no_room_for_an_avp_then_it_stays_as_it_is) {
  for (size_t room = 0; room < 8; ++room) {
    std::string bytes = {1, 0, 0, static_cast<char>(20 + room), '\xc0', 0, 1, 0x30, 1, 0, 0, 0};
    bytes.resize(20 + room, '\xff');
    std::string before = bytes;
    EXPECT_EQ(make_safe({reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()}, rules, commands), "");
    EXPECT_EQ(bytes, before);
  }
}

TEST(Guard, when_groups_of_a_request_are_too_deep_then_the_deepest_can_be_read_no_more) {
  Avp avp = diameter::octets(277, 0, true, "");
  for (size_t i = 0; i < 100; ++i) avp = diameter::grouped(284, 0, true, {avp});
  diameter::Message message;
  message.flags = request;
  message.command = 304;
  message.avps = {session, avp};
  std::string bytes = diameter::encode(message);
  make_safe({reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()}, rules, commands);
  EXPECT_EQ(bytes.substr(bytes.size() - 8 * 93), std::string(8 * 93, '\0'));
  EXPECT_NE(bytes[bytes.size() - 8 * 94 + 7], '\0');
}

TEST(Guard, when_proxy_info_is_broken_then_it_gets_another_name) {
  Avp host = diameter::octets(280, 0, true, "relay.example"), state = diameter::octets(33, 0, true, "x");
  Avp whole = diameter::grouped(284, 0, true, {host, state});
  Avp broken = diameter::octets(284, 0, true, "broken"), short_number = whole;
  short_number.children.push_back(diameter::octets(273, 0, true, "abc"));
  Avp with_empty = whole, with_class = whole;  // an empty one that is not known cannot be copied either
  with_empty.children.insert(with_empty.children.end(),
                             {diameter::octets(9999, 0, false, ""), diameter::octets(9999, 10415, false, "")});
  with_class.children.insert(with_class.children.end(),
                             {diameter::octets(25, 0, true, ""), diameter::octets(25, 0, true, std::string(4, '\0'))});
  EXPECT_EQ(safe(request, {session, with_empty}).avps[1], with_class);
  std::vector<Avp> avps = safe(request, {session, whole, short_number, broken, origin}).avps;
  ASSERT_EQ(avps.size(), 5u);
  EXPECT_EQ(avps[1], whole);
  EXPECT_EQ(avps[2].code, 279u);
  EXPECT_EQ(avps[3].code, 279u);
  EXPECT_EQ(avps[4], origin);
}

TEST(Guard, when_session_id_has_a_nul_then_it_is_replaced) {
  Safe s = safe(request, {diameter::octets(263, 0, true, std::string_view("a\0b", 3)), origin});
  EXPECT_EQ(s.avps[0].data, "a?b");
}

TEST(Guard, when_groups_are_too_deep_then_the_answer_is_emptied) {
  Avp avp = diameter::octets(602, 10415, true, "x");
  for (size_t i = 0; i < 100; ++i) avp = diameter::grouped(603, 10415, true, {avp});
  EXPECT_THAT(safe(answer, {session, success, avp}).fault, HasSubstr("deep"));
}

TEST(Guard, when_frames_are_broken_then_nothing_is_read_or_written_beyond_them) {
  for (int first = 0; first < 256; ++first) {
    std::string bytes = diameter::encode(cx::request_message(cx::Command::multimedia_auth, "a;1;2", {success, origin}));
    bytes[4] = 0x40;
    bytes[27] = static_cast<char>(first);
    std::string fault = make_safe({reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()}, rules, commands);
    for (size_t size = 0; size < bytes.size(); size += 3) {
      std::vector<uint8_t> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
      make_safe(cut, rules, commands);
    }
  }
}

}  // namespace
}  // namespace lapwing
