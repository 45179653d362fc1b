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
struct MILLRACE_EXPORT Tensors {
  static constexpr std::size_t kAnyRank = SIZE_MAX;

  std::vector<DType> dtypes;                         ///< empty: any, unless dtype_of
  std::size_t least_rank = 0, most_rank = kAnyRank;  ///< extents of a row: none for a number, one for a vector
  bool is_one_value = false;                         ///< rows of one element, whatever their rank
  std::optional<RowShape> row_shape;
  std::optional<ValueRange> range;
  std::string below_param;                   ///< the values are 0 to this parameter - 1; of a list, its length counts
  std::string dtype_of, shape_of, range_of;  ///< as that of the input with this name
  std::string note;                          ///< what the data cannot say, for people; may be empty
  std::string advice;                        ///< help of the error when something else is connected; may be empty

  static Tensors any() { return {}; }
  static Tensors of(std::vector<DType> dtypes);
  /// dtype, shape and range of what input `input` gets.
  static Tensors like(const std::string& input);

  Tensors& rank(std::size_t least, std::size_t most);
  Tensors& scalar() { return rank(0, 0); }
  Tensors& vector() { return rank(1, 1); }
  Tensors& one_value();
  Tensors& shape(RowShape row);
  Tensors& shape_as(std::string input);
  Tensors& range_as(std::string input);
  /// Values lie in [lo, hi].
  Tensors& within(double lo, double hi);
  /// Values are class ids: 0 to parameter `param` - 1.
  Tensors& below(std::string param);
  Tensors& description(std::string text);
  Tensors& hint(std::string help);

  std::string dtype_text() const;  ///< "u8 or f32", "any", "as `in`"
  std::string shape_text() const;  ///< "[n, *]", "[n, ...]" for any, "as `in`"
  std::string range_text() const;  ///< "[0, 1]", "0 to `classes` - 1", "as `in`"; empty when unknown
  /// All of it in one line: "f32 [n, *] in [0, 1]; the note".
  std::string text() const;
};

/// Several tensors by name, with the same rows.
struct MILLRACE_EXPORT Record {
  struct Field {
    std::string name;
    Tensors tensors;
    bool optional = false;
  };
  std::vector<Field> fields;  ///< empty: any
  std::string like_input;     ///< the fields of the input with this name
  std::string note, advice;   ///< as those of Tensors

  static Record any() { return {}; }
  static Record like(std::string input);
  Record& field(std::string name, Tensors);
  Record& optional_field(std::string name, Tensors);
  Record& description(std::string text);
  /// Help when a field is missing or not known.
  Record& hint(std::string help);
  std::string text() const;
};

/// One of: a tensor, a record, metrics, a model.
struct MILLRACE_EXPORT PortContent {
  PortKind kind = PortKind::data;
  bool is_record = false;
  Tensors tensors;   ///< data that is no record
  Record record;     ///< data that is one
  std::string note;  ///< metrics and models: what it is, in a few words

  PortContent() = default;
  PortContent(Tensors t) : tensors(std::move(t)) {}
  PortContent(Record r) : is_record(true), record(std::move(r)) {}
  static PortContent metrics(std::string note);
  static PortContent model(std::string note);
  /// In one line, for a person.
  std::string text() const;
};

/// A declared port.
struct PortDecl : PortContent {
  std::string name;
  bool optional = false;

  PortDecl(std::string port, PortContent content, bool is_optional = false)
      : PortContent(std::move(content)), name(std::move(port)), optional(is_optional) {}
};

}  // namespace millrace
