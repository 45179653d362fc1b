// `pipeline-run predict RUN FILE...`: what the model of a run makes of the rows of files.
#include "command/keeping/runs_option.hpp"
#include "command/line/config_arguments.hpp"
#include "command/loading/checked_config.hpp"
#include "command/slices/model_options.hpp"
#include "command/slices/prediction_output.hpp"
#include "command/slices/prediction_way.hpp"
#include "command/slices/slice_run.hpp"
#include "command/terminal/terminal.hpp"
#include "command/training/resumed_run.hpp"
#include "diagnostics/printable_text.hpp"
#include "record/folder/run_parts.hpp"
#include "record/runs/run_lookup.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <system_error>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

struct PredictOptions : ConfigOptions, RunsFolder {
  Words words;  ///< the run, then files
  std::string model, output, checkpoint = kLastCheckpoint;
};

std::string absolute(const std::string& path) { return fs::absolute(path).string(); }

void require_other_output(const PredictOptions& options) {
  for (auto file = options.words.begin() + 1; file != options.words.end(); ++file)
    if (std::error_code ignored; fs::equivalent(*file, options.output, ignored))
      throw Error(ErrorKind::usage, "output-is-input",
                  fmt::format("`{}` is one of the files that are predicted", shown(options.output)),
                  "name another file with -o");
}

// On standard error: what is predicted stands alone on standard output.
void tell_model(const std::string& folder, const ModelRows& way, const KeptModel& kept) {
  const CheckpointPosition& at = kept.position;
  write_note(fmt::format("model `{}` of {} {} epoch {}\n", way.trainer, shown(folder),
                         at.is_epoch_complete ? "after" : "in", at.epoch));
  for (const std::string& other : way.other_ends)
    write_note(
        fmt::format("warning[several-evaluators]: rows are prepared as `{}` has them; `{}` measures this model too\n",
                    way.end, other));
}

/// Paths mean what they meant where the command was given; the run's own mean what they meant where it was started.
PredictOptions placed(const PredictOptions& given) {
  PredictOptions options = given;
  options.words.front() = absolute(find_run(given.words.front(), given.runs_folder()));
  for (auto file = options.words.begin() + 1; file != options.words.end(); ++file) *file = absolute(*file);
  if (!given.output.empty()) options.output = absolute(given.output);
  options.checkpoint = placed_checkpoint(given.checkpoint);
  options.config = (fs::path(options.words.front()) / run_parts::kConfig).string();
  return options;
}

struct Predicted {
  PredictionFile file;
  ValidatedGraph slice;
};

/// All files are looked at before a row of one is predicted.
std::vector<Predicted> slices_of(const CheckedConfig& checked, const ModelRows& way, const std::string& checkpoint,
                                 const PredictOptions& options, Diagnostics& diagnostics) {
  std::vector<Predicted> all;
  for (auto file = options.words.begin() + 1; file != options.words.end(); ++file) {
    Predicted& part = all.emplace_back();
    part.file.path = *file;
    part.slice = prediction_slice(checked, way, checkpoint, *file, diagnostics);
    if (diagnostics.has_errors()) return all;
    for (const ValidatedNode& node : part.slice.nodes)
      if (node.name == predictions().node) part.file.rows = node.outputs.front().second.rows_per_epoch.value_or(0);
  }
  return all;
}

int predict(std::vector<Predicted>& all, PredictionOutput& output, const PredictOptions& options) {
  for (Predicted& part : all) {
    output.begin(part.file);
    Capture rows{predictions().node, predictions().port, [&](const CapturedPacket& captured) {
                   output.take(captured.packet);
                   return true;
                 }};
    if (const int code = run_slice(part.slice, {std::move(rows)}, options); code != 0) return code;
  }
  output.finish();
  return 0;
}

int act_predict(const PredictOptions& given) {
  const PredictOptions options = placed(given);
  const std::string& folder = options.words.front();
  require_other_output(options);
  enter_folder_of(folder);
  const std::unique_ptr<CheckedConfig> checked = check_config(options);
  if (checked->diagnostics.has_errors()) return report_errors(*checked, options);
  const ModelRows way = model_rows({checked->spec, checked->graph, checked->registry}, options.model);
  const KeptModel kept = kept_model(folder, checked->graph, {options.model, options.checkpoint});
  tell_refused(kept);
  tell_model(folder, way, kept);
  Diagnostics diagnostics;
  std::vector<Predicted> all = slices_of(*checked, way, kept.checkpoint, options, diagnostics);
  if (!tell_checked(diagnostics, options)) return diagnostics.exit_code();
  std::vector<PredictionFile> files;
  for (const Predicted& part : all) files.push_back(part.file);
  const nlohmann::ordered_json head = {
      {"schema", 1}, {"run", folder}, {"checkpoint", kept.checkpoint}, {"model", way.trainer}};
  PredictionOutput output(way, options, head, options.output, files);
  return predict(all, output, options);
}

std::string conflict(const PredictOptions& options) {
  if (std::find(options.words.begin(), options.words.end(), "") != options.words.end())
    return "a file has an empty name";
  if (options.words.size() < 2) return "predict takes a run and files";
  if (!options.output.empty() && !options.output.ends_with(".npy"))
    return "-o writes a NumPy file, whose name ends with .npy";
  return "";
}

Words next_words(const TypedWords& typed) {
  Words words;
  if (typed.target.empty()) words = run_names(typed);
  words.push_back(kFileCandidates);
  return words;
}

const RegisteredVerb kPredict({.name = "predict",
                               .group = VerbGroup::run,
                               .summary = "what the model of a run makes of the rows of files",
                               .target = {.name = "RUN",
                                          .usage = "RUN FILE...",
                                          .help = "A run's folder, its name, or last, then IDX or NumPy files",
                                          .example = "last x.npy",
                                          .missing = "no run given",
                                          .takes_several = true,
                                          .store =
                                              [](VerbOptions& options, const std::string& word) {
                                                dynamic_cast<PredictOptions&>(options).words.push_back(word);
                                              },
                                          .candidates = next_words},
                               .options = {json_option(),
                                           {.name = "output",
                                            .letter = "o",
                                            .kind = ValueKind::file,
                                            .placeholder = "FILE.npy",
                                            .help = "Write all values as float32 [rows, outputs], and no row as text",
                                            .example = "pred.npy",
                                            .store = into(&PredictOptions::output)},
                                           checkpoint_option(into(&PredictOptions::checkpoint)),
                                           model_option(into(&PredictOptions::model)),
                                           threads_option(),
                                           runs_option()},
                               .examples = {},
                               .only_looks = false,
                               .conflict = on_own(conflict)},
                              act_predict);

}  // namespace
}  // namespace millrace::pipelines
