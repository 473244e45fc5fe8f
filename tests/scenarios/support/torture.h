// RFC 4475, RFC 5118 and what broke other programs (tests/unit/sip/torture, tests/fuzz/corpus/sip_message): each goes
// into a daemon. It lives on, what it answers is a SIP response that makes sense, and it still answers afterwards.
#pragma once

#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include "tests/scenarios/support/world.h"

namespace lapwing::scenarios {

// make: a fresh world for each message. Returns how many were fed.
inline size_t feed_torture(const std::function<std::unique_ptr<World>()>& make, const sip::Flow& flow) {
  static constexpr int sensible[] = {100, 200, 400, 401, 403, 404, 405, 406, 413, 414, 416, 420, 421,
                                     480, 481, 482, 483, 489, 494, 500, 501, 502, 503, 504, 505, 513};
  size_t fed = 0;
  for (const char* folder : {"/tests/unit/sip/torture", "/tests/fuzz/corpus/sip_message"}) {
    for (const auto& entry : std::filesystem::directory_iterator(std::string(LAPWING_SOURCE_DIR) + folder)) {
      std::ifstream in(entry.path(), std::ios::binary);
      std::stringstream bytes;
      bytes << in.rdbuf();
      std::unique_ptr<World> world = make();
      world->receive(bytes.str(), flow);
      world->settle();
      world->advance(std::chrono::minutes(3));
      for (const SentMessage& message : world->transport.sent) {
        if (!message.bytes.starts_with("SIP/2.0 ")) continue;  // it was good enough to be passed on
        int status = std::atoi(message.bytes.c_str() + 8);
        EXPECT_NE(std::find(std::begin(sensible), std::end(sensible), status), std::end(sensible))
            << entry.path() << "\n"
            << message.bytes;
      }
      world->transport.sent.clear();
      world->receive(
          "OPTIONS sip:10.4.128.21:6060 SIP/2.0\r\nVia: SIP/2.0/UDP 10.9.0.2:5060;branch=z9hG4bKalive\r\n"
          "Max-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: alive\r\nCSeq: 1 OPTIONS\r\n\r\n",
          flow);
      world->settle();
      EXPECT_EQ(world->transport.sent.size(), 1u) << "silent after " << entry.path();
      ++fed;
    }
  }
  return fed;
}

}  // namespace lapwing::scenarios
