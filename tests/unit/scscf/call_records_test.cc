#include "scscf/call_records.h"

#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace lapwing::scscf {
namespace {

using testing::HasSubstr;

class CallRecordsTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/lapwing-records-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder_ = name;
    file_ = folder_ + "/calls.jsonl";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static std::shared_ptr<Call> answered() {
    auto call = std::make_shared<Call>();
    call->call_id = "c1@10.9.0.2";
    call->icid = "i1";
    call->started = WallTime{std::chrono::seconds(1'700'000'000)};
    call->answered = call->started + std::chrono::milliseconds(2500);
    call->ended = call->answered + std::chrono::milliseconds(61'250);
    call->caller.identity = "sip:+15550100042@ims.example.org";
    call->caller.impi = "a@ims.example.org";
    call->callee.identity = "tel:+15550100043";
    call->code = 200;
    call->reason = "the caller hung up";
    return call;
  }
  void write(const std::vector<std::shared_ptr<Call>>& calls, size_t megabytes = 1, size_t files = 2) {
    auto records = CallRecords::open(file_, megabytes, files);
    ASSERT_TRUE(records.ok()) << records.status();
    for (const auto& call : calls) records->write(*call);
  }
  static std::vector<google::protobuf::Struct> lines_of(const std::string& file) {
    std::vector<google::protobuf::Struct> lines;
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) {
      EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(line, &lines.emplace_back()).ok()) << line;
    }
    return lines;
  }
  static std::string text(const google::protobuf::Struct& line, const std::string& name) {
    auto found = line.fields().find(name);
    return found == line.fields().end() ? "(none)" : found->second.string_value();
  }

  std::string folder_, file_;
};

TEST_F(CallRecordsTest, when_a_call_was_answered_then_its_line_tells_when_and_how_long) {
  write({answered()});
  auto lines = lines_of(file_);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(text(lines[0], "start"), "2023-11-14T22:13:20Z");
  EXPECT_EQ(text(lines[0], "answer"), "2023-11-14T22:13:22.500Z");
  EXPECT_EQ(text(lines[0], "end"), "2023-11-14T22:14:23.750Z");
  EXPECT_EQ(lines[0].fields().at("seconds").number_value(), 61.25);
  EXPECT_EQ(lines[0].fields().at("code").number_value(), 200);
  EXPECT_EQ(text(lines[0], "caller"), "sip:+15550100042@ims.example.org");
  EXPECT_EQ(text(lines[0], "caller_impi"), "a@ims.example.org");
  EXPECT_EQ(text(lines[0], "callee_impi"), "(none)");
  EXPECT_EQ(text(lines[0], "call_id"), "c1@10.9.0.2");
  EXPECT_EQ(text(lines[0], "icid"), "i1");
  EXPECT_EQ(text(lines[0], "reason"), "the caller hung up");
}

TEST_F(CallRecordsTest, when_a_call_was_not_answered_then_its_line_has_no_answer) {
  auto call = answered();
  call->answered = {};
  call->code = 486;
  write({call});
  auto lines = lines_of(file_);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(text(lines[0], "answer"), "(none)");
  EXPECT_FALSE(lines[0].fields().contains("seconds"));
  EXPECT_EQ(lines[0].fields().at("code").number_value(), 486);
}

TEST_F(CallRecordsTest, when_text_from_outside_holds_anything_then_it_is_still_one_line_of_JSON) {
  auto call = answered();
  call->call_id = "a\"b\\c\n{\"code\": 1}\r\x01\x7f%v%n";
  call->callee.identity = "tel:\xc3\xa9\xe2\x80\xa8";
  call->reason = "</script>";
  write({call, answered()});
  auto lines = lines_of(file_);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(text(lines[0], "call_id"), call->call_id);
  EXPECT_EQ(text(lines[0], "callee"), call->callee.identity);
}

TEST_F(CallRecordsTest, when_text_from_outside_is_no_utf8_then_the_call_is_recorded_all_the_same) {
  auto call = answered();
  call->call_id = "\xff\xfe";
  call->callee.identity = "sip:\xc3@x";
  write({call, answered()});
  EXPECT_EQ(lines_of(file_).size(), 2u);
}

TEST_F(CallRecordsTest, when_the_file_is_there_already_then_lines_are_added) {
  write({answered()});
  write({answered()});
  EXPECT_EQ(lines_of(file_).size(), 2u);
}

TEST_F(CallRecordsTest, when_the_file_grows_then_it_becomes_FILE_1_and_only_as_many_as_wanted_are_kept) {
  std::vector<std::shared_ptr<Call>> calls;
  for (int i = 0; i < 600; ++i) {
    calls.push_back(answered());
    calls.back()->call_id = std::to_string(i);
    calls.back()->reason = std::string(8000, 'x');
  }
  write(calls);
  std::vector<std::string> names;
  size_t kept = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    names.push_back(entry.path().filename());
    EXPECT_LE(entry.file_size(), 1024u * 1024);
    kept += lines_of(entry.path()).size();
  }
  EXPECT_THAT(names, testing::UnorderedElementsAre("calls.1.jsonl", "calls.2.jsonl", "calls.jsonl"));
  EXPECT_LT(kept, calls.size()) << "five files' worth were written";
  EXPECT_EQ(text(lines_of(file_).back(), "call_id"), "599");
}

TEST_F(CallRecordsTest, when_the_file_cannot_be_written_then_the_error_names_key_and_file) {
  std::ofstream(folder_ + "/plain") << "x";
  for (const std::string& file : {folder_ + "/plain/calls.jsonl", folder_, std::string("/proc/none/calls")}) {
    auto records = CallRecords::open(file, 1, 1);
    ASSERT_FALSE(records.ok()) << file;
    EXPECT_THAT(std::string(records.status().message()), HasSubstr("calls.records: " + file + " cannot be written: "));
  }
}

TEST_F(CallRecordsTest, when_the_disk_is_full_then_the_log_says_which_records_are_lost) {
  std::ostringstream log;
  auto before = spdlog::default_logger();
  spdlog::set_default_logger(
      std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log)));
  file_ = "/dev/full";
  write({answered(), answered()});
  spdlog::set_default_logger(before);
  EXPECT_THAT(log.str(), HasSubstr("call records are lost: /dev/full: "));
  EXPECT_THAT(log.str(), HasSubstr("No space left on device"));
}

}  // namespace
}  // namespace lapwing::scscf
