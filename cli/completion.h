// The bash completion of imsctl, made from its commands so that it cannot fall behind them.
#pragma once

#include <CLI/App.hpp>
#include <string>

namespace lapwing::cli {

std::string bash_completion(const CLI::App& app);

}  // namespace lapwing::cli
