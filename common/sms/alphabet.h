// The alphabets of short messages (TS 23.038): GSM 7 bit with its extension table, UCS2, and octets that mean what the
// ends agree on.
//
//   std::optional<std::string> septets = to_gsm7("Hello [world]");   // one byte a septet; nullopt: not in the alphabet
//   std::string packed = pack_septets(*septets, 0);
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lapwing::sms {

enum class Alphabet : uint8_t { gsm7, octets, ucs2 };

// Section 4, data coding schemes; groups that are reserved count as GSM 7 bit, as section 4 wants.
Alphabet alphabet_of(uint8_t data_coding);

// UTF-8 to septets, an escape and another where the extension table has the character. nullopt: some character is in
// neither table, or the text is no UTF-8.
std::optional<std::string> to_gsm7(std::string_view utf8);
// An extension that nobody knows reads as the character of the basic table (section 6.2.1.1).
std::string from_gsm7(std::string_view septets);

// Section 6.1.2.1: the first septet begins after so many fill bits (0 to 6) of the first octet.
std::string pack_septets(std::string_view septets, unsigned fill_bits);
// As many of `count` as the octets have.
std::string unpack_septets(std::string_view octets, size_t count, unsigned fill_bits);

// UTF-8 to UTF-16 in network order, surrogates included. nullopt: the text is no UTF-8.
std::optional<std::string> to_ucs2(std::string_view utf8);
// What is no character reads as U+FFFD; a last odd octet is left out.
std::string from_ucs2(std::string_view octets);

}  // namespace lapwing::sms
