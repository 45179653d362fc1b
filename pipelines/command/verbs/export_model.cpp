// `pipeline-run export RUN -o FILE`: the trained model of a run as a file that other programs read.
#include "command/keeping/run_target.hpp"
#include "command/keeping/runs_option.hpp"
#include "command/line/config_arguments.hpp"
#include "command/loading/checked_config.hpp"
#include "command/slices/model_options.hpp"
#include "command/terminal/answer.hpp"
#include "command/training/resumed_run.hpp"
#include "export/model_files.hpp"
#include "export/model_form.hpp"
#include "record/folder/run_parts.hpp"
#include "record/runs/run_lookup.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <optional>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

struct ExportOptions : ConfigOptions, RunsFolder {
  std::string run, format = "onnx", output, model, checkpoint = kLastCheckpoint;
  bool force = false, without_preprocessing = false;
};

/// What was written: its size, and its ports where the format has some.
struct Written {
  std::uint64_t bytes = 0;
  Json inputs, outputs;
};

Json ports_json(const std::vector<OnnxValue>& values) {
  Json ports = Json::array();
  for (const OnnxValue& value : values) {
    Json shape = Json::array({"N"});
    for (const std::int64_t extent : value.row_shape) shape.push_back(extent);
    ports.push_back({{"name", value.name}, {"dtype", to_string(value.type)}, {"shape", shape}});
  }
  return ports;
}

/// What is exported, of which run.
struct Exported {
  const KeptModel& kept;
  const CheckedConfig& checked;
  std::string run;  ///< the name of its folder

  WholeGraph graph() const { return {checked.spec, checked.graph, checked.registry}; }
};

/// What the file says of itself, for people and programs. Names of classes come as a list in JSON.
std::vector<std::pair<std::string, std::string>> metadata_of(const Exported& model, const ClassNames& classes) {
  std::vector<std::pair<std::string, std::string>> texts = {{"epoch", std::to_string(model.kept.position.epoch)},
                                                            {"weights_sha256", model.kept.model->weights_sha256()},
                                                            {"run", model.run}};
  if (!classes.empty()) texts.emplace_back("classes", Json(classes.list()).dump());
  return texts;
}

Written write_onnx(const ExportTarget& target, const Exported& model, bool alone) {
  std::optional<RowForm> rows;
  if (!alone) rows = row_form(model_rows(model.graph(), model.kept.node));
  OnnxGraph onnx = onnx_graph_of(*model.kept.model, rows ? &*rows : nullptr);
  onnx.name = model.checked.graph.name;
  onnx.metadata = metadata_of(model, class_names(model.graph(), model.kept.node));
  return {write_export(target, onnx_text(onnx)), ports_json(onnx.inputs), ports_json(onnx.outputs)};
}

Written write(const ExportTarget& target, const Exported& model, const ExportOptions& options) {
  if (options.format == "safetensors")
    return {write_safetensors_export(target, model.kept, model_uses(model.graph())), {}, {}};
  if (options.format == "npy") return {write_npy_export(target, model.kept), {}, {}};
  return write_onnx(target, model, options.without_preprocessing);
}

Json json_of(const KeptModel& kept, const std::string& folder, const ExportOptions& options, const Written& written) {
  Json object = {{"schema", 1},
                 {"run", folder},
                 {"checkpoint", kept.checkpoint},
                 {"epoch", kept.position.epoch},
                 {"epoch_complete", kept.position.is_epoch_complete},
                 {"node", kept.node},
                 {"weights_sha256", kept.model->weights_sha256()},
                 {"format", options.format},
                 {"file", options.output},
                 {"bytes", written.bytes}};
  if (!written.inputs.is_null()) object["inputs"] = written.inputs;
  if (!written.outputs.is_null()) object["outputs"] = written.outputs;
  return object;
}

std::string ports_text(const Json& ports) {
  std::string text;
  for (const Json& port : ports) {
    std::string shape;
    for (const Json& extent : port["shape"])
      shape += (shape.empty() ? "" : ", ") + (extent.is_string() ? extent.get<std::string>() : extent.dump());
    text += fmt::format("{}{} {} [{}]", text.empty() ? "" : "; ", port["name"].get<std::string>(),
                        port["dtype"].get<std::string>(), shape);
  }
  return text;
}

std::string text_of(const KeptModel& kept, const ExportOptions& options, const Written& written) {
  const auto& at = kept.position;
  std::string text = fmt::format("{}: the model of `{}` {} epoch {}, {} bytes\n", options.output, kept.node,
                                 at.is_epoch_complete ? "after" : "in", at.epoch, written.bytes);
  if (!written.inputs.is_null())
    text += fmt::format("  takes  {}\n  gives  {}\n", ports_text(written.inputs), ports_text(written.outputs));
  return text;
}

int act_export_model(const ExportOptions& given) {
  ExportOptions options = given;
  const std::string folder = fs::absolute(find_run(given.run, given.runs_folder())).string();
  options.checkpoint = placed_checkpoint(given.checkpoint);
  const ExportTarget target{fs::absolute(given.output).string(), given.force};
  require_free(target);
  options.config = (fs::path(folder) / run_parts::kConfig).string();
  enter_folder_of(folder);
  const std::unique_ptr<CheckedConfig> checked = check_config(options);
  if (checked->diagnostics.has_errors()) return report_errors(*checked, options);
  const KeptModel kept = kept_model(folder, checked->graph, {options.model, options.checkpoint});
  tell_refused(kept);
  const Written written = write(target, {kept, *checked, fs::path(folder).filename().string()}, options);
  if (options.json)
    write_result(json_line(json_of(kept, folder, options, written)));
  else
    answer(text_of(kept, options, written));
  return 0;
}

std::string conflict(const ExportOptions& options) {
  if (options.output.empty()) return "export needs -o FILE, where the model goes";
  if (options.without_preprocessing && options.format != "onnx")
    return "--without-preprocessing is for --format onnx: the others have weights alone";
  return "";
}

std::vector<Option> own_options() {
  return {{.name = "output",
           .letter = "o",
           .kind = ValueKind::file,
           .placeholder = "FILE",
           .help = "Where the model goes; a folder for npy",
           .example = "model.onnx",
           .store = into(&ExportOptions::output)},
          {.name = "format",
           .kind = ValueKind::choice,
           .placeholder = "NAME",
           .help = "onnx (the default), or safetensors or npy, which have weights alone",
           .example = "safetensors",
           .choices = {"onnx", "safetensors", "npy"},
           .store = into(&ExportOptions::format)},
          checkpoint_option(into(&ExportOptions::checkpoint)),
          model_option(into(&ExportOptions::model)),
          {.name = "without-preprocessing",
           .help = "onnx: the model alone, which takes float32 rows",
           .store = into(&ExportOptions::without_preprocessing)},
          {.name = "force", .help = "Replaces what is there", .store = into(&ExportOptions::force)}};
}

const RegisteredVerb kExportModel({.name = "export",
                                   .group = VerbGroup::run,
                                   .summary = "the trained model of a run as ONNX, safetensors or NPY",
                                   .target = run_target(into(&ExportOptions::run)),
                                   .options = joined({own_options(), {runs_option(), json_option(), plugin_option()}}),
                                   .examples = {"pipeline-run export last -o model.onnx"},
                                   .only_looks = false,
                                   .conflict = on_own(conflict)},
                                  act_export_model);

}  // namespace
}  // namespace millrace::pipelines
