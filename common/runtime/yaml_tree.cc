#include "common/runtime/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/runtime/log.h"

namespace lapwing::config {
namespace {

// Ends the parse at once: what follows would only grow.
struct Refused {
  YamlError error;
};

int line_of(const YAML::Mark& mark) {
  return std::max(mark.line + 1, 1);
}

YamlNode leaf(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& text) {
  YamlNode node;
  node.kind = kind;
  node.line = line_of(mark);
  node.text = text;
  return node;
}

class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(std::vector<YamlError>& errors) : errors_(errors) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { place(leaf(YamlNode::Kind::null, mark, "")); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    throw Refused{{line_of(mark), path(), "aliases (*name) are not read here: write the value itself"}};
  }
  void OnAnchor(const YAML::Mark& mark, const std::string&) override {
    throw Refused{
        {line_of(mark), path(), "anchors (&name) are not read here: write the value itself, or put it in quotes"}};
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t, const std::string& value) override {
    refuse_tag(mark, tag);
    place(leaf(YamlNode::Kind::scalar, mark, value));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    refuse_tag(mark, tag);
    open(mark, YamlNode::Kind::list);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t, YAML::EmitterStyle::value) override {
    refuse_tag(mark, tag);
    open(mark, YamlNode::Kind::map);
  }
  void OnMapEnd() override { close(); }

  YamlNode take() { return std::move(root_); }

 private:
  struct Open {
    YamlNode node;
    bool key_next = true;                             // map: the next event is a key
    absl::flat_hash_map<std::string, int> key_lines;  // map
  };

  std::string path() const {
    std::string out;
    for (const Open& open : open_) {
      if (open.node.kind == YamlNode::Kind::list) {
        absl::StrAppend(&out, "[", open.node.items.size(), "]");
      } else if (!open.node.keys.empty()) {
        absl::StrAppend(&out, out.empty() ? "" : ".", log::printable(open.node.keys.back().text, 64));
      }
    }
    return out;
  }

  void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    // "?" and "!" are how the parser tells plain text from quoted.
    if (tag.empty() || tag == "?" || tag == "!") return;
    throw Refused{
        {line_of(mark), path(), "tags (!name) are not read here: write the value alone, or put it in quotes"}};
  }

  bool wants_key() const {
    return !open_.empty() && open_.back().node.kind == YamlNode::Kind::map && open_.back().key_next;
  }

  void open(const YAML::Mark& mark, YamlNode::Kind kind) {
    if (wants_key()) throw Refused{{line_of(mark), path(), "a key must be a word, not a list or a map"}};
    if (open_.size() >= yaml_depth_limit) {
      throw Refused{{line_of(mark), path(), absl::StrFormat("nested deeper than %d levels", yaml_depth_limit)}};
    }
    Open entered;
    entered.node.kind = kind;
    entered.node.line = line_of(mark);
    open_.push_back(std::move(entered));
  }

  void close() {
    YamlNode done = std::move(open_.back().node);
    open_.pop_back();
    place(std::move(done));
  }

  void place(YamlNode node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.kind == YamlNode::Kind::map && parent.key_next) {
      if (node.kind != YamlNode::Kind::scalar) throw Refused{{node.line, path(), "a key is empty: write key: value"}};
      parent.key_next = false;
      auto [known, fresh] = parent.key_lines.try_emplace(node.text, node.line);
      parent.node.keys.push_back({node.text, node.line});
      if (!fresh) {
        errors_.push_back(
            {node.line, path(), absl::StrFormat("is here twice, first in line %d: keep one", known->second)});
      }
      return;
    }
    parent.key_next = true;
    parent.node.items.push_back(std::move(node));
  }

  std::vector<YamlError>& errors_;
  std::vector<Open> open_;
  YamlNode root_;
};

// The error people meet: an unquoted [2001:db8::1]:5060 opens a list.
bool unquoted_ipv6(std::string_view text, int line) {
  for (int i = 1; i < line && !text.empty(); ++i) text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  text = text.substr(0, text.find('\n'));
  size_t end = text.find("]:");
  return end != text.npos && text.substr(0, end).find("[") != text.npos && text.find('"') == text.npos;
}

// The offset of the first byte that is not UTF-8 text (RFC 3629), or a zero; npos: none.
size_t first_not_text(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    auto lead = static_cast<unsigned char>(text[i]);
    if (lead == 0) return i;
    const size_t more = lead < 0x80 ? 0 : lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if ((lead >= 0x80 && lead < 0xc2) || lead > 0xf4 || i + more >= text.size()) return i;
    uint32_t code = more == 0 ? lead : lead & (0x3fU >> more);
    for (size_t k = 1; k <= more; ++k) {
      auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xc0) != 0x80) return i;
      code = code << 6 | (next & 0x3fU);
    }
    const bool overlong = (more == 2 && code < 0x800) || (more == 3 && code < 0x10000);
    if (overlong || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return i;
    i += more + 1;
  }
  return text.npos;
}

}  // namespace

YamlNode parse_yaml(std::string_view text, std::vector<YamlError>& errors) {
  if (size_t bad = first_not_text(text); bad != text.npos) {
    auto line = std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(bad), '\n') + 1;
    errors.push_back({static_cast<int>(line), "", "is not text in UTF-8 here"});
    return {};
  }
  TreeBuilder builder(errors);
  std::istringstream stream{std::string(text)};
  try {
    YAML::Parser parser(stream);
    parser.HandleNextDocument(builder);
    YamlNode root = builder.take();
    TreeBuilder second(errors);
    if (parser.HandleNextDocument(second)) {
      errors.push_back({std::max(second.take().line, 1), "", "a second document starts here: keep one file for each"});
      return {};
    }
    return root;
  } catch (const Refused& refused) {
    errors.push_back(refused.error);
  } catch (const YAML::Exception& exception) {
    const int line = line_of(exception.mark);
    errors.push_back({line, "",
                      absl::StrCat("is not YAML: ", exception.msg,
                                   unquoted_ipv6(text, line) ? "; an address in brackets must be in quotes, as "
                                                               "\"[2001:db8::1]:5060\""
                                                             : "")});
  }
  return {};
}

}  // namespace lapwing::config
