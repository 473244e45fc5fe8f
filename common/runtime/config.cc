#include "common/runtime/config.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/runtime/log.h"
#include "common/runtime/yaml_tree.h"
#include "lapwing/v1/options.pb.h"

namespace lapwing::config {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using v1::FieldRules;

constexpr size_t errors_limit = 100;

const FieldRules& rules_of(const FieldDescriptor& field) {
  return field.options().GetExtension(v1::rules);
}

std::string in_quotes(std::string_view text) {
  return absl::StrFormat("\"%s\"", log::printable(text, 80));
}

// Edit distance, for "did you mean"; both words are short.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t corner = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, corner + (a[i - 1] == b[j - 1] ? 0 : 1)});
      corner = above;
    }
  }
  return row[b.size()];
}

std::string unknown_key(std::string_view key, const Descriptor& message) {
  const FieldDescriptor* nearest = nullptr;
  size_t best = 3;
  std::vector<std::string> names;
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor* field = message.field(i);
    names.push_back(field->name());
    size_t off = key.size() > 64 ? 99 : distance(key, field->name());
    if (off < best) {
      best = off;
      nearest = field;
    }
  }
  if (nearest != nullptr) return absl::StrFormat("is not a key here: did you mean \"%s\"?", nearest->name());
  return absl::StrCat("is not a key here: the keys are ", absl::StrJoin(names, ", "));
}

// A number as people write it: 4294967295, 0.01.
std::string plain(double number) {
  if (number == std::floor(number) && std::abs(number) < 1e15) return absl::StrFormat("%.0f", number);
  return absl::StrFormat("%g", number);
}

// What stands in an error for a value of this field: "a number", with the range.
std::string range_advice(const FieldRules& rules, std::string_view unit) {
  if (rules.has_min() && rules.has_max()) {
    return absl::StrFormat("from %s%s to %s%s", plain(rules.min()), unit, plain(rules.max()), unit);
  }
  if (rules.has_min()) return absl::StrFormat("of %s%s or more", plain(rules.min()), unit);
  return absl::StrFormat("of %s%s or less", plain(rules.max()), unit);
}

bool in_range(const FieldRules& rules, double value) {
  return (!rules.has_min() || value >= rules.min()) && (!rules.has_max() || value <= rules.max());
}

class Reader {
 public:
  Reader(std::string_view file, Locations* where, std::vector<YamlError>& errors)
      : file_(file), where_(where), errors_(errors) {}

  // The recursion follows the schema, whose depth is fixed, and not the input.
  void read_map(const YamlNode& node, const std::string& path, Message& out) {
    const Descriptor& type = *out.GetDescriptor();
    if (node.kind != YamlNode::Kind::map) {
      fail(node.line, path, absl::StrFormat("must be a map of keys and values, as %s: ...", type.field(0)->name()));
      return;
    }
    std::vector<bool> seen(static_cast<size_t>(type.field_count()));
    for (size_t i = 0; i < node.items.size(); ++i) {
      const YamlNode::Key& key = node.keys[i];
      const std::string inner = path.empty() ? key.text : absl::StrCat(path, ".", key.text);
      const FieldDescriptor* field = type.FindFieldByName(key.text);
      if (field == nullptr) {
        fail(key.line,
             path.empty() ? log::printable(key.text, 64) : absl::StrCat(path, ".", log::printable(key.text, 64)),
             unknown_key(key.text, type));
        continue;
      }
      note(inner, key.line);
      seen[static_cast<size_t>(field->index())] = true;
      read_field(node.items[i], key.line, inner, *field, out);
    }
    fill_absent(node.line, path, seen, out);
  }

  bool full() const { return errors_.size() >= errors_limit; }

 private:
  void fail(int line, std::string path, std::string text) {
    if (!full()) errors_.push_back({line, std::move(path), std::move(text)});
  }
  void note(const std::string& path, int line) {
    if (where_ != nullptr) where_->add(path, line);
  }

  void fill_absent(int line, const std::string& path, const std::vector<bool>& seen, Message& out) {
    const Descriptor& type = *out.GetDescriptor();
    for (int i = 0; i < type.field_count(); ++i) {
      if (seen[static_cast<size_t>(i)]) continue;
      const FieldDescriptor& field = *type.field(i);
      if (rules_of(field).required()) {
        const std::string inner = path.empty() ? field.name() : absl::StrCat(path, ".", field.name());
        fail(line, inner, absl::StrCat("is missing: write ", example(field)));
      } else {
        fill_default(field, out);
      }
    }
  }

  static std::string example(const FieldDescriptor& field) {
    if (field.type() == FieldDescriptor::TYPE_MESSAGE) {
      return absl::StrCat(field.name(),
                          field.is_repeated() ? ": with a list of maps below it" : ": with its keys below it");
    }
    std::string value = rules_of(field).example();
    if (value.empty()) value = example_of(rules_of(field).format());
    if (value.empty()) value = "...";
    return field.is_repeated() ? absl::StrCat(field.name(), ": [", value, "]")
                               : absl::StrCat(field.name(), ": ", value);
  }

  // A sub-message has defaults when one of its fields has, and none is required.
  static bool has_defaults(const Descriptor& type) {
    bool any = false;
    for (int i = 0; i < type.field_count(); ++i) {
      const FieldRules& rules = rules_of(*type.field(i));
      if (rules.required()) return false;
      if (!rules.default_value().empty()) any = true;
    }
    return any;
  }

  void fill_default(const FieldDescriptor& field, Message& out) {
    if (field.type() == FieldDescriptor::TYPE_MESSAGE) {
      if (field.is_repeated() || !has_defaults(*field.message_type())) return;
      Message& sub = *out.GetReflection()->MutableMessage(&out, &field);
      for (int i = 0; i < field.message_type()->field_count(); ++i) fill_default(*field.message_type()->field(i), sub);
      return;
    }
    const std::string& text = rules_of(field).default_value();
    if (text.empty()) return;
    if (!field.is_repeated()) {
      set(0, field.name(), field, text, out);
      return;
    }
    for (absl::string_view item : absl::StrSplit(text, ", ")) {
      set(0, field.name(), field, std::string(item.data(), item.size()), out);
    }
  }

  void read_field(const YamlNode& node, int key_line, const std::string& path, const FieldDescriptor& field,
                  Message& out) {
    if (node.kind == YamlNode::Kind::null) {
      fail(key_line, path, absl::StrCat("has no value: write one, or remove the key; for example ", example(field)));
      return;
    }
    if (!field.is_repeated()) {
      read_one(node, path, field, out);
      return;
    }
    if (node.kind != YamlNode::Kind::list) {
      fail(node.line, path, absl::StrCat("must be a list: write ", example(field)));
      return;
    }
    if (node.items.empty() && rules_of(field).required()) {
      fail(node.line, path, absl::StrCat("needs at least one entry: write ", example(field)));
    }
    for (size_t i = 0; i < node.items.size() && !full(); ++i) {
      const std::string inner = absl::StrCat(path, "[", i, "]");
      note(inner, node.items[i].line);
      if (node.items[i].kind == YamlNode::Kind::null) {
        fail(node.items[i].line, inner, "has no value: write one, or remove the entry");
      } else {
        read_one(node.items[i], inner, field, out);
      }
    }
  }

  void read_one(const YamlNode& node, const std::string& path, const FieldDescriptor& field, Message& out) {
    if (field.type() == FieldDescriptor::TYPE_MESSAGE) {
      const auto* reflection = out.GetReflection();
      read_map(node, path,
               field.is_repeated() ? *reflection->AddMessage(&out, &field) : *reflection->MutableMessage(&out, &field));
      return;
    }
    if (node.kind != YamlNode::Kind::scalar) {
      const std::string& format = rules_of(field).format();
      const bool address = format == "endpoint" || format == "control";
      fail(node.line, path,
           absl::StrCat("must be one value, not a ", node.kind == YamlNode::Kind::list ? "list" : "map",
                        address && node.kind == YamlNode::Kind::list
                            ? ": an address in brackets must be in quotes, as \"[2001:db8::1]:5060\""
                            : ""));
      return;
    }
    set(node.line, path, field, node.text, out);
  }

  // The text is not shown where it may be a key that slipped into the wrong line.
  static std::string shown(const FieldDescriptor& field, const std::string& text) {
    const Descriptor& type = *field.containing_type();
    for (int i = 0; i < type.field_count(); ++i) {
      if (rules_of(*type.field(i)).format() == "hex16") return "the value";
    }
    return in_quotes(text);
  }

  void set(int line, const std::string& path, const FieldDescriptor& field, const std::string& text, Message& out) {
    auto refuse = [&](std::string_view advice) {
      fail(line, path, absl::StrFormat("%s is not right: %s", shown(field, text), advice));
    };
    switch (field.type()) {
      case FieldDescriptor::TYPE_STRING:
        if (std::string advice = wrong_text(field, text); !advice.empty()) return refuse(advice);
        return store(field, out, &google::protobuf::Reflection::SetString, &google::protobuf::Reflection::AddString,
                     text);
      case FieldDescriptor::TYPE_BOOL:
        if (text != "true" && text != "false") return refuse("write true or false");
        return store(field, out, &google::protobuf::Reflection::SetBool, &google::protobuf::Reflection::AddBool,
                     text == "true");
      case FieldDescriptor::TYPE_UINT32: {
        const FieldRules& rules = rules_of(field);
        uint32_t value = 0;
        const bool number =
            !text.empty() && text.find_first_not_of("0123456789") == text.npos && absl::SimpleAtoi(text, &value);
        if (!number || !in_range(rules, value)) {
          const bool ranged = rules.has_min() || rules.has_max();
          return refuse(ranged ? absl::StrCat("write a whole number ", range_advice(rules, ""))
                               : "write a whole number");
        }
        return store(field, out, &google::protobuf::Reflection::SetUInt32, &google::protobuf::Reflection::AddUInt32,
                     value);
      }
      default:
        // The schema is ours: a new type of field needs a case here.
        std::fprintf(stderr, "config.proto: %s has a type that the loader does not read\n", field.full_name().c_str());
        std::abort();
    }
  }

  // What to write instead; empty: nothing is wrong.
  static std::string wrong_text(const FieldDescriptor& field, const std::string& text) {
    const FieldRules& rules = rules_of(field);
    if (text.empty() && rules.required()) return absl::StrCat("write ", example(field));
    if (!rules.one_of().empty() &&
        std::find(rules.one_of().begin(), rules.one_of().end(), text) == rules.one_of().end()) {
      return absl::StrCat("write ", absl::StrJoin(rules.one_of(), " or "));
    }
    if (rules.format().empty()) return "";
    if (absl::Status form = check_format(rules.format(), text); !form.ok()) return std::string(form.message());
    if (rules.format() == "duration" && !in_range(rules, std::chrono::duration<double>(duration(text)).count())) {
      return absl::StrCat("write a duration ", range_advice(rules, "s"));
    }
    return "";
  }

  template <typename Set, typename Add, typename Value>
  static void store(const FieldDescriptor& field, Message& out, Set set, Add add, Value value) {
    const google::protobuf::Reflection& reflection = *out.GetReflection();
    if (field.is_repeated()) {
      (reflection.*add)(&out, &field, std::move(value));
    } else {
      (reflection.*set)(&out, &field, std::move(value));
    }
  }

  std::string_view file_;
  Locations* where_;
  std::vector<YamlError>& errors_;
};

absl::Status as_status(std::string_view file, std::vector<YamlError>& errors) {
  if (errors.empty()) return absl::OkStatus();
  const bool more = errors.size() >= errors_limit;
  if (more) errors.resize(errors_limit);
  std::multimap<int, const YamlError*> by_line;
  for (const YamlError& error : errors) by_line.emplace(error.line, &error);
  std::string text;
  for (const auto& [line, error] : by_line) {
    absl::StrAppend(
        &text, text.empty() ? "" : "\n",
        absl::StrFormat("%s:%d: %s%s%s", file, line, error->path, error->path.empty() ? "" : ": ", error->text));
  }
  if (more) absl::StrAppend(&text, "\n", absl::StrFormat("%s: there may be more errors", file));
  return absl::InvalidArgumentError(text);
}

}  // namespace

int Locations::line(std::string_view path) const {
  while (!path.empty()) {
    if (auto found = lines_.find(absl::string_view(path.data(), path.size())); found != lines_.end())
      return found->second;
    size_t cut = path.find_last_of(".[");
    path = path.substr(0, cut == path.npos ? 0 : cut);
  }
  return 1;
}

absl::Status Locations::error(std::string_view path, std::string_view text) const {
  return absl::InvalidArgumentError(absl::StrFormat("%s:%d: %s: %s", file_, line(path), path, text));
}

void Locations::start(std::string_view file) {
  file_ = file;
  lines_.clear();
}

absl::Status read_yaml(std::string_view text, std::string_view name, Message& out, Locations* where) {
  out.Clear();
  if (where != nullptr) where->start(name);
  std::vector<YamlError> errors;
  YamlNode root = parse_yaml(text, errors);
  // An empty file is a map without keys: the errors then say what is missing.
  if (root.kind == YamlNode::Kind::null) {
    if (!errors.empty()) return as_status(name, errors);
    root.kind = YamlNode::Kind::map;
  }
  Reader(name, where, errors).read_map(root, "", out);
  return as_status(name, errors);
}

absl::Status load_yaml(const std::string& path, Message& out, Locations* where, size_t limit) {
  std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "re"), &std::fclose);
  if (file == nullptr) {
    return absl::ErrnoToStatus(errno, absl::StrFormat("%s: cannot be read", path));
  }
  std::string text;
  char block[16384];
  while (size_t got = std::fread(block, 1, sizeof block, file.get())) {
    text.append(block, got);
    if (text.size() > limit) {
      return absl::InvalidArgumentError(
          absl::StrFormat("%s: is larger than %d bytes, which is the limit", path, limit));
    }
  }
  if (std::ferror(file.get())) return absl::ErrnoToStatus(errno, absl::StrFormat("%s: cannot be read", path));
  return read_yaml(text, path, out, where);
}

Duration duration(std::string_view checked) {
  absl::StatusOr<Duration> value = duration_from(checked);
  if (!value.ok()) {
    std::fprintf(stderr, "a duration passed the configuration's check and is none\n");
    std::abort();
  }
  return *value;
}

}  // namespace lapwing::config
