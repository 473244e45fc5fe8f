// Bytes from the network, as a datagram and as a stream in odd pieces: parse, read everything, edit, write, answer.
#include <cstdlib>

#include "common/sip/edits.h"
#include "common/sip/headers.h"
#include "common/sip/stream_framer.h"
#include "common/sip/validate.h"

namespace lapwing::sip {
namespace {

size_t read_everything(const Message& message) {
  size_t sum = message.start_line().size() + message.body().size() + message.reason().size();
  for (const HeaderRow& row : message.rows()) {
    std::string_view value = message.value(row);
    sum += message.name(row).size() + unfold(value).size() + (message.first(message.name(row)) != nullptr);
    if (is_list(row.id)) {
      for (std::string_view item : message.values(row.id)) sum += NameAddr::parse(item).ok();
    } else {
      sum += NameAddr::parse(value).ok() + TokenParams::parse(value).ok() + Credentials::parse(value).ok();
    }
  }
  sum += message.is_request() ? validate_request(message).why.size() : validate_response(message).why.size();
  return sum + check_forwarding(message, {}).unsupported.size();
}

// What any procedure may do; the result has to parse again.
void edit(const Message& message) {
  Edits edits;
  if (message.is_request()) {
    edits.request_uri("sip:h");
  } else {
    edits.status(500, "x");
  }
  edits.prepend(HeaderId::via, "SIP/2.0/UDP h;branch=z9hG4bK1");
  edits.remove_first_value(HeaderId::route);
  edits.replace_first_value(HeaderId::contact, "<sip:c@h>");
  edits.remove_token(HeaderId::require, "sec-agree");
  edits.set(HeaderId::max_forwards, "1");
  edits.append("X-Copy", std::string(message.header(HeaderId::from)));
  edits.append(HeaderId::path, "<sip:p;lr>");
  edits.remove("x-name");
  edits.remove(HeaderId::security_client);
  edits.body("text/plain", "body");
  // Room for what the edits add: a message at a limit may be over it afterwards.
  Limits roomy;
  roomy.rows += 4;
  roomy.list_values += 1;
  roomy.message += 4096 + roomy.row;
  roomy.headers += 4096 + roomy.row;
  ParseResult again = Message::parse(edits.write(message), Framing::stream, roomy);
  if (!again.ok() || again.message->body() != "body") std::abort();
}

void one(std::string bytes, Framing framing) {
  ParseResult result = Message::parse(std::move(bytes), framing);
  if (!result.message) return;
  if (result.message->is_request()) {
    if (!Message::parse(response_to(*result.message, 400, "Bad Request", "t").finish(), Framing::stream).message &&
        result.ok()) {
      std::abort();
    }
  }
  if (!result.ok()) return;
  read_everything(*result.message);
  edit(*result.message);
}

}  // namespace
}  // namespace lapwing::sip

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace lapwing::sip;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  one(std::string(bytes), Framing::datagram);

  StreamFramer framer{Limits()};
  size_t piece = size == 0 ? 1 : data[0] % 61 + 1u;
  for (size_t at = 0; at < size; at += piece, piece = piece * 3 % 67 + 1) {
    framer.add(bytes.substr(at, piece));
    for (;;) {
      StreamFramer::Event event = framer.next();
      if (std::holds_alternative<StreamFramer::NeedMore>(event)) break;
      if (auto* broken = std::get_if<StreamFramer::Broken>(&event)) {
        one(broken->headers, Framing::stream);
        return 0;
      }
      if (auto* complete = std::get_if<StreamFramer::Complete>(&event)) one(complete->bytes, Framing::stream);
    }
  }
  return 0;
}
