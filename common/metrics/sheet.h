// What Prometheus reads: families of samples, written in its text format 0.0.4 or as OpenMetrics 1.0.0.
//
//   Sheet sheet(Sheet::format_for(accept));
//   sheet.family("lapwing_registrations", Sheet::Type::gauge, "Users who are registered.");
//   sheet.value(17);
//   sheet.family("lapwing_diagnoses", Sheet::Type::counter, "...");   // its samples are lapwing_diagnoses_total
//   sheet.value(3, {{"code", "wrong-response"}});
//   std::string body = std::move(sheet).finish();
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/metrics/distribution.h"

namespace lapwing::metrics {

class Sheet {
 public:
  enum class Format { text, open_metrics };
  enum class Type { gauge, counter, histogram, info };
  using Labels = std::vector<std::pair<std::string_view, std::string_view>>;

  // Of an Accept header: OpenMetrics where it is wanted at least as much as text.
  static Format format_for(std::string_view accept);
  static const char* content_type(Format format);

  explicit Sheet(Format format) : format_(format) {}
  // Begins a family; all its samples follow. name without _total and _info. A name that ends in _seconds or _bytes has
  // that unit.
  void family(std::string_view name, Type type, std::string_view help);
  void value(double value, const Labels& labels = {});
  void distribution(const Distribution& distribution, const Labels& labels = {});
  std::string finish() &&;

 private:
  void line(std::string_view suffix, const Labels& labels, std::string_view value, std::string_view le = {});

  const Format format_;
  std::string name_;
  Type type_ = Type::gauge;
  std::string out_;
};

// Of this process: CPU time, memory, descriptors, start, by the names that Prometheus's own clients use.
void add_process(Sheet& sheet);

}  // namespace lapwing::metrics
