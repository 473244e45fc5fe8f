#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "cli/imsctl.h"

namespace {

size_t terminal_width() {
  winsize size{};
  return isatty(STDOUT_FILENO) != 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

}  // namespace

int main(int argc, char** argv) {
  // gRPC's own log lines say nothing that the sentences of imsctl do not.
  setenv("GRPC_VERBOSITY", "NONE", 0);
  const char* home = std::getenv("HOME");
  const lapwing::SystemClock clock;
  const lapwing::cli::Surroundings around{
      .clock = clock, .width = terminal_width(), .home = home == nullptr ? "" : home, .etc = "/etc", .in = &std::cin};
  return lapwing::cli::imsctl(std::vector<std::string>(argv + 1, argv + argc), std::cout, std::cerr, around);
}
