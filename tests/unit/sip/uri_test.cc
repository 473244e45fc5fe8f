#include "common/sip/uri.h"

#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

namespace lapwing::sip {
namespace {

using namespace std::string_literals;

Uri parsed(std::string_view text) {
  absl::StatusOr<Uri> uri = Uri::parse(text);
  EXPECT_TRUE(uri.ok()) << text << ": " << uri.status();
  return uri.ok() ? *uri : Uri{};
}

std::string why(std::string_view text) {
  absl::StatusOr<Uri> uri = Uri::parse(text);
  if (uri.ok()) return "accepted";
  EXPECT_EQ(uri.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(uri.status().message());
}

TEST(Uri, when_every_part_is_there_then_each_is_found) {
  Uri uri = parsed("sip:alice:secret@ims.example.org:5070;transport=udp;lr?subject=hi&priority=urgent");
  EXPECT_EQ(uri.scheme, Scheme::sip);
  EXPECT_EQ(uri.user, "alice");
  EXPECT_EQ(uri.password, "secret");
  EXPECT_EQ(uri.host, "ims.example.org");
  EXPECT_EQ(uri.port, 5070);
  EXPECT_EQ(uri.params, "transport=udp;lr");
  EXPECT_EQ(uri.headers, "subject=hi&priority=urgent");
  EXPECT_EQ(uri.param("TRANSPORT"), "udp");
  EXPECT_TRUE(uri.has_param("lr"));
  EXPECT_EQ(uri.param("lr"), "");
  EXPECT_FALSE(uri.has_param("maddr"));
}

TEST(Uri, when_there_is_no_user_then_the_rest_is_found) {
  Uri uri = parsed("SIPS:pcscf.example.org;lr");
  EXPECT_EQ(uri.scheme, Scheme::sips);
  EXPECT_EQ(uri.user, "");
  EXPECT_EQ(uri.host, "pcscf.example.org");
  EXPECT_EQ(uri.port, 0);
}

TEST(Uri, when_the_user_holds_semicolons_and_question_marks_then_it_ends_at_the_at_sign) {
  EXPECT_EQ(parsed("sip:user;par=u%40example.net@example.com").user, "user;par=u%40example.net");
  EXPECT_EQ(parsed("sip:a?b=c/d,e&f+g$h@example.com").user, "a?b=c/d,e&f+g$h");
  EXPECT_EQ(parsed("sip:*#06#@example.com").user, "*#06#");
}

TEST(Uri, when_the_host_is_an_address_then_address_finds_it) {
  Uri v6 = parsed("sip:alice@[2001:db8::10:5070]");
  EXPECT_EQ(v6.host, "2001:db8::10:5070");
  EXPECT_TRUE(v6.host_is_ipv6);
  EXPECT_EQ(v6.port, 0);
  EXPECT_EQ(v6.address(), asio::ip::make_address("2001:db8::10:5070"));
  EXPECT_EQ(parsed("sip:[2001:db8::10]:5070").port, 5070);
  EXPECT_EQ(parsed("sip:[::ffff:192.0.2.10]:19823").address(), asio::ip::make_address("::ffff:192.0.2.10"));
  EXPECT_EQ(parsed("sip:[2001:db8:::192.0.2.1]").address(), asio::ip::make_address("2001:db8::192.0.2.1"));
  EXPECT_EQ(parsed("sip:192.0.2.1").address(), asio::ip::make_address("192.0.2.1"));
  EXPECT_EQ(parsed("sip:example.com").address(), std::nullopt);
}

TEST(Uri, when_it_is_malformed_then_the_reason_is_given) {
  const std::tuple<std::string, std::string> cases[] = {
      {"", "URI without a scheme"},
      {"alice@example.com", "URI without a scheme"},
      {":alice@example.com", "URI without a scheme"},
      {"s p:alice@example.com", "bad URI scheme"},
      {"1sip:alice@example.com", "bad URI scheme"},
      {"sip:", "no host"},
      {"sip:@example.com", "empty user in URI"},
      {"sip::pass@example.com", "empty user in URI"},
      {"sip:alice@", "no host"},
      {"sip:alice@@example.com", "more than one @ in URI"},
      {"sip:alice@example.com@evil.com", "more than one @ in URI"},
      {"sip:alice@example.com;x=a@b", "more than one @ in URI"},
      {"sip:a lice@example.com", "bad character in the user of a URI"},
      {"sip:al%4ce%zz@example.com", "bad character in the user of a URI"},
      {"sip:alice%4@example.com", "bad character in the user of a URI"},
      {"sip:al\0ice@example.com"s, "bad character in the user of a URI"},
      {"sip:alice:p:q@example.com", "bad character in the password of a URI"},
      {"sip:2001:db8::10", "bad port"},
      {"sip:alice@example.com:", "bad port"},
      {"sip:alice@example.com:0", "bad port"},
      {"sip:alice@example.com:65536", "bad port"},
      {"sip:alice@example.com:99999999999999999999", "bad port"},
      {"sip:alice@example.com:5060x", "bad character after the host of a URI"},
      {"sip:[2001:db8::10", "IPv6 address without closing bracket"},
      {"sip:[2001:db8::10%eth0]", "bad IPv6 address"},
      {"sip:[2001::db8::10]", "bad IPv6 address"},
      {"sip:[]", "bad IPv6 address"},
      {"sip:[" + std::string(100, ':') + "]", "bad IPv6 address"},
      {"sip:192.0.2.256", "bad IPv4 address"},
      {"sip:1.2.3", "bad IPv4 address"},
      {"sip:host..example.com", "host name with an empty label"},
      {"sip:.example.com", "host name with an empty label"},
      {"sip:" + std::string(256, 'a'), "host name over 255 bytes"},
      {"sip:example.com;", "empty URI parameter"},
      {"sip:example.com;;lr", "empty URI parameter"},
      {"sip:example.com;lr;", "empty URI parameter"},
      {"sip:example.com;=x", "empty URI parameter"},
      {"sip:example.com;lr;LR", "URI parameter given twice"},
      {"sip:example.com;lr;%6cr", "URI parameter given twice"},
      {"sip:example.com;transport=udp;x;Transport=tcp", "URI parameter given twice"},
      {"sip:example.com;user=phone;user=ip", "URI parameter given twice"},
      {"sip:example.com;method=INVITE;method=BYE", "URI parameter given twice"},
      {"sip:example.com;ttl=1;ttl=1", "URI parameter given twice"},
      {"sip:example.com;maddr=192.0.2.1;m%61ddr=192.0.2.2", "URI parameter given twice"},
      {"tel:+1555;isub=1;isub=1", "URI parameter given twice"},
      {"sip:example.com;x=\"a\"", "bad character in URI parameter"},
      {"sip:example.com;x=%g0", "bad character in URI parameter"},
      {"sip:example.com?", "empty URI header"},
      {"sip:example.com?a=b&", "empty URI header"},
      {"sip:example.com?a", "bad URI header"},
      {"sip:example.com?=b", "bad URI header"},
      {"sip:example.com?a=b;c", "bad character in URI header"},
      {"sip:example.com ", "bad character after the host of a URI"},
      {"tel:", "bad telephone number"},
      {"tel:+", "bad telephone number"},
      {"tel:-", "bad telephone number"},
      {"tel:+1555abc", "bad telephone number"},
      {"tel:+1555@example.com", "bad telephone number"},
      {"urn:", "URI with nothing after its scheme"},
      {"http://a/<b>", "bad character in URI"},
      {"http://a b", "bad character in URI"},
  };
  for (const auto& [text, reason] : cases) EXPECT_EQ(why(text), reason) << text;
}

TEST(Uri, when_a_parameter_without_meaning_comes_twice_then_the_first_counts) {
  Uri uri = parsed("sip:192.0.2.7:6000;alias=192.0.2.7~6000~2;alias=192.0.2.8~7000~1;lr");
  EXPECT_EQ(uri.param("alias"), "192.0.2.7~6000~2");
  EXPECT_TRUE(uri.has_param("lr"));
  EXPECT_TRUE(uri.equals(uri));
  EXPECT_TRUE(uri.equals(parsed("sip:192.0.2.7:6000;lr;alias=192.0.2.7~6000~2")));
  EXPECT_FALSE(uri.equals(parsed("sip:192.0.2.7:6000;lr;alias=192.0.2.8~7000~1")));
}

TEST(Uri, when_it_is_over_4096_bytes_then_it_is_refused) {
  std::string longest = "sip:" + std::string(4096 - 6, 'a') + "@h";
  EXPECT_EQ(parsed(longest).user.size(), 4090u);
  EXPECT_EQ(why("sip:a" + longest.substr(4)), "URI over 4096 bytes");
}

TEST(Uri, when_it_has_more_than_64_parameters_or_headers_then_it_is_refused) {
  std::string params = "sip:h", headers = "sip:h?";
  for (int i = 0; i < 64; ++i) {
    params += ";p" + std::to_string(i);
    headers += (i == 0 ? "h=" : "&h=") + std::to_string(i);
  }
  EXPECT_TRUE(parsed(params).has_param("p63"));
  EXPECT_EQ(why(params + ";p64"), "more than 64 URI parameters");
  parsed(headers);
  EXPECT_EQ(why(headers + "&h=64"), "more than 64 URI headers");
}

TEST(Uri, when_the_scheme_is_unknown_then_the_rest_is_opaque) {
  for (std::string_view text : {"nobodyKnowsThisScheme:totallyopaquecontent", "soap.beep://192.0.2.103:3002",
                                "isbn:2983792873", "http://www.example.com", "name:John_Smith"}) {
    EXPECT_EQ(parsed(text).scheme, Scheme::other) << text;
  }
  EXPECT_EQ(parsed("http://www.example.com?a=b").user, "//www.example.com?a=b");
}

TEST(Uri, when_it_is_a_telephone_number_then_number_and_parameters_are_found) {
  Uri uri = parsed("tel:+1-201-555-0123;ext=5");
  EXPECT_EQ(uri.scheme, Scheme::tel);
  EXPECT_EQ(uri.user, "+1-201-555-0123");
  EXPECT_EQ(uri.param("ext"), "5");
  EXPECT_EQ(parsed("tel:*#06#;phone-context=ims.example.org").user, "*#06#");
}

TEST(Uri, when_a_handset_writes_numbers_its_own_way_then_they_are_accepted) {
  EXPECT_EQ(parsed("tel:0398765432100").canonical(), "tel:0398765432100");
  EXPECT_TRUE(uris_equal("tel:03-98", "tel:0398"));
  EXPECT_FALSE(uris_equal("tel:0398", "tel:0398;phone-context=+49"));
  EXPECT_EQ(parsed("sip:0398765432100").host, "0398765432100");
  Uri dialled = parsed("sip:0398765432100;phone-context=0498765432100@0498765432100;user=phone");
  EXPECT_EQ(dialled.user, "0398765432100;phone-context=0498765432100");
  EXPECT_EQ(dialled.host, "0498765432100");
  EXPECT_EQ(dialled.address(), std::nullopt);
}

// RFC 3261 section 19.1.4, every example.
TEST(Uri, when_the_rfc_calls_them_equivalent_then_they_are_equal) {
  const std::pair<std::string_view, std::string_view> pairs[] = {
      {"sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"},
      {"sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"},
      {"sip:carol@chicago.com", "sip:carol@chicago.com;security=on"},
      {"sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"},
      {"sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
       "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com"},
      {"sip:alice@atlanta.com?subject=project%20x&priority=urgent",
       "sip:alice@atlanta.com?priority=urgent&subject=project%20x"},
  };
  for (auto [a, b] : pairs) {
    EXPECT_TRUE(uris_equal(a, b)) << a << " " << b;
    EXPECT_TRUE(uris_equal(b, a)) << b << " " << a;
  }
}

TEST(Uri, when_the_rfc_calls_them_different_then_they_are_not_equal) {
  const std::pair<std::string_view, std::string_view> pairs[] = {
      {"SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"},
      {"sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"},
      {"sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"},
      {"sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"},
      {"sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"},
      {"sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"},
      {"sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"},
  };
  for (auto [a, b] : pairs) {
    EXPECT_FALSE(uris_equal(a, b)) << a << " " << b;
    EXPECT_FALSE(uris_equal(b, a)) << b << " " << a;
  }
}

TEST(Uri, when_parts_differ_then_they_are_not_equal) {
  const std::pair<std::string_view, std::string_view> pairs[] = {
      {"sip:a@h", "sips:a@h"},
      {"sip:a@h", "sip:h"},
      {"sip:a:x@h", "sip:a@h"},
      {"sip:a:@h", "sip:a@h"},
      {"sip:a:x@h", "sip:a:X@h"},
      {"sip:a@h;user=phone", "sip:a@h"},
      {"sip:a@h;ttl=1", "sip:a@h"},
      {"sip:a@h;method=INVITE", "sip:a@h"},
      {"sip:a@h;maddr=1.2.3.4", "sip:a@h"},
      {"sip:a%3bb@h", "sip:a;b@h"},  // an escaped reserved character is not the character
      {"sip:a@h?x=1&x=2", "sip:a@h?x=1&x=1"},
      {"sip:a@h?x=1&x=1", "sip:a@h?x=1"},
      {"sip:null-%00-null@h", "sip:null-@h"},
      {"sip:%2541@h", "sip:%41@h"},  // unescaped once only
      {"sip:a@h", "not a URI"},
  };
  for (auto [a, b] : pairs) {
    EXPECT_FALSE(uris_equal(a, b)) << a << " " << b;
    EXPECT_FALSE(uris_equal(b, a)) << b << " " << a;
  }
}

TEST(Uri, when_ipv6_addresses_are_written_differently_then_they_are_equal) {
  EXPECT_TRUE(uris_equal("sip:a@[2001:db8::1]", "sip:a@[2001:0DB8:0:0:0:0:0:1]"));
  EXPECT_TRUE(uris_equal("sip:a@[2001:db8:::192.0.2.1]", "sip:a@[2001:db8::192.0.2.1]"));
  EXPECT_FALSE(uris_equal("sip:a@[2001:db8::1]", "sip:a@[2001:db8::2]"));
  EXPECT_FALSE(uris_equal("sip:a@[::ffff:192.0.2.1]", "sip:a@192.0.2.1"));
}

TEST(Uri, when_telephone_numbers_are_compared_then_separators_and_order_do_not_count) {
  EXPECT_TRUE(uris_equal("tel:+1-201-555-0123", "TEL:+1(201)555.0123"));
  EXPECT_TRUE(uris_equal("tel:7042;phone-context=Example.com", "tel:70-42;PHONE-context=example.COM"));
  EXPECT_TRUE(uris_equal("tel:1a;phone-context=+1-212", "tel:1A;phone-context=+1212"));
  EXPECT_TRUE(uris_equal("tel:+1201;ext=1-2;isub=9", "tel:+1201;isub=9;ext=12"));
  EXPECT_FALSE(uris_equal("tel:+1201", "tel:+1201;ext=5"));
  EXPECT_FALSE(uris_equal("tel:+1201", "tel:1201;phone-context=+1"));
  EXPECT_FALSE(uris_equal("tel:+1201", "tel:+12015"));
  EXPECT_FALSE(uris_equal("tel:+1201", "sip:+1201@h;user=phone"));
}

TEST(Uri, when_services_are_compared_then_case_does_not_count) {
  EXPECT_TRUE(uris_equal("urn:service:sos.fire", "URN:Service:SOS.fire"));
  EXPECT_FALSE(uris_equal("urn:service:sos.fire", "urn:service:sos.police"));
  EXPECT_FALSE(uris_equal("urn:uuid:a", "urn:uuid:b"));
  EXPECT_TRUE(uris_equal("http://a", "HTTP://a"));
  EXPECT_FALSE(uris_equal("http://a", "http://A"));
}

TEST(Uri, when_made_canonical_then_only_the_identity_is_left) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"sip:alice@example.com", "sip:alice@example.com"},
      {"SIP:%61lice:pw@EXAMPLE.com.:5060;transport=tcp;lr?a=b", "sip:alice@example.com"},
      {"sip:Alice@example.com", "sip:Alice@example.com"},
      {"sip:a%3bb%7e@example.com", "sip:a%3Bb~@example.com"},
      {"sip:example.com", "sip:example.com"},
      {"sip:a@[2001:0DB8:0::1]:5060", "sip:a@[2001:db8::1]"},
      {"sip:+15551234@example.com;user=phone", "sip:+15551234@example.com"},
      {"sip:+1-555-(12)34;ext=7@example.com;user=PHONE", "sip:+15551234@example.com"},
      {"sip:12-34;phone-context=Example.com@example.com;user=phone", "sip:1234;phone-context=example.com@example.com"},
      {"sip:+1-555@example.com", "sip:+1-555@example.com"},  // not said to be a number
      {"sip:alice@example.com;user=phone", "sip:alice@example.com"},
      {"sip:x-y@example.com;user=phone", "sip:x-y@example.com"},
      {"tel:+1-(555).12-34;ext=9", "tel:+15551234"},
      {"TEL:11-2;x=y;Phone-Context=IMS.Example.org", "tel:112;phone-context=ims.example.org"},
      {"tel:7A;phone-context=+1-212", "tel:7a;phone-context=+1212"},
      {"URN:service:SOS;phone-context=x@y;user=phone", "urn:service:sos"},
      {"urn:Uuid:Ab", "urn:Uuid:Ab"},
  };
  for (auto [text, canonical] : cases) {
    EXPECT_EQ(parsed(text).canonical(), canonical);
    EXPECT_EQ(parsed(canonical).canonical(), canonical) << "must be its own canonical form";
  }
}

TEST(Uri, when_a_nul_is_escaped_then_nothing_is_cut) {
  EXPECT_EQ(parsed("sip:null-%00-null@example.com").canonical(), "sip:null-%00-null@example.com");
  EXPECT_EQ(parsed("sip:%00@example.com").canonical(), "sip:%00@example.com");
  EXPECT_NE(parsed("sip:%00@example.com").canonical(), parsed("sip:%00%00@example.com").canonical());
  EXPECT_EQ(unescape("a%00b"), "a\0b"s);
}

TEST(Uri, when_unescaped_then_once_and_bad_escapes_stay) {
  EXPECT_EQ(unescape("%2541%zz%4"), "%41%zz%4");
  EXPECT_EQ(unescape("caf%C3%a9"), "caf\xC3\xA9");
}

TEST(Uri, when_an_address_is_written_as_a_host_then_ipv6_has_brackets_and_no_zone) {
  EXPECT_EQ(host_text(asio::ip::make_address("192.0.2.1")), "192.0.2.1");
  EXPECT_EQ(host_text(asio::ip::make_address("2001:DB8:0:0:0:0:0:1")), "[2001:db8::1]");
  EXPECT_EQ(host_text(asio::ip::make_address("fe80::1%7")), "[fe80::1]");
}

TEST(Uri, when_cut_anywhere_then_nothing_is_read_behind_the_end) {
  std::string_view whole = "sip:al%69ce:pw@[2001:db8::1]:5060;transport=udp;x=%41?a=%42&c=d";
  for (size_t size = 0; size <= whole.size(); ++size) {
    std::vector<char> exact(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));  // for ASan
    absl::StatusOr<Uri> uri = Uri::parse({exact.data(), exact.size()});
    if (uri.ok()) EXPECT_TRUE(uri->equals(*Uri::parse(whole.substr(0, size)))) << uri->canonical();
  }
}

}  // namespace
}  // namespace lapwing::sip
