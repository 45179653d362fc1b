// `pipeline-run CONFIG`: check, run, report.
#include "command/line/config_arguments.hpp"
#include "command/training/new_run.hpp"
#include "command/training/training.hpp"

namespace millrace::pipelines {
namespace {

int act_run(const TrainingOptions& given) {
  TrainingOptions options = given;
  options.runs_of_weights = options.runs_folder();
  return train(options, [&](CheckedConfig& checked, const RunInfo& info) {
    TrainingStart start;
    if (options.keeps(checked)) start.kept = keep_run(checked, info, options.config, options.runs_folder());
    return start;
  });
}

std::vector<Option> own_options() {
  return joined(
      {training_options(),
       {{.name = "dry-run",
         .help = "Do all but the run: read, check, print the plan",
         .store = into(&TrainingOptions::dry_run)},
        {.name = "no-keep", .help = "Leave no folder of the run", .store = into(&TrainingOptions::no_keep)}}});
}

const RegisteredVerb kRun({.name = "run",
                           .group = VerbGroup::run,
                           .summary = "train what a config describes",
                           .target = config_target(),
                           .options = config_options(own_options()),
                           .examples = {"pipeline-run mnist_mlp --set epochs=1 --json"},
                           .only_looks = false},
                          act_run);

}  // namespace
}  // namespace millrace::pipelines
