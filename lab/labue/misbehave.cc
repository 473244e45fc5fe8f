#include "lab/labue/misbehave.h"

#include <array>
#include <string>
#include <utility>

namespace lapwing::labue {
namespace {

constexpr std::array<std::pair<Misbehave, std::string_view>, 15> names{{{Misbehave::none, "none"},
                                                                        {Misbehave::no_answer, "no-answer"},
                                                                        {Misbehave::wrong_res, "wrong-res"},
                                                                        {Misbehave::stale_sqn, "stale-sqn"},
                                                                        {Misbehave::always_stale, "always-stale"},
                                                                        {Misbehave::bad_mac, "bad-mac"},
                                                                        {Misbehave::no_client, "no-client"},
                                                                        {Misbehave::wrong_client, "wrong-client"},
                                                                        {Misbehave::no_verify, "no-verify"},
                                                                        {Misbehave::wrong_verify, "wrong-verify"},
                                                                        {Misbehave::wrong_port, "wrong-port"},
                                                                        {Misbehave::spoof_answer, "spoof-answer"},
                                                                        {Misbehave::spoof, "spoof"},
                                                                        {Misbehave::clear_text, "clear-text"},
                                                                        {Misbehave::unprotected, "unprotected"}}};

}  // namespace

std::optional<Misbehave> misbehave_from(std::string_view name) {
  for (const auto& [misbehave, text] : names) {
    if (text == name) return misbehave;
  }
  return std::nullopt;
}

std::string_view name_of(Misbehave misbehave) {
  for (const auto& [known, text] : names) {
    if (known == misbehave) return text;
  }
  return "none";
}

std::string_view all_misbehaviours() {
  static const std::string list = [] {
    std::string out;
    for (const auto& [misbehave, text] : names) out.append(out.empty() ? "" : "|").append(text);
    return out;
  }();
  return list;
}

bool acts_at_reregistration(Misbehave misbehave) {
  return misbehave == Misbehave::spoof || misbehave == Misbehave::clear_text || misbehave == Misbehave::unprotected;
}

}  // namespace lapwing::labue
