#include "cli/esp_sa.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <set>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace lapwing::cli {
namespace {

struct Name {
  std::string_view ours, wireshark;
};
constexpr Name integrities[] = {
    {"hmac-sha-1-96", "HMAC-SHA-1-96 [RFC2404]"}, {"hmac-md5-96", "HMAC-MD5-96 [RFC2403]"}, {"null", "NULL"}};
constexpr Name encryptions[] = {{"aes-cbc", "AES-CBC [RFC3602]"},
                                {"des-ede3-cbc", "TripleDES-CBC [RFC2451]"},
                                {"aes-gcm", "AES-GCM with 16 octet ICV [RFC4106]"},
                                {"null", "NULL"}};

template <typename Names>
std::string_view name_of(const Names& names, std::string_view ours) {
  for (const Name& name : names) {
    if (name.ours == ours) return name.wireshark;
  }
  return {};
}

std::string key_text(const std::string& key) {
  return key.empty() ? "" : absl::StrCat("0x", absl::BytesToHexString(key));
}

// The first four columns.
std::string_view association_of(std::string_view line) {
  size_t end = 0;
  for (int column = 0; column < 4 && end != std::string_view::npos; ++column) end = line.find("\",\"", end + 1);
  return line.substr(0, end);
}

absl::Status failed(std::string_view what) {
  return absl::FailedPreconditionError(absl::StrCat(std::string(what), ": ", strerror(errno)));
}

// Closes its descriptor.
class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  ~File() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

absl::Status write_all(int descriptor, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = write(descriptor, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failed("cannot be written");
    content.remove_prefix(static_cast<size_t>(written));
  }
  return fsync(descriptor) == 0 ? absl::OkStatus() : failed("cannot be written");
}

}  // namespace

std::optional<std::string> esp_sa_line(const v1::EspSa& sa) {
  const std::string_view integrity = name_of(integrities, sa.integrity());
  const std::string_view encryption = name_of(encryptions, sa.encryption());
  if (integrity.empty() || encryption.empty()) return std::nullopt;
  return absl::StrFormat(R"("%s","%s","%s","0x%08x","%s","%s","%s","%s")",
                         absl::StrContains(sa.source(), ':') ? "IPv6" : "IPv4", sa.source(), sa.destination(), sa.spi(),
                         encryption, key_text(sa.encryption_key()), integrity, key_text(sa.integrity_key()));
}

absl::StatusOr<std::string> with_esp_sas(std::string_view before, const std::vector<std::string>& lines) {
  std::set<std::string_view> replaced;
  for (const std::string& line : lines) replaced.insert(association_of(line));
  std::string all;
  for (const std::string& line : lines) absl::StrAppend(&all, line, "\n");
  size_t number = 0;
  for (absl::string_view row : absl::StrSplit(absl::string_view(before.data(), before.size()), '\n')) {
    const std::string_view line(row.data(), row.size());
    ++number;
    if (line.empty() || line == "\r") continue;
    if (!line.starts_with('#') && !line.starts_with("\"IPv")) {
      return absl::InvalidArgumentError(absl::StrFormat("line %d is none of Wireshark's esp_sa", number));
    }
    if (!replaced.contains(association_of(line))) absl::StrAppend(&all, row, "\n");
  }
  return all;
}

absl::StatusOr<std::string> read_private(const std::string& path) {
  const File file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0 && errno == ENOENT) return "";
  if (file.get() < 0) return failed("cannot be read");
  struct stat found{};
  if (fstat(file.get(), &found) != 0) return failed("cannot be read");
  if (!S_ISREG(found.st_mode)) return absl::FailedPreconditionError("is not a plain file");
  if (found.st_uid != geteuid()) return absl::FailedPreconditionError("belongs to somebody else");
  std::string content;
  char piece[4096];
  while (true) {
    const ssize_t got = read(file.get(), piece, sizeof(piece));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed("cannot be read");
    if (got == 0) return content;
    content.append(piece, static_cast<size_t>(got));
  }
}

absl::Status write_private(const std::string& path, std::string_view content) {
  // A link stays one.
  std::error_code error;
  std::string target = std::filesystem::canonical(path, error).string();
  if (error) target = path;
  std::string fresh = target + ".XXXXXX";
  absl::Status written;
  {
    const File file(mkostemp(fresh.data(), O_CLOEXEC));  // with mode 0600
    if (file.get() < 0) return failed("cannot be written");
    written = write_all(file.get(), content);
  }
  if (written.ok() && rename(fresh.c_str(), target.c_str()) != 0) written = failed("cannot be written");
  if (!written.ok()) unlink(fresh.c_str());
  return written;
}

}  // namespace lapwing::cli
