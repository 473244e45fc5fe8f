#include "common/sip/edits.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <list>

#include "absl/container/inlined_vector.h"
#include "common/sip/chars.h"
#include "common/sip/wire_text.h"

namespace lapwing::sip {

// The header rows of the message while edits are applied: in order, the id of each and where its text is. Two flat
// arrays, so that finding a header is a memchr and putting one in moves a few bytes.
class Edits::Rows {
 public:
  explicit Rows(const Message& message) : message_(message), old_(message.rows()), size_(old_.size()) {
    grow();
    for (size_t i = 0; i < size_; ++i) {
      ids_[i] = static_cast<uint8_t>(old_[i].id);
      order_[i] = static_cast<uint32_t>(i);
    }
  }

  static constexpr size_t kNone = static_cast<size_t>(-1);

  size_t size() const { return size_; }
  HeaderId id(size_t at) const { return static_cast<HeaderId>(ids_[at]); }
  // The row as it came; nullptr when an edit wrote it.
  const HeaderRow* untouched(size_t at) const { return order_[at] < old_.size() ? &old_[order_[at]] : nullptr; }
  std::string_view name(size_t at) const {
    const HeaderRow* row = untouched(at);
    return row != nullptr ? message_.name(*row) : fresh_[order_[at] - old_.size()].name;
  }
  std::string_view value(size_t at) const {
    const HeaderRow* row = untouched(at);
    return row != nullptr ? message_.value(*row) : fresh_[order_[at] - old_.size()].value;
  }

  size_t find(HeaderId id, size_t from = 0) const {
    if (from >= size_) return kNone;
    const void* hit = std::memchr(ids_.data() + from, static_cast<int>(id), size_ - from);
    return hit == nullptr ? kNone : static_cast<size_t>(static_cast<const uint8_t*>(hit) - ids_.data());
  }
  size_t find_last(HeaderId id) const {
    for (size_t at = size_; at-- > 0;) {
      if (ids_[at] == static_cast<uint8_t>(id)) return at;
    }
    return kNone;
  }

  void insert(size_t at, HeaderId id, std::string_view name, std::string_view value) {
    if (size_ == ids_.size()) grow();
    std::memmove(&ids_[at] + 1, &ids_[at], size_ - at);
    std::memmove(&order_[at] + 1, &order_[at], (size_ - at) * sizeof order_[0]);
    ids_[at] = static_cast<uint8_t>(id);
    order_[at] = add_fresh(name, value);
    ++size_;
  }
  void insert(size_t at, HeaderId id, std::string_view value) { insert(at, id, header_name(id), value); }
  void replace(size_t at, std::string_view value) { order_[at] = add_fresh(header_name(id(at)), value); }
  void replace_owned(size_t at, std::string value) { replace(at, owned_.emplace_back(std::move(value))); }
  void erase(size_t at) {
    --size_;
    std::memmove(&ids_[at], &ids_[at] + 1, size_ - at);
    std::memmove(&order_[at], &order_[at] + 1, (size_ - at) * sizeof order_[0]);
  }
  void erase_all(HeaderId id, size_t from = 0) {
    while ((from = find(id, from)) != kNone) erase(from);
  }
  void erase_named(std::string_view name) {
    size_t at = 0;
    while ((at = find(HeaderId::other, at)) != kNone) {
      if (chars::same_ignoring_case(this->name(at), name)) {
        erase(at);
      } else {
        ++at;
      }
    }
  }

  void set(HeaderId id, std::string_view value) {
    size_t at = find(id);
    if (at == kNone) return insert(size(), id, value);
    replace(at, value);
    erase_all(id, at + 1);
  }
  // The first value of a list header goes, or another takes its place.
  void change_first_value(HeaderId id, const std::string* value);
  void remove_token(HeaderId id, std::string_view token);
  void append_to(std::string& out) const;

 private:
  struct Fresh {
    std::string_view name, value;
  };
  void grow() {
    ids_.resize(size_ + 16);
    order_.resize(size_ + 16);
  }
  uint32_t add_fresh(std::string_view name, std::string_view value) {
    fresh_.push_back({name, value});
    return static_cast<uint32_t>(old_.size() + fresh_.size() - 1);
  }

  const Message& message_;
  std::span<const HeaderRow> old_;
  size_t size_;
  absl::InlinedVector<uint8_t, 64> ids_;     // the first size_ of them
  absl::InlinedVector<uint32_t, 64> order_;  // under old_.size(): a row as it came; from there on: one of fresh_
  absl::InlinedVector<Fresh, 16> fresh_;
  std::list<std::string> owned_;
};

void Edits::Rows::change_first_value(HeaderId id, const std::string* value) {
  for (size_t at = find(id); at != kNone; at = find(id, at + 1)) {
    std::string_view rest = this->value(at);
    std::string_view first;
    while (first.empty() && !rest.empty()) first = take_list_value(rest);
    if (first.empty()) continue;  // a row without values
    if (value == nullptr && rest.empty()) return erase(at);
    if (value == nullptr) return replace(at, rest);
    if (rest.empty()) return replace(at, *value);
    std::string joined = *value;
    return replace_owned(at, joined.append(", ").append(rest));
  }
}

void Edits::Rows::remove_token(HeaderId id, std::string_view token) {
  for (size_t at = 0; (at = find(id, at)) != kNone;) {
    std::string kept;
    bool found = false;
    for (std::string_view rest = value(at); !rest.empty();) {
      std::string_view value = take_list_value(rest);
      if (chars::same_ignoring_case(value, token)) {
        found = true;
      } else if (!value.empty()) {
        kept.append(kept.empty() ? "" : ", ").append(value);
      }
    }
    if (found && kept.empty()) {
      erase(at);
      continue;
    }
    if (found) replace_owned(at, std::move(kept));
    ++at;
  }
}

// Neighbours that nobody touched go out in one piece.
void Edits::Rows::append_to(std::string& out) const {
  std::string_view buffer = message_.buffer();
  for (size_t at = 0; at < size();) {
    const HeaderRow* first = untouched(at);
    if (first == nullptr || message_.has_bare_lf()) {
      append_row(out, name(at), value(at));
      ++at;
      continue;
    }
    uint32_t end = first->row_end;
    for (++at; at < size() && untouched(at) != nullptr && untouched(at)->name_at == end; ++at) {
      end = untouched(at)->row_end;
    }
    out.append(buffer.substr(first->name_at, end - first->name_at));
  }
}

namespace {

bool says(std::string_view length, size_t size) {
  size_t value = 0;
  auto [stop, error] = std::from_chars(length.data(), length.data() + length.size(), value);
  return error == std::errc() && stop == length.data() + length.size() && value == size;
}

}  // namespace

void Edits::add(Kind kind, HeaderId id, std::string name, std::string value, int code) {
  if (edits_.capacity() == 0) edits_.reserve(12);
  if (!name.empty()) {
    kind == Kind::body ? require_clean(name, "Content-Type") : require_line(name, "header name");
  }
  if (kind == Kind::request_uri || kind == Kind::status) {
    require_line(value, "start line");
  } else if (kind != Kind::body && !value.empty()) {
    require_clean(value, "header value");
  }
  edits_.emplace_back(kind, id, std::move(name), std::move(value), code);
}

void Edits::request_uri(std::string uri) {
  add(Kind::request_uri, HeaderId::other, {}, std::move(uri));
}
void Edits::status(int code, std::string reason) {
  add(Kind::status, HeaderId::other, {}, std::move(reason), code);
}
void Edits::remove(HeaderId id) {
  add(Kind::remove, id, {}, {});
}
void Edits::remove(std::string name) {
  HeaderId id = header_id(name);
  add(Kind::remove, id, std::move(name), {});
}
void Edits::set(HeaderId id, std::string value) {
  add(Kind::set, id, {}, std::move(value));
}
void Edits::prepend(HeaderId id, std::string value) {
  add(Kind::prepend, id, {}, std::move(value));
}
void Edits::append(HeaderId id, std::string value) {
  add(Kind::append, id, {}, std::move(value));
}
void Edits::append(std::string name, std::string value) {
  HeaderId id = header_id(name);
  add(Kind::append, id, std::move(name), std::move(value));
}
void Edits::remove_first_value(HeaderId id) {
  add(Kind::remove_first, id, {}, {});
}
void Edits::replace_first_value(HeaderId id, std::string value) {
  add(Kind::replace_first, id, {}, std::move(value));
}
void Edits::remove_token(HeaderId id, std::string token) {
  add(Kind::remove_token, id, {}, std::move(token));
}
void Edits::body(std::string content_type, std::string body) {
  add(Kind::body, HeaderId::other, std::move(content_type), std::move(body));
}

// What the start line and the body become, beside the rows.
struct Edits::Outcome {
  std::string_view uri, reason, body;
  int code;
};

void Edits::apply(const Edit& edit, Rows& rows, Outcome& outcome) {
  switch (edit.kind) {
    case Kind::request_uri:
      outcome.uri = edit.value;
      return;
    case Kind::status:
      outcome.code = edit.code;
      outcome.reason = edit.value;
      return;
    case Kind::remove:
      return edit.id == HeaderId::other ? rows.erase_named(edit.name) : rows.erase_all(edit.id);
    case Kind::set:
      return rows.set(edit.id, edit.value);
    case Kind::prepend: {
      size_t at = rows.find(edit.id);
      return rows.insert(at == Rows::kNone ? 0 : at, edit.id, edit.value);
    }
    case Kind::append: {
      // Rows of unknown headers all have the same id: a new one goes to the end.
      size_t at = edit.id == HeaderId::other ? Rows::kNone : rows.find_last(edit.id);
      std::string_view name = edit.id == HeaderId::other ? std::string_view(edit.name) : header_name(edit.id);
      return rows.insert(at == Rows::kNone ? rows.size() : at + 1, edit.id, name, edit.value);
    }
    case Kind::remove_first:
      return rows.change_first_value(edit.id, nullptr);
    case Kind::replace_first:
      return rows.change_first_value(edit.id, &edit.value);
    case Kind::remove_token:
      return rows.remove_token(edit.id, edit.value);
    case Kind::body:
      outcome.body = edit.value;
      if (edit.name.empty()) return rows.erase_all(HeaderId::content_type);
      return rows.set(HeaderId::content_type, edit.name);
  }
}

std::string Edits::write(const Message& message) const {
  Rows rows(message);
  Outcome outcome{message.request_uri(), message.reason(), message.body(), message.status()};
  size_t added = 0;
  for (const Edit& edit : edits_) {
    apply(edit, rows, outcome);
    if (!edit.value.empty()) added += edit.name.size() + edit.value.size() + 40;
  }

  char length[20];
  std::string_view content_length(
      length, static_cast<size_t>(std::to_chars(length, length + sizeof length, outcome.body.size()).ptr - length));
  size_t at = rows.find(HeaderId::content_length);
  bool right = at != Rows::kNone && says(rows.value(at), outcome.body.size()) &&
               rows.find(HeaderId::content_length, at + 1) == Rows::kNone;
  if (!right) rows.set(HeaderId::content_length, content_length);

  std::string out;
  out.reserve(message.buffer().size() + added + 64);
  if (message.is_request()) {
    out.append(message.method_text()).append(" ").append(outcome.uri).append(" SIP/2.0\r\n");
  } else {
    append_status_line(out, outcome.code, outcome.reason);
  }
  rows.append_to(out);
  out.append("\r\n").append(outcome.body);
  return out;
}

}  // namespace lapwing::sip
