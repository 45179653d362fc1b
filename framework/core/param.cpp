// Typed reads of a variant, chained setters that build a type, and the words for both that error messages and help pages show.
#include <millrace/error.hpp>
#include <millrace/param.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace millrace {
namespace {

[[noreturn]] void wrong_type(std::string_view wanted, const ParamValue& value) {
  throw Error(ErrorKind::run, "wrong-param-type",
              fmt::format("wanted {}, the parameter is {}", wanted, value.render()));
}

std::string bounds(const ParamType& type) {
  std::string text;
  if (type.lo()) text += fmt::format(", {} {}", type.lo_is_strict() ? "above" : "at least", *type.lo());
  if (type.hi()) text += fmt::format(", {} {}", type.hi_is_strict() ? "below" : "at most", *type.hi());
  return text;
}

template <class Range, class Name>
std::string joined(const Range& range, std::string_view separator, Name name) {
  std::string text;
  for (const auto& item : range) text += fmt::format("{}{}", text.empty() ? "" : separator, name(item));
  return text;
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (static_cast<unsigned char>(c) < 0x20)
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    else
      out += c;
  }
  return out + '"';
}

// 2^63 is a float32 and no std::int64_t.
bool float32_holds(std::int64_t integer) {
  const auto kept = static_cast<float>(integer);
  return kept < 0x1p63F && static_cast<std::int64_t>(kept) == integer;
}

}  // namespace

bool ParamValue::boolean() const {
  if (const bool* v = std::get_if<bool>(&value_)) return *v;
  wrong_type("a boolean", *this);
}

std::int64_t ParamValue::integer() const {
  if (const auto* v = std::get_if<std::int64_t>(&value_)) return *v;
  wrong_type("an integer", *this);
}

double ParamValue::number() const {
  if (const double* v = std::get_if<double>(&value_)) return *v;
  if (const auto* v = std::get_if<std::int64_t>(&value_)) return static_cast<double>(*v);
  wrong_type("a number", *this);
}

const std::string& ParamValue::text() const {
  if (const auto* v = std::get_if<std::string>(&value_)) return *v;
  wrong_type("a text", *this);
}

const ParamValue::List& ParamValue::list() const {
  if (const auto* v = std::get_if<List>(&value_)) return *v;
  wrong_type("a list", *this);
}

const ParamValue::Map& ParamValue::map() const {
  if (const auto* v = std::get_if<Map>(&value_)) return *v;
  wrong_type("a map", *this);
}

const ParamValue& ParamValue::operator[](std::string_view key) const {
  if (const ParamValue* value = find(key)) return *value;
  throw Error(ErrorKind::run, "no-such-param", fmt::format("there is no parameter `{}` in {}", key, render()));
}

const ParamValue* ParamValue::find(std::string_view key) const {
  const Map& members = map();
  const auto it = std::find_if(members.begin(), members.end(), [&](const auto& m) { return m.first == key; });
  return it == members.end() ? nullptr : &it->second;
}

const std::string& ParamValue::alternative() const {
  if (map().size() != 1) wrong_type("one alternative", *this);
  return map().front().first;
}

const ParamValue& ParamValue::alternative_params() const {
  if (map().size() != 1) wrong_type("one alternative", *this);
  return map().front().second;
}

std::string ParamValue::render() const {
  if (is_null()) return "null";
  if (is_boolean()) return boolean() ? "true" : "false";
  if (is_integer()) return fmt::format("{}", integer());
  if (is_number()) return fmt::format("{}", number());
  if (is_text()) return quoted(text());
  if (is_list()) return fmt::format("[{}]", joined(list(), ", ", [](const ParamValue& v) { return v.render(); }));
  return fmt::format(
      "{{{}}}", joined(map(), ", ", [](const auto& m) { return fmt::format("{}: {}", m.first, m.second.render()); }));
}

ParamType ParamType::boolean() {
  ParamType t;
  t.kind_ = Kind::boolean;
  return t;
}

ParamType ParamType::integer() {
  ParamType t;
  t.kind_ = Kind::integer;
  return t;
}

ParamType ParamType::number() {
  ParamType t;
  t.kind_ = Kind::number;
  return t;
}

ParamType ParamType::float32() {
  ParamType t;
  t.kind_ = Kind::float32;
  return t;
}

ParamType ParamType::text() { return {}; }

ParamType ParamType::scalar() {
  ParamType t;
  t.kind_ = Kind::scalar;
  return t;
}

ParamType ParamType::choice(std::vector<std::string> names) {
  ParamType t;
  t.kind_ = Kind::choice;
  t.choices_ = std::move(names);
  return t;
}

ParamType ParamType::list(ParamType element) {
  ParamType t;
  t.kind_ = Kind::list;
  t.element_ = std::make_shared<const ParamType>(std::move(element));
  return t;
}

ParamType ParamType::map(ParamType value) {
  ParamType t;
  t.kind_ = Kind::map;
  t.element_ = std::make_shared<const ParamType>(std::move(value));
  return t;
}

ParamType ParamType::record(std::vector<Param> params) {
  ParamType t;
  t.kind_ = Kind::record;
  t.params_ = std::make_shared<const std::vector<Param>>(std::move(params));
  return t;
}

ParamType ParamType::one_of(std::vector<Alternative> alternatives) {
  ParamType t;
  t.kind_ = Kind::one_of;
  t.alternatives_ = std::make_shared<const std::vector<Alternative>>(std::move(alternatives));
  return t;
}

ParamType ParamType::any_of(std::vector<ParamType> options) {
  ParamType t;
  t.kind_ = Kind::any_of;
  t.options_ = std::make_shared<const std::vector<ParamType>>(std::move(options));
  return t;
}

ParamType& ParamType::at_least(double lo) {
  lo_ = lo;
  lo_strict_ = false;
  return *this;
}

ParamType& ParamType::at_most(double hi) {
  hi_ = hi;
  hi_strict_ = false;
  return *this;
}

ParamType& ParamType::above(double lo) {
  lo_ = lo;
  lo_strict_ = true;
  return *this;
}

ParamType& ParamType::below(double hi) {
  hi_ = hi;
  hi_strict_ = true;
  return *this;
}

ParamType& ParamType::length(std::size_t least, std::size_t most) {
  least_length_ = least;
  most_length_ = most;
  return *this;
}

std::string ParamType::why_no_float32(const ParamValue& number) const {
  if (kind_ != Kind::float32) return {};
  if (number.is_integer() && !float32_holds(number.integer()))
    return fmt::format("{:.0f} as float32", static_cast<float>(number.integer()));
  const double value = number.number();
  const auto kept = static_cast<float>(value);
  const double seen = kept;
  const bool vanishes = seen == 0 && value != 0;
  const bool excluded = (lo_ && lo_strict_ && seen <= *lo_) || (hi_ && hi_strict_ && seen >= *hi_);
  return vanishes || excluded || !std::isfinite(kept) ? fmt::format("{} as float32", kept) : std::string();
}

std::string ParamType::describe() const {
  switch (kind_) {
    case Kind::boolean:
      return "true or false";
    case Kind::integer:
      return "integer" + bounds(*this);
    case Kind::number:
    case Kind::float32:
      return "number" + bounds(*this);
    case Kind::text:
      return "text";
    case Kind::scalar:
      return "number or text";
    case Kind::choice:
      return "one of: " + joined(choices_, ", ", [](const std::string& s) { return s; });
    case Kind::list:
      return "list of (" + element_->describe() + ")";
    case Kind::map:
      return "map to (" + element_->describe() + ")";
    case Kind::record:
      return "map with " + joined(*params_, ", ", [](const Param& p) { return p.name; });
    case Kind::one_of:
      return joined(*alternatives_, " | ", [](const Alternative& a) { return a.name; });
    case Kind::any_of:
      return joined(*options_, ", or ", [](const ParamType& t) { return t.describe(); });
  }
  return "?";
}

Param::Param(std::string param_name, ParamType param_type, std::string param_doc)
    : name(std::move(param_name)), type(std::move(param_type)), doc(std::move(param_doc)) {}

Param& Param::or_default(ParamValue value) & {
  default_value = std::move(value);
  return *this;
}
Param&& Param::or_default(ParamValue value) && { return std::move(or_default(std::move(value))); }

Param& Param::optional() & {
  is_optional = true;
  return *this;
}
Param&& Param::optional() && { return std::move(optional()); }

Param& Param::in_unit(std::string u) & {
  unit = std::move(u);
  return *this;
}
Param&& Param::in_unit(std::string u) && { return std::move(in_unit(std::move(u))); }

}  // namespace millrace
