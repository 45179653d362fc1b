// A call takes a step of its own from those that lie idle, or makes one: steps have the memory of a pass and are used by one thread at a time. One that
// is too small goes for a larger one, so that there are as many as calls were at once, and none is larger than was asked for.
#include <millrace/predictor.hpp>

#include "loaded_model.hpp"
#include "row_preparer.hpp"

#include <millrace/device.hpp>
#include <millrace/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <optional>
#include <utility>

namespace millrace {
namespace {

struct Pass {
  std::int64_t rows = 0;  ///< the most
  std::unique_ptr<EvaluationStep> step;
  std::vector<float> inputs;
};

TensorSpec inputs_of(const ModelSpec& model) { return {DType::f32, {model.inputs}, {}, {}, {}}; }
TensorSpec outputs_of(const ModelSpec& model) { return {DType::f32, {model.outputs()}, {}, {}, {}}; }

/// A view of values that somebody else keeps.
Tensor tensor_of(const TensorSpec& spec, std::int64_t rows, const std::byte* values) {
  return {spec, rows, std::shared_ptr<const std::byte>(std::shared_ptr<const std::byte>(), values), nullptr};
}

std::optional<nn::RowPreparer> preparer_of(const ModelUse& use, bool is_prepared, const std::string& path) {
  if (is_prepared) return {};
  if (use.rows) return nn::RowPreparer(*use.rows);
  throw Error(ErrorKind::data, "model-rows",
              fmt::format("{}: its rows cannot be prepared here: {}", path, use.why_no_rows),
              "prepare them as the run does, and say PredictorOptions::is_prepared; or use `pipeline-run predict`");
}

TensorSpec row_of(const ModelUse& use, bool is_prepared) {
  if (is_prepared) return inputs_of(*use.model);
  return {use.rows->dtype, use.rows->row_shape, {}, {}, {}};
}

}  // namespace

struct Predictor::State {
  State(nn::LoadedModel model, bool is_prepared)
      : loaded(std::move(model)),
        preparer(preparer_of(loaded.use, is_prepared, loaded.file)),
        row(row_of(loaded.use, is_prepared)),
        inputs(inputs_of(*loaded.use.model)),
        device(open_device({"cpu", 0})) {
    if (preparer && preparer->is_idle()) preparer.reset();
  }

  std::int64_t outputs() const { return loaded.use.model->outputs(); }

  std::int64_t rows_of(RowsView view) const {
    const std::size_t one = row.stored_row_bytes(), all = view.bytes().size();
    if (view.dtype() == row.dtype && all % one == 0) return static_cast<std::int64_t>(all / one);
    throw Error(ErrorKind::data, "wrong-rows",
                fmt::format("{} values of {} are no rows of {}, which the model of {} takes",
                            all / size_of(view.dtype()), to_string(view.dtype()), row.describe(), loaded.file));
  }

  void predict(const std::byte* values, std::int64_t rows, float* to) {
    const std::int64_t most = loaded.use.batch_rows;
    for (std::int64_t first = 0; first < rows; first += most) {
      const std::int64_t count = std::min(most, rows - first);
      predict_batch(values + static_cast<std::size_t>(first) * row.stored_row_bytes(), count, to + first * outputs());
    }
  }

 private:
  void predict_batch(const std::byte* values, std::int64_t rows, float* to) {
    std::unique_ptr<Pass> pass = take(rows);
    if (preparer) {
      pass->inputs.resize(static_cast<std::size_t>(rows * loaded.use.model->inputs));
      preparer->run(values, rows * loaded.use.model->inputs, pass->inputs.data());
      values = std::as_bytes(std::span(pass->inputs)).data();
    }
    pass->step->predict(*loaded.model, tensor_of(inputs, rows, values),
                        {to, static_cast<std::size_t>(rows * outputs())});
    const std::lock_guard lock(mutex);
    idle.push_back(std::move(pass));
  }

  std::unique_ptr<Pass> take(std::int64_t rows) {
    std::unique_ptr<Pass> pass = take_idle();
    if (pass && pass->rows >= rows) return pass;
    pass = std::make_unique<Pass>();
    pass->rows = rows;
    pass->step =
        make_evaluation_step(*device, loaded.use.model, loaded.use.loss, inputs, outputs_of(*loaded.use.model), rows);
    return pass;
  }

  std::unique_ptr<Pass> take_idle() {
    const std::lock_guard lock(mutex);
    if (idle.empty()) return nullptr;
    std::unique_ptr<Pass> pass = std::move(idle.back());
    idle.pop_back();
    return pass;
  }

 public:
  const nn::LoadedModel loaded;
  std::optional<nn::RowPreparer> preparer;
  const TensorSpec row, inputs;

 private:
  std::unique_ptr<Device> device;
  std::mutex mutex;
  std::vector<std::unique_ptr<Pass>> idle;
};

Predictor::Predictor(const std::string& path, const PredictorOptions& options)
    : state_(std::make_unique<State>(nn::load_model(path, options.node), options.is_prepared)) {}

Predictor::~Predictor() = default;
Predictor::Predictor(Predictor&&) noexcept = default;
Predictor& Predictor::operator=(Predictor&&) noexcept = default;

void Predictor::predict(RowsView rows, std::span<float> outputs) const {
  const std::int64_t count = state_->rows_of(rows);
  if (outputs.size() != static_cast<std::size_t>(count * state_->outputs()))
    throw Error(ErrorKind::run, "shape-mismatch",
                fmt::format("the place for outputs holds {} values, {} rows give {}", outputs.size(), count,
                            count * state_->outputs()));
  state_->predict(rows.bytes().data(), count, outputs.data());
}

std::vector<float> Predictor::predict(RowsView rows) const {
  std::vector<float> values(static_cast<std::size_t>(state_->rows_of(rows) * state_->outputs()));
  predict(rows, values);
  return values;
}

Prediction Predictor::operator()(RowsView row) const {
  if (state_->rows_of(row) != 1)
    throw Error(ErrorKind::data, "wrong-rows", fmt::format("{} rows where one is predicted", state_->rows_of(row)),
                "Predictor::predict takes several");
  Prediction prediction{predict(row), -1, {}};
  if (model().model().layers.back().activation != Activation::softmax) return prediction;
  const auto& values = prediction.values;
  prediction.class_id = std::max_element(values.begin(), values.end()) - values.begin();
  const auto id = static_cast<std::size_t>(prediction.class_id);
  if (id < classes().size()) prediction.class_name = classes().at(id);
  return prediction;
}

const TensorSpec& Predictor::row() const { return state_->row; }
std::int64_t Predictor::outputs() const { return state_->outputs(); }
const ClassNames& Predictor::classes() const { return state_->loaded.use.classes; }
const ModelSnapshot& Predictor::model() const { return *state_->loaded.model; }
const std::string& Predictor::file() const { return state_->loaded.file; }
const std::vector<std::string>& Predictor::refused() const { return state_->loaded.refused; }

}  // namespace millrace
