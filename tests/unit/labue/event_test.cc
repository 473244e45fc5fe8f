#include "lab/labue/event.h"

#include <gtest/gtest.h>

namespace lapwing::labue {
namespace {

TEST(Event, when_written_then_as_one_json_object_and_as_one_line) {
  Event event("call_ended", "001010000000001");
  event.with("code", 200).with("reason", "it is over");
  EXPECT_EQ(event.json(), R"({"event":"call_ended","imsi":"001010000000001","code":200,"reason":"it is over"})");
  EXPECT_EQ(event.text(), R"(001010000000001 call_ended code=200 reason="it is over")");
}

TEST(Event, when_text_is_utf8_then_json_has_its_characters_and_else_its_bytes) {
  EXPECT_EQ(json_string("a\"\\\n\x7f"), R"("a\"\\\u000a\u007f")");
  EXPECT_EQ(json_string("\xc3\xa9\xf0\x9f\x98\x80"), R"("\u00e9\ud83d\ude00")");
  EXPECT_EQ(json_string("\xc3\xa9\xff"), R"("\u00c3\u00a9\u00ff")");
}

}  // namespace
}  // namespace lapwing::labue
