// What the model of a run makes of rows, in a program of one's own. It reads the folder of a run, one of its checkpoints, or what
// `pipeline-run export --format safetensors` has written, and takes rows as the run's data set has them.
//
//   const millrace::Predictor predictor("runs/mnist_mlp-1");
//   const millrace::Prediction digit = predictor(image);  // 28 * 28 bytes
//   std::printf("%lld, with %.3f\n", static_cast<long long>(digit.class_id), digit.values[digit.class_id]);
#pragma once

#include <millrace/detail/export.hpp>
#include <millrace/model.hpp>
#include <millrace/tensor.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <ranges>
#include <span>
#include <string>
#include <vector>

namespace millrace {

template <class T>
concept RowValue = std::same_as<T, std::uint8_t> || std::same_as<T, std::int8_t> || std::same_as<T, std::int16_t> ||
    std::same_as<T, std::int32_t> || std::same_as<T, float> || std::same_as<T, double>;

/// Values of rows, one row behind the other, as they lie in a vector, an array or a span of the caller, who keeps them for as long as this is used.
class RowsView {
 public:
  template <std::ranges::contiguous_range R>
  requires RowValue<std::ranges::range_value_t<R>> RowsView(
      const R& values)  // NOLINT(google-explicit-constructor): it stands for the values
      : dtype_(dtype_of<std::ranges::range_value_t<R>>()),
        bytes_(std::as_bytes(std::span(std::ranges::data(values), std::ranges::size(values)))) {}

  DType dtype() const { return dtype_; }
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  DType dtype_;
  std::span<const std::byte> bytes_;
};

/// What a model makes of one row.
struct Prediction {
  std::vector<float> values;  ///< as many as the model has outputs: of a softmax the probabilities of the classes
  std::int64_t class_id =
      -1;                  ///< of the largest of these, the first of equal ones; -1 where the outputs are no softmax
  std::string class_name;  ///< empty where the run's classes have no names
};

struct PredictorOptions {
  std::string node = {};     ///< the trainer whose model it is, where a run has several
  bool is_prepared = false;  ///< rows come as float32 inputs of the model, prepared by the caller
};

/// A model, ready to be used on the CPU. Immutable: any threads may call one Predictor at the same time, and each call computes for itself.
///
/// The bits. So many rows in one call give the bits that `pipeline-run predict` writes for a file of those rows, on the same machine: they are cut into
/// batches as there. The sums of a matrix product depend in their last bits on how many rows are multiplied at once, so a row alone may differ there from
/// the same row among others; a row alone gives the same bits each time.
class MILLRACE_EXPORT Predictor {
 public:
  /// `path`: the folder of a run, of which the model that it has ended with is taken (what it has restored, else its newest checkpoint that can be read); a checkpoint; an exported safetensors file. Whatever is read is
  /// compared with its digest. Throws Error of kind data: no-checkpoint (a folder without one), model-use (the file does not say how its model is used:
  /// another program or an earlier release wrote it), model-rows (rows of this model cannot be prepared here, because a stage of the run's config does
  /// what only that stage can; unless `is_prepared`), model-damaged, checkpoint-trainer (which node is meant), and what reading a checkpoint throws.
  explicit Predictor(const std::string& path, const PredictorOptions& options = {});
  ~Predictor();
  Predictor(Predictor&&) noexcept;
  Predictor& operator=(Predictor&&) noexcept;

  /// One row. Throws as predict does.
  Prediction operator()(RowsView row) const;
  /// Any number of rows, outputs() values for each, in `outputs`, which has room for exactly these. Larger numbers of rows use the threads of the caller's
  /// oneTBB arena. Throws Error: wrong-rows, of kind data (values of another type than row(), or no whole number of rows); shape-mismatch, of kind run (room
  /// for more or fewer values); out-of-memory.
  void predict(RowsView rows, std::span<float> outputs) const;
  /// The same in a vector of its own.
  std::vector<float> predict(RowsView rows) const;

  /// Type and shape of a row.
  const TensorSpec& row() const;
  std::int64_t outputs() const;
  /// Names of the outputs, in their order; may be empty.
  const ClassNames& classes() const;
  const ModelSnapshot& model() const;
  /// The file that was read.
  const std::string& file() const;
  /// Newer checkpoints of the folder that could not be used: a sentence each.
  const std::vector<std::string>& refused() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace millrace
