// A table from options that other tools have to what is to be written here, looked up without leading dashes and with `_` for `-`.
#include "option_answers.hpp"

#include "diagnostics/suggestions.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace millrace::pipelines {
namespace {

using Answer = std::pair<std::string_view, std::string_view>;  // an option of other tools -> what to do here

constexpr std::array kAnswers{
    Answer{"gpu", "write --device cuda"},
    Answer{"gpus", "write --device cuda; several GPUs take a process each: docs/processes.md"},
    Answer{"cuda", "write --device cuda"},
    Answer{"cpu", "write --device cpu"},
    Answer{"no_cuda", "write --device cpu"},
    Answer{"verbose", "every epoch is told as it is; --quiet tells less"},
    Answer{"validation_split", "rows are split by hand: --set NODE.rows=[FIRST,COUNT] for the node that reads them"},
    Answer{"data", "set MILLRACE_DATA_DIR=DIR, where DIR/mnist holds the files"},
    Answer{"data_dir", "set MILLRACE_DATA_DIR=DIR, where DIR/mnist holds the files"},
    Answer{"data_path", "set MILLRACE_DATA_DIR=DIR, where DIR/mnist holds the files"},
    Answer{"output", "results go to standard output: --json > FILE"},
    Answer{"config", "the config is the first word: pipeline-run CONFIG"},
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
  const auto found = std::find_if(kAnswers.begin(), kAnswers.end(), [&](const Answer& a) { return a.first == name; });
  return found == kAnswers.end() ? said_of(name) : std::string(found->second);
}

}  // namespace millrace::pipelines
