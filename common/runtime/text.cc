#include "common/runtime/text.h"

#include <cstdlib>
#include <cstring>
#include <new>

namespace lapwing {

Text::Block* Text::make(std::string_view text) {
  if (text.empty()) return nullptr;
  void* memory = ::operator new(sizeof(Block) + text.size());
  auto* block = new (memory) Block{.owners = 1, .size = static_cast<uint32_t>(text.size())};
  std::memcpy(block + 1, text.data(), text.size());
  return block;
}

void Text::release() {
  if (!block_ || block_->owners.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  block_->~Block();
  ::operator delete(block_);
}

Text CommonTexts::of(std::string_view text) {
  if (text.empty()) return {};
  std::lock_guard lock(mutex_);
  if (auto known = texts_.find(text); known != texts_.end()) return *known;
  if (texts_.size() >= limit_ && new_ >= limit_) {
    absl::erase_if(texts_, [](const Text& one) { return one.unshared(); });
    new_ = 0;
  }
  ++new_;
  if (texts_.size() >= limit_) return text;
  return *texts_.insert(Text(text)).first;
}

size_t CommonTexts::size() {
  std::lock_guard lock(mutex_);
  return texts_.size();
}

}  // namespace lapwing
