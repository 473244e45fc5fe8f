#include "cli/esp_sa.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"

namespace lapwing::cli {
namespace {

v1::EspSa sa(const std::string& integrity, const std::string& encryption) {
  v1::EspSa out;
  out.set_source("10.47.1.1");
  out.set_destination("10.46.0.1");
  out.set_spi(0x21c54e);
  out.set_integrity(integrity);
  out.set_encryption(encryption);
  if (integrity != "null") out.set_integrity_key(std::string("\x01\x00\xff", 3));
  if (encryption != "null") out.set_encryption_key("AB");
  return out;
}

TEST(EspSa, when_algorithms_are_Wireshark_s_then_the_line_has_its_names_and_both_keys) {
  EXPECT_EQ(
      esp_sa_line(sa("hmac-sha-1-96", "aes-cbc")),
      R"("IPv4","10.47.1.1","10.46.0.1","0x0021c54e","AES-CBC [RFC3602]","0x4142","HMAC-SHA-1-96 [RFC2404]","0x0100ff")");
  EXPECT_EQ(esp_sa_line(sa("hmac-md5-96", "null")),
            R"("IPv4","10.47.1.1","10.46.0.1","0x0021c54e","NULL","","HMAC-MD5-96 [RFC2403]","0x0100ff")");
  EXPECT_EQ(
      esp_sa_line(sa("hmac-md5-96", "des-ede3-cbc")),
      R"("IPv4","10.47.1.1","10.46.0.1","0x0021c54e","TripleDES-CBC [RFC2451]","0x4142","HMAC-MD5-96 [RFC2403]","0x0100ff")");
  EXPECT_EQ(esp_sa_line(sa("null", "aes-gcm")),
            R"("IPv4","10.47.1.1","10.46.0.1","0x0021c54e","AES-GCM with 16 octet ICV [RFC4106]","0x4142","NULL","")");
}

TEST(EspSa, when_addresses_are_IPv6_then_the_line_says_so) {
  v1::EspSa six = sa("hmac-md5-96", "null");
  six.set_source("fd00:47:1::1");
  six.set_destination("fd00:46::1");
  EXPECT_EQ(esp_sa_line(six),
            R"("IPv6","fd00:47:1::1","fd00:46::1","0x0021c54e","NULL","","HMAC-MD5-96 [RFC2403]","0x0100ff")");
}

TEST(EspSa, when_Wireshark_does_not_know_an_algorithm_then_there_is_no_line) {
  EXPECT_EQ(esp_sa_line(sa("aes-gmac", "null")), std::nullopt);
  EXPECT_EQ(esp_sa_line(sa("hmac-sha-1-96", "something-new")), std::nullopt);
}

TEST(EspSa, when_a_file_is_there_then_its_other_lines_stay_behind_the_new_ones) {
  const std::string mine = *esp_sa_line(sa("hmac-md5-96", "null"));
  const std::string wild = R"("IPv4","*","*","*","NULL","","NULL","")";
  // As Wireshark writes them, later versions with two more columns.
  const std::string stale = R"("IPv4","10.47.1.1","10.46.0.1","0x0021c54e","NULL","","NULL","","32-bit","0")";
  const std::string other = R"("IPv4","10.47.1.1","10.46.0.1","0x0021c54f","NULL","","NULL","","32-bit","0")";
  auto made = with_esp_sas(absl::StrCat("# Wireshark's\n", wild, "\n", stale, "\n\n", other), {mine});
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(*made, absl::StrCat(mine, "\n# Wireshark's\n", wild, "\n", other, "\n"));
  EXPECT_EQ(*with_esp_sas(*made, {mine}), *made);
  EXPECT_EQ(*with_esp_sas("", {}), "");
}

TEST(EspSa, when_a_file_is_of_another_kind_then_it_is_refused_with_the_line) {
  auto made = with_esp_sas("# mine\nexport PATH\n", {});
  EXPECT_EQ(made.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(made.status().message(), "line 2 is none of Wireshark's esp_sa");
}

class PrivateFile : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/lapwing-esp-sa-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder_ = name;
    path_ = folder_ + "/esp_sa";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  static mode_t mode_of(const std::string& path) {
    struct stat found{};
    return lstat(path.c_str(), &found) == 0 ? found.st_mode & 0777 : 0;
  }
  size_t files() const { return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(folder_), {})); }
  std::string folder_, path_;
};

TEST_F(PrivateFile, when_there_is_none_then_it_is_made_for_its_owner_alone) {
  EXPECT_EQ(*read_private(path_), "");
  const mode_t before = umask(0);
  EXPECT_TRUE(write_private(path_, "keys\n").ok());
  umask(before);
  EXPECT_EQ(*read_private(path_), "keys\n");
  EXPECT_EQ(mode_of(path_), 0600U);
  EXPECT_EQ(files(), 1U);
}

TEST_F(PrivateFile, when_everybody_could_read_it_then_nobody_sees_the_keys_not_even_who_has_it_open) {
  std::ofstream(path_) << "old";
  ASSERT_EQ(chmod(path_.c_str(), 0666), 0);
  std::ifstream spy(path_);
  EXPECT_TRUE(write_private(path_, "keys").ok());
  EXPECT_EQ(mode_of(path_), 0600U);
  std::stringstream seen;
  seen << spy.rdbuf();
  EXPECT_EQ(seen.str(), "old");
  EXPECT_EQ(*read_private(path_), "keys");
}

TEST_F(PrivateFile, when_it_is_a_link_then_the_link_stays_and_its_file_is_private) {
  std::filesystem::create_directory(folder_ + "/below");
  std::ofstream(folder_ + "/below/file") << "old";
  std::filesystem::create_symlink("below/file", path_);
  EXPECT_TRUE(write_private(path_, "keys").ok());
  EXPECT_TRUE(std::filesystem::is_symlink(path_));
  EXPECT_EQ(mode_of(folder_ + "/below/file"), 0600U);
  EXPECT_EQ(*read_private(path_), "keys");
}

TEST_F(PrivateFile, when_it_cannot_be_then_the_reason_is_told_and_nothing_is_left) {
  EXPECT_EQ(write_private(folder_ + "/none/esp_sa", "keys").message(), "cannot be written: No such file or directory");
  EXPECT_EQ(read_private(folder_).status().message(), "is not a plain file");
  EXPECT_EQ(read_private("/dev/null").status().message(), "is not a plain file");
  EXPECT_EQ(write_private(folder_, "keys").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(files(), 0U);
  if (geteuid() != 0) return;
  std::ofstream(path_) << "";
  ASSERT_EQ(chown(path_.c_str(), 65534, 65534), 0);
  EXPECT_EQ(read_private(path_).status().message(), "belongs to somebody else");
}

}  // namespace
}  // namespace lapwing::cli
