// `pipeline-run report RUN`: what a run came to, for a terminal, as a page or as data.
#include "command/keeping/page_options.hpp"
#include "command/keeping/run_target.hpp"
#include "command/terminal/answer.hpp"
#include "record/runs/run_lookup.hpp"
#include "report/page/run_page.hpp"
#include "report/record_reading.hpp"
#include "report/report_json.hpp"
#include "report/text/report_text.hpp"

#include <nlohmann/json.hpp>

namespace millrace::pipelines {
namespace {

struct ReportOptions : VerbOptions, RunsFolder, PageOptions {
  std::string run;
};

int act(const ReportOptions& options) {
  const RunRecord record = read_run(find_run(options.run, options.runs_folder()));
  const bool unicode = options.output.empty() && style_of(result_descriptor(), options.color).unicode;
  answer_in_form(options, options,
                 {.text = [&] { return report_text(record, unicode); },
                  .html = [&] { return run_page(record); },
                  .json = [&] { return json_line(report_json(record)); }});
  return 0;
}

std::string conflict(const ReportOptions& options) { return page_conflict(options, options); }

const RegisteredVerb kVerb({.name = "report",
                            .group = VerbGroup::run,
                            .summary = "what a run came to: verdict, curves, where the time went",
                            .target = run_target(into(&ReportOptions::run)),
                            .options = joined({{json_option(), runs_option()}, page_options()}),
                            .examples = {"pipeline-run report last"},
                            .only_looks = false,
                            .conflict = on_own(conflict)},
                           act);

}  // namespace
}  // namespace millrace::pipelines
