// build_spec: overrides, the keys at the top, then the graph.
#include "spec_builder.hpp"

#include "chains.hpp"
#include "config/document/references.hpp"
#include "config/document/scalars.hpp"
#include "config/params/config_schema.hpp"
#include "config/params/param_check.hpp"
#include "config/params/param_document.hpp"
#include "diagnostics/printable_text.hpp"
#include "diagnostics/suggestions.hpp"
#include "document_reader.hpp"
#include "node_reader.hpp"
#include "stage_defaults.hpp"

#include <millrace/registry.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace millrace::pipelines {
namespace {

constexpr std::string_view kSeed = "seed";

Location value_location(const DocNode& document, std::string_view key) {
  const DocMember* member = document.find(key);
  return member != nullptr ? member->value.where : document.where;
}

// Whose file it is, where it is a known one that is no config of ours; else empty.
std::string foreign_program(const DocNode& document) {
  const auto has = [&](std::string_view key) { return document.find(key) != nullptr; };
  if (has("graph")) return {};
  if (has("input_features") || has("output_features")) return "Ludwig";
  if (has("trainer") && (has("model") || has("data"))) return "PyTorch Lightning";
  if (has("class_name") || has("keras_version")) return "Keras";
  if (has("defaults") || has("hydra")) return "Hydra";
  return {};
}

void report_missing(const DocNode& document, Diagnostics& diagnostics) {
  const bool version = document.find("version") != nullptr, graph = document.find("graph") != nullptr;
  if (version && graph) return;
  diagnostics.add(
      {{.kind = ErrorKind::config,
        .name = "missing-key",
        .message = fmt::format("the config has {}", version ? "no `graph`"
                                                    : graph ? "no `version`"
                                                            : "neither `version` nor `graph`"),
        .help =
            version ? "add `graph:` with the nodes"
            : graph
                ? "add `version: 1`"
                : "add `version: 1`, and `graph:` with the nodes; `pipeline-run show mnist_mlp` prints such a config"},
       document.where});
}

// `epochs 5` and `epochs:5` in a last line are a key without a value.
std::string without_colon(std::string_view key) {
  const std::size_t end = key.find_first_of(": ");
  if (end == std::string_view::npos || !is_top_level_key(key.substr(0, end))) return {};
  const std::string_view value = key.substr(std::min(key.find_first_not_of(": ", end), key.size()));
  return fmt::format("a colon and a space separate the two: write `{}: {}`", key.substr(0, end), shown(value));
}

void check_keys(const DocNode& document, Diagnostics& diagnostics) {
  const std::string foreign = foreign_program(document);
  for (const DocMember& m : document.members) {
    if (is_top_level_key(m.key) || is_free_key(m.key)) continue;
    if (!foreign.empty())
      return diagnostics.add(
          {{.kind = ErrorKind::config,
            .name = "unknown-key",
            .message = fmt::format("`{}` at the top of a config", shown(m.key)),
            .help = "here `graph:` says what is done; `pipeline-run show mnist_mlp` prints such a config"},
           m.key_where,
           fmt::format("this looks like a file of {}", foreign),
           Severity::error,
           true});
    const std::string cut = m.value.is_null() ? without_colon(m.key) : std::string();
    diagnostics.add(
        {{.kind = ErrorKind::config,
          .name = "unknown-key",
          .message = fmt::format("`{}` at the top of a config", shown(m.key)),
          .help = cut.empty() ? did_you_mean(m.key, top_level_keys(), "keys") + "; keys that start with `x-` are free"
                              : cut},
         m.key_where,
         "not a key of a config",
         Severity::error,
         cut.empty() && !meant_by(m.key, top_level_keys()).empty()});
  }
  report_missing(document, diagnostics);
}

// "auto", "cpu", "cuda", "cuda:N"; "sim" is the test device of the same interface.
void check_device(GraphSpec& spec, Diagnostics& diagnostics) {
  static const std::vector<std::string> kinds{"auto", "cpu", "cuda", "sim"};
  const std::string_view wish = spec.device, kind = wish.substr(0, wish.find(':'));
  const bool has_index = kind.size() != wish.size();
  const auto index = has_index ? read_number(wish.substr(kind.size() + 1)).integer : std::optional<std::int64_t>(0);
  const bool known = std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
  if (known && index && *index >= 0 && !(has_index && (kind == "auto" || kind == "cpu"))) return;
  diagnostics.add({{.kind = ErrorKind::config,
                    .name = "unknown-choice",
                    .message = fmt::format("`device` is `{}`", shown(wish)),
                    .help = did_you_mean(kind, {"auto", "cpu", "cuda"}, "devices")},
                   spec.device_where,
                   "expected: auto, cpu, cuda or cuda:N"});
  spec.device = "auto";
}

void read_plugins(const DocNode& document, GraphSpec& spec) {
  spec.plugins = plugins_of(document);
  if (const DocMember* plugins = document.find("plugins"))
    for (const DocNode& item : plugins->value.items)
      if (item.is_scalar()) spec.plugins_where.push_back(item.where);
}

// One number in a range of one is told as what it is: the version of the program.
ParamValue check_version(const DocNode& value, const Param& param, Diagnostics& diagnostics) {
  Diagnostics found;
  ParamValue version = check_value(value, param.type, "`version`", found);
  diagnostics.add_all(found.edited([](Diagnostic& d) {
    d.help = "this Millrace reads version 1: write `version: 1`";
    return true;
  }));
  return version;
}

// What the key at the top says, or its default.
ParamValue check_top(const DocNode& document, const Param& param, Diagnostics& diagnostics) {
  ParamValue value;
  if (const DocMember* member = document.find(param.name))
    value = param.name == "version"
                ? check_version(member->value, param, diagnostics)
                : check_value(member->value, param.type, fmt::format("`{}`", param.name), diagnostics);
  return value.is_null() && param.default_value ? *param.default_value : value;
}

// The keys at the top that are checked like parameters; missing `version` is reported with the other missing keys. The seed is
// needed before the rest, because `${seed}` may stand anywhere, and has been checked.
ParamValue check_rest_of_top(const DocNode& document, Diagnostics& diagnostics) {
  ParamValue::Map values;
  for (const Param& param : top_level_params())
    if (param.name != kSeed) values.emplace_back(param.name, check_top(document, param, diagnostics));
  return values;
}

std::string name_from_file(const DocNode& document) {
  return document.where.source ? printable_line(std::filesystem::path(document.where.source->name).stem().string())
                               : std::string();
}

// Keras's rule, where nobody says which way is better.
bool is_largest_best(const ParamValue& keep, const std::string& metric) {
  return keep["mode"].is_null() ? metric.ends_with("accuracy") : keep["mode"].text() == "max";
}

KeepSpec keep_of(const ParamValue& keep, const DocNode& document) {
  KeepSpec spec;
  if (keep.is_boolean()) {
    spec.is_kept = keep.boolean();
    return spec;
  }
  if (!keep["every_steps"].is_null()) spec.every_steps = static_cast<std::uint64_t>(keep["every_steps"].integer());
  if (!keep["every_seconds"].is_null()) spec.every_seconds = keep["every_seconds"].number();
  if (!keep["last"].is_null()) spec.last = static_cast<std::size_t>(keep["last"].integer());
  spec.has_events = keep["tensorboard"].boolean();
  if (!keep["monitor"].is_null()) spec.monitor = keep["monitor"].text();
  spec.is_largest_best = is_largest_best(keep, spec.monitor);
  spec.ends_at_failed_save = keep["on_failed_save"].text() == "stop";
  spec.monitor_where = value_location(document.find("keep")->value, "monitor");
  return spec;
}

void read_top(const DocNode& document, GraphSpec& spec, Diagnostics& diagnostics) {
  const ParamValue top = check_rest_of_top(document, diagnostics);
  spec.name = top["name"].is_text() ? top["name"].text() : name_from_file(document);
  if (spec.name.find('\n') != std::string::npos)
    diagnostics.add({{.kind = ErrorKind::config,
                      .name = "bad-name",
                      .message = fmt::format("`{}` is no name for a run", shown(spec.name)),
                      .help = "write it on one line"},
                     value_location(document, "name"),
                     "has more than one line"});
  spec.device = top["device"].text();
  spec.device_where = value_location(document, "device");
  spec.threads = top["threads"].is_integer() ? static_cast<int>(top["threads"].integer()) : 0;
  spec.epochs = static_cast<std::uint32_t>(top["epochs"].integer());
  spec.epochs_ahead = static_cast<std::uint32_t>(top["epochs_ahead"].integer());
  spec.keep = keep_of(top["keep"], document);
  check_device(spec, diagnostics);
  read_plugins(document, spec);
}

std::uint64_t read_seed(const DocNode& document, Diagnostics& diagnostics) {
  const auto& params = top_level_params();
  const auto seed = std::find_if(params.begin(), params.end(), [](const Param& param) { return param.name == kSeed; });
  return static_cast<std::uint64_t>(check_top(document, *seed, diagnostics).integer());
}

}  // namespace

GraphSpec build_spec(DocNode document, const std::vector<Override>& overrides, const StageRegistry& registry,
                     Diagnostics& diagnostics) {
  GraphSpec spec;
  apply_overrides(document, overrides, registry, diagnostics);
  spec.seed = read_seed(document, diagnostics);
  replace_seed(document, spec.seed, diagnostics);
  check_keys(document, diagnostics);
  read_top(document, spec, diagnostics);
  read_nodes(document, registry, spec, diagnostics);
  std::erase_if(document.members, [](const DocMember& m) { return m.key == "extends"; });
  add_defaults(document, top_level_params(), default_location());
  add_stage_defaults(document, registry);
  spec.resolved = std::move(document);
  return spec;
}

}  // namespace millrace::pipelines
