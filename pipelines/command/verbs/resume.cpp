// `pipeline-run resume RUN`: a run that was stopped, killed or has failed goes on to the bits of one that never was.
#include "command/keeping/run_target.hpp"
#include "command/line/config_arguments.hpp"
#include "command/terminal/answer.hpp"
#include "command/training/resumed_run.hpp"
#include "command/training/training.hpp"
#include "record/folder/record_json.hpp"
#include "record/folder/run_parts.hpp"
#include "record/runs/run_lookup.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <filesystem>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;

struct ResumeOptions : TrainingOptions {
  std::string run;
  bool is_set = false;  ///< something of the config is not the run's
  bool other_bits = false;

  /// Whether this makes a run of its own.
  bool is_child() const { return is_set || other_bits; }
};

std::string finished_text(const std::string& folder, const nlohmann::ordered_json& summary) {
  std::string text = fmt::format("run {} is finished", folder);
  if (summary.contains("epochs") && summary["epochs"].is_array() && !summary["epochs"].empty())
    for (const auto& [name, value] : summary["epochs"].back().items())
      text += fmt::format("\n  {:<20} {}", name, value.dump());
  if (summary.contains("weights_sha256"))
    text += fmt::format("\n  {:<20} {}", "weights", summary["weights_sha256"].dump());
  return text + "\n";
}

int tell_finished(const std::string& folder, bool as_json) {
  const auto object = record_json(summary_of(folder));
  if (!object.is_object() || !object.contains("epochs"))
    throw Error(ErrorKind::data, "run-unreadable",
                fmt::format("`{}/{}` cannot be read as what a run has written", folder, run_parts::kSummary),
                "the run was finished: start another one with its config.yaml");
  write_result(as_json ? json_line(object) : finished_text(folder, object));
  return 0;
}

/// Where a child is kept: beside its parent, unless said.
std::string runs_of_child(const ResumeOptions& given, const std::string& parent) {
  return given.runs.empty() ? fs::path(parent).parent_path().string() : fs::absolute(given.runs).string();
}

int act_resume(const ResumeOptions& given) {
  const std::string folder = fs::absolute(find_run(given.run, given.runs_folder())).string();
  if (!given.is_child() && is_finished(folder)) return tell_finished(folder, given.json);
  ResumeOptions options = given;
  options.goes_on = true;
  options.config = (fs::path(folder) / run_parts::kConfig).string();
  const ChildRun child{folder, runs_of_child(given, folder), given.other_bits};
  enter_folder_of(folder);
  return train(options, [&](CheckedConfig& checked, const RunInfo& info) {
    return options.is_child() ? resume_as_child(checked, info, child, options.quiet)
                              : resume_run(checked, info, folder, options.quiet);
  });
}

Option set_of_child() {
  Option option = set_option();
  option.help = "A run of its own that goes on from here with another value: epochs=10";
  option.example = "epochs=10";
  option.store = [store = option.store](VerbOptions& options, const std::string& text) {
    store(options, text);
    dynamic_cast<ResumeOptions&>(options).is_set = true;
  };
  return option;
}

std::vector<Option> own_options() {
  return {set_of_child(),
          {.name = "other-bits",
           .help = "A run of its own, though data, plugins or class of bits are others",
           .store = into(&ResumeOptions::other_bits)},
          threads_option()};
}

const RegisteredVerb kResume({.name = "resume",
                              .group = VerbGroup::run,
                              .summary = "go on with a run, to the same bits",
                              .target = run_target(into(&ResumeOptions::run)),
                              .options = joined({own_options(), training_options()}),
                              .examples = {"pipeline-run resume last --set epochs=10"},
                              .only_looks = false},
                             act_resume);

}  // namespace
}  // namespace millrace::pipelines
