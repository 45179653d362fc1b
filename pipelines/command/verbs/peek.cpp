// `pipeline-run peek CONFIG|RUN NODE.PORT`: what passes at an output of a node, at any batch of any epoch.
#include "command/keeping/runs_option.hpp"
#include "command/line/config_arguments.hpp"
#include "command/loading/checked_config.hpp"
#include "command/loading/named_config.hpp"
#include "command/slices/npy_output.hpp"
#include "command/slices/peeked_packet.hpp"
#include "command/slices/port_choice.hpp"
#include "command/slices/slice_run.hpp"
#include "command/slices/test_set.hpp"
#include "command/terminal/answer.hpp"
#include "command/terminal/terminal.hpp"
#include "command/training/past_states.hpp"
#include "diagnostics/printable_text.hpp"
#include "record/folder/run_parts.hpp"
#include "record/runs/run_lookup.hpp"

#include <millrace/detail/counted.hpp>
#include <millrace/error.hpp>
#include <millrace/files/atomic_file.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <span>
#include <vector>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPicture = ".png";

/// "3:137": batch 137 of epoch 3.
struct Position {
  std::uint32_t epoch = 1;
  std::uint64_t batch = 1;
};

struct PeekOptions : ConfigOptions, RunsFolder {
  std::string word;  ///< a config or a run
  std::string port, output, at = "1:1";
  std::int64_t rows = 2;
};

/// The folder of the run that the word names, from the root; empty where it names a config.
std::string run_of(const PeekOptions& options) {
  const std::string& word = options.word;
  std::error_code ignored;
  if (fs::is_regular_file(word, ignored)) return "";
  const bool is_name =
      word.find('/') == std::string::npos && is_run_folder((fs::path(options.runs_folder()) / word).string());
  if (word != kLastRun && !is_name && !is_run_folder(word)) return "";
  return fs::absolute(find_run(word, options.runs_folder())).string();
}

std::optional<Position> position_of(const std::string& text) {
  Position at;
  const char* const end = text.data() + text.size();
  const auto epoch = std::from_chars(text.data(), end, at.epoch);
  if (epoch.ec != std::errc() || epoch.ptr == end || *epoch.ptr != ':') return std::nullopt;
  const auto batch = std::from_chars(epoch.ptr + 1, end, at.batch);
  if (batch.ec != std::errc() || batch.ptr != end || at.epoch == 0 || at.batch == 0) return std::nullopt;
  return at;
}

void require_epoch(const Position& at, const ValidatedGraph& whole, const std::string& run) {
  const std::uint32_t past = run.empty() ? UINT32_MAX : last_past_epoch(run);
  if (at.epoch <= std::min(whole.epochs, past)) return;
  if (past < whole.epochs)
    throw Error(ErrorKind::usage, "no-such-epoch",
                fmt::format("--at {}:{}: the run has come to epoch {} of {}", at.epoch, at.batch, past, whole.epochs),
                "a config instead of the run computes any epoch from the seed");
  throw Error(ErrorKind::usage, "no-such-epoch",
              fmt::format("--at {}:{}: the config has {}", at.epoch, at.batch, counted(whole.epochs, "epoch")),
              fmt::format("`--set epochs={}` lets it have more", at.epoch));
}

// Memory of a device is not the host's to read, and a model is no list of numbers.
void require_readable(const ValidatedGraph& slice, const OutputName& output) {
  for (const ValidatedNode& node : slice.nodes) {
    if (node.name != output.node) continue;
    if (node.find_output(output.port)->kind == PortKind::model)
      throw Error(ErrorKind::usage, "no-values", fmt::format("`{}.{}` gives a model", output.node, output.port),
                  "peek shows rows and metrics; a checkpoint is a safetensors file that numpy reads");
    if (node.info->spec.does_copy_to_device() && slice.device.id.kind != "cpu")
      throw Error(ErrorKind::usage, "no-values",
                  fmt::format("what `{}.{}` gives lies on the device", output.node, output.port),
                  "take the port before it, or `--device cpu`");
  }
}

/// The slice to the end of the position's epoch at most.
ValidatedGraph slice_for(const CheckedConfig& checked, const ChosenPort& chosen, const Position& at,
                         Diagnostics& diagnostics) {
  const GraphSpec spec = cut_slice(checked.spec, checked.graph, checked.registry, {.captured = {chosen.output}});
  ValidatedGraph slice = check_slice(spec, checked.graph, checked.registry, diagnostics);
  if (diagnostics.has_errors()) return slice;
  require_readable(slice, chosen.output);
  slice.epochs = at.epoch;
  return slice;
}

/// What comes once an epoch comes at its end.
bool comes_at_end(const ValidatedGraph& slice, const OutputName& output) {
  return std::any_of(slice.nodes.begin(), slice.nodes.end(), [&](const ValidatedNode& node) {
    return node.name == output.node && node.find_output(output.port)->kind == PortKind::metrics;
  });
}

/// From where the position's epoch is computed: of a run from its nearest checkpoint.
PastStates start_of(const std::string& run, const CheckedConfig& checked, const ChosenPort& chosen, const Position& at,
                    const ValidatedGraph& slice) {
  if (!run.empty()) return states_before(run, checked, slice, at.epoch, comes_at_end(slice, chosen.output));
  return {{}, starts_anywhere(slice) ? at.epoch : 1, "", "from the seed", {}};
}

/// Batches that trainers have taken.
std::uint64_t batches_trained(const ValidatedGraph& graph, const RunReport& report) {
  std::uint64_t batches = 0;
  for (std::size_t i = 0; i < report.nodes.size(); ++i)
    if (graph.is_trainer(graph.nodes[i])) batches += report.nodes[i].packets;
  return batches;
}

/// What passes while the slice runs.
struct Seen {
  std::optional<PeekedPacket> packet;
  std::uint64_t most = 0;  ///< batches of the epoch that have come
};

Capture capture_of(const ChosenPort& chosen, const Position& at, Seen& seen) {
  return {chosen.output.node, chosen.output.port, [&, at](const CapturedPacket& captured) {
            if (captured.epoch != at.epoch) return true;
            seen.most = std::max(seen.most, captured.number);
            if (captured.number == at.batch) seen.packet = peeked(captured.packet, captured.number, chosen.field);
            return !seen.packet.has_value();
          }};
}

// Bytes of the dtype that the values have, or of float32 where they are stored otherwise.
template <class T>
void write_as(const PeekedField& field, NpyOutput& file) {
  std::vector<T> values;
  for (const double value : field.values) values.push_back(static_cast<T>(value));
  file.write(std::as_bytes(std::span(values)));
}

void write_values(const PeekedPacket& packet, const std::string& path) {
  if (packet.fields.size() != 1)
    throw Error(ErrorKind::usage, "several-fields",
                fmt::format("a NumPy file holds one array, the port has {}", counted(packet.fields.size(), "field")),
                "name one: NODE.PORT.FIELD");
  const PeekedField& field = packet.fields.front();
  const DType dtype = field.spec.encoding.kind == EncodingKind::dense ? field.spec.dtype : DType::f32;
  NpyOutput file(path, dtype, packet.rows, field.spec.row_shape);
  switch (dtype) {
    case DType::u8:
      write_as<std::uint8_t>(field, file);
      break;
    case DType::i8:
      write_as<std::int8_t>(field, file);
      break;
    case DType::i16:
      write_as<std::int16_t>(field, file);
      break;
    case DType::i32:
      write_as<std::int32_t>(field, file);
      break;
    case DType::f32:
      write_as<float>(field, file);
      break;
    case DType::f64:
      write_as<double>(field, file);
      break;
  }
  file.finish();
}

/// How it was come to, where something had to be trained for it.
struct Effort {
  PastStates from;
  std::uint64_t trained = 0;  ///< batches
};

void tell_effort(const Effort& effort) {
  for (const std::string& refused : effort.from.refused)
    write_note(fmt::format("not used: {}\n", printable_line(refused)));
  if (effort.trained == 0) return;
  write_note(fmt::format("computed {}: {} trained\n", effort.from.place, counted(effort.trained, "batch", "batches")));
}

nlohmann::ordered_json json_of(const Effort& effort) {
  nlohmann::ordered_json from = {{"epoch", effort.from.first_epoch}, {"trained_batches", effort.trained}};
  if (!effort.from.checkpoint.empty()) from["checkpoint"] = effort.from.checkpoint;
  return from;
}

void tell(const PeekedPacket& packet, const ChosenPort& chosen, const PeekOptions& options, const Effort& effort) {
  const auto rows = static_cast<std::size_t>(options.rows);
  if (options.output.ends_with(kPicture))
    write_atomically(options.output, peek_png(packet, rows));
  else if (!options.output.empty())
    write_values(packet, options.output);
  if (options.json) {
    nlohmann::ordered_json object = peek_json(packet, chosen.output.node, chosen.output.port, rows);
    object["from"] = json_of(effort);
    return write_result(json_line(object));
  }
  tell_effort(effort);
  answer(peek_text(packet, fmt::format("{}.{}", chosen.output.node, chosen.output.port), rows));
}

std::unique_ptr<CheckedConfig> checked_of(const PeekOptions& options, const std::string& run) {
  if (!run.empty()) return check_config_of(run, options);
  PeekOptions named = options;
  config_target().store(named, options.word);
  return check_config(named);
}

/// Of a run the config becomes what it was in it, unless the output belongs to the test set: a run has no record of that, so it is as it is now, and `run`
/// becomes empty.
ChosenPort choose(CheckedConfig& checked, const PeekOptions& options, std::string& run) {
  ChosenPort chosen = choose_port(checked, options.port);
  require_no_test_of_model(checked.graph, chosen.output);
  if (run.empty()) return chosen;
  if (is_for_test_alone(checked, chosen.output))
    run.clear();
  else
    become_past_run(checked, run);
  return chosen;
}

int act_peek(const PeekOptions& given) {
  PeekOptions options = given;
  std::string run = run_of(given);
  if (!options.output.empty()) options.output = fs::absolute(options.output).string();
  const std::unique_ptr<CheckedConfig> checked = checked_of(options, run);
  if (checked->diagnostics.has_errors()) return report_errors(*checked, options);
  tell_warnings(checked->diagnostics, options);
  const ChosenPort chosen = choose(*checked, options, run);
  if (checked->diagnostics.has_errors()) return report_errors(*checked, options);
  const Position at = position_of(options.at).value_or(Position{});
  require_epoch(at, checked->graph, run);
  Diagnostics diagnostics;
  ValidatedGraph slice = slice_for(*checked, chosen, at, diagnostics);
  if (!tell_checked(diagnostics, options)) return diagnostics.exit_code();
  Effort effort{start_of(run, *checked, chosen, at, slice)};
  slice.first_epoch = effort.from.first_epoch;
  Seen seen;
  const RunReport report =
      run_slice(slice, SliceRun{{capture_of(chosen, at, seen)}, std::move(effort.from.states)}, options);
  if (report.exit_code != 0) return report.exit_code;
  effort.trained = batches_trained(slice, report);
  if (!seen.packet)
    throw Error(ErrorKind::usage, "no-such-batch",
                fmt::format("--at {}:{}: epoch {} of `{}.{}` has {}", at.epoch, at.batch, at.epoch, chosen.output.node,
                            chosen.output.port, counted(seen.most, "batch", "batches")),
                "batches count from 1");
  tell(*seen.packet, chosen, options, effort);
  return 0;
}

std::string conflict(const PeekOptions& options) {
  if (options.port.empty()) return "peek takes a config or a run, and NODE.PORT";
  if (!position_of(options.at)) return "--at takes EPOCH:BATCH, both from 1: --at 3:137";
  if (!options.output.empty() && !options.output.ends_with(".npy") && !options.output.ends_with(kPicture))
    return "-o writes a NumPy file or a picture, whose name ends with .npy or .png";
  return "";
}

void take_word(VerbOptions& options, const std::string& word) {
  auto& own = dynamic_cast<PeekOptions&>(options);
  if (own.word.empty()) {
    own.word = word;
    return;
  }
  if (!own.port.empty()) throw Error(ErrorKind::usage, "wrong-arguments", "peek takes one NODE.PORT");
  own.port = word;
}

std::vector<std::string> next_words(const TypedWords& typed) {
  if (typed.target.empty()) {
    std::vector<std::string> words = run_names(typed);
    for (std::string& word : config_target().candidates(typed)) words.push_back(std::move(word));
    return words;
  }
  PeekOptions options;
  options.word = typed.target;
  options.runs = typed.runs;
  const std::string run = run_of(options);
  options.config = run.empty() ? config_path(typed.target) : (fs::path(run) / run_parts::kConfig).string();
  if (options.config.empty() || typed.target == "-") return {};
  options.plugins = typed.plugins;
  options.no_plugins = true;  // a press of a key loads no plugin that the config names
  return port_names(*check_config(options));
}

const RegisteredVerb kPeek(
    {.name = "peek",
     .group = VerbGroup::config,
     .summary = "what passes at an output of a node, at any batch",
     .target = {.name = "CONFIG",
                .usage = "CONFIG|RUN NODE.PORT",
                .help = "A config or run, then an output or a field of one: train_batches.out.inputs",
                .example = "linear_fit batches.out.inputs",
                .missing = "no config given",
                .takes_several = true,
                .store = take_word,
                .candidates = next_words},
     .options = config_options({json_option(),
                                {.name = "at",
                                 .kind = ValueKind::text,
                                 .placeholder = "EPOCH:BATCH",
                                 .help = "Which batch, block or packet of which epoch; default 1:1",
                                 .example = "1:1",
                                 .store = into(&PeekOptions::at)},
                                {.name = "rows",
                                 .kind = ValueKind::count,
                                 .placeholder = "N",
                                 .help = "So many rows are shown; default 2",
                                 .example = "1",
                                 .range = {.of = "rows"},
                                 .store = into(&PeekOptions::rows)},
                                {.name = "output",
                                 .letter = "o",
                                 .kind = ValueKind::file,
                                 .placeholder = "FILE",
                                 .help = "FILE.npy: write all rows of the batch, too; FILE.png: those that are shown",
                                 .example = "batch.npy",
                                 .store = into(&PeekOptions::output)},
                                runs_option()}),
     .examples = {"pipeline-run peek linear_fit batches --at 3:1 --rows 10"},
     .only_looks = false,
     .conflict = on_own(conflict)},
    act_peek);

}  // namespace
}  // namespace millrace::pipelines
