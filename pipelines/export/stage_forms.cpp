// Each form computes what the stage of that name in stages/ does, with the same roundings in the same order: a change there is a change here.
#include "stage_forms.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdint>
#include <map>
#include <string_view>

namespace millrace::pipelines {
namespace {

/// Values of one step: each has the node's name in front.
struct StepForm {
  const PathStep& step;
  OnnxGraph& graph;

  std::string named(const char* part) const { return step.node->name + "/" + part; }
  std::string cast(const std::string& in, OnnxType to, const char* part) const {
    return graph.add("Cast", {in}, named(part), {{"to", static_cast<std::int64_t>(to)}});
  }
  double param(const char* name, double absent) const {
    const ParamValue* const value = step.node->params.find(name);
    return value == nullptr || value->is_null() ? absent : value->number();
  }
  bool has(const char* name) const {
    const ParamValue* const value = step.node->params.find(name);
    return value != nullptr && !value->is_null();
  }
};

// Rows pass as they are.
std::string passed(const StepForm&, const std::string& in) { return in; }

std::string flattened(const StepForm& form, const std::string& in) {
  return form.graph.add("Flatten", {in}, form.named("rows"), {{"axis", 1}});
}

// Two roundings: a product, a sum.
std::string affine(const StepForm& form, const std::string& in, float scale, float offset) {
  const std::string product =
      form.graph.add("Mul", {in, form.graph.add_scalar(form.named("scale"), scale)}, form.named("scaled"));
  if (offset == 0) return product;
  return form.graph.add("Add", {product, form.graph.add_scalar(form.named("offset"), offset)}, form.named("moved"));
}

std::string affine_in_f64(const StepForm& form, const std::string& in, double scale, double offset) {
  const std::string product =
      form.graph.add("Mul", {in, form.graph.add_scalar(form.named("scale"), scale)}, form.named("scaled"));
  return form.graph.add("Add", {product, form.graph.add_scalar(form.named("offset"), offset)}, form.named("moved"));
}

std::string standardized_in_f64(const StepForm& form, const std::string& in) {
  const std::string centered = form.graph.add(
      "Sub", {in, form.graph.add_scalar(form.named("mean"), form.param("mean", 0))}, form.named("centered"));
  return form.graph.add("Div", {centered, form.graph.add_scalar(form.named("std"), form.param("std", 1))},
                        form.named("divided"));
}

bool is_wide(DType dtype) { return dtype == DType::f64 || dtype == DType::i32; }

// Bytes that stay bytes are decoded with the scale and the offset that the stage has put into their encoding. Other values go through float32
// where that holds them and nothing is divided, else through float64.
std::string normalized(const StepForm& form, const std::string& in) {
  const TensorSpec &from = form.step.in, &to = form.step.out;
  if (to.encoding.kind == EncodingKind::affine_u8)
    return affine(form, form.cast(in, OnnxType::f32, "float32"), to.encoding.scale, to.encoding.offset);
  const auto scale = static_cast<float>(form.param("scale", 1)), offset = static_cast<float>(form.param("offset", 0));
  if (!form.has("std") && !is_wide(from.dtype))
    return affine(form, from.dtype == DType::f32 ? in : form.cast(in, OnnxType::f32, "float32"), scale, offset);
  const std::string wide = from.dtype == DType::f64 ? in : form.cast(in, OnnxType::f64, "float64");
  const std::string mapped =
      form.has("std") ? standardized_in_f64(form, wide) : affine_in_f64(form, wide, scale, offset);
  return form.cast(mapped, OnnxType::f32, "rounded");
}

using Form = std::string (*)(const StepForm&, const std::string&);

const std::map<std::string, Form, std::less<>>& forms() {
  static const std::map<std::string, Form, std::less<>> kForms = {
      {"batcher", passed}, {"flatten", flattened}, {"normalize", normalized}, {"transfer", passed}};
  return kForms;
}

}  // namespace

std::string add_step(const PathStep& step, const std::string& in, OnnxGraph& graph) {
  const auto form = forms().find(step.node->info->name);
  if (form != forms().end()) return form->second({step, graph}, in);
  Error error(ErrorKind::config, "export-stage",
              fmt::format("node `{}`, on the way to the model, has stage `{}`, which has no ONNX form", step.node->name,
                          step.node->info->name),
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
