#include "common/sip/headers.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/sip/messages.h"

namespace lapwing::sip {
namespace {

template <typename T>
T parsed(std::string_view value) {
  absl::StatusOr<T> result = T::parse(value);
  EXPECT_TRUE(result.ok()) << value << ": " << result.status();
  return result.ok() ? *result : T{};
}

template <typename T>
std::string why(std::string_view value) {
  absl::StatusOr<T> result = T::parse(value);
  if (result.ok()) return "accepted";
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(result.status().message());
}

std::string many_params(int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += ";p" + std::to_string(i) + "=v";
  return out;
}

TEST(Params, when_white_space_and_folds_are_around_then_values_are_found) {
  Params params(" ; a = 1\r\n ;b\t;\r\n\tc = \"x;\\\"y\" ; d=[2001:db8::1]");
  EXPECT_EQ(params.get("A"), "1");
  EXPECT_TRUE(params.has("b"));
  EXPECT_EQ(params.get("b"), "");
  EXPECT_EQ(params.get("c"), "\"x;\\\"y\"");
  EXPECT_EQ(params.unquoted("c"), "x;\"y");
  EXPECT_EQ(params.get("d"), "[2001:db8::1]");
  EXPECT_FALSE(params.has("x"));
  EXPECT_TRUE(params.check().ok());
}

TEST(Params, when_the_first_semicolon_is_missing_then_they_are_read_too) {
  Params params("icid-value=\"a b\";orig-ioi=home.example.org");
  EXPECT_EQ(params.unquoted("icid-value"), "a b");
  EXPECT_EQ(params.get("orig-ioi"), "home.example.org");
}

TEST(Params, when_taken_one_by_one_then_a_malformed_one_ends_them) {
  std::string_view rest = ";a=1;b;=;c=2";
  EXPECT_EQ(Params::take(rest)->value, "1");
  EXPECT_EQ(Params::take(rest)->name, "b");
  EXPECT_EQ(Params::take(rest)->name, "");
  EXPECT_FALSE(Params::take(rest).has_value()) << "nothing is left behind a malformed one";
}

TEST(Params, when_malformed_then_check_says_so) {
  for (std::string_view text : {";", ";;", ";a;", ";=v", ";a=\"x", ";a=\"x\"y", ";a b", ";a=b c", ";a=<b>", ";a=1,"}) {
    EXPECT_FALSE(Params(text).check().ok()) << text;
  }
  EXPECT_TRUE(Params(many_params(64)).check().ok());
  EXPECT_FALSE(Params(many_params(65)).check().ok());
}

TEST(NameAddr, when_quoted_then_display_uri_and_tag_are_found) {
  auto value = parsed<NameAddr>("\"Alice \\\"<A>\\\"\" <sip:alice@example.com;lr>;tag=1928");
  EXPECT_EQ(value.display, "\"Alice \\\"<A>\\\"\"");
  EXPECT_EQ(unquote(value.display), "Alice \"<A>\"");
  EXPECT_EQ(value.uri.user, "alice");
  EXPECT_TRUE(value.uri.has_param("lr"));
  EXPECT_FALSE(value.params.has("lr"));
  EXPECT_EQ(value.tag(), "1928");
  EXPECT_TRUE(value.in_brackets);
}

TEST(NameAddr, when_not_in_brackets_then_parameters_belong_to_the_header) {
  auto value = parsed<NameAddr>("sip:alice@example.com;unknownparam;tag=x");
  EXPECT_EQ(value.uri.params, "");
  EXPECT_TRUE(value.params.has("unknownparam"));
  EXPECT_EQ(value.tag(), "x");
  EXPECT_FALSE(value.in_brackets);
}

TEST(NameAddr, when_unusual_but_sound_then_it_is_accepted) {
  EXPECT_EQ(parsed<NameAddr>("caller<sip:caller@example.com>;tag=323").display, "caller");
  EXPECT_EQ(parsed<NameAddr>("<sip:a@h>").display, "");
  EXPECT_EQ(parsed<NameAddr>("J\xC3\xBCrgen M. <sip:a@h>").display, "J\xC3\xBCrgen M.");
  EXPECT_EQ(parsed<NameAddr>("\"A\"\r\n <sip:a@h>\r\n ;\r\n tag = x").tag(), "x");
  EXPECT_EQ(parsed<NameAddr>("<tel:+1-555>;tag=x").uri.scheme, Scheme::tel);
  EXPECT_EQ(parsed<NameAddr>("<sip:a@h?Route=%3Csip:b%3E>;expires=5").uri.headers, "Route=%3Csip:b%3E");
  EXPECT_EQ(parsed<NameAddr>("<urn:service:sos>").uri.scheme, Scheme::urn);
  EXPECT_EQ(parsed<NameAddr>("sip:a@h;tag=" + std::string(5000, 'x')).tag().size(), 5000u);
}

TEST(NameAddr, when_malformed_then_the_reason_is_given) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", "URI without a scheme"},
      {"*", "URI without a scheme"},
      {"\"Mr. J. User <sip:j.user@example.com>", "unterminated quoted string"},
      {"\"A\" sip:a@h", "no < after the display name"},
      {"\"A", "unterminated quoted string"},
      {"\"A\\", "unterminated quoted string"},
      {"Bell, Alexander <sip:a@h>", "URI with ? or , outside <>"},
      {"<sip:a@h", "no > after the URI"},
      {"<>", "URI without a scheme"},
      {"< sip:a@h >", "bad URI scheme"},
      {"<sip:a@h >", "bad character after the host of a URI"},
      {"<sip:a@h>x", "bad character before the parameters"},
      {"<sip:a@h> tag=x", "bad character before the parameters"},
      {"<sip:a@h>;;tag=x", "malformed parameter"},
      {"<sip:a@h>;", "malformed parameter"},
      {"<sip:a@h>;tag=x;Tag=y", "parameter given twice"},
      {"<sip:a@h>;x=\"y", "malformed parameter"},
      {"sip:user@example.com?Route=%3Csip:sip.example.com%3E", "URI with ? or , outside <>"},
      {"sip:user@example.com;transport=tcp?Route=x", "URI with ? outside <>"},
      {"sip:a,b@h", "URI with ? or , outside <>"},
  };
  for (auto [value, reason] : cases) EXPECT_EQ(why<NameAddr>(value), reason) << value;
  EXPECT_EQ(why<NameAddr>("<sip:a@h>" + many_params(65)), "more than 64 parameters");
  EXPECT_EQ(why<NameAddr>("<sip:a@h>" + many_params(64)), "accepted");
}

TEST(Contact, when_a_handset_registers_then_the_registrar_finds_what_it_reads) {
  auto contact = parsed<Contact>(
      "<sip:001010000000001@192.0.2.7:6000;alias=192.0.2.7~6000>;+sip.instance=\"<urn:gsma:imei:35000000-000000-0>\""
      ";+g.3gpp.icsi-ref=\"urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel\";reg-id=1;q=0.5;expires=600000");
  EXPECT_EQ(contact.expires, 600000u);
  EXPECT_EQ(contact.instance, "<urn:gsma:imei:35000000-000000-0>");
  EXPECT_EQ(contact.reg_id, 1u);
  EXPECT_EQ(contact.q, 500);
  EXPECT_EQ(contact.address.uri.port, 6000);
}

TEST(Contact, when_numbers_are_malformed_then_they_are_as_absent) {
  auto contact = parsed<Contact>("<sip:a@h>;expires=soon;reg-id=-1;q=2");
  EXPECT_EQ(contact.expires, std::nullopt);
  EXPECT_EQ(contact.reg_id, std::nullopt);
  EXPECT_EQ(contact.q, 1000);
  EXPECT_EQ(contact.instance, "");
  EXPECT_EQ(parsed<Contact>("<sip:a@h>;expires=99999999999").expires, UINT32_MAX);
}

TEST(Contact, when_q_is_written_then_it_is_thousandths) {
  const std::pair<std::string, int> cases[] = {{"0", 0},         {"0.", 0},    {"0.7", 700},    {"0.07", 70},
                                               {"0.123", 123},   {"1", 1000},  {"1.000", 1000}, {"1.1", 1000},
                                               {"0.1234", 1000}, {".5", 1000}, {"0.x", 1000},   {"", 1000}};
  for (const auto& [text, q] : cases) EXPECT_EQ(parsed<Contact>("<sip:a@h>;q=" + text).q, q) << text;
}

TEST(Via, when_every_part_is_there_then_each_is_found) {
  auto via = parsed<Via>("SIP/2.0/UDP 192.0.2.1:5070;rport;received=192.0.2.9;branch=z9hG4bKabc;x=\"y\"");
  EXPECT_EQ(via.transport, "UDP");
  EXPECT_EQ(via.host, "192.0.2.1");
  EXPECT_EQ(via.port, 5070);
  EXPECT_EQ(via.sent_by, "192.0.2.1:5070");
  EXPECT_EQ(via.branch(), "z9hG4bKabc");
  EXPECT_TRUE(via.params.has("rport"));
}

TEST(Via, when_white_space_is_where_it_may_be_then_it_is_accepted) {
  auto via = parsed<Via>("SIP  / 2.0\r\n /UDP\r\n    192.0.2.2 :  5080 ;\r\n branch = z9hG4bK1");
  EXPECT_EQ(via.transport, "UDP");
  EXPECT_EQ(via.host, "192.0.2.2");
  EXPECT_EQ(via.port, 5080);
  EXPECT_EQ(via.branch(), "z9hG4bK1");
  EXPECT_EQ(parsed<Via>("sip/2.0/TLS host;branch=z9").sent_by, "host");
}

TEST(Via, when_the_transport_is_unknown_or_the_address_ipv6_then_it_is_accepted) {
  EXPECT_EQ(parsed<Via>("SIP/2.0/UNKNOWN t4.example.com;branch=z9").transport, "UNKNOWN");
  auto via = parsed<Via>("SIP/2.0/UDP [2001:db8::9:1]:5060;received=2001:db8::9:255;branch=z9");
  EXPECT_EQ(via.host, "2001:db8::9:1");
  EXPECT_TRUE(via.host_is_ipv6);
  EXPECT_EQ(via.sent_by, "[2001:db8::9:1]:5060");
  EXPECT_EQ(via.params.get("received"), "2001:db8::9:255");
  EXPECT_EQ(parsed<Via>("SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9").port, 0);
}

TEST(Via, when_malformed_then_the_reason_is_given) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", "Via of another protocol"},
      {"HTTP/2.0/UDP h", "Via of another protocol"},
      {"SIP", "malformed protocol in Via"},
      {"SIP/7.0/UDP h", "Via of another SIP version"},
      {"SIP/2.0/UDP", "malformed protocol in Via"},
      {"SIP/2.0/ h", "malformed protocol in Via"},
      {"SIP/2.0 UDP h", "malformed protocol in Via"},
      {"SIP/2.0/UDP ", "malformed protocol in Via"},
      {"SIP/2.0/UDP ;branch=x", "no host"},
      {"SIP/2.0/UDP h:", "bad port"},
      {"SIP/2.0/UDP h:0", "bad port"},
      {"SIP/2.0/UDP h:70000", "bad port"},
      {"SIP/2.0/UDP [::1", "IPv6 address without closing bracket"},
      {"SIP/2.0/UDP h branch=x", "bad character before the parameters"},
      {"SIP/2.0/UDP 192.0.2.15;;,;,,", "malformed parameter"},
      {"SIP/2.0/UDP h;branch=a;branch=b", "parameter given twice"},
      {"SIP/2.0/UDP h;branch=\"a", "malformed parameter"},
  };
  for (auto [value, reason] : cases) EXPECT_EQ(why<Via>(value), reason) << value;
  EXPECT_EQ(why<Via>("SIP/2.0/UDP h" + many_params(65)), "more than 64 parameters");
}

TEST(CSeq, when_sound_then_number_and_method_are_found) {
  auto cseq = parsed<CSeq>("0009\r\n  INVITE ");
  EXPECT_EQ(cseq.number, 9u);
  EXPECT_EQ(cseq.method, "INVITE");
  EXPECT_EQ(parsed<CSeq>("4294967295 OPTIONS").number, UINT32_MAX);
  EXPECT_EQ(parsed<CSeq>("1 " + std::string(9000, 'A')).method.size(), 9000u);
}

TEST(CSeq, when_malformed_then_the_reason_is_given) {
  EXPECT_EQ(why<CSeq>(""), "bad number in CSeq");
  EXPECT_EQ(why<CSeq>("36893488147419103232 REGISTER"), "bad number in CSeq");
  EXPECT_EQ(why<CSeq>("4294967296 REGISTER"), "bad number in CSeq");
  EXPECT_EQ(why<CSeq>("-1 REGISTER"), "bad number in CSeq");
  EXPECT_EQ(why<CSeq>("1INVITE"), "malformed CSeq");
  EXPECT_EQ(why<CSeq>("1"), "malformed CSeq");
  EXPECT_EQ(why<CSeq>("1 IN VITE"), "bad method in CSeq");
  EXPECT_EQ(why<CSeq>("1 INVITE,"), "bad method in CSeq");
}

TEST(Credentials, when_digest_then_parameters_are_found) {
  auto value = parsed<Credentials>(
      "Digest username=\"001@ims.example.org\",realm=\"ims.example.org\" ,\r\n nonce=\"\", uri=\"sip:ims.example.org\","
      "response=\"\", algorithm=AKAv1-MD5, nc = 00000001");
  EXPECT_TRUE(value.is_digest());
  EXPECT_EQ(value.get("USERNAME"), "001@ims.example.org");
  EXPECT_EQ(value.get("algorithm"), "AKAv1-MD5");
  EXPECT_EQ(value.get("nc"), "00000001");
  EXPECT_EQ(value.get("nonce"), "");
  EXPECT_EQ(value.raw("nonce"), "\"\"");
  EXPECT_TRUE(value.has("response"));
  EXPECT_FALSE(value.has("auts"));
  std::string_view rest = value.params_text;
  EXPECT_EQ(Params::take(rest, ',')->name, "username");
  EXPECT_EQ(Params::take(rest, ',')->name, "realm");
}

TEST(Credentials, when_values_lack_their_quotes_then_they_are_still_found) {
  auto value = parsed<Credentials>("digest nonce=dGVzdA==,uri=sip:a@h;lr");
  EXPECT_EQ(value.get("nonce"), "dGVzdA==");
  EXPECT_EQ(value.get("uri"), "sip:a@h;lr");
}

TEST(Credentials, when_the_scheme_is_unknown_then_the_rest_is_kept) {
  auto value = parsed<Credentials>("NoOneKnowsThisScheme opaque-data=here");
  EXPECT_FALSE(value.is_digest());
  EXPECT_EQ(value.scheme, "NoOneKnowsThisScheme");
  EXPECT_EQ(value.get("opaque-data"), "here");
  EXPECT_EQ(parsed<Credentials>("Basic QWxhZGRpbg==").params_text, "QWxhZGRpbg==");
}

TEST(Credentials, when_malformed_then_the_reason_is_given) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", "credentials without a scheme"},
      {"Digest", "credentials without a scheme"},
      {"Digest ", "credentials without a scheme"},
      {"Digest a a=\"\",real", "malformed parameter in credentials"},
      {"Digest a=\"\",real", "malformed parameter in credentials"},
      {"Digest a=", "malformed parameter in credentials"},
      {"Digest a=b,", "malformed parameter in credentials"},
      {"Digest ,a=b", "malformed parameter in credentials"},
      {"Digest a=b,,c=d", "malformed parameter in credentials"},
      {"Digest a=\"b", "malformed parameter in credentials"},
      {"Digest a=\"b\\\"", "malformed parameter in credentials"},
      {"Digest a=\"b\"c=\"d\"", "malformed parameter in credentials"},
      {"Digest a=b,A=c", "parameter given twice in credentials"},
  };
  for (auto [value, reason] : cases) EXPECT_EQ(why<Credentials>(value), reason) << value;
  std::string many = "Digest p=v";
  for (int i = 1; i < 64; ++i) many += ",p" + std::to_string(i) + "=v";
  EXPECT_EQ(why<Credentials>(many), "accepted");
  EXPECT_EQ(why<Credentials>(many + ",q=v"), "more than 64 parameters in credentials");
}

TEST(TokenParams, when_it_is_a_media_type_then_white_space_around_the_slash_does_not_count) {
  auto type = parsed<TokenParams>("Multipart / Mixed ;\r\n boundary=\"a b\"");
  EXPECT_TRUE(type.is("multipart/mixed"));
  EXPECT_FALSE(type.is("multipart/mixe"));
  EXPECT_FALSE(type.is("multipart/mixed2"));
  EXPECT_EQ(type.params.unquoted("boundary"), "a b");
}

TEST(TokenParams, when_it_is_a_token_or_a_quoted_string_then_it_is_kept_as_it_came) {
  EXPECT_EQ(parsed<TokenParams>("presence.winfo;id=7").token, "presence.winfo");
  EXPECT_EQ(parsed<TokenParams>("*;+g.3gpp.icsi-ref=\"x\";require").token, "*");
  EXPECT_EQ(parsed<TokenParams>("3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=0010100010000101").token, "3GPP-E-UTRAN-FDD");
  EXPECT_EQ(parsed<TokenParams>("\"Visited network\"").token, "\"Visited network\"");
  EXPECT_EQ(parsed<TokenParams>("ipsec-3gpp; alg=hmac-sha-1-96; spi-c=1").params.get("spi-c"), "1");
}

TEST(TokenParams, when_malformed_then_the_reason_is_given) {
  EXPECT_EQ(why<TokenParams>(""), "no token");
  EXPECT_EQ(why<TokenParams>(";a=b"), "no token");
  EXPECT_EQ(why<TokenParams>("text/"), "no token after /");
  EXPECT_EQ(why<TokenParams>("\"a"), "unterminated quoted string");
  EXPECT_EQ(why<TokenParams>("a b"), "bad character before the parameters");
  EXPECT_EQ(why<TokenParams>("a;"), "malformed parameter");
}

TEST(Headers, when_seconds_are_read_then_overflow_is_the_maximum) {
  EXPECT_EQ(parse_seconds("0"), 0u);
  EXPECT_EQ(parse_seconds(" 0003600 "), 3600u);
  EXPECT_EQ(parse_seconds("4294967296"), UINT32_MAX);
  EXPECT_EQ(parse_seconds(std::string(1000, '9')), UINT32_MAX);
  EXPECT_EQ(parse_seconds(""), std::nullopt);
  EXPECT_EQ(parse_seconds("-1"), std::nullopt);
  EXPECT_EQ(parse_seconds("60 s"), std::nullopt);
}

TEST(Headers, when_text_is_quoted_then_unquote_gives_it_back) {
  EXPECT_EQ(quote("say \"hi\" \\ there"), "\"say \\\"hi\\\" \\\\ there\"");
  EXPECT_EQ(quote("a\r\nEvil: b"), "\"aEvil: b\"");
  for (std::string_view text : {"", "plain", "\"", "\\", "a\\\"b", "caf\xC3\xA9"}) {
    EXPECT_EQ(unquote(quote(text)), text);
  }
  EXPECT_EQ(unquote("token"), "token");
  EXPECT_EQ(unquote("\""), "\"");
  EXPECT_EQ(unquote("\"a \r\n\t b\""), "a b");
}

TEST(Headers, when_a_quoted_string_holds_what_it_must_not_then_it_is_refused) {
  using namespace std::string_literals;
  EXPECT_EQ(why<NameAddr>("\"a\0b\" <sip:a@h>"s), "unterminated quoted string");
  EXPECT_EQ(why<NameAddr>("\"a\\\nb\" <sip:a@h>"s), "unterminated quoted string");
  EXPECT_EQ(why<NameAddr>("\"a\\\0b\" <sip:a@h>"s), "accepted") << "NUL is legal as a quoted pair";
}

TEST(Headers, when_a_text_is_a_token_then_is_token_says_so) {
  EXPECT_TRUE(is_token("!interesting-Method0123456789_*+`.%indeed'~"));
  EXPECT_FALSE(is_token(""));
  EXPECT_FALSE(is_token("a b"));
  EXPECT_FALSE(is_token("a\xC3\xA9"));
  EXPECT_FALSE(is_token(std::string_view("a\0", 2)));
}

TEST(Headers, when_a_token_is_listed_then_has_token_finds_it_in_any_case_and_row) {
  std::string text =
      "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\n"
      "Call-ID: 1\r\nCSeq: 1 OPTIONS\r\nRequire: path,\r\n sec-agree\r\nk: 100rel\r\nSupported: gruu\r\n\r\n";
  ParseResult result = Message::parse(text, Framing::datagram);
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(has_token(*result.message, HeaderId::require, "Sec-Agree"));
  EXPECT_TRUE(has_token(*result.message, HeaderId::require, "path"));
  EXPECT_TRUE(has_token(*result.message, HeaderId::supported, "100rel"));
  EXPECT_TRUE(has_token(*result.message, HeaderId::supported, "gruu"));
  EXPECT_FALSE(has_token(*result.message, HeaderId::supported, "gru"));
  EXPECT_FALSE(has_token(*result.message, HeaderId::proxy_require, "path"));
}

template <typename T>
void expect_parsed(const std::string& file, std::string_view value) {
  // One core wrote its missing domain into an identity.
  if (value.ends_with("@<null>>")) return;
  absl::StatusOr<T> result = T::parse(value);
  EXPECT_TRUE(result.ok()) << file << ": " << value << ": " << result.status();
}

TEST(Headers, when_a_handset_or_core_really_sent_it_then_every_typed_view_reads_it) {
  std::map<std::string, std::string> files = all_captured();
  if (files.empty()) GTEST_SKIP() << "no captured messages: set LAPWING_HANDSET_DATA";
  for (const auto& [file, text] : files) {
    ParseResult parsed = Message::parse(text, Framing::datagram);
    ASSERT_TRUE(parsed.ok()) << file;
    const Message& message = *parsed.message;
    for (HeaderId id : {HeaderId::from, HeaderId::to, HeaderId::route, HeaderId::record_route, HeaderId::path,
                        HeaderId::service_route, HeaderId::p_asserted_identity, HeaderId::p_preferred_identity,
                        HeaderId::p_associated_uri}) {
      for (std::string_view value : message.values(id)) expect_parsed<NameAddr>(file, value);
    }
    for (HeaderId id : {HeaderId::event, HeaderId::content_type, HeaderId::accept, HeaderId::accept_contact,
                        HeaderId::p_access_network_info, HeaderId::security_client, HeaderId::security_server,
                        HeaderId::security_verify, HeaderId::subscription_state, HeaderId::session_expires}) {
      for (std::string_view value : message.values(id)) expect_parsed<TokenParams>(file, value);
    }
    for (HeaderId id : {HeaderId::authorization, HeaderId::www_authenticate}) {
      if (message.has(id)) expect_parsed<Credentials>(file, message.header(id));
    }
    for (std::string_view value : message.values(HeaderId::contact)) expect_parsed<Contact>(file, value);
    for (std::string_view value : message.values(HeaderId::via)) expect_parsed<Via>(file, value);
    expect_parsed<CSeq>(file, message.header(HeaderId::cseq));
  }
}

}  // namespace
}  // namespace lapwing::sip
