// Parameter types and values: a parameter is a scalar, a list, a map, a record or a one-of of records.
//
// Stages, layers, losses, optimizers and initializers all describe themselves with these types. Checking, suggestions,
// help pages and the JSON Schema are derived from them, so a parameter is declared in one place only.
#pragma once

#include <millrace/detail/export.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace millrace {

/// A checked parameter value. Accessors throw Error("wrong-param-type", run) when the value is of another type: a defect of
/// the stage, since the engine checks values against the descriptor first.
class MILLRACE_EXPORT ParamValue {
 public:
  using List = std::vector<ParamValue>;
  using Map =
      std::vector<std::pair<std::string, ParamValue>>;  ///< entries in the order of the descriptor, or of the user

  ParamValue() = default;
  ParamValue(bool v) : value_(v) {}
  ParamValue(int v) : value_(std::int64_t{v}) {}
  ParamValue(std::int64_t v) : value_(v) {}
  ParamValue(double v) : value_(v) {}
  ParamValue(const char* v) : value_(std::string(v)) {}
  ParamValue(std::string v) : value_(std::move(v)) {}
  ParamValue(List v) : value_(std::move(v)) {}
  ParamValue(Map v) : value_(std::move(v)) {}

  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  bool is_boolean() const { return std::holds_alternative<bool>(value_); }
  bool is_integer() const { return std::holds_alternative<std::int64_t>(value_); }
  bool is_number() const { return is_integer() || std::holds_alternative<double>(value_); }
  bool is_text() const { return std::holds_alternative<std::string>(value_); }
  bool is_list() const { return std::holds_alternative<List>(value_); }
  bool is_map() const { return std::holds_alternative<Map>(value_); }

  bool boolean() const;
  std::int64_t integer() const;
  double number() const;  ///< an integer is a number too
  const std::string& text() const;
  const List& list() const;
  const Map& map() const;

  /// Member of a map. Throws Error("no-such-param", run) when it is absent.
  const ParamValue& operator[](std::string_view key) const;
  /// Member of a map, or null when absent.
  const ParamValue* find(std::string_view key) const;
  /// The chosen alternative of a one-of: a map with a single entry, name -> record.
  const std::string& alternative() const;
  const ParamValue& alternative_params() const;

  bool operator==(const ParamValue&) const = default;
  /// Compact YAML/JSON text; numbers in their shortest exact form.
  std::string render() const;

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, List, Map> value_;
};

struct Param;
struct Alternative;

/// What values a parameter takes.
class MILLRACE_EXPORT ParamType {
 public:
  enum class Kind : std::uint8_t {
    boolean,
    integer,
    number,
    text,
    scalar,
    choice,
    list,
    map,
    record,
    one_of,
    any_of,
    float32
  };

  static ParamType boolean();
  static ParamType integer();
  static ParamType number();  ///< also written as a fraction: 1/255
  /// A number that is kept as float32: one that would become infinite there, 0, or a bound that is excluded, is refused.
  static ParamType float32();
  static ParamType text();
  static ParamType scalar();  ///< a number or a text, as in a column of a table; not true or false
  static ParamType choice(std::vector<std::string> names);
  static ParamType list(ParamType element);
  static ParamType map(ParamType value);        ///< keys are free
  static ParamType record(std::vector<Param>);  ///< keys are fixed
  /// `{name: {params}}`, or just `name` when every parameter has a default.
  static ParamType one_of(std::vector<Alternative>);
  /// The first of several types that fits, told apart by the YAML kind (scalar, list, map): `classes: 10 | [a, b]`.
  static ParamType any_of(std::vector<ParamType>);

  /// Bounds of a number, an integer or each element count; inclusive.
  ParamType& at_least(double lo);
  ParamType& at_most(double hi);
  /// Strict bounds.
  ParamType& above(double lo);
  ParamType& below(double hi);
  /// Bounds of the length of a list.
  ParamType& length(std::size_t least, std::size_t most);

  Kind kind() const { return kind_; }
  const std::vector<std::string>& choices() const { return choices_; }
  const ParamType& element() const { return *element_; }                           ///< list, map
  const std::vector<Param>& params() const { return *params_; }                    ///< record
  const std::vector<Alternative>& alternatives() const { return *alternatives_; }  ///< one_of
  const std::vector<ParamType>& options() const { return *options_; }              ///< any_of
  std::optional<double> lo() const { return lo_; }
  std::optional<double> hi() const { return hi_; }
  bool lo_is_strict() const { return lo_strict_; }
  bool hi_is_strict() const { return hi_strict_; }
  std::size_t least_length() const { return least_length_; }
  std::size_t most_length() const { return most_length_; }

  /// What keeps a number from being a float32 within the bounds: "1 as float32"; empty when nothing does, and for other types.
  /// An integer has to be held as it is; what has a point or an exponent is rounded.
  std::string why_no_float32(const ParamValue& number) const;
  /// "integer, at least 1", "one of: linear, relu", "list of dense | dropout".
  std::string describe() const;

 private:
  Kind kind_ = Kind::text;
  std::vector<std::string> choices_;
  std::shared_ptr<const ParamType> element_;
  std::shared_ptr<const std::vector<Param>> params_;
  std::shared_ptr<const std::vector<Alternative>> alternatives_;
  std::shared_ptr<const std::vector<ParamType>> options_;
  std::optional<double> lo_, hi_;
  bool lo_strict_ = false, hi_strict_ = false;
  std::size_t least_length_ = 0, most_length_ = SIZE_MAX;
};

/// One parameter. Without `default_value` and not optional, it is required.
struct MILLRACE_EXPORT Param {
  std::string name;
  ParamType type;
  std::string doc;  ///< one sentence
  std::optional<ParamValue> default_value;
  bool is_optional = false;  ///< may be absent; then its value is null
  std::string unit;          ///< "" when it has none

  Param(std::string name, ParamType type, std::string doc);
  Param& or_default(ParamValue) &;
  Param&& or_default(ParamValue) &&;
  Param& optional() &;
  Param&& optional() &&;
  Param& in_unit(std::string) &;
  Param&& in_unit(std::string) &&;
  bool is_required() const { return !default_value && !is_optional; }
};

/// One of the named choices of a one-of, with its own parameters.
struct MILLRACE_EXPORT Alternative {
  std::string name;
  std::string doc;  ///< one sentence
  std::vector<Param> params;
};

}  // namespace millrace
