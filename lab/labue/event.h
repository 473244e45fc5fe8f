// What a handset tells scripts and people: one line for each event.
//
//   Event("registered", imsi).with("code", 200).with("alg", "hmac-sha-1-96/aes-cbc").json()
//   {"event":"registered","imsi":"001010000000001","code":200,"alg":"hmac-sha-1-96/aes-cbc"}
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lapwing::labue {

class Event {
 public:
  Event(std::string_view name, std::string_view imsi);
  Event& with(std::string_view key, std::string_view value);
  Event& with(std::string_view key, int64_t value);
  Event& with(std::string_view key, const std::vector<std::string>& values);

  std::string_view name() const { return name_; }
  std::string json() const { return json_ + '}'; }
  // "001010000000001 registered code=200 alg=hmac-sha-1-96/aes-cbc"
  const std::string& text() const { return text_; }

 private:
  std::string name_, json_, text_;
};

using EventSink = std::function<void(const Event&)>;

// As a JSON string in ASCII, quotes included. What is no UTF-8 is escaped byte by byte.
std::string json_string(std::string_view text);

}  // namespace lapwing::labue
