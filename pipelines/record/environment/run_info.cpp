// Large data are sampled at fixed places: a digest of all of it would take longer than a short run.
#include "run_info.hpp"

#include "plugins/plugin_loader.hpp"

#include <millrace/detail/build_info.hpp>
#include <millrace/detail/counted.hpp>
#include <millrace/detail/device_bits.hpp>
#include <millrace/digest.hpp>
#include <millrace/error.hpp>
#include <millrace/input_file.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <span>

namespace millrace::pipelines {
namespace {

constexpr std::uint64_t kWholeBytes = std::uint64_t{256} << 20, kSampleBytes = std::uint64_t{64} << 10;
constexpr std::uint64_t kSamples = 64;
constexpr std::size_t kPiece = std::size_t{1} << 20;

/// Files that follow each other, as one.
class JoinedFiles {
 public:
  explicit JoinedFiles(const std::vector<FileRead>& files) {
    for (const FileRead& file : files)
      if (file.sha256.empty()) parts_.push_back({file.path, InputFile(file.path).bytes()});
  }

  std::uint64_t bytes() const {
    std::uint64_t all = 0;
    for (const Part& part : parts_) all += part.bytes;
    return all;
  }
  std::string sizes() const {
    std::string text;
    for (const Part& part : parts_) text += fmt::format("{};", part.bytes);
    return text;
  }
  /// Adds bytes [first, first + count) to a digest.
  void add(std::uint64_t first, std::uint64_t count, Sha256& digest) const {
    for (const Part& part : parts_) {
      const std::uint64_t skipped = std::min(first, part.bytes), here = std::min(count, part.bytes - skipped);
      if (here > 0) add_of(part, skipped, here, digest);
      first -= skipped;
      count -= here;
    }
  }

 private:
  struct Part {
    std::string path;
    std::uint64_t bytes = 0;
  };

  static void add_of(const Part& part, std::uint64_t first, std::uint64_t count, Sha256& digest) {
    InputFile file(part.path);
    std::vector<std::byte> piece(static_cast<std::size_t>(std::min<std::uint64_t>(count, kPiece)));
    for (const std::uint64_t end = first + count; first < end; first += piece.size()) {
      piece.resize(static_cast<std::size_t>(std::min<std::uint64_t>(end - first, kPiece)));
      if (file.read_at(first, piece) < piece.size())
        throw Error(ErrorKind::data, "file-changed", part.path + ": has become shorter while it was read",
                    "wait until the file is complete, then run again");
      digest.update(piece);
    }
  }

  std::vector<Part> parts_;
};

void add_text(const std::string& text, Sha256& digest) { digest.update(std::as_bytes(std::span(text))); }

void add_digest(const std::vector<FileRead>& files, DataInfo& info) {
  const JoinedFiles joined(files);
  info.whole = joined.bytes() <= kWholeBytes;
  Sha256 digest;
  for (const FileRead& file : files) {
    info.files.push_back(file.path);
    add_text(file.sha256 + ";", digest);
    info.promised = info.promised || !file.sha256.empty();
  }
  add_text(joined.sizes(), digest);
  if (info.whole) joined.add(0, joined.bytes(), digest);
  for (std::uint64_t i = 0; !info.whole && i < kSamples; ++i)
    joined.add((joined.bytes() - kSampleBytes) / (kSamples - 1) * i, kSampleBytes, digest);
  info.sha256 = digest.finish();
}

std::int64_t rows_of(const ValidatedNode& node) {
  for (const auto& [name, port] : node.outputs)
    if (port.kind == PortKind::data && port.rows_per_epoch) return *port.rows_per_epoch;
  return -1;
}

void add_data(const ValidatedNode& node, std::vector<DataInfo>& data) {
  if (node.info->kind != StageKind::source && node.files.empty()) return;
  data.push_back({node.name, rows_of(node), {}, {}, true});
  if (!node.files.empty()) add_digest(node.files, data.back());
}

std::string sha256_of_file(const std::string& path) {
  const JoinedFiles file({{path, {}}});
  Sha256 digest;
  file.add(0, file.bytes(), digest);
  return digest.finish();
}

/// A choice on which bits depend, of a stage that has such a parameter.
std::string text_param(const ValidatedNode& node, const char* name) {
  const ParamValue* value = node.params.is_map() ? node.params.find(name) : nullptr;
  return value != nullptr && value->is_text() ? value->text() : std::string();
}

}  // namespace

std::string DataInfo::text() const {
  std::string all = rows < 0 ? "an unknown number of rows" : counted(rows, "row");
  if (!sha256.empty()) all += fmt::format(", {}, sha256 {}", counted(files.size(), "file"), sha256);
  return all;
}

std::vector<UsedPlugin> used_plugins(const ValidatedGraph& graph) {
  std::vector<UsedPlugin> plugins;
  const std::string built_in = builtin_plugin_path();
  for (const ValidatedNode& node : graph.nodes) {
    const StageInfo& info = *node.info;
    if (info.file.empty() || info.file == built_in) continue;
    auto found = std::find_if(plugins.begin(), plugins.end(), [&](const UsedPlugin& p) { return p.file == info.file; });
    if (found == plugins.end()) {
      plugins.push_back({info.plugin, info.plugin_version, info.file, sha256_of_file(info.file), {}});
      found = plugins.end() - 1;
    }
    if (std::find(found->stages.begin(), found->stages.end(), info.name) == found->stages.end())
      found->stages.push_back(info.name);
  }
  return plugins;
}

std::vector<DataInfo> data_of(const ValidatedGraph& graph) {
  std::vector<DataInfo> data;
  for (const ValidatedNode& node : graph.nodes) add_data(node, data);
  return data;
}

std::string test_set_sha256(const ValidatedGraph& graph) {
  std::vector<DataInfo> data;
  for (const ValidatedNode& node : graph.nodes)
    if (node.is_test) add_data(node, data);
  std::string text = graph.config_hash;
  for (const DataInfo& source : data) text += fmt::format(";{}: {}", source.node, source.text());
  return sha256_hex(text);
}

std::string bits_class_of(const ValidatedGraph& graph) {
  const BuildInfo build = build_info();
  const bool on_cpu = graph.device.id.kind == "cpu";
  std::string text = fmt::format("{};{};{};{}", build.isa, build.onednn, build.describe(), graph.device.id.kind);
  if (const std::string device = device_bits(graph.device.id); !device.empty()) text += ";" + device;
  for (const ValidatedNode& node : graph.nodes) {
    const std::string precision = text_param(node, "precision"), reduction = text_param(node, "reduction");
    if (!precision.empty()) text += ";" + (on_cpu ? std::string("float32") : precision);
    // `ordered` sums four parts of a batch on any number of processes; `fast` one of each.
    if (!reduction.empty()) text += fmt::format(";{}/{}", reduction, reduction == "ordered" ? 4 : graph.ranks.size);
  }
  return sha256_hex(text);
}

RunInfo info_of(const ValidatedGraph& graph) { return {used_plugins(graph), data_of(graph), bits_class_of(graph)}; }

}  // namespace millrace::pipelines
