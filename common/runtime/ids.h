// Random identifiers from the operating system's generator, read in blocks: tags, branches, Call-IDs, tokens, SPIs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace lapwing {

uint64_t random_u64();
// Uniform in [low, high].
uint32_t random_between(uint32_t low, uint32_t high);
// bits of randomness as lower-case hex, 4 bits a character.
std::string random_hex(size_t characters);
// Lower-case hex of bytes and back; from_hex gives an empty string for anything that is not hex of even length.
std::string to_hex(std::string_view bytes);
std::string from_hex(std::string_view hex);

}  // namespace lapwing
