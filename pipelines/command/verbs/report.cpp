// `pipeline-run report RUN`: what a run came to, for a terminal, as a page or as data.
#include "command/keeping/page_options.hpp"
#include "command/keeping/run_target.hpp"
#include "command/terminal/answer.hpp"
#include "record/runs/run_lookup.hpp"
#include "report/page/plot_picture.hpp"
#include "report/page/run_page.hpp"
#include "report/record_reading.hpp"
#include "report/report_json.hpp"
#include "report/text/report_text.hpp"
#include "report/text/text_plot.hpp"

#include <millrace/error.hpp>
#include <millrace/files/atomic_file.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::pipelines {
namespace {

constexpr const char* kPicture = ".svg";

struct ReportOptions : VerbOptions, RunsFolder, PageOptions {
  std::string run;
  bool plot = false;

  bool writes_picture() const { return plot && output.ends_with(kPicture); }
};

/// The first model whose validation rows are points.
const Validation& plotted(const RunRecord& record) {
  for (const Validation& model : record.validations)
    if (!model.points.empty()) return model;
  throw Error(ErrorKind::usage, "no-plot",
              fmt::format("run {} has kept no validation rows of a model that gives one quantity", record.name),
              "`report` without --plot shows its curves and classes");
}

int act_report(const ReportOptions& options) {
  const RunRecord record = read_run(find_run(options.run, options.runs_folder()));
  const bool unicode = options.output.empty() && style_of(result_descriptor(), options.color).unicode;
  if (options.writes_picture()) {
    write_atomically(options.output, plot_file(plotted(record)));
    return 0;
  }
  answer_in_form(
      options, options,
      {.text = [&] { return options.plot ? text_plot(plotted(record), unicode) : report_text(record, unicode); },
       .html = [&] { return run_page(record); },
       .json = [&] { return json_line(report_json(record)); }});
  return 0;
}

std::string conflict(const ReportOptions& options) {
  if (options.plot && (options.html || options.json)) return "--plot is text, or with -o FILE.svg a picture";
  return page_conflict(options, options);
}

Option plot_option() {
  return {.name = "plot",
          .help = "Validation rows and the line of a model that gives one quantity",
          .store = into(&ReportOptions::plot)};
}

const RegisteredVerb kReport({.name = "report",
                              .group = VerbGroup::run,
                              .summary = "what a run came to: verdict, curves, where the time went",
                              .target = run_target(into(&ReportOptions::run)),
                              .options = joined({{json_option(), plot_option(), runs_option()}, page_options()}),
                              .examples = {"pipeline-run report last"},
                              .only_looks = false,
                              .conflict = on_own(conflict)},
                             act_report);

}  // namespace
}  // namespace millrace::pipelines
