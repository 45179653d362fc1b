// Parameters against their descriptor: one check for what a config says, what a test gives and what a descriptor has as a default.
//
// A fault says by a path which value it is about; a caller that has a text finds the place in it, and adds what only the text shows.
#pragma once

#include <millrace/detail/export.hpp>
#include <millrace/detail/written_value.hpp>
#include <millrace/param.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace millrace {

/// What the parameters belong to: "stage `one_hot`" in sentences, "one_hot" where there is no room.
struct MILLRACE_EXPORT ParamOwner {
  std::string title, name;
};

/// A step into a value: to the member with that key, which is the `index`th, or to an item, whose name is its number.
struct MILLRACE_EXPORT ParamStep {
  std::string name;
  std::size_t index = 0;
  bool operator==(const ParamStep&) const = default;
};

/// One thing that is wrong. `subject` and `found` make a sentence: "`classes` of stage `one_hot`" "is `ten`".
struct MILLRACE_EXPORT ParamFault {
  /// Whether the value at the path is meant, or the key that is its last step.
  enum class Place : std::uint8_t { value, key };

  /// Stable: "unknown-parameter", "missing-parameter", "wrong-type", "wrong-length", "unknown-choice", "out-of-range",
  /// "not-finite", "leading-zero".
  std::string name;
  std::vector<ParamStep> path;  ///< path of the parameter that lacks it, where something is missing
  Place place = Place::value;
  std::string subject, found;
  std::string expected, help;                  ///< either may be empty
  ParamOwner owner;                            ///< missing and unknown parameters, and parameters that are no map
  std::string given;                           ///< unknown names: the name; missing ones: it too
  std::vector<std::string> choices;            ///< the names that there are, where it is about one
  const ParamType* type = nullptr;             ///< what the value should be
  const std::vector<Param>* params = nullptr;  ///< what a map of parameters should hold that is no map

  /// "`classes` of stage `one_hot` is `ten`; expected: integer, at least 1".
  std::string message() const;
};

/// Checks a map of parameters; null counts as empty. The result has every parameter of `params`, in that order, with defaults
/// filled in; what was wrong is null, and there is a fault. Faults point into `params`.
MILLRACE_EXPORT ParamValue check_params(const WrittenValue& map, const std::vector<Param>& params,
                                        const ParamOwner& owner, std::vector<ParamFault>& faults);

/// Checks one value. `subject` names it: "`classes` of stage `one_hot`". Faults point into `type`.
MILLRACE_EXPORT ParamValue check_value(const WrittenValue& value, const ParamType& type, const std::string& subject,
                                       std::vector<ParamFault>& faults);

/// What unknown names are compared with.
MILLRACE_EXPORT std::vector<std::string> names_of(const std::vector<Param>& params);

}  // namespace millrace
