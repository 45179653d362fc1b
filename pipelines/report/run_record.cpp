// The lists are short, so they are searched as they are.
#include "run_record.hpp"

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

}  // namespace millrace::pipelines
