// A ladder as SVG, and as a page with all messages: for tickets.
#include <pugixml.hpp>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/ladder.h"
#include "cli/times.h"
#include "common/runtime/log.h"

namespace lapwing::cli {
namespace {

constexpr int column = 200, row = 26, margin = 110, top = 50;

const char* colour_of(LadderStep::Tone tone) {
  switch (tone) {
    case LadderStep::Tone::request:
      return "#0b5cad";
    case LadderStep::Tone::provisional:
      return "#777777";
    case LadderStep::Tone::success:
      return "#1a7f37";
    case LadderStep::Tone::failure:
      return "#c0362c";
  }
  return "#000000";
}

std::string seconds_since(WallTime first, WallTime at) {
  return absl::StrFormat("%.3f", std::chrono::duration<double>(at - first).count());
}

void set(pugi::xml_node node, std::initializer_list<std::pair<const char*, std::string>> attributes) {
  for (const auto& [name, value] : attributes) node.append_attribute(name).set_value(value.c_str());
}

pugi::xml_node text(pugi::xml_node in, int x, int y, const char* anchor, const std::string& colour,
                    const std::string& words) {
  pugi::xml_node node = in.append_child("text");
  set(node, {{"x", absl::StrCat(x)}, {"y", absl::StrCat(y)}, {"text-anchor", anchor}, {"fill", colour}});
  node.text().set(words.c_str());
  return node;
}

void draw(pugi::xml_node in, const Ladder& ladder) {
  pugi::xml_node svg = in.append_child("svg");
  const int width = margin + static_cast<int>(ladder.columns.size()) * column;
  const int height = top + static_cast<int>(ladder.steps.size() + 1) * row;
  set(svg, {{"xmlns", "http://www.w3.org/2000/svg"},
            {"width", absl::StrCat(width)},
            {"height", absl::StrCat(height)},
            {"font-family", "sans-serif"},
            {"font-size", "12"}});
  set(svg.append_child("rect"), {{"width", "100%"}, {"height", "100%"}, {"fill", "#ffffff"}});
  auto middle = [](size_t index) { return margin + static_cast<int>(index) * column + column / 2; };
  for (size_t i = 0; i < ladder.columns.size(); ++i) {
    text(svg, middle(i), top - 20, "middle", "#000000", log::printable(ladder.columns[i], 48))
        .append_attribute("font-weight")
        .set_value("bold");
    set(svg.append_child("line"), {{"x1", absl::StrCat(middle(i))},
                                   {"x2", absl::StrCat(middle(i))},
                                   {"y1", absl::StrCat(top - 12)},
                                   {"y2", absl::StrCat(height - 8)},
                                   {"stroke", "#bbbbbb"}});
  }
  int y = top + row / 2;
  for (const LadderStep& step : ladder.steps) {
    const int from = middle(step.from), to = middle(step.to), head = to > from ? -7 : 7;
    const char* colour = colour_of(step.tone);
    text(svg, 8, y + 4, "start", "#555555", seconds_since(ladder.steps.front().at, step.at));
    set(svg.append_child("line"), {{"x1", absl::StrCat(from)},
                                   {"x2", absl::StrCat(to)},
                                   {"y1", absl::StrCat(y)},
                                   {"y2", absl::StrCat(y)},
                                   {"stroke", colour}});
    set(svg.append_child("polygon"),
        {{"points", absl::StrFormat("%d,%d %d,%d %d,%d", to, y, to + head, y - 4, to + head, y + 4)},
         {"fill", colour}});
    text(svg, (from + to) / 2, y - 4, "middle", colour, log::printable(step.label, 64));
    y += row;
  }
}

std::string written(const pugi::xml_document& document, unsigned flags) {
  std::ostringstream out;
  document.save(out, "  ", flags);
  return out.str();
}

}  // namespace

std::string ladder_svg(const Ladder& ladder) {
  pugi::xml_document document;
  draw(document, ladder);
  return written(document, pugi::format_indent);
}

std::string ladder_html(const Ladder& ladder, const std::string& title) {
  pugi::xml_document document;
  document.append_child(pugi::node_doctype).set_value("html");
  pugi::xml_node html = document.append_child("html");
  pugi::xml_node head = html.append_child("head");
  head.append_child("meta").append_attribute("charset").set_value("utf-8");
  head.append_child("title").text().set(title.c_str());
  pugi::xml_node body = html.append_child("body");
  body.append_child("h1").text().set(title.c_str());
  draw(body, ladder);
  for (const LadderStep& step : ladder.steps) {
    pugi::xml_node details = body.append_child("details");
    details.append_child("summary").text().set(absl::StrCat(seconds_since(ladder.steps.front().at, step.at), "  ",
                                                            log::printable(ladder.columns[step.from], 48), " → ",
                                                            log::printable(ladder.columns[step.to], 48), "  ",
                                                            log::printable(step.label, 64), "  (", step.carrier, ")")
                                                   .c_str());
    std::string lines;
    for (char c : step.message) {
      if (c == '\n' || c == '\t' || (c >= 0x20 && c < 0x7f))
        lines += c;
      else if (c != '\r')
        lines += '?';
    }
    details.append_child("pre").text().set(lines.c_str());
  }
  return written(document, pugi::format_raw | pugi::format_no_declaration | pugi::format_no_empty_element_tags);
}

}  // namespace lapwing::cli
