// A URI from outside: what parses must survive comparing, and its canonical form must be a URI of the same identity.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "common/sip/headers.h"
#include "common/sip/uri.h"

using namespace lapwing::sip;

static void require(bool holds) {
  if (!holds) std::abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  unescape(text);
  if (absl::StatusOr<NameAddr> value = NameAddr::parse(text); value.ok()) {
    value->tag();
    unquote(value->display);
    require(value->params.check().ok());
  }
  absl::StatusOr<Uri> uri = Uri::parse(text);
  if (!uri.ok()) return 0;
  require(uri->equals(*uri));
  if (std::optional<asio::ip::address> address = uri->address()) host_text(*address);
  uri->param("transport");
  std::string canonical = uri->canonical();
  absl::StatusOr<Uri> again = Uri::parse(canonical);
  require(again.ok());
  require(again->canonical() == canonical);
  require(again->equals(*again));
  return 0;
}
