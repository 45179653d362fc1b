// Parameters against their descriptor: a walk over the type and the value together.
#include <millrace/detail/counted.hpp>
#include <millrace/detail/param_check.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

namespace millrace {
namespace {

using Kind = ParamType::Kind;
using Shape = WrittenValue::Shape;
using Place = ParamFault::Place;
using NumberFault = WrittenNumber::Fault;

bool takes(const ParamType& type, Shape shape) {
  switch (type.kind()) {
    case Kind::list:
      return shape == Shape::list;
    case Kind::map:
    case Kind::record:
      return shape == Shape::map;
    case Kind::one_of:
      return shape == Shape::scalar || shape == Shape::map;
    case Kind::any_of:
      return std::any_of(type.options().begin(), type.options().end(),
                         [&](const ParamType& option) { return takes(option, shape); });
    default:
      return shape == Shape::scalar;
  }
}

std::string length_text(std::size_t least, std::size_t most) {
  if (most == SIZE_MAX) return fmt::format("expected at least {}", least);
  return least == most ? fmt::format("expected {}", least) : fmt::format("expected {} to {}", least, most);
}

class ParamCheck {
 public:
  ParamCheck(std::string subject, std::vector<ParamStep> path, std::vector<ParamFault>& faults)
      : subject_(std::move(subject)), path_(std::move(path)), faults_(faults) {}

  ParamValue check(const WrittenValue& value, const ParamType& type) {
    if (type.kind() == Kind::any_of) return any_of(value, type);
    if (!takes(type, value.shape())) return wrong_type(value, type);
    switch (type.kind()) {
      case Kind::boolean:
        return boolean(value, type);
      case Kind::integer:
        return integer(value, type);
      case Kind::number:
      case Kind::float32:
        return number(value, type);
      case Kind::text:
        return text(value, type);
      case Kind::scalar:
        return scalar(value, type);
      case Kind::choice:
        return choice(value, type);
      case Kind::list:
        return list(value, type);
      case Kind::map:
        return map(value, type);
      case Kind::record:
        return params(value, type.params(), {subject_, subject_}, Place::value);
      case Kind::one_of:
        return one_of(value, type);
      case Kind::any_of:
        break;
    }
    return {};
  }

  /// `place`: of whom a parameter is missed.
  ParamValue params(const WrittenValue& map, const std::vector<Param>& all, const ParamOwner& owner, Place place) {
    if (map.shape() != Shape::map && map.shape() != Shape::null) return no_map(map, all, owner);
    report_unknown(map, all, owner);
    ParamValue::Map values;
    for (const Param& param : all) values.emplace_back(param.name, value_of(param, map, owner, place));
    return values;
  }

 private:
  ParamFault& fail(std::string name, std::string found, std::string expected, std::string help = {}) {
    ParamFault& fault = faults_.emplace_back();
    fault.name = std::move(name);
    fault.path = path_;
    fault.subject = subject_;
    fault.found = std::move(found);
    fault.expected = std::move(expected);
    fault.help = std::move(help);
    return fault;
  }

  ParamValue wrong_type(const WrittenValue& value, const ParamType& type, std::string help = {}) {
    fail("wrong-type", fmt::format("is {}", value.describe()), fmt::format("expected: {}", type.describe()),
         std::move(help))
        .type = &type;
    return {};
  }

  ParamCheck inside(std::string subject, std::string step, std::size_t index) const {
    ParamCheck check(std::move(subject), path_, faults_);
    check.path_.push_back({std::move(step), index});
    return check;
  }

  ParamValue no_map(const WrittenValue& map, const std::vector<Param>& all, const ParamOwner& owner) {
    ParamFault& fault = fail("wrong-type", fmt::format("are {}", map.describe()), "expected a map");
    fault.subject = fmt::format("the parameters of {}", owner.title);
    fault.owner = owner;
    fault.choices = names_of(all);
    fault.params = &all;
    return {};
  }

  void report_unknown(const WrittenValue& map, const std::vector<Param>& all, const ParamOwner& owner) {
    for (std::size_t i = 0; i < map.size(); ++i) {
      const std::string& key = map.key(i);
      if (std::any_of(all.begin(), all.end(), [&](const Param& param) { return param.name == key; })) continue;
      ParamFault& fault = fail("unknown-parameter", fmt::format("of {}", owner.title),
                               fmt::format("not a parameter of `{}`", owner.name));
      fault.subject = fmt::format("`{}`", map.shown(key));
      fault.path.push_back({key, i});
      fault.place = Place::key;
      fault.owner = owner;
      fault.given = key;
      fault.choices = names_of(all);
    }
  }

  ParamValue value_of(const Param& param, const WrittenValue& map, const ParamOwner& owner, Place place) {
    std::size_t given = 0;
    while (given < map.size() && map.key(given) != param.name) ++given;
    if (given == map.size()) {
      if (param.is_required()) report_missing(param, owner, place);
      return default_of(param, place);
    }
    const std::unique_ptr<WrittenValue> value = map.at(given);
    if (param.is_optional && value->shape() == Shape::null) return default_of(param, place);
    return inside(fmt::format("`{}` of {}", param.name, owner.title), param.name, given).check(*value, param.type);
  }

  void report_missing(const Param& param, const ParamOwner& owner, Place place) {
    ParamFault& fault =
        fail("missing-parameter", fmt::format("needs `{}`", param.name), fmt::format("`{}` is missing", param.name),
             fmt::format("add `{}`: {} ({})", param.name, param.doc, param.type.describe()));
    fault.subject = owner.title;
    fault.place = place;
    fault.owner = owner;
    fault.given = param.name;
  }

  // A default may itself leave out parts that have defaults, such as `rmsprop`.
  ParamValue default_of(const Param& param, Place place) {
    if (!param.default_value || param.default_value->is_null()) return {};
    std::vector<ParamFault> found;
    ParamValue value = ParamCheck(fmt::format("the default of `{}`", param.name), {}, found)
                           .check(GivenValue(*param.default_value), param.type);
    for (ParamFault& fault : found) {
      fault.path = path_;
      fault.place = place;
      faults_.push_back(std::move(fault));
    }
    return value;
  }

  ParamValue boolean(const WrittenValue& value, const ParamType& type) {
    const auto read = value.boolean();
    return read ? ParamValue(*read) : wrong_type(value, type);
  }

  ParamValue text(const WrittenValue& value, const ParamType& type) {
    auto read = value.text();
    return read ? ParamValue(std::move(*read)) : wrong_type(value, type);
  }

  void too_large(const WrittenValue& value, const ParamType& type) {
    const std::string found = fmt::format("is {}", value.written());
    if (type.kind() == Kind::integer)
      fail(
          "out-of-range", found,
          fmt::format("expected: {}{}", type.describe(), type.hi() ? "" : "; no integer is above 9223372036854775807"));
    else
      fail("out-of-range", found, "an integer that does not fit into 64 bits", "write it with a decimal point");
  }

  // Reports what is wrong with the value as a number; true when it is one.
  bool is_number(const WrittenValue& value, const ParamType& type, const WrittenNumber& reading) {
    const std::string found = fmt::format("is {}", value.describe());
    switch (reading.fault) {
      case NumberFault::none:
        return true;
      case NumberFault::not_a_number:
        wrong_type(value, type);
        break;
      case NumberFault::leading_zero:
        fail("leading-zero", found, "a number with a leading zero",
             "write it without the zero, or in quotes if it is a text");
        break;
      case NumberFault::not_finite:
        fail("not-finite", found, "expected a finite number");
        break;
      case NumberFault::too_large:
        too_large(value, type);
        break;
      case NumberFault::zero_denominator:
        fail("not-finite", found, "divided by zero");
        break;
    }
    return false;
  }

  ParamValue in_range(const WrittenValue& value, const ParamType& type, double number, ParamValue result) {
    const bool low = type.lo() && (type.lo_is_strict() ? number <= *type.lo() : number < *type.lo());
    const bool high = type.hi() && (type.hi_is_strict() ? number >= *type.hi() : number > *type.hi());
    const std::string rounded = low || high ? std::string() : type.why_no_float32(result);
    if (!low && !high && rounded.empty()) return result;
    fail("out-of-range", fmt::format("is {}", value.written()),
         fmt::format("{}expected: {}", rounded.empty() ? "" : rounded + "; ", type.describe()));
    return {};
  }

  ParamValue integer(const WrittenValue& value, const ParamType& type) {
    const WrittenNumber reading = value.number();
    if (!is_number(value, type, reading)) return {};
    if (reading.integer) return in_range(value, type, static_cast<double>(*reading.integer), *reading.integer);
    const bool whole = std::abs(reading.value) < 9e15 && reading.value == std::trunc(reading.value);
    return wrong_type(value, type, whole ? fmt::format("write {}", static_cast<std::int64_t>(reading.value)) : "");
  }

  ParamValue number(const WrittenValue& value, const ParamType& type) {
    const WrittenNumber reading = value.number();
    if (!is_number(value, type, reading)) return {};
    return in_range(value, type, reading.value,
                    reading.integer ? ParamValue(*reading.integer) : ParamValue(reading.value));
  }

  ParamValue scalar(const WrittenValue& value, const ParamType& type) {
    if (value.boolean()) return wrong_type(value, type, "write 1 or 0 for a number, or put it in quotes for a text");
    return value.number().fault == NumberFault::not_a_number ? text(value, type) : number(value, type);
  }

  ParamValue unknown_choice(std::string found, std::string given, std::vector<std::string> names) {
    ParamFault& fault = fail("unknown-choice", std::move(found), "not one of the choices");
    fault.given = std::move(given);
    fault.choices = std::move(names);
    return {};
  }

  ParamValue choice(const WrittenValue& value, const ParamType& type) {
    auto name = value.text();
    if (!name) return wrong_type(value, type);
    const auto& names = type.choices();
    if (std::find(names.begin(), names.end(), *name) != names.end()) return std::move(*name);
    return unknown_choice(fmt::format("is {}", value.describe()), std::move(*name), names);
  }

  ParamValue list(const WrittenValue& value, const ParamType& type) {
    const std::size_t length = value.size();
    if (length < type.least_length() || length > type.most_length()) {
      fail("wrong-length", fmt::format("has {}", counted(length, "item")),
           length_text(type.least_length(), type.most_length()));
      return {};
    }
    ParamValue::List values;
    values.reserve(length);
    for (std::size_t i = 0; i < length; ++i)
      values.push_back(inside(fmt::format("item {} of {}", i, subject_), fmt::format("{}", i), i)
                           .check(*value.at(i), type.element()));
    return values;
  }

  ParamValue map(const WrittenValue& value, const ParamType& type) {
    const std::size_t length = value.size();
    if (length < type.least_length() || length > type.most_length()) {
      fail("wrong-length", fmt::format("has {}", counted(length, "entry", "entries")),
           fmt::format("expected at least {}", type.least_length()));
      return {};
    }
    ParamValue::Map values;
    for (std::size_t i = 0; i < length; ++i) {
      const std::string& key = value.key(i);
      values.emplace_back(
          key,
          inside(fmt::format("`{}` of {}", value.shown(key), subject_), key, i).check(*value.at(i), type.element()));
    }
    return values;
  }

  // `name`, or a map with the name as its only key.
  ParamValue one_of(const WrittenValue& value, const ParamType& type) {
    std::vector<std::string> names;
    for (const Alternative& alternative : type.alternatives()) names.push_back(alternative.name);
    const bool is_map = value.shape() == Shape::map;
    if (is_map && value.size() != 1) {
      fail("wrong-length", fmt::format("has {}", counted(value.size(), "entry", "entries")), "expected exactly one")
          .choices = std::move(names);
      faults_.back().type = &type;
      return {};
    }
    const auto name = is_map ? std::optional(value.key(0)) : value.text();
    if (!name) return wrong_type(value, type);
    const auto chosen = std::find(names.begin(), names.end(), *name);
    ParamCheck part = is_map ? inside(subject_, *name, 0) : *this;
    if (chosen == names.end()) {
      part.unknown_choice(fmt::format("is `{}`", value.shown(*name)), *name, std::move(names));
      if (is_map) faults_.back().place = Place::key;
      faults_.back().type = &type;
      return {};
    }
    const Alternative& alternative = type.alternatives()[static_cast<std::size_t>(chosen - names.begin())];
    const ParamValue none;
    const std::unique_ptr<WrittenValue> given = is_map ? value.at(0) : std::make_unique<GivenValue>(none);
    return ParamValue::Map{{*name, part.params(*given, alternative.params, {fmt::format("`{}`", *name), *name},
                                               is_map ? Place::key : Place::value)}};
  }

  // The options of one shape are tried in order; with a single one its own faults are the better ones. A number that only
  // lies outside of the range of one of them is of the right type.
  ParamValue any_of(const WrittenValue& value, const ParamType& type) {
    std::vector<const ParamType*> fitting;
    for (const ParamType& option : type.options())
      if (takes(option, value.shape())) fitting.push_back(&option);
    if (fitting.size() == 1) return check(value, *fitting.front());
    std::optional<ParamFault> outside;
    for (const ParamType* option : fitting) {
      std::vector<ParamFault> attempt;
      ParamValue result = ParamCheck(subject_, path_, attempt).check(value, *option);
      if (attempt.empty()) return result;
      if (!outside && attempt.front().name == "out-of-range") outside = attempt.front();
    }
    if (!outside) return wrong_type(value, type);
    if (value.shape() == Shape::scalar) outside->expected = fmt::format("expected: {}", type.describe());
    faults_.push_back(std::move(*outside));
    return {};
  }

  std::string subject_;
  std::vector<ParamStep> path_;
  std::vector<ParamFault>& faults_;
};

}  // namespace

std::string ParamFault::message() const {
  return fmt::format("{} {}{}{}", subject, found, expected.empty() ? "" : "; ", expected);
}

ParamValue check_params(const WrittenValue& map, const std::vector<Param>& params, const ParamOwner& owner,
                        std::vector<ParamFault>& faults) {
  return ParamCheck(owner.title, {}, faults).params(map, params, owner, Place::value);
}

ParamValue check_value(const WrittenValue& value, const ParamType& type, const std::string& subject,
                       std::vector<ParamFault>& faults) {
  return ParamCheck(subject, {}, faults).check(value, type);
}

std::vector<std::string> names_of(const std::vector<Param>& params) {
  std::vector<std::string> names;
  for (const Param& param : params) names.push_back(param.name);
  return names;
}

}  // namespace millrace
