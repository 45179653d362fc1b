// Searches the forms that infer accepts.
#include "suite_forms.hpp"

#include "stage_harness.hpp"

#include <millrace/detail/port_check.hpp>
#include <millrace/error.hpp>
#include <millrace/model.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>

namespace millrace::testing {
namespace {

// Extents that a declaration leaves open: three, and whatever whole number the parameters speak of, for a stage may want as many
// columns as it has units or weights.
constexpr std::int64_t kExtent = 3, kLargestExtent = 64;
constexpr std::size_t kMostExtents = 4, kMostCombinations = 256;
// The first word of an affine byte and its step: exact in float32, so the declared range is that of the values.
constexpr float kScale = 1.0F / 64, kOffset = -1.5F, kNarrowScale = 1.0F / 256;

void add_extents(const ParamValue& value, std::vector<std::int64_t>& extents) {
  std::int64_t extent = 0;
  if (value.is_integer()) extent = value.integer();
  if (value.is_list()) extent = static_cast<std::int64_t>(value.list().size());
  const bool is_new = std::find(extents.begin(), extents.end(), extent) == extents.end();
  if (extent >= 1 && extent <= kLargestExtent && is_new && extents.size() < kMostExtents) extents.push_back(extent);
  if (value.is_list())
    for (const ParamValue& element : value.list()) add_extents(element, extents);
  if (value.is_map())
    for (const auto& [key, member] : value.map()) add_extents(member, extents);
}

/// One tensor that is to be made: of a port, or of a field of its record.
struct Slot {
  std::string port, field;
  TensorType declared;
};

/// What all slots have in common, as far as their declarations allow.
struct Choice {
  bool optional = false;
  DType dtype = DType::f32;
  std::size_t rank = 1;
  EncodingKind kind = EncodingKind::dense;
  bool narrow = false;  ///< values in [0, 1]
};

class FormSearch {
 public:
  explicit FormSearch(const SuiteCase& one) : one_(one) { add_extents(one.params, extents_); }

  InputForms run() {
    for (const bool optional : {false, true})
      for (const DType dtype : dtypes())
        for (const std::size_t rank : {1, 0, 2})
          for (const EncodingKind kind : {EncodingKind::dense, EncodingKind::affine_u8, EncodingKind::indicator})
            if (kind == EncodingKind::dense || dtype == DType::f32) try_choice({optional, dtype, rank, kind, false});
    return std::move(found_);
  }

 private:
  const PortDecl& declared(const std::string& port) const {
    const PortDecl* decl = one_.info.spec.find_input(port);
    return decl != nullptr ? *decl : *one_.info.spec.any_input();
  }

  std::vector<std::string> ports(bool optional) const {
    std::vector<std::string> names = one_.inputs;
    for (const PortDecl& port : one_.info.spec.inputs())
      if ((optional || !port.optional) && std::find(names.begin(), names.end(), port.name) == names.end())
        names.push_back(port.name);
    return names;
  }

  std::vector<DType> dtypes() const {
    std::vector<DType> all;
    for (const Slot& slot : slots(true))
      for (const DType dtype :
           slot.declared.dtypes.empty() ? std::vector<DType>{DType::f32, DType::u8, DType::i32} : slot.declared.dtypes)
        if (std::find(all.begin(), all.end(), dtype) == all.end()) all.push_back(dtype);
    return all.empty() ? std::vector<DType>{DType::f32} : all;
  }

  std::vector<Slot> slots(bool optional) const {
    std::vector<Slot> slots;
    for (const std::string& port : ports(optional)) {
      const PortDecl& decl = declared(port);
      if (decl.kind != PortKind::data) continue;
      if (!decl.is_record) {
        slots.push_back({port, "", decl.tensors});
      } else if (decl.record.fields.empty()) {
        slots.push_back({port, "first", TensorType::any()});
        slots.push_back({port, "second", TensorType::any().scalar()});
      }
      if (optional && decl.is_record && decl.record.takes_others) slots.push_back({port, "other", TensorType::any()});
      for (const RecordType::Field& field : decl.record.fields)
        if (optional || !field.optional) slots.push_back({port, field.name, field.tensors});
    }
    return slots;
  }

  // The first extents with which infer is content, for each choice.
  void try_choice(const Choice& choice) {
    const std::vector<Slot> all = slots(choice.optional);
    std::vector<std::size_t> digits(std::max<std::size_t>(all.size(), 1), 0);
    for (std::size_t i = 0; i < kMostCombinations; ++i) {
      for (const bool narrow : {false, true}) {
        Choice now = choice;
        now.narrow = narrow;
        if (try_form(make_form(now, all, digits))) return;
      }
      std::size_t place = 0;
      while (place < digits.size() && ++digits[place] == extents_.size()) digits[place++] = 0;
      if (place == digits.size()) return;
    }
  }

  InputForm make_form(const Choice& choice, const std::vector<Slot>& all,
                      const std::vector<std::size_t>& digits) const {
    InputForm form;
    for (const std::string& port : ports(choice.optional))
      form.inputs.emplace_back(port, PortSpec::of_kind(declared(port).kind));
    const auto port_of = [&](std::string_view name) -> PortSpec& {
      return std::find_if(form.inputs.begin(), form.inputs.end(), [&](const auto& p) { return p.first == name; })
          ->second;
    };
    const InputLookup lookup = [&](std::string_view name) -> const TensorSpec* {
      for (const auto& [port, spec] : form.inputs)
        if (port == name && spec.fields.size() == 1) return &spec.fields.front().spec;
      return nullptr;
    };
    for (std::size_t i = 0; i < all.size(); ++i) {
      TensorSpec spec = spec_of(choice, all[i].declared, extents_[digits[i]], lookup);
      form.text += fmt::format("{}{}{}{}: {}", i == 0 ? "" : ", ", all[i].port, all[i].field.empty() ? "" : ".",
                               all[i].field, spec.describe());
      const std::string field = all[i].field.empty() ? std::string(kValueField) : all[i].field;
      port_of(all[i].port).fields.push_back({field, std::move(spec)});
    }
    for (auto& [name, port] : form.inputs) {
      if (port.kind == PortKind::metrics) port.model = model_of(extents_.front(), extents_.back());
      if (port.kind == PortKind::model) port.model = model_of(extents_[digits.front()], extents_[digits.back()]);
    }
    return form;
  }

  TensorSpec spec_of(const Choice& choice, const TensorType& declared, std::int64_t extent,
                     const InputLookup& lookup) const {
    TensorSpec spec;
    spec.dtype = declared.dtypes.empty() ? choice.dtype : declared.dtypes.front();
    if (std::find(declared.dtypes.begin(), declared.dtypes.end(), choice.dtype) != declared.dtypes.end())
      spec.dtype = choice.dtype;
    const TensorSpec* other = declared.dtype_of.empty() ? nullptr : lookup(declared.dtype_of);
    if (other != nullptr) spec.dtype = other->dtype;
    other = declared.shape_of.empty() ? nullptr : lookup(declared.shape_of);
    const std::size_t rank =
        declared.is_one_value ? 0 : std::clamp(choice.rank, declared.least_rank, declared.most_rank);
    spec.row_shape = other != nullptr ? other->row_shape : declared.row_shape.value_or(RowShape(rank, extent));
    if (spec.dtype == DType::f32) set_encoding(choice, spec);
    if (spec.encoding.kind == EncodingKind::dense) spec.range = range_of(choice, declared, spec.dtype);
    return spec;
  }

  static void set_encoding(const Choice& choice, TensorSpec& spec) {
    const EncodingKind kind = choice.kind;
    if (kind == EncodingKind::affine_u8) {
      const float scale = choice.narrow ? kNarrowScale : kScale, offset = choice.narrow ? 0.0F : kOffset;
      spec.encoding = {kind, scale, offset, 0};
      spec.range = ValueRange{offset, 255 * scale + offset};
    } else if (kind == EncodingKind::indicator && spec.row_shape.size() == 1) {
      spec.encoding = {kind, 1, 0, static_cast<std::int32_t>(spec.row_shape[0])};
      spec.range = ValueRange{0, 1};
    }
  }

  ValueRange range_of(const Choice& choice, const TensorType& declared, DType dtype) const {
    if (declared.range) return *declared.range;
    const ParamValue* bound = declared.below_param.empty() ? nullptr : one_.params.find(declared.below_param);
    if (bound != nullptr && (bound->is_integer() || bound->is_list())) {
      const double count = bound->is_list() ? static_cast<double>(bound->list().size()) : bound->number();
      return {0, std::min(count - 1, dtype == DType::u8 ? 255.0 : dtype == DType::i8 ? 127.0 : 32767.0)};
    }
    if (choice.narrow) return {0, 1};
    switch (dtype) {
      case DType::u8:
        return {0, 255};
      case DType::i8:
        return {-128, 127};
      case DType::i16:
      case DType::i32:
        return {-50, 200};
      default:
        return {-2, 6};
    }
  }

  static std::shared_ptr<const ModelSpec> model_of(std::int64_t inputs, std::int64_t outputs) {
    auto model = std::make_shared<ModelSpec>();
    model->inputs = inputs;
    LayerSpec layer;
    layer.inputs = inputs;
    layer.outputs = outputs;
    layer.bias_offset = inputs * outputs;
    model->layers.push_back(layer);
    return model;
  }

  bool try_form(InputForm form) {
    for (const InputForm& known : found_.accepted)
      if (known.text == form.text && known.inputs.size() == form.inputs.size()) return true;
    const std::string refusal = refusal_of(form);
    if (refusal.empty())
      found_.accepted.push_back(std::move(form));
    else if (found_.refusal.empty())
      found_.refusal = fmt::format("{}{}{}", refusal, form.text.empty() ? "" : "; given ", form.text);
    return refusal.empty();
  }

  std::string refusal_of(const InputForm& form) const {
    try {
      StageHarness host(one_.info, one_.params, open_device({"cpu", 0}));
      for (const auto& [name, port] : form.inputs) host.set_input(name, with_rows(port, {{8, 8}}));
      host.infer_once();
      return host.errors.empty() ? "" : fmt::format("{}: {}", host.errors[0].name, host.errors[0].message);
    } catch (const Error& error) {
      return fmt::format("{}: {}", error.name(), error.message());
    }
  }

  const SuiteCase& one_;
  std::vector<std::int64_t> extents_{kExtent};
  InputForms found_;
};

}  // namespace

InputForms forms_of(const SuiteCase& one) {
  if (one.info.kind == StageKind::source) return {{InputForm{}}, {}};
  return FormSearch(one).run();
}

PortSpec with_rows(PortSpec port, const Scenario& scenario) {
  if (port.kind != PortKind::data) return port;
  std::vector<std::int64_t> rows;
  for (const auto& epoch : scenario) {
    rows.push_back(std::accumulate(epoch.begin(), epoch.end(), std::int64_t{0}));
    for (const std::int64_t block : epoch) port.max_rows = std::max(port.max_rows, block);
  }
  if (std::all_of(rows.begin(), rows.end(), [&](std::int64_t r) { return r == rows.front(); }))
    port.rows_per_epoch = rows.front();
  return port;
}

}  // namespace millrace::testing
