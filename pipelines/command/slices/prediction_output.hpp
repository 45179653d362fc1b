// What predictions are told as: text a row, one object, or a file.
#pragma once

#include "command/options/option.hpp"
#include "npy_output.hpp"
#include "slice/model_rows.hpp"

#include <millrace/packet.hpp>

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace millrace::pipelines {

struct PredictionFile {
  std::string path;
  std::int64_t rows = 0;
};

class PredictionOutput {
 public:
  /// `head` is what an object says before the files. With a path in `npy` the values go there, and no row is told otherwise.
  PredictionOutput(const ModelRows& way, const VerbOptions& options, const nlohmann::ordered_json& head,
                   std::string npy, const std::vector<PredictionFile>& files);
  ~PredictionOutput();
  PredictionOutput(const PredictionOutput&) = delete;
  PredictionOutput& operator=(const PredictionOutput&) = delete;

  void begin(const PredictionFile& file);
  /// The next rows of that file.
  void take(const Packet& packet);
  /// After the last file. Warns of rows whose values are not finite.
  void finish();

 private:
  void look_at(std::uint64_t row, std::span<const float> values);
  void warn() const;
  void tell(std::uint64_t row, std::span<const float> values);
  nlohmann::ordered_json object_of(std::uint64_t row, std::span<const float> values) const;
  std::string text_of(std::uint64_t row, std::span<const float> values) const;
  std::string class_text(std::size_t index) const;

  const ModelRows& way_;
  const VerbOptions& options_;
  const bool is_of_classes_;
  std::unique_ptr<nlohmann::ordered_json> object_;
  std::string npy_path_;
  std::int64_t rows_ = 0;
  bool names_files_;
  std::optional<NpyOutput> npy_;
  std::string text_;  ///< of the rows of a packet
  std::int64_t not_finite_ = 0;
  std::string first_not_finite_;
};

}  // namespace millrace::pipelines
