#include "common/runtime/config_changes.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/util/message_differencer.h>

#include "lapwing/v1/options.pb.h"

namespace lapwing::config {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// `fresh` gets the field as `running` has it.
void keep(const Message& running, Message& fresh, const FieldDescriptor* field) {
  std::unique_ptr<Message> copy(running.New());
  copy->CopyFrom(running);
  fresh.GetReflection()->SwapFields(&fresh, copy.get(), {field});
}

bool differs(const Message& running, const Message& fresh, const FieldDescriptor* field) {
  google::protobuf::util::MessageDifferencer differencer;
  return !differencer.CompareWithFields(running, fresh, {field}, {field});
}

void compare(const Message& running, Message& fresh, const std::string& around, std::vector<Change>& changes) {
  const google::protobuf::Descriptor* type = running.GetDescriptor();
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* field = type->field(i);
    if (!differs(running, fresh, field)) continue;
    const std::string path = around + field->name();
    const bool needs_restart = field->options().GetExtension(v1::rules).restart();
    if (!needs_restart && field->message_type() != nullptr && !field->is_repeated()) {
      compare(running.GetReflection()->GetMessage(running, field),
              *fresh.GetReflection()->MutableMessage(&fresh, field), path + ".", changes);
      continue;
    }
    changes.push_back({path, needs_restart});
    if (needs_restart) keep(running, fresh, field);
  }
}

}  // namespace

std::vector<Change> take_changes(const Message& running, Message& fresh) {
  std::vector<Change> changes;
  compare(running, fresh, "", changes);
  return changes;
}

}  // namespace lapwing::config
