// A table from options that other tools have to what is to be written here, looked up without leading dashes and with `_` for `-`.
#include "option_answers.hpp"

#include "diagnostics/suggestions.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace millrace::pipelines {
namespace {

using OptionAnswer = std::pair<std::string_view, std::string_view>;  // an option of other tools -> what to do here

constexpr std::array kAnswers{
    OptionAnswer{"gpu", "write --device cuda"},
    OptionAnswer{"gpus", "write --device cuda; several GPUs take a process each: docs/processes.md"},
    OptionAnswer{"cuda", "write --device cuda"},
    OptionAnswer{"cpu", "write --device cpu"},
    OptionAnswer{"no_cuda", "write --device cpu"},
    OptionAnswer{"verbose", "every epoch is told as it is; --quiet tells less"},
    OptionAnswer{"validation_split",
                 "rows are split by hand: --set NODE.rows=[FIRST,COUNT] for the node that reads them"},
    OptionAnswer{"data", "set MILLRACE_DATA_DIR=DIR, where DIR/mnist holds the files"},
    OptionAnswer{"data_dir", "set MILLRACE_DATA_DIR=DIR, where DIR/mnist holds the files"},
    OptionAnswer{"data_path", "set MILLRACE_DATA_DIR=DIR, where DIR/mnist holds the files"},
    OptionAnswer{"output", "results go to standard output: --json > FILE"},
    OptionAnswer{"config", "the config is the first word: pipeline-run CONFIG"},
};

}  // namespace

std::string setting_name(const std::string& option) {
  if (option == "-e") return "epochs";
  if (option == "-b") return "batch_size";
  std::string name = option.substr(std::min(option.find_first_not_of('-'), option.size()));
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

std::string option_elsewhere(const std::string& option) {
  const std::string name = setting_name(option);
  const auto found =
      std::find_if(kAnswers.begin(), kAnswers.end(), [&](const OptionAnswer& a) { return a.first == name; });
  return found == kAnswers.end() ? said_of(name) : std::string(found->second);
}

}  // namespace millrace::pipelines
