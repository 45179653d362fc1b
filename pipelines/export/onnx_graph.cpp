// Field numbers are those of onnx.proto; the names beside them are its own.
#include "onnx_graph.hpp"

#include <millrace/detail/build_info.hpp>
#include <millrace/error.hpp>
#include <millrace/files/proto_writer.hpp>

#include <fmt/format.h>

#include <cstring>

namespace millrace::pipelines {
namespace {

constexpr std::size_t kMostBytes = (std::size_t{1} << 31U) - 1;
constexpr const char* kBatch = "N";

std::int64_t number_of(OnnxType type) { return static_cast<std::int64_t>(type); }

ProtoWriter attribute_proto(const std::string& name, std::int64_t value) {
  constexpr std::int64_t kInt = 2;
  ProtoWriter attribute;
  attribute.text(1, name);     // name
  attribute.number(3, value);  // i
  attribute.number(20, kInt);  // type
  return attribute;
}

ProtoWriter node_proto(const OnnxNode& node) {
  ProtoWriter proto;
  for (const std::string& input : node.inputs) proto.text(1, input);                                 // input
  proto.text(2, node.output);                                                                        // output
  proto.text(3, "make " + node.output);                                                              // name
  proto.text(4, node.op);                                                                            // op_type
  for (const auto& [name, value] : node.attributes) proto.message(5, attribute_proto(name, value));  // attribute
  return proto;
}

ProtoWriter tensor_proto(const OnnxConstant& constant) {
  ProtoWriter proto;
  for (const std::int64_t extent : constant.shape) proto.number(1, extent);  // dims
  proto.number(2, number_of(constant.type));                                 // data_type
  proto.text(8, constant.name);                                              // name
  proto.text(9, constant.bytes);                                             // raw_data
  return proto;
}

ProtoWriter shape_proto(const RowShape& row_shape) {
  ProtoWriter shape, batch;
  batch.text(2, kBatch);    // dim_param
  shape.message(1, batch);  // dim
  for (const std::int64_t extent : row_shape) {
    ProtoWriter dimension;
    dimension.number(1, extent);  // dim_value
    shape.message(1, dimension);  // dim
  }
  return shape;
}

ProtoWriter value_proto(const OnnxValue& value) {
  ProtoWriter tensor, type, proto;
  tensor.number(1, number_of(value.type));          // elem_type
  tensor.message(2, shape_proto(value.row_shape));  // shape
  type.message(1, tensor);                          // tensor_type
  proto.text(1, value.name);                        // name
  proto.message(2, type);                           // type
  return proto;
}

ProtoWriter graph_proto(const OnnxGraph& graph) {
  ProtoWriter proto;
  for (const OnnxNode& node : graph.nodes) proto.message(1, node_proto(node));                    // node
  proto.text(2, graph.name);                                                                      // name
  for (const OnnxConstant& constant : graph.constants) proto.message(5, tensor_proto(constant));  // initializer
  for (const OnnxValue& value : graph.inputs) proto.message(11, value_proto(value));              // input
  for (const OnnxValue& value : graph.outputs) proto.message(12, value_proto(value));             // output
  return proto;
}

ProtoWriter opset_proto() {
  ProtoWriter proto;
  proto.text(1, "");            // domain: ONNX's own
  proto.number(2, kOnnxOpset);  // version
  return proto;
}

ProtoWriter entry_proto(const std::string& key, const std::string& value) {
  ProtoWriter proto;
  proto.text(1, key);    // key
  proto.text(2, value);  // value
  return proto;
}

template <class T>
std::string bytes_of(T value) {
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}

}  // namespace

OnnxType onnx_type(DType dtype) {
  switch (dtype) {
    case DType::u8:
      return OnnxType::u8;
    case DType::i8:
      return OnnxType::i8;
    case DType::i16:
      return OnnxType::i16;
    case DType::i32:
      return OnnxType::i32;
    case DType::f64:
      return OnnxType::f64;
    case DType::f32:
      break;
  }
  return OnnxType::f32;
}

std::string_view to_string(OnnxType type) {
  if (type == OnnxType::i64) return "i64";
  for (const DType dtype : {DType::u8, DType::i8, DType::i16, DType::i32, DType::f64})
    if (onnx_type(dtype) == type) return millrace::to_string(dtype);
  return millrace::to_string(DType::f32);
}

std::string OnnxGraph::add(std::string op, std::vector<std::string> from, std::string value,
                           std::vector<std::pair<std::string, std::int64_t>> attributes) {
  nodes.push_back({std::move(op), std::move(from), std::move(value), std::move(attributes)});
  return nodes.back().output;
}

std::string OnnxGraph::add_constant(OnnxConstant constant) {
  constants.push_back(std::move(constant));
  return constants.back().name;
}

std::string OnnxGraph::add_scalar(std::string called, float value) {
  return add_constant({std::move(called), OnnxType::f32, {}, bytes_of(value)});
}

std::string OnnxGraph::add_scalar(std::string called, double value) {
  return add_constant({std::move(called), OnnxType::f64, {}, bytes_of(value)});
}

std::string onnx_text(const OnnxGraph& graph) {
  ProtoWriter model;
  model.number(1, kOnnxIr);                                                                    // ir_version
  model.text(2, "millrace");                                                                   // producer_name
  model.text(3, build_info().version);                                                         // producer_version
  model.message(7, graph_proto(graph));                                                        // graph
  model.message(8, opset_proto());                                                             // opset_import
  for (const auto& [key, value] : graph.metadata) model.message(14, entry_proto(key, value));  // metadata_props
  if (model.bytes().size() <= kMostBytes) return model.bytes();
  throw Error(
      ErrorKind::run, "export-too-large",
      fmt::format("the model would take {} bytes as ONNX, whose files have less than 2 GiB", model.bytes().size()),
      "take --format safetensors");
}

}  // namespace millrace::pipelines
