// What became of something that a handset was asked to do.
#pragma once

#include <string>

namespace lapwing::labue {

struct Outcome {
  bool ok = false;
  int code = 0;     // of the last final response; 0: none came
  std::string why;  // when not ok, a sentence
};

}  // namespace lapwing::labue
