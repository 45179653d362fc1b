#include "references.hpp"

#include "encoding_check.hpp"
#include "scalars.hpp"
#include "yaml_text.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <functional>
#include <optional>

namespace millrace::pipelines {
namespace {

// The text for what stands between `${` and `}`; empty to leave it for a later pass.
using Replace = std::function<std::optional<std::string>(std::string_view inside, const DocNode& at)>;

void fault(Diagnostics& diagnostics, const DocNode& at, std::string name, std::string message, std::string help) {
  diagnostics.add({ErrorKind::config, std::move(name), std::move(message), at.where, "", std::move(help), {}});
}

void replace_in_text(DocNode& node, const Replace& replace, bool unescape) {
  const std::string text = std::move(node.text);
  node.text.clear();
  bool only_a_reference = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view rest = std::string_view(text).substr(at);
    const std::size_t end = rest.find('}');
    if (rest.starts_with("$${")) {
      node.text += unescape ? "${" : "$${";
      at += 3;
    } else if (rest.starts_with("${") && end != std::string_view::npos) {
      const auto value = replace(rest.substr(2, end - 2), node);
      only_a_reference = value && at == 0 && end + 1 == text.size();
      node.text += value ? *value : std::string(rest.substr(0, end + 1));
      at += end + 1;
    } else {
      node.text += text[at++];
    }
  }
  if (only_a_reference) node.quoted = false;
}

void replace_everywhere(DocNode& node, const Replace& replace, bool unescape) {
  if (node.is_scalar() && node.text.find("${") != std::string::npos) replace_in_text(node, replace, unescape);
  for (DocNode& item : node.items) replace_everywhere(item, replace, unescape);
  for (DocMember& member : node.members) replace_everywhere(member.value, replace, unescape);
}

}  // namespace

void replace_environment(DocNode& node, Diagnostics& diagnostics) {
  const Replace replace = [&](std::string_view inside, const DocNode& at) -> std::optional<std::string> {
    if (!inside.starts_with("env:")) return std::nullopt;
    inside.remove_prefix(4);
    const std::size_t split = inside.find(":-");
    const std::string name(inside.substr(0, split));
    const char* value = std::getenv(name.c_str());
    if (value == nullptr && split == std::string_view::npos) {
      fault(diagnostics, at, "unset-variable", fmt::format("the environment variable `{}` is not set", shown(name)),
            fmt::format("set it, or write a default: ${{env:{}:-value}}", shown(name)));
      return std::string();
    }
    std::string text = value != nullptr ? std::string(value) : std::string(inside.substr(split + 2));
    if (text.size() <= kMaxScalarBytes && !find_encoding_fault(text)) return text;
    fault(diagnostics, at, "bad-reference",
          fmt::format("the environment variable `{}` holds no short text", shown(name)),
          fmt::format("give it valid UTF-8 of at most {} bytes", kMaxScalarBytes));
    return std::string();
  };
  replace_everywhere(node, replace, false);
}

void replace_seed(DocNode& node, std::uint64_t seed, Diagnostics& diagnostics) {
  const Replace replace = [&](std::string_view inside, const DocNode& at) -> std::optional<std::string> {
    if (inside == "seed") return fmt::format("{}", seed);
    fault(diagnostics, at, "bad-reference", fmt::format("`${{{}}}` is not known", shown(inside)),
          "there are ${env:NAME}, ${env:NAME:-default} and ${seed}; write $${ for a plain ${");
    return std::string();
  };
  replace_everywhere(node, replace, true);
}

}  // namespace millrace::pipelines
