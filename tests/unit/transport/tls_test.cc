#include <gmock/gmock.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "tests/unit/transport/net.h"

namespace lapwing::sip {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string pem(const std::function<void(BIO*)>& write) {
  BIO* bio = BIO_new(BIO_s_mem());
  write(bio);
  char* data = nullptr;
  long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<size_t>(size));
  BIO_free(bio);
  return text;
}

// A self-signed certificate for "localhost" and its key.
struct Identity {
  Identity() {
    EVP_PKEY* pair = EVP_EC_gen("P-256");
    X509* cert = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_NAME* name = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("localhost"), -1, -1,
                               0);
    X509_set_issuer_name(cert, name);
    X509_set_pubkey(cert, pair);
    X509_sign(cert, pair, EVP_sha256());
    certificate = pem([&](BIO* bio) { PEM_write_bio_X509(bio, cert); });
    key = pem([&](BIO* bio) { PEM_write_bio_PrivateKey(bio, pair, nullptr, nullptr, 0, nullptr, nullptr); });
    X509_free(cert);
    EVP_PKEY_free(pair);
  }
  std::string certificate, key;
};

std::shared_ptr<asio::ssl::context> server_of(const Identity& identity) {
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  context->use_certificate(asio::buffer(identity.certificate), asio::ssl::context::pem);
  context->use_private_key(asio::buffer(identity.key), asio::ssl::context::pem);
  return context;
}

std::shared_ptr<asio::ssl::context> client_that_trusts(const Identity& identity) {
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_client);
  context->set_verify_mode(asio::ssl::verify_peer);
  context->add_certificate_authority(asio::buffer(identity.certificate));
  return context;
}

// Worker 0 serves TLS, worker 1 is its client.
struct Secure : Net {
  Secure() {
    transports[0]->use_tls(server_of(identity), nullptr);
    transports[1]->use_tls(nullptr, client_that_trusts(identity));
    at = listen(Protocol::tls);
    flow = {Protocol::tls, endpoint("127.0.0.1"), at, 0};
  }
  Identity identity;
  Endpoint at;
  Flow flow;
};

TEST(Tls, when_both_sides_are_ours_then_messages_go_both_ways) {
  Secure net;
  std::string large = options("2", std::string(60'000, 'x'));
  net[1].send(net.flow, options("1"), net.failed());
  net[1].send(net.flow, large, net.failed());
  ASSERT_TRUE(net.until([&] { return net.in[0].messages.size() == 2; })) << testing::PrintToString(net.failures);
  EXPECT_EQ(net.in[0].messages[1].bytes, large);
  EXPECT_EQ(net.in[0].messages[0].flow.protocol, Protocol::tls);
  net[0].send(net.in[0].messages[0].flow, answer("1"), net.failed());
  ASSERT_TRUE(net.until([&] { return net.in[1].messages.size() == 1; }));
  EXPECT_EQ(net.in[1].messages[0].bytes, answer("1"));
  EXPECT_TRUE(net.failures.empty());
}

TEST(Tls, when_framing_is_lost_then_answered_and_closed) {
  Secure net;
  net.in[0].on_broken = [&](const Inbox::In& in) { net[0].send(in.flow, answer("1"), net.failed()); };
  std::string bad = options("1");
  bad.replace(bad.find("Content-Length: 0"), 17, "Content-Length: x");
  net[1].send(net.flow, bad, net.failed());
  ASSERT_TRUE(net.until([&] { return net.in[1].messages.size() == 1; }));
  EXPECT_TRUE(net.until([&] { return net.connections(0) == 0 && net.connections(1) == 0; }));
}

TEST(Tls, when_the_certificate_is_not_trusted_then_one_failure_each) {
  Secure net;
  net[1].use_tls(nullptr, client_that_trusts(Identity()));
  net[1].send(net.flow, options("1"), net.failed());
  ASSERT_TRUE(net.until([&] { return !net.failures.empty() && net.connections(0) == 0; }));
  EXPECT_THAT(net.failures, ElementsAre(HasSubstr("TLS with " + net.at.text() + ": certificate verify failed")));
  EXPECT_TRUE(net.in[0].messages.empty());
}

TEST(Tls, when_plain_text_comes_then_closed) {
  Secure net;
  Peer peer(net.at);
  peer.write(options("1"));
  ASSERT_TRUE(net.until([&] { return peer.read(), peer.closed; }));
  EXPECT_TRUE(net.in[0].messages.empty());
  EXPECT_EQ(net.connections(), 0u);
}

TEST(Tls, when_the_handshake_is_not_finished_in_time_then_closed) {
  Secure net;
  Peer peer(net.at);
  ASSERT_TRUE(net.until([&] { return net.connections() == 1; }));
  net.pass(std::chrono::seconds(5));
  EXPECT_EQ(net.connections(), 0u);
}

TEST(Tls, when_the_server_speaks_plain_text_then_one_failure) {
  Secure net;
  Peer server = Peer::bound(endpoint("127.0.0.1")), peer;
  net[1].send({Protocol::tls, endpoint("127.0.0.1"), server.local(), 0}, options("1"), net.failed());
  ASSERT_TRUE(net.until([&] { return (peer = server.accept()).valid(); }));
  peer.write(answer("1"));
  ASSERT_TRUE(net.until([&] { return !net.failures.empty(); }));
  EXPECT_THAT(net.failures, ElementsAre(HasSubstr("TLS with")));
}

}  // namespace
}  // namespace lapwing::sip
