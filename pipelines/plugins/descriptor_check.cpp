// Stops at the first fault, with the line of code to write as its help; defaults are checked as values from a config are.
#include "descriptor_check.hpp"

#include <millrace/detail/param_check.hpp>
#include <millrace/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>

namespace millrace::pipelines {
namespace {

class DescriptorCheck {
 public:
  explicit DescriptorCheck(const StageInfo& info) : info_(info), spec_(info.spec) {}

  void check() const {
    require(is_name(info_.name), "its name may have small letters, digits and `_`, and starts with a letter",
            "MILLRACE_REGISTER_STAGE(\"a_name\", Class);");
    require(!spec_.summary().empty(), "it has no summary", "spec.summary(\"What it does, in one sentence.\")");
    require(spec_.example().find("stage: " + info_.name) != std::string::npos,
            "it has no example, or one of another stage",
            fmt::format("spec.example(\"mine: {{stage: {}, in: train.images}}\")", info_.name));
    ports(spec_.inputs(), "input");
    ports(spec_.outputs(), "output");
    const bool has_input = !spec_.inputs().empty() || spec_.any_input() != nullptr;
    const bool has_output = !spec_.outputs().empty() || spec_.any_output() != nullptr;
    require(info_.kind == StageKind::source || has_input, "it has no input",
            "spec.input(\"in\", TensorType::of({DType::f32}))");
    require(info_.kind == StageKind::serial || has_output, "it has no output",
            "spec.output(\"out\", TensorType::of({DType::f32}))");
    params(spec_.params());
  }

 private:
  static bool is_name(const std::string& text) {
    const auto fits = [](unsigned char c) { return std::islower(c) != 0 || std::isdigit(c) != 0 || c == '_'; };
    return !text.empty() && std::islower(static_cast<unsigned char>(text[0])) != 0 &&
           std::all_of(text.begin(), text.end(), fits);
  }

  void require(bool holds, const std::string& what, const std::string& help) const {
    if (!holds)
      throw Error(ErrorKind::plugin, "plugin-descriptor", fmt::format("stage `{}`: {}", info_.name, what),
                  "in its describe(): " + help);
  }

  void ports(const std::vector<PortDecl>& ports, const char* direction) const {
    std::set<std::string> seen;
    for (const PortDecl& port : ports) {
      require(seen.insert(port.name).second, fmt::format("{} `{}` is declared twice", direction, port.name),
              "keep one");
      require(
          !port.text().empty(), fmt::format("{} `{}` does not say what it carries", direction, port.name),
          fmt::format("spec.{0}(\"{1}\", PortType::{2}(\"what it is\"))", direction, port.name, to_string(port.kind)));
    }
  }

  void params(const std::vector<Param>& params) const {
    std::set<std::string> seen;
    for (const Param& param : params) {
      require(seen.insert(param.name).second, fmt::format("parameter `{}` is declared twice", param.name), "keep one");
      require(!param.doc.empty(), fmt::format("parameter `{}` has no sentence", param.name),
              fmt::format("Param(\"{}\", ParamType::..., \"What it does.\")", param.name));
      if (param.default_value) default_fits(param);
    }
  }

  void default_fits(const Param& param) const {
    std::vector<ParamFault> faults;
    check_value(GivenValue(*param.default_value), param.type, fmt::format("`{}`", param.name), faults);
    require(
        faults.empty(),
        fmt::format("the default {} of parameter `{}` is not what the parameter takes{}", param.default_value->render(),
                    param.name, faults.empty() ? "" : fmt::format(" ({})", faults.front().message())),
        fmt::format("give a default that is: {}", param.type.describe()));
  }

  const StageInfo& info_;
  const StageDescriptor& spec_;
};

}  // namespace

void check_descriptor(const StageInfo& info) { DescriptorCheck(info).check(); }

}  // namespace millrace::pipelines
