// Keys come in one order and none is left out, so that reading is a list of what comes next. The file may come from anybody: what is computed from
// its numbers is bounded here, before there is anything to compare them with.
#include "files/json/json_scanner.hpp"
#include "files/json/json_text.hpp"

#include <millrace/error.hpp>
#include <millrace/files/model_use.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cmath>
#include <string_view>
#include <utility>

namespace millrace {
namespace {

constexpr std::int64_t kVersion = 1;
constexpr std::int64_t kMostWidth = std::int64_t{1} << 31, kMostWeights = std::int64_t{1} << 40,
                       kMostExtent = std::int64_t{1} << 31;
constexpr std::size_t kMostDimensions = 32, kMostParts = 10'000;

constexpr std::array kActivations{Activation::linear, Activation::relu, Activation::sigmoid, Activation::tanh,
                                  Activation::softmax};
constexpr std::array kDTypes{DType::u8, DType::i8, DType::i16, DType::i32, DType::f32, DType::f64};
constexpr std::array<std::pair<RowOp, std::string_view>, 5> kOps{{{RowOp::convert, "convert"},
                                                                  {RowOp::multiply, "multiply"},
                                                                  {RowOp::add, "add"},
                                                                  {RowOp::subtract, "subtract"},
                                                                  {RowOp::divide, "divide"}}};

std::string in_quotes(std::string_view text) {
  std::string out;
  append_json_text(out, text);
  return out;
}

std::string layer_text(const LayerSpec& layer) {
  if (layer.kind == LayerKind::dropout) return fmt::format("{{\"dropout\":{}}}", layer.rate);
  return fmt::format("{{\"dense\":{},\"activation\":\"{}\",\"bias\":{}}}", layer.outputs, to_string(layer.activation),
                     layer.use_bias);
}

std::string step_text(const RowStep& step) {
  for (const auto& [op, name] : kOps)
    if (op == step.op)
      return op == RowOp::convert ? fmt::format("[\"{}\",\"{}\"]", name, to_string(step.to))
                                  : fmt::format("[\"{}\",{}]", name, step.operand);
  return {};
}

template <class List, class Text>
std::string list_text(const List& list, const Text& text) {
  std::vector<std::string> parts;
  for (const auto& one : list) parts.push_back(text(one));
  return fmt::format("[{}]", fmt::join(parts, ","));
}

std::string rows_text(const ModelUse& use) {
  if (!use.rows) return fmt::format("\"no_rows\":{}", in_quotes(use.why_no_rows));
  return fmt::format("\"rows\":\"{}\",\"shape\":[{}],\"steps\":{}", to_string(use.rows->dtype),
                     fmt::join(use.rows->row_shape, ","), list_text(use.rows->steps, step_text));
}

class UseReader {
 public:
  UseReader(const std::string& text, const std::string& path) : scan_(text), path_(path) {}

  ModelUse read() {
    ModelUse use;
    expect("{");
    if (whole("v", 1, kMostExtent) != kVersion) fail("it is of a later release");
    next("inputs");
    use.model = std::make_shared<const ModelSpec>(read_model());
    next("loss");
    use.loss = read_loss();
    next("batch_rows");
    use.batch_rows = number(1, kMostExtent);
    expect(",");
    read_rows(use);
    next("classes");
    use.classes = ClassNames(read_list<std::string>([&] { return text(); }));
    expect("}");
    if (!scan_.is_at_end()) fail("something is behind its end");
    return use;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorKind::data, "model-use",
                fmt::format("{}: what it says of the use of its model cannot be read: {}", path_, what),
                "`pipeline-run export RUN --format safetensors -o FILE` writes the file anew");
  }

  void expect(std::string_view piece) {
    if (!scan_.take(piece)) fail(fmt::format("`{}` is missing", piece));
  }

  void key(const char* name) {
    if (!scan_.key(fmt::format("\"{}\"", name))) fail(fmt::format("`{}` is missing", name));
  }

  void next(const char* name) {
    expect(",");
    key(name);
  }

  std::int64_t number(std::int64_t least, std::int64_t most) {
    std::int64_t value = 0;
    if (!scan_.whole_number(value) || value < least || value > most)
      fail(fmt::format("a number is not from {} to {}", least, most));
    return value;
  }

  std::int64_t whole(const char* name, std::int64_t least, std::int64_t most) {
    key(name);
    return number(least, most);
  }

  double real() {
    JsonScalar value;
    if (!scan_.value(value)) fail("a number is missing");
    double found = NAN;
    if (const auto* integer = std::get_if<std::int64_t>(&value)) found = static_cast<double>(*integer);
    if (const auto* fraction = std::get_if<double>(&value)) found = *fraction;
    if (!std::isfinite(found)) fail("an operand is no finite number");
    return found;
  }

  std::string text() {
    std::string value;
    if (!scan_.text(value)) fail("a text is missing");
    return value;
  }

  template <class T, class Read>
  std::vector<T> read_list(const Read& read, std::size_t most = kMostParts) {
    std::vector<T> list;
    expect("[");
    if (scan_.take("]")) return list;
    do {
      if (list.size() == most) fail(fmt::format("a list has more than {} parts", most));
      list.push_back(read());
    } while (scan_.take(","));
    expect("]");
    return list;
  }

  template <class Values>
  auto one_of(const Values& values) {
    const std::string name = text();
    for (const auto value : values)
      if (to_string(value) == name) return value;
    fail(fmt::format("`{}` is not known", name));
  }

  bool flag() {
    if (scan_.take("true")) return true;
    expect("false");
    return false;
  }

  Loss read_loss() {
    const std::string name = text();
    try {
      return loss_from(name);
    } catch (const Error&) {
      fail(fmt::format("a loss `{}` is not known", name));
    }
  }

  LayerSpec read_layer(std::int64_t inputs) {
    LayerSpec layer;
    layer.inputs = layer.outputs = inputs;
    expect("{");
    if (scan_.key("\"dropout\"")) {
      layer.kind = LayerKind::dropout;
      layer.rate = static_cast<float>(real());
      if (!std::isfinite(layer.rate)) fail("a rate is no share");
    } else {
      layer.outputs = whole("dense", 1, kMostWidth);
      next("activation");
      layer.activation = one_of(kActivations);
      next("bias");
      layer.use_bias = flag();
    }
    expect("}");
    return layer;
  }

  ModelSpec read_model() {
    ModelSpec model;
    std::int64_t width = model.inputs = number(1, kMostWidth), weights = 0;
    next("layers");
    model.layers = read_list<LayerSpec>([&] {
      LayerSpec layer = read_layer(width);
      layer.kernel_offset = weights;
      layer.bias_offset = weights + layer.inputs * layer.outputs;
      width = layer.outputs;
      if (layer.kind == LayerKind::dense && (weights += layer.parameters()) > kMostWeights)
        fail("its layers have too many weights");
      return layer;
    });
    if (weights == 0) fail("it has no layers");
    return model;
  }

  RowStep read_step() {
    RowStep step;
    expect("[");
    const std::string name = text();
    expect(",");
    for (const auto& [op, of_op] : kOps)
      if (of_op == name) {
        step.op = op;
        if (op == RowOp::convert)
          step.to = one_of(std::array{DType::f32, DType::f64});
        else
          step.operand = real();
        expect("]");
        return step;
      }
    fail(fmt::format("a step `{}` is not known", name));
  }

  void read_rows(ModelUse& use) {
    if (scan_.key("\"no_rows\"")) {
      use.why_no_rows = text();
      return;
    }
    key("rows");
    RowPreparation rows;
    rows.dtype = one_of(kDTypes);
    next("shape");
    rows.row_shape = read_list<std::int64_t>([&] { return number(1, kMostExtent); }, kMostDimensions);
    next("steps");
    rows.steps = read_list<RowStep>([&] { return read_step(); });
    require_fit(rows, use.model->inputs);
    use.rows = std::move(rows);
  }

  // Arithmetic needs one of the two types; of what is neither nothing may be computed before it is one.
  void require_fit(const RowPreparation& rows, std::int64_t inputs) const {
    std::uint64_t values = 1;
    for (const std::int64_t extent : rows.row_shape)
      if ((values *= static_cast<std::uint64_t>(extent)) > static_cast<std::uint64_t>(kMostWidth))
        fail("its rows are too large");
    if (values != static_cast<std::uint64_t>(inputs))
      fail(fmt::format("rows of {} values for {} inputs", values, inputs));
    bool is_floating = rows.dtype == DType::f32 || rows.dtype == DType::f64;
    for (const RowStep& step : rows.steps)
      if (step.op == RowOp::convert)
        is_floating = true;
      else if (!is_floating)
        fail("it computes with whole numbers");
  }

  JsonScanner scan_;
  const std::string& path_;
};

}  // namespace

std::string model_use_key(const std::string& trainer) { return "use." + trainer; }

std::string model_use_text(const ModelUse& use) {
  return fmt::format("{{\"v\":{},\"inputs\":{},\"layers\":{},\"loss\":\"{}\",\"batch_rows\":{},{},\"classes\":{}}}",
                     kVersion, use.model->inputs, list_text(use.model->layers, layer_text), to_string(use.loss),
                     use.batch_rows, rows_text(use),
                     list_text(use.classes.list(), [](const std::string& name) { return in_quotes(name); }));
}

ModelUse parse_model_use(const std::string& text, const std::string& path) { return UseReader(text, path).read(); }

}  // namespace millrace
