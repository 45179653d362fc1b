// `pipeline-run test RUN`: what the model of a run comes to on its test set, which no training has seen. Each look is kept.
#include "command/keeping/run_target.hpp"
#include "command/line/config_arguments.hpp"
#include "command/loading/checked_config.hpp"
#include "command/slices/model_options.hpp"
#include "command/slices/slice_run.hpp"
#include "command/slices/test_set.hpp"
#include "command/terminal/answer.hpp"
#include "command/terminal/terminal.hpp"
#include "command/training/kept_page.hpp"
#include "command/training/resumed_run.hpp"
#include "export/own_checkpoint.hpp"
#include "record/environment/environment.hpp"
#include "record/environment/run_info.hpp"
#include "record/folder/record_failure.hpp"
#include "record/folder/run_parts.hpp"
#include "record/ledger/test_ledger.hpp"
#include "record/runs/run_lookup.hpp"
#include "record/runs/run_status.hpp"
#include "report/report_json.hpp"

#include <millrace/error.hpp>
#include <millrace/files/checkpoint.hpp>
#include <millrace/input_file.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <filesystem>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;

struct TestOptions : ConfigOptions, RunsFolder {
  std::string run, checkpoint = kLastCheckpoint;
};

/// Paths mean what they meant where the command was given; the run's own mean what they meant where it was started.
TestOptions placed(const TestOptions& given) {
  TestOptions options = given;
  options.run = fs::absolute(find_run(given.run, given.runs_folder())).string();
  options.checkpoint = placed_checkpoint(given.checkpoint);
  options.config = (fs::path(options.run) / run_parts::kConfig).string();
  return options;
}

// Who looks while it trains may end it where the test set is at its best.
void require_over(const std::string& folder) {
  if (status_of(folder).state == RunState::running) throw run_in_use(folder);
}

std::string place_in(const std::string& folder, const std::string& checkpoint) {
  const fs::path path = fs::path(checkpoint).lexically_relative(folder);
  return path.empty() || path.begin()->string() == ".." ? checkpoint : path.string();
}

TestEntry entry_of(const CheckedConfig& checked, const std::string& folder, const std::string& checkpoint) {
  InputFile file(checkpoint);
  const CheckpointHeader header = read_checkpoint_header(file);
  TestEntry entry;
  entry.time = time_text(std::chrono::system_clock::now());
  entry.checkpoint = place_in(folder, checkpoint);
  entry.epoch = header.position.epoch;
  entry.test_set_sha256 = test_set_sha256(checked.graph);
  for (const std::string& trainer : tested_trainers(checked))
    if (const auto digest = header.weights_sha256.find(trainer); digest != header.weights_sha256.end())
      entry.weights_sha256 += (entry.weights_sha256.empty() ? "" : " ") + digest->second;
  return entry;
}

std::string text_of(const std::vector<TestEntry>& ledger) {
  const TestEntry& entry = ledger.back();
  std::string text = fmt::format("epoch {} ({})\n", entry.epoch, entry.checkpoint);
  for (const auto& [name, value] : entry.values) text += fmt::format("  {:<24} {}\n", name, value);
  return text + fmt::format("test set {}\n", consulted_text(ledger));
}

void tell(const std::string& folder, const std::vector<TestEntry>& ledger, bool as_json) {
  if (const std::string others = other_set_text(ledger); !others.empty())
    write_note(fmt::format("warning[test-set-changed]: {}\n", others));
  if (!as_json) return answer(text_of(ledger));
  nlohmann::ordered_json object = {{"schema", 1}, {"run", folder}};
  object.update(test_entry_json(ledger.back()));
  object["consulted"] = ledger.size();
  object["ledger"] = test_ledger_json(ledger);
  write_result(json_line(object));
}

// The entry is on the disk, whatever becomes of the page.
void renew(const std::string& folder) {
  try {
    renew_page(folder);
  } catch (const Error& error) {
    write_note(fmt::format("warning[report-failed]: {}\n", error.message()));
  }
}

int act_test(const TestOptions& given) {
  const TestOptions options = placed(given);
  require_over(options.run);
  (void)whole_test_ledger(options.run);  // nobody looks where the look could not be written down
  enter_folder_of(options.run);
  const std::unique_ptr<CheckedConfig> checked = check_config(options);
  if (checked->diagnostics.has_errors()) return report_errors(*checked, options);
  require_test_set(*checked, options.run);
  const KeptModel kept =
      kept_model(options.run, checked->graph, {tested_trainers(*checked).front(), options.checkpoint});
  tell_refused(kept);
  require_own_checkpoint(options.run, kept.checkpoint);
  const std::string& checkpoint = kept.checkpoint;
  TestEntry entry = entry_of(*checked, options.run, checkpoint);
  Diagnostics diagnostics;
  ValidatedGraph slice = test_slice(*checked, checkpoint, diagnostics);
  if (!tell_checked(diagnostics, options)) return diagnostics.exit_code();
  if (const int code = run_slice(slice, test_captures(*checked, entry.values), options); code != 0) return code;
  // Nobody has seen the values before this look is written down.
  const std::vector<TestEntry> ledger = add_to_test_ledger(options.run, entry);
  tell(options.run, ledger, options.json);
  renew(options.run);
  return 0;
}

const RegisteredVerb kTest({.name = "test",
                            .group = VerbGroup::run,
                            .summary = "evaluate the test set of a run, and write down that somebody has looked",
                            .target = run_target(into(&TestOptions::run)),
                            .options = {json_option(), checkpoint_option(into(&TestOptions::checkpoint)),
                                        threads_option(), runs_option()},
                            .examples = {},
                            .only_looks = false},
                           act_test);

}  // namespace
}  // namespace millrace::pipelines
