#include "hss-client/cx_text.h"

#include <gtest/gtest.h>

#include "hss-client/cx_codec.h"

namespace lapwing::cx {
namespace {

TEST(CxText, when_a_request_is_told_then_its_users_stand_beside_its_name) {
  MultimediaAuthRequest request;
  request.routing = {"scscf.ims.example", "ims.example", "hss.ims.example", "ims.example"};
  request.impi = "1@h";
  request.impu = "sip:1@h";
  request.server_name = "sip:s";
  request.item.scheme = "Digest-AKAv1-MD5";
  const diameter::Message message = request_message(Command::multimedia_auth, "s;1", encode(request));
  EXPECT_EQ(name_of(message), "MAR");
  EXPECT_EQ(one_line(message), "MAR, User-Name: 1@h, Public-Identity: sip:1@h, Server-Name: sip:s");
  EXPECT_TRUE(listing(message).starts_with("MAR\n  Session-Id: s;1\n")) << listing(message);
}

TEST(CxText, when_an_answer_is_told_then_its_result_stands_beside_its_name) {
  UserAuthorizationAnswer answer;
  answer.routing = {"hss.ims.example", "ims.example", "", ""};
  answer.result = base::success;
  const diameter::Message request = request_message(Command::user_authorization, "s;1", {});
  EXPECT_EQ(one_line(answer_message(request, encode(answer))), "UAA 2001");
  EXPECT_EQ(name_of(answer_message(request, {})), "UAA");
}

}  // namespace
}  // namespace lapwing::cx
