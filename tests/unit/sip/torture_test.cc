// The torture messages of RFC 4475 and RFC 5118, one test each, named as the RFCs name them: what the library tells a
// proxy or registrar about them. What the daemons answer is tested in the scenarios.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/sip/edits.h"
#include "common/sip/headers.h"
#include "common/sip/stream_framer.h"
#include "tests/unit/sip/messages.h"

namespace lapwing::sip {
namespace {

using testing::ElementsAre;

class Torture {
 public:
  explicit Torture(const std::string& name, Framing framing = Framing::datagram)
      : text_(torture(name)), result_(Message::parse(text_, framing)) {
    EXPECT_FALSE(text_.empty()) << name;
  }
  int answer() const { return answer_to(result_); }
  const Message& operator*() const { return *result_.message; }
  const Message* operator->() const { return &*result_.message; }
  const ParseResult& result() const { return result_; }
  const std::string& text() const { return text_; }
  // Can the answer be made from the request?
  bool usable() const { return result_.message.has_value(); }

 private:
  std::string text_;
  ParseResult result_;
};

std::vector<std::string> values(const Message& message, HeaderId id) {
  std::vector<std::string> out;
  for (std::string_view value : message.values(id)) out.push_back(unfold(value));
  return out;
}

NameAddr address(const Message& message, HeaderId id) {
  absl::StatusOr<NameAddr> parsed = NameAddr::parse(message.values(id).front());
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  return parsed.ok() ? *parsed : NameAddr();
}

Via top_via(const Message& message) {
  absl::StatusOr<Via> parsed = Via::parse(message.values(HeaderId::via).front());
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  return parsed.ok() ? *parsed : Via();
}

StreamFramer::Event framed(const std::string& text) {
  StreamFramer framer{Limits()};
  framer.add(text);
  return framer.next();
}

// RFC 4475 section 3.1.1: valid messages.

TEST(Rfc4475, wsinv) {
  Torture message("wsinv");
  ASSERT_EQ(message.answer(), kAccepted);
  EXPECT_EQ(message->method(), Method::invite);
  EXPECT_EQ(message->request_uri(), "sip:vivekg@chair-dnrc.example.com;unknownparam");
  EXPECT_EQ(address(*message, HeaderId::to).tag(), "1918181833n");
  EXPECT_EQ(unquote(address(*message, HeaderId::from).display), R"(J Rosenberg \")");
  EXPECT_EQ(address(*message, HeaderId::from).tag(), "98asjd8");
  EXPECT_EQ(max_forwards(*message), 68);
  EXPECT_EQ(CSeq::parse(message->header(HeaderId::cseq))->number, 9u);
  EXPECT_TRUE(message->has(HeaderId::subject));
  EXPECT_EQ(message->header(HeaderId::subject), "");
  EXPECT_EQ(message->value(*message->first("newfangledheader")), "newfangled value\r\n continued newfangled value");
  EXPECT_EQ(message->value(*message->first("unknownheaderwithunusualvalue")), ";;,,;;,;");
  EXPECT_EQ(message->values(HeaderId::via).size(), 3u);
  EXPECT_EQ(top_via(*message).host, "192.0.2.2");
  EXPECT_EQ(top_via(*message).branch(), "390skdjuw");
  EXPECT_EQ(address(*message, HeaderId::contact).params.get("q"), "0.33");
  EXPECT_EQ(message->body().size(), 150u);
  EXPECT_EQ(Edits().write(*message), message.text());
}

TEST(Rfc4475, intmeth) {
  Torture message("intmeth");
  ASSERT_EQ(message.answer(), kAccepted);
  EXPECT_EQ(message->method(), Method::other);
  EXPECT_EQ(message->method_text(), "!interesting-Method0123456789_*+`.%indeed'~");
  EXPECT_EQ(unquote(address(*message, HeaderId::to).display), std::string_view("BEL:\x07 NUL:\0 DEL:\x7f", 17));
  EXPECT_EQ(address(*message, HeaderId::from).tag(), "_token~1'+`*%!-.");
  EXPECT_EQ(top_via(*message).branch(), "z9hG4bK-.!%66*_+`'~");
  EXPECT_EQ(message->header(HeaderId::call_id), "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{");
  EXPECT_NE(message->first("EXTENSIONHEADER-!.%*+_`'~"), nullptr);
  // The NUL goes back as it came, escaped.
  std::string response = response_to(*message, 501, "Not Implemented", "t").finish();
  EXPECT_TRUE(Message::parse(response, Framing::datagram).ok());
}

TEST(Rfc4475, esc01) {
  Torture message("esc01");
  ASSERT_EQ(message.answer(), kAccepted);
  absl::StatusOr<Uri> uri = Uri::parse(message->request_uri());
  EXPECT_EQ(unescape(uri->user), "sips:user@example.com");
  EXPECT_EQ(uri->host, "example.net");
  EXPECT_TRUE(uris_equal(address(*message, HeaderId::to).uri.text, "sip:user@example.com"));
  NameAddr contact = address(*message, HeaderId::contact);
  EXPECT_EQ(unescape(contact.uri.user), "caller");
  EXPECT_EQ(unescape("v%61lue%25%34%31"), "value%41");
}

TEST(Rfc4475, escnull) {
  Torture message("escnull");
  ASSERT_EQ(message.answer(), kAccepted);
  std::vector<std::string> contacts = values(*message, HeaderId::contact);
  ASSERT_THAT(contacts, ElementsAre("<sip:%00@host5.example.com>", "<sip:%00%00@host5.example.com>"));
  EXPECT_FALSE(uris_equal(NameAddr::parse(contacts[0])->uri.text, NameAddr::parse(contacts[1])->uri.text));
  EXPECT_EQ(unescape(address(*message, HeaderId::to).uri.user), std::string_view("null-\0-null", 11));
}

TEST(Rfc4475, esc02) {
  Torture message("esc02");
  ASSERT_EQ(message.answer(), kAccepted);
  EXPECT_EQ(message->method(), Method::other);
  EXPECT_THAT(values(*message, HeaderId::contact),
              ElementsAre("<sip:alias1@host1.example.com>", "<sip:alias3@host3.example.com>"));
  EXPECT_NE(message->first("C%6Fntact"), nullptr);
}

TEST(Rfc4475, lwsdisp) {
  Torture message("lwsdisp");
  ASSERT_EQ(message.answer(), kAccepted);
  EXPECT_EQ(address(*message, HeaderId::from).display, "caller");
}

TEST(Rfc4475, longreq) {
  Torture message("longreq");
  ASSERT_EQ(message.answer(), kAccepted);
  EXPECT_EQ(message->values(HeaderId::via).size(), 34u);
  EXPECT_EQ(top_via(*message).host, "sip33.example.com");
}

TEST(Rfc4475, dblreq) {
  Torture message("dblreq");
  ASSERT_EQ(message.answer(), kAccepted);
  EXPECT_EQ(message->method(), Method::register_);
  EXPECT_EQ(message->body(), "");
}

TEST(Rfc4475, semiuri) {
  Torture message("semiuri");
  ASSERT_EQ(message.answer(), kAccepted);
  EXPECT_EQ(unescape(Uri::parse(message->request_uri())->user), "user;par=u@example.net");
}

TEST(Rfc4475, transports) {
  Torture message("transports");
  ASSERT_EQ(message.answer(), kAccepted);
  std::vector<std::string> transports;
  for (std::string_view via : message->values(HeaderId::via)) {
    transports.emplace_back(Via::parse(via)->transport);
  }
  EXPECT_THAT(transports, ElementsAre("UDP", "SCTP", "TLS", "UNKNOWN", "TCP"));
}

TEST(Rfc4475, mpart01) {
  Torture message("mpart01", Framing::stream);
  ASSERT_EQ(message.answer(), kAccepted);
  EXPECT_TRUE(message->body().ends_with("--7a9cbec02ceef655--\r\n"));
  EXPECT_NE(message->body().find('\0'), std::string_view::npos);
  EXPECT_EQ(std::get<StreamFramer::Complete>(framed(message.text())).bytes, message.text());
}

TEST(Rfc4475, unreason) {
  Torture message("unreason");
  ASSERT_EQ(message.answer(), kAccepted);
  EXPECT_EQ(message->status(), 200);
  EXPECT_TRUE(message->reason().starts_with("= 2**3 * 5**2 \xd0\xbd\xd0\xbe "));
}

TEST(Rfc4475, noreason) {
  Torture message("noreason");
  ASSERT_EQ(message.answer(), kAccepted);
  EXPECT_EQ(message->status(), 100);
  EXPECT_EQ(message->reason(), "");
}

// RFC 4475 section 3.1.2: invalid messages.

TEST(Rfc4475, badinv01) {
  EXPECT_EQ(Torture("badinv01").answer(), 400);
}

TEST(Rfc4475, clerr) {
  Torture message("clerr");
  EXPECT_EQ(message.answer(), 400);
  EXPECT_TRUE(message.usable());
  // On a stream the rest may still come; the owner of the connection gives up after a while.
  EXPECT_TRUE(std::holds_alternative<StreamFramer::NeedMore>(framed(message.text())));
}

TEST(Rfc4475, ncl) {
  Torture message("ncl");
  EXPECT_EQ(message.answer(), 400);
  EXPECT_TRUE(message.usable());
  EXPECT_EQ(std::get<StreamFramer::Broken>(framed(message.text())).status, 400);
}

TEST(Rfc4475, scalar02) {
  EXPECT_EQ(Torture("scalar02").answer(), 400);
}

TEST(Rfc4475, scalarlg) {
  EXPECT_EQ(Torture("scalarlg").answer(), kDropped);
}

TEST(Rfc4475, quotbal) {
  EXPECT_EQ(Torture("quotbal").answer(), 400);
}

TEST(Rfc4475, ltgtruri) {
  EXPECT_EQ(Torture("ltgtruri").answer(), 400);
}

TEST(Rfc4475, lwsruri) {
  EXPECT_EQ(Torture("lwsruri").answer(), 400);
}

TEST(Rfc4475, lwsstart) {
  Torture message("lwsstart");
  ASSERT_EQ(message.answer(), kAccepted);
  EXPECT_TRUE(Edits().write(*message).starts_with("INVITE sip:user@example.com SIP/2.0\r\n"));
}

TEST(Rfc4475, trws) {
  Torture message("trws");
  ASSERT_EQ(message.answer(), kAccepted);
  EXPECT_TRUE(Edits().write(*message).starts_with("OPTIONS sip:remote-target@example.com SIP/2.0\r\n"));
}

TEST(Rfc4475, escruri) {
  EXPECT_EQ(Torture("escruri").answer(), 400);
}

TEST(Rfc4475, baddate) {
  EXPECT_EQ(Torture("baddate").answer(), kAccepted);
}

TEST(Rfc4475, regbadct) {
  EXPECT_EQ(Torture("regbadct").answer(), 400);
}

TEST(Rfc4475, badaspec) {
  EXPECT_EQ(Torture("badaspec").answer(), 400);
}

TEST(Rfc4475, baddn) {
  EXPECT_EQ(Torture("baddn").answer(), 400);
}

TEST(Rfc4475, badvers) {
  EXPECT_EQ(Torture("badvers").answer(), 505);
}

TEST(Rfc4475, mismatch01) {
  EXPECT_EQ(Torture("mismatch01").answer(), 400);
}

TEST(Rfc4475, mismatch02) {
  EXPECT_EQ(Torture("mismatch02").answer(), 501);
}

TEST(Rfc4475, bigcode) {
  EXPECT_EQ(Torture("bigcode").answer(), kDropped);
}

// RFC 4475 sections 3.2 and 3.3: transaction and application layer.

TEST(Rfc4475, badbranch) {
  EXPECT_EQ(Torture("badbranch").answer(), 400);
}

TEST(Rfc4475, insuf) {
  Torture message("insuf");
  EXPECT_EQ(message.answer(), 400);
  EXPECT_FALSE(message.usable());  // nothing to copy: dropped
}

TEST(Rfc4475, unkscm) {
  EXPECT_EQ(Torture("unkscm").answer(), 416);
}

TEST(Rfc4475, novelsc) {
  EXPECT_EQ(Torture("novelsc").answer(), 416);
}

TEST(Rfc4475, unksm2) {
  Torture message("unksm2");
  ASSERT_EQ(message.answer(), kAccepted);                                // a proxy forwards it
  EXPECT_EQ(address(*message, HeaderId::to).uri.scheme, Scheme::other);  // a registrar answers 400
}

TEST(Rfc4475, bext01) {
  Torture message("bext01");
  ASSERT_EQ(message.answer(), kAccepted);
  Verdict verdict = check_forwarding(*message, {});
  EXPECT_EQ(verdict.status, 420);
  EXPECT_EQ(verdict.unsupported, "noProxiesSupportThis, norDoAnyProxiesSupportThis");
  EXPECT_EQ(unsupported_options(*message, HeaderId::require, {}), "nothingSupportsThis, nothingSupportsThisEither");
}

TEST(Rfc4475, invut) {
  Torture message("invut");
  ASSERT_EQ(message.answer(), kAccepted);
  EXPECT_TRUE(TokenParams::parse(message->header(HeaderId::content_type))->is("application/unknownformat"));
}

TEST(Rfc4475, regaut01) {
  Torture message("regaut01");
  ASSERT_EQ(message.answer(), kAccepted);
  EXPECT_FALSE(Credentials::parse(message->header(HeaderId::authorization))->is_digest());
}

TEST(Rfc4475, multi01) {
  EXPECT_EQ(Torture("multi01").answer(), 400);
}

TEST(Rfc4475, mcl01) {
  Torture message("mcl01");
  EXPECT_EQ(message.answer(), 400);
  StreamFramer::Event event = framed(message.text());
  ASSERT_TRUE(std::holds_alternative<StreamFramer::Broken>(event));
  ParseResult headers = Message::parse(std::get<StreamFramer::Broken>(event).headers, Framing::stream);
  EXPECT_TRUE(headers.message.has_value());
  EXPECT_TRUE(headers.failure->close_stream);
}

TEST(Rfc4475, bcast) {
  EXPECT_EQ(Torture("bcast").answer(), kDropped);
}

TEST(Rfc4475, zeromf) {
  Torture message("zeromf");
  ASSERT_EQ(message.answer(), kAccepted);
  EXPECT_EQ(check_forwarding(*message, {}).status, 483);
}

TEST(Rfc4475, cparam01) {
  Torture message("cparam01");
  ASSERT_EQ(message.answer(), kAccepted);
  NameAddr contact = address(*message, HeaderId::contact);
  EXPECT_TRUE(contact.params.has("unknownparam"));
  EXPECT_FALSE(contact.uri.has_param("unknownparam"));
}

TEST(Rfc4475, cparam02) {
  Torture message("cparam02");
  ASSERT_EQ(message.answer(), kAccepted);
  NameAddr contact = address(*message, HeaderId::contact);
  EXPECT_FALSE(contact.params.has("unknownparam"));
  EXPECT_TRUE(contact.uri.has_param("unknownparam"));
}

TEST(Rfc4475, regescrt) {
  Torture message("regescrt");
  ASSERT_EQ(message.answer(), kAccepted);
  EXPECT_EQ(address(*message, HeaderId::contact).uri.headers, "Route=%3Csip:sip.example.com%3E");
}

TEST(Rfc4475, sdp01) {
  Torture message("sdp01");
  ASSERT_EQ(message.answer(), kAccepted);
  EXPECT_FALSE(has_token(*message, HeaderId::accept, "application/sdp"));
}

TEST(Rfc4475, inv2543) {
  Torture message("inv2543");
  ASSERT_EQ(message.answer(), kAccepted);
  EXPECT_EQ(top_via(*message).branch(), "");
  EXPECT_EQ(address(*message, HeaderId::from).tag(), "");
  EXPECT_EQ(max_forwards(*message), 70);
  EXPECT_TRUE(message->body().starts_with("v=0"));
  EXPECT_FALSE(address(*message, HeaderId::record_route).uri.has_param("lr"));
}

// RFC 5118. Its three messages with SDP name body lengths that their bodies do not have (268, 181 and 236 octets); here
// they name the right ones, as the RFC calls the messages well-formed.

TEST(Rfc5118, ipv6_good) {
  Torture message("ipv6-good");
  ASSERT_EQ(message.answer(), kAccepted);
  EXPECT_EQ(Uri::parse(message->request_uri())->host, "2001:db8::10");
  EXPECT_EQ(top_via(*message).host, "2001:db8::9:1");
}

TEST(Rfc5118, ipv6_bad) {
  EXPECT_EQ(Torture("ipv6-bad").answer(), 400);
}

TEST(Rfc5118, port_ambiguous) {
  Torture message("port-ambiguous");
  ASSERT_EQ(message.answer(), kAccepted);
  absl::StatusOr<Uri> uri = Uri::parse(message->request_uri());
  EXPECT_EQ(uri->host, "2001:db8::10:5070");
  EXPECT_EQ(uri->port, 0);
}

TEST(Rfc5118, port_unambiguous) {
  Torture message("port-unambiguous");
  ASSERT_EQ(message.answer(), kAccepted);
  absl::StatusOr<Uri> uri = Uri::parse(message->request_uri());
  EXPECT_EQ(uri->host, "2001:db8::10");
  EXPECT_EQ(uri->port, 5070);
}

TEST(Rfc5118, via_received_param_with_delim) {
  Torture message("via-received-param-with-delim");
  ASSERT_EQ(message.answer(), kAccepted);
  EXPECT_EQ(top_via(*message).params.get("received"), "[2001:db8::9:255]");
}

TEST(Rfc5118, via_received_param_no_delim) {
  Torture message("via-received-param-no-delim");
  ASSERT_EQ(message.answer(), kAccepted);
  EXPECT_EQ(message->method(), Method::options);
  EXPECT_EQ(top_via(*message).params.get("received"), "2001:db8::9:255");
}

TEST(Rfc5118, ipv6_in_sdp) {
  Torture message("ipv6-in-sdp");
  ASSERT_EQ(message.answer(), kAccepted);
  EXPECT_NE(message->body().find("c=IN IP6 2001:db8::20\r\n"), std::string_view::npos);
}

TEST(Rfc5118, mult_ip_in_header) {
  Torture message("mult-ip-in-header");
  ASSERT_EQ(message.answer(), kAccepted);
  std::vector<std::string> hosts;
  for (std::string_view via : message->values(HeaderId::via)) hosts.emplace_back(Via::parse(via)->host);
  EXPECT_THAT(hosts, ElementsAre("2001:db8::9:1", "192.0.2.1", "2001:db8::9:255"));
}

TEST(Rfc5118, mult_ip_in_sdp) {
  Torture message("mult-ip-in-sdp");
  ASSERT_EQ(message.answer(), kAccepted);
  EXPECT_TRUE(message.text().ends_with(message->body()));
}

TEST(Rfc5118, ipv4_mapped_ipv6) {
  Torture message("ipv4-mapped-ipv6");
  ASSERT_EQ(message.answer(), kAccepted);
  EXPECT_EQ(top_via(*message).host, "::ffff:192.0.2.10");
  EXPECT_EQ(top_via(*message).port, 19823);
  std::vector<std::string> sent_by;
  for (std::string_view via : message->values(HeaderId::via)) sent_by.emplace_back(Via::parse(via)->sent_by);
  EXPECT_THAT(sent_by, ElementsAre("[::ffff:192.0.2.10]:19823", "[::ffff:192.0.2.2]"));
  EXPECT_TRUE(message.text().ends_with(message->body()));
}

TEST(Rfc5118, ipv6_bug_abnf_3_colons) {
  Torture message("ipv6-bug-abnf-3-colons");
  ASSERT_EQ(message.answer(), kAccepted);
  EXPECT_TRUE(uris_equal(message->request_uri(), "sip:user@[2001:db8::192.0.2.1]"));
}

TEST(Rfc5118, ipv6_correct_abnf_2_colons) {
  Torture message("ipv6-correct-abnf-2-colons");
  ASSERT_EQ(message.answer(), kAccepted);
  EXPECT_EQ(host_text(*Uri::parse(message->request_uri())->address()), "[2001:db8::c000:201]");
}

}  // namespace
}  // namespace lapwing::sip
