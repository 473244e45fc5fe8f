#include "common/sip/header_id.h"

#include <gtest/gtest.h>

#include <cctype>
#include <string>

namespace lapwing::sip {
namespace {

TEST(HeaderId, when_long_form_in_any_case_then_found) {
  for (size_t i = 1; i < static_cast<size_t>(HeaderId::count); ++i) {
    HeaderId id = static_cast<HeaderId>(i);
    std::string name(header_name(id)), upper = name, lower = name;
    ASSERT_FALSE(name.empty());
    for (char& c : upper) c = static_cast<char>(std::toupper(c));
    for (char& c : lower) c = static_cast<char>(std::tolower(c));
    EXPECT_EQ(header_id(name), id) << name;
    EXPECT_EQ(header_id(upper), id) << name;
    EXPECT_EQ(header_id(lower), id) << name;
  }
}

TEST(HeaderId, when_one_character_differs_then_other) {
  for (size_t i = 1; i < static_cast<size_t>(HeaderId::count); ++i) {
    std::string name(header_name(static_cast<HeaderId>(i)));
    for (size_t at = 0; at < name.size(); ++at) {
      for (int flip : {0x01, 0x80, 0x40}) {
        std::string wrong = name;
        wrong[at] = static_cast<char>(wrong[at] ^ flip);
        EXPECT_NE(header_id(wrong), static_cast<HeaderId>(i)) << wrong;
      }
    }
    EXPECT_EQ(header_id(name + "s"), HeaderId::other);
  }
  // CR differs from '-' in the bit that letters differ in by case.
  EXPECT_EQ(header_id("Call\rID"), HeaderId::other);
}

TEST(HeaderId, when_compact_form_then_found) {
  const std::pair<char, HeaderId> forms[] = {{'a', HeaderId::accept_contact},
                                             {'b', HeaderId::referred_by},
                                             {'c', HeaderId::content_type},
                                             {'d', HeaderId::request_disposition},
                                             {'e', HeaderId::content_encoding},
                                             {'f', HeaderId::from},
                                             {'i', HeaderId::call_id},
                                             {'j', HeaderId::reject_contact},
                                             {'k', HeaderId::supported},
                                             {'l', HeaderId::content_length},
                                             {'m', HeaderId::contact},
                                             {'o', HeaderId::event},
                                             {'r', HeaderId::refer_to},
                                             {'s', HeaderId::subject},
                                             {'t', HeaderId::to},
                                             {'u', HeaderId::allow_events},
                                             {'v', HeaderId::via},
                                             {'x', HeaderId::session_expires},
                                             {'y', HeaderId::identity}};
  for (auto [letter, id] : forms) {
    EXPECT_EQ(header_id(std::string(1, letter)), id) << letter;
    EXPECT_EQ(header_id(std::string(1, static_cast<char>(std::toupper(letter)))), id) << letter;
  }
  for (char letter : std::string("ghnpqwz49-")) EXPECT_EQ(header_id(std::string(1, letter)), HeaderId::other);
  EXPECT_EQ(header_id(""), HeaderId::other);
}

TEST(HeaderId, when_asked_then_lists_and_single_headers_are_told_apart) {
  EXPECT_TRUE(is_list(HeaderId::via));
  EXPECT_TRUE(is_list(HeaderId::security_client));
  EXPECT_FALSE(is_list(HeaderId::authorization));
  EXPECT_FALSE(is_list(HeaderId::www_authenticate));
  EXPECT_FALSE(is_list(HeaderId::other));
  EXPECT_TRUE(is_single(HeaderId::call_id));
  EXPECT_TRUE(is_single(HeaderId::content_length));
  EXPECT_FALSE(is_single(HeaderId::authorization));
  EXPECT_EQ(header_name(HeaderId::other), "");
  EXPECT_EQ(header_name(HeaderId::www_authenticate), "WWW-Authenticate");
}

}  // namespace
}  // namespace lapwing::sip
