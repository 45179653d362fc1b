// The texts come from who prints them: `show` and `--json` say the same of the run.
#include "kept_run.hpp"

#include "command/loading/config_plugins.hpp"
#include "command/loading/resolved_text.hpp"
#include "command/terminal/answer.hpp"
#include "process/process_info.hpp"
#include "record/environment/environment.hpp"
#include "record/runs/run_status.hpp"
#include "run/report/report_diagnostics.hpp"

#include <millrace/error.hpp>

#include <nlohmann/json.hpp>

namespace millrace::pipelines {
namespace {

using Json = nlohmann::ordered_json;

RunState state_of(const RunReport& report) {
  if (report.exit_code == 0) return RunState::finished;
  return report.exit_code > 128 ? RunState::stopped : RunState::failed;
}

template <class Step>
void guarded(RunReport& report, const Step& step) {
  try {
    step();
  } catch (const Error& error) {
    add_lost_output(report, error);
  }
}

std::string summary_of(const RunReport& report, const std::string& json) {
  Json object = Json::parse(json);
  object["status"] = name_of(state_of(report));
  return json_line(object);
}

}  // namespace

std::unique_ptr<RunRecorder> keep_run(const CheckedConfig& checked, const RunInfo& info, const std::string& config,
                                      const std::string& runs) {
  const RunStart start{config, command_line(), std::chrono::system_clock::now()};
  auto recorder = std::make_unique<RunRecorder>(
      RunFolder::make(runs, {checked.graph.name, resolved_text(checked, with_plugins_from_root(checked.spec.resolved)),
                             environment_json(checked.graph, info, start)}));
  if (!checked.diagnostics.empty()) recorder->log(render(checked.diagnostics));
  return recorder;
}

// The summary comes last: where there is one, all before it is on the disk. What could not be written is in it.
void keep_end(RunRecorder& recorder, RunReport& report, const std::function<std::string()>& json) {
  if (const Diagnostics failures = failures_of(report); !failures.empty()) recorder.log(render(failures));
  guarded(report, [&] { recorder.close(); });
  guarded(report, [&] {
    const std::string summary = summary_of(report, json());
    if (state_of(report) == RunState::finished)
      recorder.folder().finish(summary);
    else
      recorder.folder().stop(summary);
  });
}

}  // namespace millrace::pipelines
