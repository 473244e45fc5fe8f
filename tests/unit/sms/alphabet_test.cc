#include "common/sms/alphabet.h"

#include <gtest/gtest.h>

#include "common/runtime/ids.h"

namespace lapwing::sms {
namespace {

std::string packed(std::string_view text) {
  return to_hex(pack_septets(to_gsm7(text).value_or("?"), 0));
}

TEST(Gsm7, when_packed_then_the_octets_are_those_that_everybody_knows) {
  EXPECT_EQ(packed("hellohello"), "e8329bfd4697d9ec37");
  EXPECT_EQ(packed("How are you?"), "c8f71d14969741f977fd07");
  EXPECT_EQ(packed(""), "");
}

TEST(Gsm7, when_unpacked_then_the_text_comes_back_whatever_its_length) {
  std::string text = "The quick brown fox jumps over the lazy dog, @$_{}[]~\\|^€ äöüÄÖÜß ΔΦΓ";
  std::string septets = *to_gsm7(text);
  EXPECT_EQ(from_gsm7(septets), text);
  for (size_t size = 0; size <= septets.size(); ++size) {
    for (unsigned fill = 0; fill < 7; ++fill) {
      std::string part = septets.substr(0, size);
      EXPECT_EQ(unpack_septets(pack_septets(part, fill), size, fill), part) << size << ' ' << fill;
    }
  }
}

TEST(Gsm7, when_a_character_is_of_the_extension_then_it_takes_two_septets) {
  EXPECT_EQ(*to_gsm7("€"), "\x1b\x65");
  EXPECT_EQ(from_gsm7("\x1b\x61"), "a");  // no such extension
  EXPECT_EQ(from_gsm7("\x1b"), "");
}

TEST(Gsm7, when_a_character_is_in_no_table_or_the_text_is_no_utf8_then_there_are_no_septets) {
  for (const char* text : {"ж", "\x1b", "\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80"}) {
    EXPECT_FALSE(to_gsm7(text)) << text;
  }
}

TEST(Gsm7, when_octets_end_early_then_so_do_the_septets) {
  EXPECT_EQ(unpack_septets("\xe8\x32", 10, 0).size(), 2u);
}

TEST(Ucs2, when_text_goes_there_and_back_then_it_is_the_same) {
  std::string text = "ж 漢 😀";
  EXPECT_EQ(to_hex(*to_ucs2("ж😀")), "0436d83dde00");
  EXPECT_EQ(from_ucs2(*to_ucs2(text)), text);
}

TEST(Ucs2, when_a_surrogate_stands_alone_then_it_reads_as_the_replacement) {
  EXPECT_EQ(from_ucs2(std::string_view("\xd8\x3d\0A", 4)),
            "\xef\xbf\xbd"
            "A");
  EXPECT_EQ(from_ucs2("\xde"), "");
}

TEST(DataCoding, when_the_scheme_is_known_then_so_is_the_alphabet) {
  EXPECT_EQ(alphabet_of(0x00), Alphabet::gsm7);
  EXPECT_EQ(alphabet_of(0x04), Alphabet::octets);
  EXPECT_EQ(alphabet_of(0x08), Alphabet::ucs2);
  EXPECT_EQ(alphabet_of(0x11), Alphabet::gsm7);    // class 1
  EXPECT_EQ(alphabet_of(0x20), Alphabet::octets);  // compressed
  EXPECT_EQ(alphabet_of(0x80), Alphabet::gsm7);    // reserved
  EXPECT_EQ(alphabet_of(0xc8), Alphabet::gsm7);
  EXPECT_EQ(alphabet_of(0xe0), Alphabet::ucs2);
  EXPECT_EQ(alphabet_of(0xf5), Alphabet::octets);
}

}  // namespace
}  // namespace lapwing::sms
