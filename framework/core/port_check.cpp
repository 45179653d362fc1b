// Compares dtype, then shape, then value range, and the first that does not fit names the error; what is declared to be like another port is
// looked up among the inputs.
#include <millrace/detail/port_check.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace millrace {
namespace {

bool dtype_fits(const TensorType& declared, const TensorSpec& found, const InputLookup& inputs) {
  if (declared.dtype_of.empty())
    return declared.dtypes.empty() ||
           std::find(declared.dtypes.begin(), declared.dtypes.end(), found.dtype) != declared.dtypes.end();
  const TensorSpec* other = inputs(declared.dtype_of);
  return other == nullptr || other->dtype == found.dtype;
}

bool shape_fits(const TensorType& declared, const TensorSpec& found, const InputLookup& inputs) {
  const std::size_t rank = found.row_shape.size();
  if (rank < declared.least_rank || rank > declared.most_rank) return false;
  if (declared.row_shape && *declared.row_shape != found.row_shape) return false;
  if (declared.is_one_value && elements_of(found.row_shape) != 1) return false;
  const TensorSpec* other = declared.shape_of.empty() ? nullptr : inputs(declared.shape_of);
  return other == nullptr || other->row_shape == found.row_shape;
}

bool lies_within(const std::optional<ValueRange>& outer, const std::optional<ValueRange>& inner) {
  return !outer || !inner || (inner->lo >= outer->lo && inner->hi <= outer->hi);
}

bool range_fits(const TensorType& declared, const TensorSpec& found, const InputLookup& inputs) {
  const TensorSpec* other = declared.range_of.empty() ? nullptr : inputs(declared.range_of);
  return lies_within(declared.range, found.range) && (other == nullptr || lies_within(other->range, found.range));
}

class InputCheck {
 public:
  explicit InputCheck(InferContext& ctx)
      : ctx_(ctx), lookup_([&ctx](std::string_view input) -> const TensorSpec* {
          if (!ctx.has_input(input) || ctx.input(input).fields.size() != 1) return nullptr;
          return &ctx.input(input).fields.front().spec;
        }) {}

  bool port(const std::string& name, const PortDecl& declared) {
    const PortSpec& given = ctx_.input(name);
    if (declared.kind != PortKind::data || given.kind != PortKind::data) return true;
    if (declared.is_record) return record(name, declared.record, given);
    if (given.fields.size() == 1) return tensor(name, "", declared.tensors, given.fields.front().spec);
    return report(name, "not-a-single-tensor",
                  fmt::format("input `{}` takes one tensor, it gets a record of {}", name, given.fields.size()),
                  declared.tensors.advice);
  }

 private:
  bool report(const std::string& port, std::string error, std::string message, const std::string& help) {
    ctx_.error(ErrorSite::input(port), std::move(error), std::move(message), help);
    return false;
  }

  bool tensor(const std::string& port, const std::string& field, const TensorType& declared, const TensorSpec& found) {
    std::string misfit = misfit_of(declared, found, lookup_);
    if (misfit.empty()) return true;
    const std::string what = field.empty() ? "" : fmt::format("`{}` of ", field);
    return report(port, std::move(misfit),
                  fmt::format("{}input `{}` takes {}, it gets {}", what, port, declared.text(), found.describe()),
                  declared.advice);
  }

  bool record(const std::string& port, const RecordType& declared, const PortSpec& given) {
    if (declared.fields.empty()) return true;
    bool good = true;
    for (const PortSpec::FieldSpec& field : given.fields)
      if (!declared.takes_others && std::none_of(declared.fields.begin(), declared.fields.end(),
                                                 [&](const auto& f) { return f.name == field.name; }))
        good = report(port, "unknown-field",
                      fmt::format("input `{}` has a field `{}`, which the stage does not know", port, field.name),
                      fmt::format("it takes: {}", declared.text()));
    for (const RecordType::Field& field : declared.fields) {
      const TensorSpec* found = given.find(field.name);
      if (found != nullptr)
        good = tensor(port, field.name, field.tensors, *found) && good;
      else if (!field.optional)
        good = report(port, "missing-field", fmt::format("input `{}` has no field `{}`", port, field.name),
                      declared.advice);
    }
    return good;
  }

  InferContext& ctx_;
  InputLookup lookup_;
};

}  // namespace

std::string misfit_of(const TensorType& declared, const TensorSpec& found, const InputLookup& inputs) {
  if (!dtype_fits(declared, found, inputs)) return "dtype-mismatch";
  if (!shape_fits(declared, found, inputs)) return "shape-mismatch";
  return range_fits(declared, found, inputs) ? "" : "out-of-range";
}

bool check_inputs(const StageDescriptor& spec, InferContext& ctx) {
  InputCheck check(ctx);
  bool good = true;
  for (const std::string& name : ctx.inputs()) {
    const PortDecl* declared = spec.find_input(name);
    if (declared == nullptr) declared = spec.any_input();
    if (declared != nullptr) good = check.port(name, *declared) && good;
  }
  return good;
}

}  // namespace millrace
