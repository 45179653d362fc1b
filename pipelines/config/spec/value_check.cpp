// One value of the user's text against a type.
#include "param_check.hpp"

#include "config/document/scalars.hpp"
#include "diagnostics/printable_text.hpp"
#include "diagnostics/suggestions.hpp"

#include <millrace/detail/counted.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

namespace millrace::pipelines {
namespace {

using Kind = ParamType::Kind;

bool takes(const ParamType& type, const DocNode& node) {
  switch (type.kind()) {
    case Kind::list:
      return node.is_list();
    case Kind::map:
    case Kind::record:
      return node.is_map();
    case Kind::one_of:
      return node.is_scalar() || node.is_map();
    case Kind::any_of:
      return std::any_of(type.options().begin(), type.options().end(),
                         [&](const ParamType& t) { return takes(t, node); });
    default:
      return node.is_scalar();
  }
}

class ValueCheck {
 public:
  ValueCheck(std::string what, Diagnostics& diagnostics) : what_(std::move(what)), diagnostics_(diagnostics) {}

  ParamValue check(const DocNode& node, const ParamType& type) {
    if (type.kind() == Kind::any_of) return any_of(node, type);
    if (!takes(type, node)) return wrong_type(node, type);
    switch (type.kind()) {
      case Kind::boolean:
        return boolean(node, type);
      case Kind::integer:
        return integer(node, type);
      case Kind::number:
      case Kind::float32:
        return number(node, type);
      case Kind::text:
        return node.text;
      case Kind::scalar:
        return scalar(node, type);
      case Kind::choice:
        return choice(node, type);
      case Kind::list:
        return list(node, type);
      case Kind::map:
        return map(node, type);
      case Kind::record:
        return check_params(node, type.params(), {what_, what_}, node.where, diagnostics_);
      case Kind::one_of:
        return one_of(node, type);
      case Kind::any_of:
        break;
    }
    return {};
  }

 private:
  ParamValue fail(const Location& where, std::string name, std::string found, std::string label,
                  std::string help = {}) {
    diagnostics_.add({ErrorKind::config,
                      std::move(name),
                      fmt::format("{} {}", what_, found),
                      where,
                      std::move(label),
                      std::move(help),
                      {}});
    return {};
  }

  std::string help_for(const DocNode& node, const ParamType& type) const {
    if (type.kind() == Kind::list && node.is_scalar()) return fmt::format("write [{}]", shown(node.text));
    if (type.kind() == Kind::boolean && node.is_scalar()) return "write true or false";
    const bool wants_number =
        type.kind() == Kind::number || type.kind() == Kind::float32 || type.kind() == Kind::integer;
    if (wants_number && !node.is_map()) return help_for_number(node);
    return {};
  }

  // With the path and the values that were written, so that the loop can be pasted.
  std::string help_for_several(const DocNode& node) const {
    std::string values, path = "NODE.PARAMETER";
    for (const DocNode& item : node.items) values += item.is_scalar() ? shown(item.text) + " " : "";
    if (!node.is_list() && !node.text.ends_with(')')) values = shown(node.text) + " ";
    std::replace(values.begin(), values.end(), ',', ' ');
    if (node.where.source && node.where.source->is_argument)
      path = node.where.source->text.substr(0, node.where.source->text.find('='));
    return fmt::format(
        "a run takes one value: start it once for each: for x in {}; do pipeline-run CONFIG --set {}=$x; done",
        values.empty() ? "1 2 3" : values.substr(0, values.size() - 1), shown(path));
  }

  std::string help_for_number(const DocNode& node) const {
    const std::string_view text = node.text;
    if (node.quoted && read_number(text).fault == NumberFault::none) return "remove the quotes";
    const bool is_list = node.is_list() || text.find(',') != std::string_view::npos, is_call = text.ends_with(')');
    if (is_list || is_call) return help_for_several(node);
    if (what_ == "`seed`")
      return "write a number: the same one gives the same weights; --set seed=$RANDOM another each time";
    return {};
  }

  ParamValue wrong_type(const DocNode& node, const ParamType& type) {
    return fail(node.where, "wrong-type", fmt::format("is {}", kind_of(node)),
                fmt::format("expected: {}", type.describe()), help_for(node, type));
  }

  ParamValue boolean(const DocNode& node, const ParamType& type) {
    const auto value = node.quoted ? std::nullopt : read_boolean(node.text);
    return value ? ParamValue(*value) : wrong_type(node, type);
  }

  void too_large(const DocNode& node, const ParamType& type) {
    const std::string found = fmt::format("is {}", shown(node.text));
    if (type.kind() == Kind::integer)
      fail(
          node.where, "out-of-range", found,
          fmt::format("expected: {}{}", type.describe(), type.hi() ? "" : "; no integer is above 9223372036854775807"));
    else
      fail(node.where, "out-of-range", found, "an integer that does not fit into 64 bits",
           "write it with a decimal point");
  }

  // Reports what is wrong with the text as a number; true when it is one.
  bool is_number(const DocNode& node, const ParamType& type, const NumberReading& reading) {
    const std::string found = fmt::format("is {}", kind_of(node));
    switch (reading.fault) {
      case NumberFault::none:
        return true;
      case NumberFault::not_a_number:
        wrong_type(node, type);
        break;
      case NumberFault::leading_zero:
        fail(node.where, "leading-zero", found, "a number with a leading zero",
             "write it without the zero, or in quotes if it is a text");
        break;
      case NumberFault::not_finite:
        fail(node.where, "not-finite", found, "expected a finite number");
        break;
      case NumberFault::too_large:
        too_large(node, type);
        break;
      case NumberFault::zero_denominator:
        fail(node.where, "not-finite", found, "divided by zero");
        break;
    }
    return false;
  }

  ParamValue in_range(const DocNode& node, const ParamType& type, double value, ParamValue result) {
    const bool low = type.lo() && (type.lo_is_strict() ? value <= *type.lo() : value < *type.lo());
    const bool high = type.hi() && (type.hi_is_strict() ? value >= *type.hi() : value > *type.hi());
    const std::string rounded = low || high ? std::string() : type.why_no_float32(value);
    if (!low && !high && rounded.empty()) return result;
    return fail(node.where, "out-of-range", fmt::format("is {}", shown(node.text)),
                fmt::format("{}expected: {}", rounded.empty() ? "" : rounded + "; ", type.describe()));
  }

  ParamValue integer(const DocNode& node, const ParamType& type) {
    if (node.quoted) return wrong_type(node, type);
    const NumberReading reading = read_number(node.text);
    if (!is_number(node, type, reading)) return {};
    if (reading.integer) return in_range(node, type, static_cast<double>(*reading.integer), *reading.integer);
    const bool whole = std::abs(reading.value) < 9e15 && reading.value == std::trunc(reading.value);
    return fail(node.where, "wrong-type", fmt::format("is {}", kind_of(node)),
                fmt::format("expected: {}", type.describe()),
                whole ? fmt::format("write {}", static_cast<std::int64_t>(reading.value)) : "");
  }

  ParamValue number(const DocNode& node, const ParamType& type) {
    if (node.quoted) return wrong_type(node, type);
    const NumberReading reading = read_number(node.text);
    if (!is_number(node, type, reading)) return {};
    return in_range(node, type, reading.value,
                    reading.integer ? ParamValue(*reading.integer) : ParamValue(reading.value));
  }

  ParamValue scalar(const DocNode& node, const ParamType& type) {
    if (node.quoted) return node.text;
    const NumberReading reading = read_number(node.text);
    if (reading.fault == NumberFault::not_a_number) return node.text;
    return is_number(node, type, reading) ? number(node, type) : ParamValue();
  }

  ParamValue choice(const DocNode& node, const ParamType& type) {
    const auto& names = type.choices();
    if (std::find(names.begin(), names.end(), node.text) != names.end()) return node.text;
    return fail(node.where, "unknown-choice", fmt::format("is {}", kind_of(node)), "not one of the choices",
                did_you_mean(node.text, names, "choices"));
  }

  ParamValue list(const DocNode& node, const ParamType& type) {
    const std::size_t length = node.items.size();
    if (length < type.least_length() || length > type.most_length())
      return fail(node.where, "wrong-length", fmt::format("has {}", counted(length, "item")),
                  type.most_length() == SIZE_MAX ? fmt::format("expected at least {}", type.least_length())
                  : type.least_length() == type.most_length()
                      ? fmt::format("expected {}", type.least_length())
                      : fmt::format("expected {} to {}", type.least_length(), type.most_length()));
    ParamValue::List values;
    values.reserve(length);
    for (std::size_t i = 0; i < length; ++i)
      values.push_back(
          ValueCheck(fmt::format("item {} of {}", i, what_), diagnostics_).check(node.items[i], type.element()));
    return values;
  }

  ParamValue map(const DocNode& node, const ParamType& type) {
    const std::size_t length = node.members.size();
    if (length < type.least_length() || length > type.most_length())
      return fail(node.where, "wrong-length", fmt::format("has {}", counted(length, "entry", "entries")),
                  fmt::format("expected at least {}", type.least_length()));
    ParamValue::Map values;
    for (const DocMember& m : node.members) {
      ValueCheck member(fmt::format("`{}` of {}", shown(m.key), what_), diagnostics_);
      values.emplace_back(m.key, member.check(m.value, type.element()));
    }
    return values;
  }

  ParamValue one_of(const DocNode& node, const ParamType& type) {
    std::vector<std::string> names;
    for (const Alternative& a : type.alternatives()) names.push_back(a.name);
    if (node.is_map() && node.members.size() != 1)
      return fail(node.where, "wrong-length", fmt::format("has {}", counted(node.members.size(), "entry", "entries")),
                  "expected exactly one", fmt::format("choose one: {}", name_list(names)));
    const std::string& name = node.is_map() ? node.members.front().key : node.text;
    const Location& where = node.is_map() ? node.members.front().key_where : node.where;
    const auto chosen = std::find_if(type.alternatives().begin(), type.alternatives().end(),
                                     [&](const Alternative& a) { return a.name == name; });
    if (chosen == type.alternatives().end())
      return fail(where, "unknown-choice", fmt::format("is `{}`", shown(name)), "not one of the choices",
                  did_you_mean(name, names, "choices"));
    const ParamOwner owner{fmt::format("`{}`", name), name};
    const DocNode none;
    const DocNode& params = node.is_map() ? node.members.front().value : none;
    return ParamValue::Map{{name, check_params(params, chosen->params, owner, where, diagnostics_)}};
  }

  // The options of one YAML kind are tried in order; with a single one its own errors are the better ones. A number that only
  // lies outside of the range of one of them is of the right type.
  ParamValue any_of(const DocNode& node, const ParamType& type) {
    std::vector<const ParamType*> fitting;
    for (const ParamType& option : type.options())
      if (takes(option, node)) fitting.push_back(&option);
    if (fitting.size() == 1) return check(node, *fitting.front());
    std::optional<Diagnostic> outside;
    for (const ParamType* option : fitting) {
      Diagnostics attempt;
      ParamValue value = ValueCheck(what_, attempt).check(node, *option);
      if (attempt.empty()) return value;
      if (!outside && attempt.sorted().front().name == "out-of-range") outside = attempt.sorted().front();
    }
    if (!outside) return wrong_type(node, type);
    if (node.is_scalar()) outside->label = fmt::format("expected: {}", type.describe());
    diagnostics_.add(std::move(*outside));
    return {};
  }

  std::string what_;
  Diagnostics& diagnostics_;
};

}  // namespace

std::string kind_of(const DocNode& node) {
  switch (node.kind) {
    case DocNode::Kind::null:
      return "nothing";
    case DocNode::Kind::list:
      return "a list";
    case DocNode::Kind::map:
      return "a map";
    case DocNode::Kind::scalar:
      break;
  }
  return node.quoted ? fmt::format("the text \"{}\"", shown(node.text)) : fmt::format("`{}`", shown(node.text));
}

ParamValue check_value(const DocNode& value, const ParamType& type, const std::string& what, Diagnostics& diagnostics) {
  return ValueCheck(what, diagnostics).check(value, type);
}

}  // namespace millrace::pipelines
