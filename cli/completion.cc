#include "cli/completion.h"

#include <CLI/CLI.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace lapwing::cli {
namespace {

std::string options_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return absl::StrJoin(names, " ");
}

}  // namespace

std::string bash_completion(const CLI::App& app) {
  std::vector<std::string> commands;
  std::string cases;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    commands.push_back(command->get_name());
    std::string words = options_of(*command);
    for (const CLI::App* below : command->get_subcommands([](const CLI::App*) { return true; })) {
      absl::StrAppend(&words, " ", below->get_name(), " ", options_of(*below));
    }
    absl::StrAppend(&cases, "    ", command->get_name(), ") words=\"", words, " ", options_of(app), "\" ;;\n");
  }
  return absl::StrCat(
      "# bash completion of imsctl; imsctl completion bash > /etc/bash_completion.d/imsctl\n"
      "_imsctl() {\n"
      "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command= word words\n"
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    case $word in\n    ",
      absl::StrJoin(commands, "|"),
      ") command=$word; break ;;\n"
      "    esac\n"
      "  done\n"
      "  case $prev in\n"
      "    --config|--pcscf-config|--scscf-config|--save) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n"
      "    --reason) [ \"$command\" = deregister ] && COMPREPLY=($(compgen -W 'deactivated rejected' -- \"$cur\")); "
      "return ;;\n"
      "    --directory) COMPREPLY=($(compgen -d -- \"$cur\")); return ;;\n"
      "    --hss) COMPREPLY=($(compgen -W lab -- \"$cur\")); return ;;\n"
      "    --ipsec) COMPREPLY=($(compgen -W 'required optional off' -- \"$cur\")); return ;;\n"
      "    --plmn|--gm|--core|--pcscf|--scscf|--labhss|--timeout|--text|--limit|--method|--header) return ;;\n"
      "    completion) COMPREPLY=($(compgen -W bash -- \"$cur\")); return ;;\n"
      "  esac\n"
      "  case $command in\n",
      cases, "    *) words=\"", absl::StrJoin(commands, " "), " ", options_of(app),
      "\" ;;\n"
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
      "}\n"
      "complete -F _imsctl imsctl\n");
}

}  // namespace lapwing::cli
