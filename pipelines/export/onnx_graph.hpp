// A graph in ONNX's terms while it is being put together.
#pragma once

#include <millrace/tensor.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::pipelines {

/// What ONNX calls its types of elements, by the numbers of TensorProto.DataType.
enum class OnnxType : std::uint8_t { f32 = 1, u8 = 2, i8 = 3, i16 = 5, i32 = 6, i64 = 7, f64 = 11 };
OnnxType onnx_type(DType dtype);
/// As Millrace writes it: "u8", "i64".
std::string_view to_string(OnnxType type);

struct OnnxNode {
  std::string op;  ///< "Gemm"
  std::vector<std::string> inputs;
  std::string output;
  std::vector<std::pair<std::string, std::int64_t>> attributes = {};  ///< integers all
};

struct OnnxConstant {
  std::string name;
  OnnxType type = OnnxType::f32;
  std::vector<std::int64_t> shape;  ///< {} for a scalar
  std::string bytes;                ///< row-major, little-endian
};

/// Rows of tensors: the first extent is the batch, of any size.
struct OnnxValue {
  std::string name;
  OnnxType type = OnnxType::f32;
  RowShape row_shape;
};

struct OnnxGraph {
  std::string name;
  std::vector<OnnxValue> inputs, outputs;
  std::vector<OnnxNode> nodes;
  std::vector<OnnxConstant> constants;
  std::vector<std::pair<std::string, std::string>> metadata;  ///< for people and programs

  /// Appends a node that gives `value`, which is returned.
  std::string add(std::string op, std::vector<std::string> from, std::string value,
                  std::vector<std::pair<std::string, std::int64_t>> attributes = {});
  /// A constant with one value; its name is returned.
  std::string add_scalar(std::string called, float value);
  std::string add_scalar(std::string called, double value);
  std::string add_constant(OnnxConstant constant);
};

/// The versions that are written: old runtimes take them, and nothing newer is needed.
inline constexpr std::int64_t kOnnxIr = 7, kOnnxOpset = 13;

/// The file. Throws Error(export-too-large, run) where it would have 2 GiB or more, which no reader of protocol buffers takes.
std::string onnx_text(const OnnxGraph& graph);

}  // namespace millrace::pipelines
