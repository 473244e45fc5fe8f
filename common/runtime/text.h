// Text that tables keep for as long as a registration or a dialog lasts: immutable, one pointer wide, and counted, so
// that copies share one block of memory: an identity that stands in a binding, in a subscription and in an index stands
// in memory once.
//
//   Text contact = std::string_view("sip:alice@192.0.2.7");
//   Text again = contact;                  // no copy
//   map.find(contact.view());
//
// It turns into std::string_view and std::string by itself, for what procedures make of it. Safe to be copied in many
// threads at once, as shared_ptr is.
#pragma once

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"
#include "absl/hash/hash.h"
#include "absl/strings/str_format.h"

namespace lapwing {

class Text {
 public:
  Text() = default;  // empty: no block
  // From what holds the characters; they are copied.
  template <typename T>
    requires(std::convertible_to<const T&, std::string_view> && !std::same_as<T, Text>)
  Text(const T& text) : block_(make(text)) {}
  Text(const Text& other) noexcept : block_(other.block_) {
    if (block_) block_->owners.fetch_add(1, std::memory_order_relaxed);
  }
  Text(Text&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  Text& operator=(Text other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~Text() { release(); }

  std::string_view view() const {
    return block_ ? std::string_view(reinterpret_cast<const char*>(block_ + 1), block_->size) : std::string_view();
  }
  std::string str() const { return std::string(view()); }
  operator std::string_view() const { return view(); }
  operator std::string() const { return str(); }
  bool empty() const { return !block_; }
  size_t size() const { return view().size(); }
  bool starts_with(std::string_view prefix) const { return view().starts_with(prefix); }
  void clear() { *this = Text(); }
  // Nobody else has this block: at that moment, as with shared_ptr.
  bool unshared() const { return block_ && block_->owners.load(std::memory_order_relaxed) == 1; }

  bool operator==(const Text& other) const { return block_ == other.block_ || view() == other.view(); }
  template <typename T>
    requires(std::convertible_to<const T&, std::string_view> && !std::same_as<T, Text>)
  bool operator==(const T& other) const {
    return view() == std::string_view(other);
  }
  friend std::string operator+(std::string left, const Text& right) { return std::move(left.append(right.view())); }

  friend absl::FormatConvertResult<absl::FormatConversionCharSet::kString> AbslFormatConvert(
      const Text& text, const absl::FormatConversionSpec&, absl::FormatSink* sink) {
    std::string_view view = text.view();
    sink->Append(absl::string_view(view.data(), view.size()));
    return {true};
  }

 private:
  struct Block {  // the characters follow
    std::atomic<uint32_t> owners;
    uint32_t size;
  };
  static Block* make(std::string_view text);
  void release();

  Block* block_ = nullptr;
};

using Texts = absl::InlinedVector<Text, 1>;
inline std::vector<std::string> strings(const Texts& texts) {
  return {texts.begin(), texts.end()};
}

// For tables with Text as their key, where a look-up needs no Text.
struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return absl::Hash<std::string_view>{}(text); }
};
struct TextEqual {
  using is_transparent = void;
  bool operator()(std::string_view left, std::string_view right) const { return left == right; }
};

template <typename Value>
using TextMap = absl::flat_hash_map<Text, Value, TextHash, TextEqual>;

// Texts that many have alike: names of hosts, of cells, of handsets' makers. Each stands in memory once.
class CommonTexts {
 public:
  explicit CommonTexts(size_t limit = 10'000) : limit_(limit) {}
  // Past the limit, of different ones in use, a text of its own.
  Text of(std::string_view text);
  size_t size();

 private:
  const size_t limit_;
  std::mutex mutex_;
  absl::flat_hash_set<Text, TextHash, TextEqual> texts_;
  size_t new_ = 0;  // since those went that nobody used: that looks at all, so not for each new one
};

}  // namespace lapwing
