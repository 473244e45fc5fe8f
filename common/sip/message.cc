#include "common/sip/message.h"

#include <cstring>

#include "common/sip/chars.h"

namespace lapwing::sip {

Method method_from(std::string_view text) {
  auto is = [text](std::string_view name, Method method) { return text == name ? method : Method::other; };
  switch (text.size()) {
    case 3:
      return text == "ACK" ? Method::ack : is("BYE", Method::bye);
    case 4:
      return is("INFO", Method::info);
    case 5:
      return text == "PRACK" ? Method::prack : is("REFER", Method::refer);
    case 6:
      if (text == "INVITE") return Method::invite;
      if (text == "CANCEL") return Method::cancel;
      return text == "NOTIFY" ? Method::notify : is("UPDATE", Method::update);
    case 7:
      if (text == "OPTIONS") return Method::options;
      return text == "MESSAGE" ? Method::message : is("PUBLISH", Method::publish);
    case 8:
      return is("REGISTER", Method::register_);
    case 9:
      return is("SUBSCRIBE", Method::subscribe);
    default:
      return Method::other;
  }
}

std::string_view method_text(Method method) {
  switch (method) {
    case Method::other:
      return "";
    case Method::ack:
      return "ACK";
    case Method::bye:
      return "BYE";
    case Method::cancel:
      return "CANCEL";
    case Method::info:
      return "INFO";
    case Method::invite:
      return "INVITE";
    case Method::message:
      return "MESSAGE";
    case Method::notify:
      return "NOTIFY";
    case Method::options:
      return "OPTIONS";
    case Method::prack:
      return "PRACK";
    case Method::publish:
      return "PUBLISH";
    case Method::refer:
      return "REFER";
    case Method::register_:
      return "REGISTER";
    case Method::subscribe:
      return "SUBSCRIBE";
    case Method::update:
      return "UPDATE";
  }
  return "";
}

const HeaderRow* Message::first(HeaderId id) const {
  size_t at = static_cast<size_t>(id);
  if (at >= static_cast<size_t>(HeaderId::count) || first_row_[at] == 0) return nullptr;
  return &rows_[first_row_[at] - 1u];
}

const HeaderRow* Message::first(std::string_view name) const {
  HeaderId id = header_id(name);
  if (id != HeaderId::other) return first(id);
  for (const HeaderRow& row : rows_) {
    if (row.id == HeaderId::other && chars::same_ignoring_case(this->name(row), name)) return &row;
  }
  return nullptr;
}

std::string_view Message::header(HeaderId id) const {
  const HeaderRow* row = first(id);
  return row != nullptr ? value(*row) : std::string_view();
}

ValueRange Message::values(HeaderId id) const {
  return ValueRange(*this, id);
}

ValueRange::Iterator::Iterator(const Message& message, HeaderId id, size_t row)
    : message_(&message), id_(id), row_(row) {
  if (row < message.rows().size()) next_row(row);
}

// To the first value at or after the row; to the end when there is none.
void ValueRange::Iterator::next_row(size_t from) {
  std::span<const HeaderRow> rows = message_->rows();
  for (row_ = from; row_ < rows.size(); ++row_) {
    if (rows[row_].id != id_) continue;
    rest_ = message_->value(rows[row_]);
    while (!rest_.empty()) {
      value_ = take_list_value(rest_);
      if (!value_.empty()) return;
    }
  }
  rest_ = value_ = {};
}

ValueRange::Iterator& ValueRange::Iterator::operator++() {
  while (!rest_.empty()) {
    value_ = take_list_value(rest_);
    if (!value_.empty()) return *this;
  }
  next_row(row_ + 1);
  return *this;
}

ValueRange::Iterator ValueRange::begin() const {
  const HeaderRow* row = message_.first(id_);
  if (row == nullptr) return end();
  return Iterator(message_, id_, static_cast<size_t>(row - message_.rows().data()));
}

ValueRange::Iterator ValueRange::end() const {
  return Iterator(message_, id_, message_.rows().size());
}

size_t ValueRange::size() const {
  size_t count = 0;
  for (Iterator at = begin(), stop = end(); !(at == stop); ++at) ++count;
  return count;
}

std::string_view ValueRange::front() const {
  Iterator first = begin();
  return first == end() ? std::string_view() : *first;
}

std::string_view take_list_value(std::string_view& rest) {
  const char *at = rest.data(), *end = at + rest.size();
  while ((at = chars::find_list_mark(at, end)) < end && *at != ',') {
    if (*at++ == '<') {
      auto* close = static_cast<const char*>(std::memchr(at, '>', static_cast<size_t>(end - at)));
      at = close != nullptr ? close + 1 : end;
      continue;
    }
    while ((at = chars::find_in_quotes(at, end)) < end && *at != '"') at += *at == '\\' && end - at > 1 ? 2 : 1;
    if (at < end) ++at;
  }
  size_t size = static_cast<size_t>(at - rest.data());
  std::string_view value = chars::trim(rest.substr(0, size));
  rest = chars::trim(rest.substr(at < end ? size + 1 : size));
  return value;
}

std::string unfold(std::string_view value) {
  value = chars::trim(value);
  std::string out;
  out.reserve(value.size());
  for (size_t at = 0; at < value.size();) {
    size_t line_end = value.find_first_of("\r\n", at);
    if (line_end == std::string_view::npos) {
      out.append(value.substr(at));
      break;
    }
    size_t next = line_end;
    while (next < value.size() && chars::space(value[next])) ++next;
    while (line_end > at && chars::blank(value[line_end - 1])) --line_end;
    out.append(value.substr(at, line_end - at)).push_back(' ');
    at = next;
  }
  return out;
}

}  // namespace lapwing::sip
