// What stands at the path is looked at before any work, and again by the system when the file gets its name.
#include "model_files.hpp"

#include <millrace/error.hpp>
#include <millrace/files/atomic_file.hpp>
#include <millrace/files/model_weights.hpp>
#include <millrace/files/npy.hpp>

#include <fmt/format.h>

#include <deque>
#include <filesystem>
#include <system_error>
#include <vector>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;

Error exists(const std::string& path) {
  return {ErrorKind::output, "export-exists", fmt::format("`{}` is there already", path),
          "--force replaces it, or name another with -o"};
}

void make_folder(const ExportTarget& target) {
  std::error_code failed;
  if (fs::create_directory(target.path, failed)) return;
  if (!failed && target.force && fs::is_directory(target.path)) return;
  if (!failed) throw exists(target.path);
  throw Error(ErrorKind::output, "output-unwritable",
              fmt::format("cannot make the folder `{}`: {}", target.path, failed.message()));
}

std::string npy_text(const SafetensorsTensor& tensor) {
  std::string text = npy_header_text(NpyType::f4, tensor.shape);
  text.append(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
  return text;
}

}  // namespace

void require_free(const ExportTarget& target) {
  std::error_code ignored;
  if (!target.force && fs::exists(fs::symlink_status(target.path, ignored))) throw exists(target.path);
}

std::uint64_t write_export(const ExportTarget& target, const std::string& content) {
  AtomicFile file(target.path);
  file.write(content);
  if (target.force)
    file.replace();
  else if (!file.create())
    throw exists(target.path);
  return content.size();
}

std::uint64_t write_safetensors_export(const ExportTarget& target, const KeptModel& kept,
                                       const SafetensorsMetadata& uses) {
  std::deque<std::vector<std::byte>> owned;
  std::vector<SafetensorsTensor> tensors;
  for_each_weight(*kept.model, [&](const SafetensorsTensor& tensor) {
    owned.emplace_back(tensor.bytes.begin(), tensor.bytes.end());
    tensors.push_back({tensor.name, tensor.type, tensor.shape, owned.back()});
  });
  SafetensorsMetadata metadata = kept.metadata;
  std::erase_if(metadata, [](const auto& text) { return text.first.starts_with(model_use_key("")); });
  if (const auto use = uses.find(model_use_key(kept.node)); use != uses.end()) metadata.insert(*use);
  metadata["epoch"] = std::to_string(kept.position.epoch);
  metadata["node"] = kept.node;
  metadata["weights_sha256"] = kept.model->weights_sha256();
  return write_export(target, safetensors_text(tensors, metadata));
}

std::uint64_t write_npy_export(const ExportTarget& target, const KeptModel& kept) {
  make_folder(target);
  std::uint64_t bytes = 0;
  for_each_weight(*kept.model, [&](const SafetensorsTensor& tensor) {
    bytes += write_export({target.path + "/" + tensor.name + ".npy", target.force}, npy_text(tensor));
  });
  return bytes;
}

}  // namespace millrace::pipelines
