// YAML text as a plain tree that knows its lines, with the parts of YAML left out that surprise: anchors, aliases,
// tags, several documents and keys that occur twice are errors.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lapwing::config {

struct YamlNode {
  enum class Kind : uint8_t { null, scalar, list, map };

  Kind kind = Kind::null;
  int line = 1;                 // where the value starts; 1-based
  std::string text;             // scalar
  std::vector<YamlNode> items;  // list, and the values of a map

  struct Key {
    std::string text;
    int line = 1;
  };
  std::vector<Key> keys;  // map: one for each of `items`
};

struct YamlError {
  int line = 1;
  std::string path;  // "gm.listen[0]"; empty: the file as a whole
  std::string text;
};

inline constexpr size_t yaml_depth_limit = 16;

// The tree; errors are appended. When the text is not YAML at all, or breaks a limit, the tree is empty.
YamlNode parse_yaml(std::string_view text, std::vector<YamlError>& errors);

}  // namespace lapwing::config
