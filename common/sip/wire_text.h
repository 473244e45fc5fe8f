// Writing header rows: what Edits and Writer share.
#pragma once

#include <string>
#include <string_view>

namespace lapwing::sip {

// Stops the program unless the text may stand in a header (see edits.h); `what` names it in the last words.
void require_clean(std::string_view text, std::string_view what);
// The same for what is no header value: names, URIs, reason phrases. No folds either.
void require_line(std::string_view text, std::string_view what);
// The value, unfolded.
void append_value(std::string& out, std::string_view value);
// "Name: value CRLF".
void append_row(std::string& out, std::string_view name, std::string_view value);
// "SIP/2.0 code reason CRLF".
void append_status_line(std::string& out, int code, std::string_view reason);
void append_number(std::string& out, size_t number);

}  // namespace lapwing::sip
