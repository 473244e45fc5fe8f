#include "cli/init.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "common/runtime/config.h"
#include "lapwing/v1/config.pb.h"
#include "pcscf/config_check.h"
#include "scscf/config_check.h"

namespace lapwing::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class InitTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/lapwing-init-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder_ = name;
    target_ = folder_ + "/lab";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // answers: a line for each question.
  int run(const std::string& answers, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"init", "--directory", target_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    std::istringstream in(answers);
    std::ostringstream out;
    std::ostringstream err;
    const int code =
        imsctl(arguments, out, err, {.clock = clock_, .width = 0, .home = folder_, .etc = folder_ + "/etc", .in = &in});
    out_ = out.str();
    err_ = err.str();
    return code;
  }
  std::string content(const std::string& name) const {
    std::ifstream file(target_ + "/" + name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  template <typename Config>
  Config loaded(const std::string& name, config::Locations* where = nullptr) {
    Config config;
    const absl::Status read = config::load_yaml(target_ + "/" + name, config, where);
    EXPECT_TRUE(read.ok()) << read;
    const std::string text = content(name);
    EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 20);
    return config;
  }

  SystemClock clock_;
  std::string folder_;
  std::string target_;
  std::string out_;
  std::string err_;
};

TEST_F(InitTest, when_the_answers_are_the_defaults_then_files_for_a_lab_are_written_that_the_daemons_take) {
  EXPECT_EQ(run("\n10.46.0.1\n\n\n\n"), 0) << err_;
  EXPECT_THAT(out_, AllOf(HasSubstr("MCC and MNC of your network [001/01]: "), HasSubstr("identity, or lab"),
                          HasSubstr("[required]: ")));
  config::Locations where;
  const auto pcscf = loaded<v1::PcscfConfig>("pcscf.yaml", &where);
  EXPECT_TRUE(pcscf::check(pcscf, where).ok());
  EXPECT_EQ(pcscf.home_domain(), "ims.mnc001.mcc001.3gppnetwork.org");
  EXPECT_EQ(pcscf.gm().listen(0), "10.46.0.1:5060");
  EXPECT_EQ(pcscf.mw().listen(), "127.0.0.1:5060");
  EXPECT_EQ(pcscf.mw().entry(), "127.0.0.1:6060");
  EXPECT_EQ(pcscf.ipsec().policy(), "required");
  EXPECT_EQ(pcscf.control().listen(), "unix:" + target_ + "/pcscf.sock");
  EXPECT_EQ(pcscf.state_file(), target_ + "/pcscf.db");
  const auto scscf = loaded<v1::ScscfConfig>("scscf.yaml", &where);
  EXPECT_TRUE(scscf::check(scscf, where).ok());
  EXPECT_EQ(scscf.cx().peers(0).address(), "127.0.0.1:3868");
  EXPECT_EQ(scscf.trusted(0), "127.0.0.1");
  EXPECT_FALSE(scscf.registrar().accept_unprotected_aka());
  const auto labhss = loaded<v1::LabHssConfig>("labhss.yaml");
  ASSERT_EQ(labhss.subscribers_size(), 1);
  EXPECT_EQ(labhss.subscribers(0).imsi(), "001010000000001");
  EXPECT_EQ(loaded<v1::ImsctlConfig>("imsctl.yaml").labhss(0), "unix:" + target_ + "/labhss.sock");
  EXPECT_THAT(out_, AllOf(HasSubstr("imsctl preflight --pcscf-config " + target_ + "/pcscf.yaml"),
                          HasSubstr("labhss --config " + target_ + "/labhss.yaml &")));
}

TEST_F(InitTest, when_keys_are_made_then_they_are_in_the_file_alone_and_it_is_its_owner_s) {
  ASSERT_EQ(run("", {"--gm", "10.46.0.1", "--yes"}), 0) << err_;
  const auto first = loaded<v1::LabHssConfig>("labhss.yaml").subscribers(0);
  EXPECT_THAT(out_ + err_, AllOf(Not(HasSubstr(first.k())), Not(HasSubstr(first.opc()))));
  struct stat found{};
  ASSERT_EQ(stat((target_ + "/labhss.yaml").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600U);
  ASSERT_EQ(run("", {"--gm", "10.46.0.1", "--yes", "--force"}), 0) << err_;
  EXPECT_NE(loaded<v1::LabHssConfig>("labhss.yaml").subscribers(0).k(), first.k());
}

TEST_F(InitTest, when_an_answer_is_wrong_then_the_reason_is_told_and_it_is_asked_again) {
  EXPECT_EQ(run("26201\n262/01\nhere\n0.0.0.0\n10.46.0.1\n10.45.0.4\nnowhere\n10.45.0.2 hss\n10.45.0.2 hss.x.org\n"
                "maybe\noptional\n"),
            0)
      << err_;
  EXPECT_THAT(out_, AllOf(HasSubstr("Not right: write MCC/MNC, as 001/01"), HasSubstr("Not right: write an IP address"),
                          HasSubstr("Not right: write one address of this host"), HasSubstr("Not right: write lab; or"),
                          HasSubstr("Not right: the HSS's Diameter identity"),
                          HasSubstr("Not right: write required or optional")));
  const auto pcscf = loaded<v1::PcscfConfig>("pcscf.yaml");
  EXPECT_EQ(pcscf.home_domain(), "ims.mnc001.mcc262.3gppnetwork.org");
  EXPECT_EQ(pcscf.ipsec().policy(), "optional");
  const auto scscf = loaded<v1::ScscfConfig>("scscf.yaml");
  EXPECT_EQ(scscf.cx().peers(0).host(), "hss.x.org");
  EXPECT_EQ(scscf.cx().peers(0).address(), "10.45.0.2:3868");
  EXPECT_TRUE(scscf.registrar().accept_unprotected_aka()) << "else handsets without IPsec are challenged for ever";
  EXPECT_FALSE(std::filesystem::exists(target_ + "/labhss.yaml"));
}

TEST_F(InitTest, when_all_is_given_as_options_then_nothing_is_asked) {
  EXPECT_EQ(run("", {"--plmn", "310/410", "--gm", "fd00:46::1", "--core", "fd00:46::1", "--hss",
                     "[fd00:45::2]:3870,hss.y.org", "--ipsec", "required"}),
            0)
      << err_;
  EXPECT_THAT(out_, Not(HasSubstr("?")));
  EXPECT_THAT(out_, Not(HasSubstr("MCC and MNC")));
  const auto pcscf = loaded<v1::PcscfConfig>("pcscf.yaml");
  EXPECT_EQ(pcscf.home_domain(), "ims.mnc410.mcc310.3gppnetwork.org");
  EXPECT_EQ(pcscf.gm().listen(0), "[fd00:46::1]:5060");
  EXPECT_EQ(pcscf.mw().listen(), "[fd00:46::1]:5070") << "one address: another port";
  EXPECT_EQ(loaded<v1::ScscfConfig>("scscf.yaml").cx().peers(0).address(), "[fd00:45::2]:3870");
}

TEST_F(InitTest, when_an_option_is_wrong_or_no_answer_comes_then_the_code_is_2_and_nothing_is_written) {
  EXPECT_EQ(run("", {"--yes", "--gm", "10.46.0.1", "--plmn", "1/1"}), 2);
  EXPECT_THAT(err_, HasSubstr("imsctl: --plmn \"1/1\": write MCC/MNC"));
  EXPECT_EQ(run("001/01\n"), 2);
  EXPECT_THAT(err_, HasSubstr("imsctl: no answer: give --gm"));
  EXPECT_FALSE(std::filesystem::exists(target_));
}

TEST_F(InitTest, when_a_file_exists_then_it_is_named_and_only_force_writes_over_it) {
  std::filesystem::create_directories(target_);
  std::ofstream(target_ + "/scscf.yaml") << "mine\n";
  EXPECT_EQ(run("", {"--yes", "--gm", "10.46.0.1"}), 1);
  EXPECT_THAT(err_, HasSubstr(target_ + "/scscf.yaml exists: it stays as it is; --force writes over it"));
  EXPECT_EQ(content("scscf.yaml"), "mine\n");
  EXPECT_FALSE(std::filesystem::exists(target_ + "/pcscf.yaml"));
  EXPECT_EQ(run("", {"--yes", "--gm", "10.46.0.1", "--force"}), 0) << err_;
  EXPECT_THAT(content("scscf.yaml"), HasSubstr("home_domain: "));
  std::filesystem::remove(target_ + "/pcscf.yaml");
  std::filesystem::remove(target_ + "/scscf.yaml");
  std::filesystem::remove(target_ + "/imsctl.yaml");
  EXPECT_EQ(run("", {"--yes", "--gm", "10.46.0.1"}), 1) << "labhss.yaml holds keys";
  EXPECT_THAT(err_, HasSubstr("labhss.yaml exists"));
}

TEST_F(InitTest, when_the_directory_is_the_usual_one_then_sockets_and_state_are_where_the_system_has_them) {
  target_ = folder_ + "/etc/lapwing";
  EXPECT_EQ(run("", {"--yes", "--gm", "10.46.0.1"}), 0) << err_;
  EXPECT_EQ(loaded<v1::PcscfConfig>("pcscf.yaml").control().listen(), "unix:/run/lapwing/pcscf.sock");
  EXPECT_EQ(loaded<v1::ScscfConfig>("scscf.yaml").state_file(), "/var/lib/lapwing/scscf.db");
  EXPECT_THAT(out_,
              AllOf(HasSubstr("install -d -m 750 /run/lapwing /var/lib/lapwing\n"), HasSubstr("  imsctl preflight\n")));
}

}  // namespace
}  // namespace lapwing::cli
