#include "common/sip/dialog.h"

#include "common/sip/headers.h"

namespace lapwing::sip {

bool in_dialog(const Message& request) {
  auto to = NameAddr::parse(request.header(HeaderId::to));
  return to.ok() && !to->tag().empty();
}

bool makes_dialog(const Message& request) {
  bool may =
      request.method() == Method::invite || request.method() == Method::subscribe || request.method() == Method::refer;
  return may && !in_dialog(request);
}

bool subscribes_to_reg(const Message& request) {
  if (request.method() != Method::subscribe) return false;
  auto event = TokenParams::parse(request.header(HeaderId::event));
  return event.ok() && event->token == "reg";
}

}  // namespace lapwing::sip
