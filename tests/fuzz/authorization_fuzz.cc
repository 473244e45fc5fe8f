// Credentials and the other parameter lists of headers.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "common/sip/headers.h"

using namespace lapwing::sip;

static void require(bool holds) {
  if (!holds) std::abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  require(unquote(quote(text)).size() <= text.size());
  if (absl::StatusOr<Credentials> value = Credentials::parse(text); value.ok()) {
    std::string_view rest = value->params_text;
    while (std::optional<Params::Item> item = Params::take(rest, ',')) {
      // Digest credentials are checked whole: nothing malformed and nothing doubled is left in them.
      if (value->is_digest()) require(!item->name.empty() && value->raw(item->name).data() == item->value.data());
      value->get(item->name);
    }
  }
  if (absl::StatusOr<TokenParams> value = TokenParams::parse(text); value.ok()) {
    require(value->params.check().ok());
    value->is("application/sdp");
    value->params.unquoted("boundary");
  }
  if (absl::StatusOr<Via> value = Via::parse(text); value.ok()) {
    require(!value->host.empty() && !value->transport.empty());
    value->branch();
  }
  if (absl::StatusOr<Contact> value = Contact::parse(text); value.ok()) require(value->q <= 1000);
  if (absl::StatusOr<CSeq> value = CSeq::parse(text); value.ok()) require(is_token(value->method));
  parse_seconds(text);
  return 0;
}
