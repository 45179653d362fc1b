// What a port carries, as data: dtype, shape of a row and value range of each tensor. Checks, pages and the inputs that a
// stage is tested with are derived from it.
#pragma once

#include <millrace/detail/export.hpp>
#include <millrace/tensor.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

/// What a port carries.
enum class PortKind : std::uint8_t { data, metrics, model };
MILLRACE_EXPORT std::string_view to_string(PortKind);

/// The tensors that an input accepts or an output gives. What is not said is open: any dtype, any shape, a range that only
/// infer knows.
struct MILLRACE_EXPORT TensorType {
  static constexpr std::size_t kAnyRank = SIZE_MAX;

  std::vector<DType> dtypes;                         ///< empty: any, unless dtype_of
  std::size_t least_rank = 0, most_rank = kAnyRank;  ///< extents of a row: none for a number, one for a vector
  bool is_one_value = false;                         ///< rows of one element, whatever their rank
  std::optional<RowShape> row_shape;
  std::optional<ValueRange> range;
  std::string below_param;                   ///< the values are 0 to this parameter - 1; of a list, its length counts
  std::string dtype_of, shape_of, range_of;  ///< names of inputs whose dtype, shape or range this one has
  std::string note;                          ///< what the data cannot say, for people; may be empty
  std::string advice;                        ///< help of the error when something else is connected; may be empty

  static TensorType any() { return {}; }
  static TensorType of(std::vector<DType> dtypes);
  /// dtype, shape and range of what input `input` gets.
  static TensorType like(const std::string& input);

  TensorType& rank(std::size_t least, std::size_t most);
  TensorType& scalar() { return rank(0, 0); }
  TensorType& vector() { return rank(1, 1); }
  TensorType& one_value();
  TensorType& shape(RowShape row);
  TensorType& shape_as(std::string input);
  TensorType& range_as(std::string input);
  /// Values lie in [lo, hi].
  TensorType& within(double lo, double hi);
  /// Values are class ids: 0 to parameter `param` - 1.
  TensorType& below(std::string param);
  TensorType& description(std::string text);
  TensorType& hint(std::string help);

  std::string dtype_text() const;  ///< "u8 or f32", "any", "as `in`"
  std::string shape_text() const;  ///< "[n, *]", "[n, ...]" for any, "as `in`"
  std::string range_text() const;  ///< "[0, 1]", "0 to `classes` - 1", "as `in`"; empty when unknown
  /// All of it in one line: "f32 [n, *] in [0, 1]; the note".
  std::string text() const;
};

/// Several tensors by name, with the same rows.
struct MILLRACE_EXPORT RecordType {
  struct Field {
    std::string name;
    TensorType tensors;
    bool optional = false;
  };
  std::vector<Field> fields;  ///< empty: any
  bool takes_others = false;  ///< fields beside these may come, and are not looked at
  std::string like_input;     ///< the fields of the input with this name
  std::string note, advice;   ///< the same as in TensorType

  static RecordType any() { return {}; }
  static RecordType like(std::string input);
  RecordType& field(std::string name, TensorType);
  RecordType& optional_field(std::string name, TensorType);
  /// Fields beside the declared ones may come, and are not looked at.
  RecordType& other_fields();
  RecordType& description(std::string text);
  /// Help when a field is missing or not known.
  RecordType& hint(std::string help);
  std::string text() const;
};

/// One of: a tensor, a record, metrics, a model.
struct MILLRACE_EXPORT PortType {
  PortKind kind = PortKind::data;
  bool is_record = false;
  TensorType tensors;  ///< data that is no record
  RecordType record;   ///< data that is one
  std::string note;    ///< metrics and models: what it is, in a few words

  PortType() = default;
  PortType(TensorType t) : tensors(std::move(t)) {}
  PortType(RecordType r) : is_record(true), record(std::move(r)) {}
  static PortType metrics(std::string note);
  static PortType model(std::string note);
  /// In one line, for a person.
  std::string text() const;
};

/// A declared port.
struct PortDecl : PortType {
  std::string name;
  bool optional = false;

  PortDecl(std::string port, PortType content, bool is_optional = false)
      : PortType(std::move(content)), name(std::move(port)), optional(is_optional) {}
};

}  // namespace millrace
