// The lists are short, so they are searched as they are.
#include "run_record.hpp"

#include "axis.hpp"

#include <algorithm>

namespace millrace::pipelines {

const Curve* RunRecord::curve(const std::string& metric) const {
  const auto found = std::find_if(curves.begin(), curves.end(), [&](const Curve& c) { return c.name == metric; });
  return found == curves.end() ? nullptr : &*found;
}

std::string RunRecord::environment_text(const std::string& path) const {
  for (const NamedText& value : environment)
    if (value.name == path) return value.text;
  return {};
}

std::string test_value(const TestEntry& entry, const std::string& metric) {
  for (const auto& [name, value] : entry.values)
    if (name == metric) return value_text(value);
  return {};
}

}  // namespace millrace::pipelines
