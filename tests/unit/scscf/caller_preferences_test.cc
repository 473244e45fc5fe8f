#include "scscf/caller_preferences.h"

#include <gmock/gmock.h>

#include "tests/unit/scscf/support.h"

namespace lapwing::scscf {
namespace {

Binding contact(const std::string& uri, const std::string& params, uint16_t q = 1000) {
  Binding binding;
  binding.uri = uri;
  binding.params = params;
  binding.q = q;
  return binding;
}

// "u5 | u1 u4": the groups in order.
std::string order(const std::vector<Binding>& contacts, const std::string& lines) {
  std::string text;
  for (const std::vector<Binding>& group : order_contacts(contacts, invite_with(lines))) {
    text += text.empty() ? "" : " | ";
    for (size_t i = 0; i < group.size(); ++i) text += (i > 0 ? " " : "") + group[i].uri;
  }
  return text;
}

// RFC 3841 section 7.2.5.
const std::vector<Binding> rfc_contacts = {
    contact("u1", ";audio;video;methods=\"INVITE,BYE\"", 200),
    contact("u2", ";audio=\"FALSE\";methods=\"INVITE\";actor=\"msg-taker\"", 200),
    contact("u3", ";audio;actor=\"msg-taker\";methods=\"INVITE\";video", 300),
    contact("u4", ";audio;methods=\"INVITE,OPTIONS\"", 200),
    contact("u5", "", 500),
};

TEST(OrderContacts, when_the_example_of_RFC_3841_is_played_then_u5_and_behind_it_u1_before_u4) {
  EXPECT_EQ(order(rfc_contacts,
                  "Reject-Contact: *;actor=\"msg-taker\";video\r\nAccept-Contact: *;audio;require\r\n"
                  "Accept-Contact: *;video;explicit\r\nAccept-Contact: *;methods=\"BYE\";class=\"business\";q=1.0\r\n"),
            "u5 | u1 u4");
}

TEST(OrderContacts, when_only_the_Reject_Contact_of_the_example_is_there_then_u3_goes) {
  EXPECT_EQ(order(rfc_contacts, "Reject-Contact: *;actor=\"msg-taker\";video\r\n"), "u5 | u1 u2 u4");
}

TEST(OrderContacts, when_nothing_is_said_then_by_q_and_as_they_came) {
  EXPECT_EQ(order({contact("a", "", 500), contact("b", ""), contact("c", "", 500)}, ""), "b | a c");
}

TEST(OrderContacts, when_Request_Disposition_says_how_then_so) {
  std::vector<Binding> three = {contact("a", "", 500), contact("b", ""), contact("c", "", 500)};
  EXPECT_EQ(order(three, "Request-Disposition: parallel\r\n"), "b a c");
  EXPECT_EQ(order(three, "Request-Disposition: proxy, Sequential\r\n"), "b | a | c");
  EXPECT_EQ(order(three, "Request-Disposition: no-fork\r\n"), "b");
  EXPECT_EQ(order(three, "Request-Disposition: fork, no-cancel\r\n"), "b | a c");
}

TEST(OrderContacts, when_a_feature_is_required_then_who_says_nothing_of_it_still_fits_unless_explicit) {
  std::vector<Binding> three = {contact("yes", ";video"), contact("no", ";video=\"FALSE\""), contact("silent", "")};
  EXPECT_EQ(order(three, "Accept-Contact: *;video;require\r\n"), "yes silent");
  EXPECT_EQ(order(three, "Accept-Contact: *;video;require;explicit\r\n"), "yes");
  EXPECT_EQ(order(three, "Accept-Contact: *;video\r\n"), "yes no silent");
}

TEST(OrderContacts, when_values_are_sets_then_one_in_common_suffices) {
  std::vector<Binding> one = {contact("a", ";methods=\"INVITE,MESSAGE\";language=\"de,en\"")};
  EXPECT_EQ(order(one, "Accept-Contact: *;language=\"fr,EN\";require\r\n"), "a");
  EXPECT_EQ(order(one, "Accept-Contact: *;language=\"fr\";require\r\n"), "");
  EXPECT_EQ(order(one, "Accept-Contact: *;language=\"!fr\";require\r\n"), "a");
}

TEST(OrderContacts, when_a_value_is_a_string_then_it_is_compared_as_it_is) {
  std::vector<Binding> one = {contact("a", ";description=\"<PC>\"")};
  EXPECT_EQ(order(one, "Accept-Contact: *;description=\"<PC>\";require\r\n"), "a");
  EXPECT_EQ(order(one, "Accept-Contact: *;description=\"<pc>\";require\r\n"), "");
}

TEST(OrderContacts, when_values_are_numbers_then_ranges_meet) {
  std::vector<Binding> one = {contact("a", ";priority=\"#>=10\"")};
  EXPECT_EQ(order(one, "Accept-Contact: *;priority=\"#5:20\";require\r\n"), "a");
  EXPECT_EQ(order(one, "Accept-Contact: *;priority=\"#<=9\";require\r\n"), "");
  EXPECT_EQ(order(one, "Accept-Contact: *;priority=\"#=10\";require\r\n"), "a");
}

TEST(OrderContacts, when_the_feature_is_an_ICSI_then_it_is_compared_as_the_handsets_write_it) {
  const std::string icsi = ";+g.3gpp.icsi-ref=\"urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel\"";
  std::vector<Binding> two = {contact("phone", icsi), contact("sms", ";+g.3gpp.smsip")};
  EXPECT_EQ(order(two, "Accept-Contact: *" + icsi + ";require;explicit\r\n"), "phone");
  EXPECT_EQ(order(two, "Accept-Contact: *;+g.3gpp.smsip\r\n"), "sms phone");
}

TEST(OrderContacts, when_a_contact_does_not_take_the_method_then_it_is_left_out) {
  EXPECT_EQ(order({contact("a", ";methods=\"MESSAGE\""), contact("b", "")}, ""), "b");
}

TEST(OrderContacts, when_one_device_registered_twice_then_the_later_counts) {
  std::vector<Binding> two = {contact("old", ""), contact("new", "")};
  for (Binding& binding : two) binding.instance = "<urn:gsma:imei:1>";
  two[1].expires = two[0].expires + std::chrono::seconds(1);
  EXPECT_EQ(order(two, ""), "new");
}

TEST(OrderContacts, when_a_value_cannot_be_read_then_it_is_passed_over) {
  EXPECT_EQ(order({contact("a", ";video")}, "Accept-Contact: ;;;\r\nReject-Contact: ,\r\n"), "a");
}

}  // namespace
}  // namespace lapwing::scscf
