// The door for XML from outside. Everything is checked in one pass before a tree is built: the size, the depth, the
// counts, valid UTF-8, no control characters, no document type and therefore no entities of the sender's making.
//
//   absl::StatusOr<pugi::xml_document> document = xml::load(body, {.bytes = 64 * 1024});
//   std::string aor = xml::text(document->document_element().child("uri"));
//
// Errors: ResourceExhausted when a limit is passed, InvalidArgument for all else; the message says what and at which
// byte.
#pragma once

#include <pugixml.hpp>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace lapwing::xml {

struct Limits {
  size_t bytes = 1024 * 1024;
  size_t depth = 32;         // elements inside one another, the root counted
  size_t elements = 50'000;  // in the whole document
  size_t attributes = 64;    // of one element
};

// A byte order mark and white space around the document are tolerated. The encoding is UTF-8 whatever is declared.
absl::StatusOr<pugi::xml_document> load(std::string_view text, const Limits& limits);

// The name without its prefix, and the namespace it belongs to (empty: none declared).
std::string_view local_name(pugi::xml_node element);
std::string_view namespace_of(pugi::xml_node element);
// All text directly inside the element, comments left out.
std::string text(pugi::xml_node element);
std::string_view trim(std::string_view text);
// Where an element is, for an error: "IMSSubscription/ServiceProfile[2]/PublicIdentity[1]".
std::string where(pugi::xml_node element);

// Text fit for an element's content and for an attribute in double quotes. What XML cannot carry (control characters,
// bytes that are not UTF-8) becomes '?', tabs and line ends a space.
std::string escape_text(std::string_view text);
std::string escape_attribute(std::string_view text);

}  // namespace lapwing::xml
