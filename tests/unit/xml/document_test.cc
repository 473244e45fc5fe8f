#include "common/xml/document.h"

#include <gtest/gtest.h>

#include "absl/strings/str_format.h"

namespace lapwing::xml {
namespace {

absl::Status status_of(std::string_view text, const Limits& limits = {}) {
  return load(text, limits).status();
}

void expect_refused(std::string_view text, std::string_view why) {
  const absl::Status status = status_of(text);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
  EXPECT_NE(std::string_view(status.message().data(), status.message().size()).find(why), std::string_view::npos)
      << status;
}

std::string repeat(std::string_view text, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out += text;
  return out;
}

TEST(XmlDocument, when_it_is_ordinary_then_it_loads) {
  const auto document = load("<?xml version=\"1.0\"?><!-- c --><a x='1'><b/>t<![CDATA[<&>]]>&lt;</a>", {});
  ASSERT_TRUE(document.ok()) << document.status();
  EXPECT_EQ(text(document->document_element()), "t<&><");
}

TEST(XmlDocument, when_a_byte_order_mark_and_white_space_surround_it_then_it_loads) {
  EXPECT_TRUE(status_of("\xef\xbb\xbf \r\n\t<?xml version=\"1.0\"?>\n<a/>\n \n").ok());
  EXPECT_TRUE(status_of(" \n<a/>").ok());
}

TEST(XmlDocument, when_it_has_a_document_type_then_it_is_refused) {
  expect_refused("<!DOCTYPE a><a/>", "document type");
  expect_refused("<!DOCTYPE a [<!ENTITY x \"y\"><!ENTITY z \"&x;&x;\">]><a>&z;</a>", "document type");
  expect_refused("<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>", "document type");
  expect_refused("<a><!ELEMENT a ANY></a>", "document type");
}

TEST(XmlDocument, when_an_entity_is_not_predefined_then_it_is_refused) {
  expect_refused("<a>&lol;</a>", "entity");
  expect_refused("<a b=\"&lol;\"/>", "entity");
  EXPECT_TRUE(status_of("<a b=\"&quot;\">&amp;&apos;</a>").ok());
}

TEST(XmlDocument, when_an_ampersand_begins_no_reference_then_it_is_text) {
  const auto document = load("<a>x & y&z</a>", {});
  ASSERT_TRUE(document.ok());
  EXPECT_EQ(text(document->document_element()), "x & y&z");
}

TEST(XmlDocument, when_a_character_reference_is_no_character_then_it_is_refused) {
  for (const char* bad :
       {"&#0;", "&#x0;", "&#1;", "&#xD800;", "&#x110000;", "&#99999999999999999999;", "&#;", "&#x;", "&#12", "&#1g;"}) {
    expect_refused(absl::StrFormat("<a>%s</a>", bad), "character reference");
    expect_refused(absl::StrFormat("<a b='%s'/>", bad), "character reference");
  }
  EXPECT_TRUE(status_of("<a>&#x10FFFF;&#9;&#x20ac;</a>").ok());
}

TEST(XmlDocument, when_it_has_control_characters_then_it_is_refused) {
  expect_refused(std::string_view("<a>\0</a>", 8), "control");
  expect_refused("<a>\x1b</a>", "control");
  expect_refused(std::string_view("<a/>\0", 5), "control");
}

TEST(XmlDocument, when_it_is_not_utf8_then_it_is_refused) {
  for (const char* bad :
       {"\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\x80", "\xf0\x80\x80\x80"})
    expect_refused(absl::StrFormat("<a>%s</a>", bad), "UTF-8");
  EXPECT_TRUE(status_of("<a>\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80</a>").ok());
}

TEST(XmlDocument, when_it_is_not_well_formed_then_it_is_refused) {
  for (const char* bad : {"", " ", "text", "<", "<a", "<a>", "</a>", "<a></b>", "<a/><b/>", "<a b=></a>",
                          "<a b='x></a>", "<!-- <a/>", "<a><![CDATA[</a>", "<?xml <a/>", "<a></a"}) {
    EXPECT_EQ(status_of(bad).code(), absl::StatusCode::kInvalidArgument) << bad;
  }
}

TEST(XmlDocument, when_it_is_at_a_limit_then_it_loads_and_one_more_is_refused) {
  const auto code = [](std::string_view text, const Limits& limits) { return status_of(text, limits).code(); };
  const auto refused = absl::StatusCode::kResourceExhausted;
  EXPECT_EQ(code("<a/>", {.bytes = 4}), absl::StatusCode::kOk);
  EXPECT_EQ(code("<a/>", {.bytes = 3}), refused);
  EXPECT_EQ(code("<a><b><c/></b></a>", {.depth = 3}), absl::StatusCode::kOk);
  EXPECT_EQ(code("<a><b><c/></b></a>", {.depth = 2}), refused);
  EXPECT_EQ(code("<a><b/><b/></a>", {.elements = 3}), absl::StatusCode::kOk);
  EXPECT_EQ(code("<a><b/><b/></a>", {.elements = 2}), refused);
  EXPECT_EQ(code("<a b='1' c=\"2\"/>", {.attributes = 2}), absl::StatusCode::kOk);
  EXPECT_EQ(code("<a b='1' c=\"2\"/>", {.attributes = 1}), refused);
}

TEST(XmlDocument, when_it_is_nested_very_deep_then_it_is_refused_before_a_tree_is_built) {
  const std::string deep = repeat("<a>", 150'000) + repeat("</a>", 150'000);
  EXPECT_EQ(status_of(deep, {.bytes = 2'000'000}).code(), absl::StatusCode::kResourceExhausted);
}

TEST(XmlDocument, when_elements_have_prefixes_then_names_and_namespaces_are_found) {
  const auto document = load("<p:a xmlns:p='urn:p' xmlns='urn:d'><b/><p:c xmlns:p='urn:q'/><r:d/></p:a>", {});
  ASSERT_TRUE(document.ok());
  const pugi::xml_node root = document->document_element();
  EXPECT_EQ(local_name(root), "a");
  EXPECT_EQ(namespace_of(root), "urn:p");
  EXPECT_EQ(namespace_of(root.child("b")), "urn:d");
  EXPECT_EQ(namespace_of(root.child("p:c")), "urn:q");
  EXPECT_EQ(namespace_of(root.child("r:d")), "");
}

TEST(XmlDocument, when_an_error_names_an_element_then_the_path_counts_its_like) {
  const auto document = load("<a><b/><x/><b><c/></b></a>", {});
  ASSERT_TRUE(document.ok());
  EXPECT_EQ(where(document->document_element().last_child().child("c")), "a/b[2]/c");
}

TEST(XmlDocument, when_text_is_escaped_then_it_reads_back) {
  const std::string hard = "<a href=\"x\">&amp; ]]> \xe2\x82\xac 'q'";
  const auto document = load("<a b=\"" + escape_attribute(hard) + "\">" + escape_text(hard) + "</a>", {});
  ASSERT_TRUE(document.ok()) << document.status();
  EXPECT_EQ(text(document->document_element()), hard);
  EXPECT_EQ(document->document_element().attribute("b").value(), hard);
}

TEST(XmlDocument, when_text_cannot_stand_in_xml_then_escaping_replaces_it) {
  EXPECT_EQ(escape_text(std::string_view("a\0b\x1b\r\n\xff\xc3", 8)), "a?b?  ??");
  EXPECT_EQ(escape_text("\"'"), "\"'");
  EXPECT_EQ(escape_attribute("\"'"), "&quot;'");
}

}  // namespace
}  // namespace lapwing::xml
