// Each form computes what the stage of that name in stages/ does, with the same roundings in the same order: a change there is a change here.
#include "stage_forms.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <string_view>

namespace millrace::pipelines {
namespace {

double param(const RowNode& node, const char* name, double absent) {
  const ParamValue* const value = node.node->params.find(name);
  return value == nullptr || value->is_null() ? absent : value->number();
}

bool has(const RowNode& node, const char* name) {
  const ParamValue* const value = node.node->params.find(name);
  return value != nullptr && !value->is_null();
}

RowStep convert(DType to) { return {RowOp::convert, to, 0}; }
RowStep with(RowOp op, double operand) { return {op, DType::f32, operand}; }

// Rows pass as they are.
void passed(const RowNode&, NodeForm&) {}

void flattened(const RowNode&, NodeForm& form) { form.flattens = true; }

// Two roundings: a product, a sum.
void affine(float scale, float offset, NodeForm& form) {
  form.steps.push_back(with(RowOp::multiply, static_cast<double>(scale)));
  if (offset != 0) form.steps.push_back(with(RowOp::add, static_cast<double>(offset)));
}

bool is_wide(DType dtype) { return dtype == DType::f64 || dtype == DType::i32; }

// Bytes that stay bytes are decoded with the scale and the offset that the stage has put into their encoding. Other values go through float32
// where that holds them and nothing is divided, else through float64.
void normalized(const RowNode& node, NodeForm& form) {
  const TensorSpec &from = node.in, &to = node.out;
  if (to.encoding.kind == EncodingKind::affine_u8) {
    form.steps.push_back(convert(DType::f32));
    return affine(to.encoding.scale, to.encoding.offset, form);
  }
  const auto scale = static_cast<float>(param(node, "scale", 1)), offset = static_cast<float>(param(node, "offset", 0));
  if (!has(node, "std") && !is_wide(from.dtype)) {
    if (from.dtype != DType::f32) form.steps.push_back(convert(DType::f32));
    return affine(scale, offset, form);
  }
  if (from.dtype != DType::f64) form.steps.push_back(convert(DType::f64));
  if (has(node, "std")) {
    form.steps.push_back(with(RowOp::subtract, param(node, "mean", 0)));
    form.steps.push_back(with(RowOp::divide, param(node, "std", 1)));
  } else {
    form.steps.push_back(with(RowOp::multiply, static_cast<double>(scale)));
    form.steps.push_back(with(RowOp::add, static_cast<double>(offset)));
  }
  form.steps.push_back(convert(DType::f32));
}

using Form = void (*)(const RowNode&, NodeForm&);

const std::map<std::string, Form, std::less<>>& forms() {
  static const std::map<std::string, Form, std::less<>> kForms = {
      {"batcher", passed}, {"flatten", flattened}, {"normalize", normalized}, {"transfer", passed}};
  return kForms;
}

}  // namespace

NodeForm form_of(const RowNode& node) {
  NodeForm form{node.node->name};
  if (const auto found = forms().find(node.node->info->name); found != forms().end()) {
    found->second(node, form);
    return form;
  }
  Error error(ErrorKind::config, "export-stage",
              fmt::format("node `{}`, on the way to the model, has stage `{}`, which has no form for other programs",
                          node.node->name, node.node->info->name),
              "--without-preprocessing exports the model alone, which takes float32 rows");
  error.add_note(fmt::format("stages that have one: {}", fmt::join(stages_with_a_form(), ", ")));
  throw error;
}

std::vector<std::string> stages_with_a_form() {
  std::vector<std::string> names;
  for (const auto& [name, form] : forms()) names.push_back(name);
  return names;
}

}  // namespace millrace::pipelines
