// Text substitution in two passes: the environment while the file is read, the seed once it is known. A default that takes a reference's
// place is scanned again, up to a limit.
#include "references.hpp"

#include "diagnostics/printable_text.hpp"
#include "encoding_check.hpp"
#include "limits.hpp"

#include <millrace/detail/environment.hpp>

#include <fmt/format.h>

#include <functional>
#include <optional>
#include <utility>

namespace millrace::pipelines {
namespace {

// What takes a reference's place. `again`: it may hold references itself.
struct Replacement {
  std::string text;
  bool again = false;
};

// For what stands between `${` and `}`; empty to leave it for a later pass.
using Replace = std::function<std::optional<Replacement>(std::string_view inside, const DocNode& at)>;

void fault(Diagnostics& diagnostics, const DocNode& at, std::string name, std::string message, std::string help) {
  diagnostics.add(
      {{.kind = ErrorKind::config, .name = std::move(name), .message = std::move(message), .help = std::move(help)},
       at.where});
}

// Where the reference at the front of `text` ends, those inside of it counted; npos when its brace is missing.
std::size_t closing_brace(std::string_view text) {
  int open = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text.substr(at).starts_with("${")) {
      ++open;
      ++at;
    } else if (text[at] == '}' && --open == 0) {
      return at;
    }
  }
  return std::string_view::npos;
}

// Defaults inside defaults are read again for each level, and a short text may stand for many long ones.
constexpr std::size_t kMostDefaults = 64;
constexpr std::size_t kMostReplacedBytes = 4 * kMaxFileBytes;

// `last_epoch`: null while another epoch will follow, which undoes `$${` and reports what is not closed.
void replace_in_text(DocNode& node, const Replace& replace, Diagnostics* last_epoch) {
  std::string text = std::exchange(node.text, {});
  const bool is_only_a_reference = text.starts_with("${") && closing_brace(text) + 1 == text.size();
  bool replaced = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view rest = std::string_view(text).substr(at);
    if (rest.starts_with("$${")) {
      node.text += last_epoch != nullptr ? "${" : "$${";
      at += 3;
    } else if (!rest.starts_with("${")) {
      node.text += text[at++];
    } else if (const std::size_t end = closing_brace(rest); end == std::string_view::npos) {
      if (last_epoch != nullptr)
        fault(*last_epoch, node, "bad-reference", fmt::format("`{}` has no closing brace", shown(rest)),
              "add the `}`, or write $${ for a plain ${");
      node.text += rest;
      return;
    } else if (auto with = replace(rest.substr(2, end - 2), node); with && with->again) {
      replaced = true;
      text.replace(at, end + 1, with->text);
    } else {
      replaced = replaced || with;
      node.text += with ? with->text : std::string(rest.substr(0, end + 1));
      at += end + 1;
    }
  }
  if (is_only_a_reference && replaced) node.quoted = false;
}

void replace_everywhere(DocNode& node, const Replace& replace, Diagnostics* last_epoch) {
  if (node.is_scalar() && node.text.find("${") != std::string::npos) replace_in_text(node, replace, last_epoch);
  for (DocNode& item : node.items) replace_everywhere(item, replace, last_epoch);
  for (DocMember& member : node.members) replace_everywhere(member.value, replace, last_epoch);
}

}  // namespace

std::string as_plain(std::string_view value) {
  std::string text;
  for (std::size_t i = 0; i < value.size(); ++i) text += value.substr(i).starts_with("${") ? "$$" : value.substr(i, 1);
  return text;
}

void replace_environment(DocNode& node, Diagnostics& diagnostics) {
  const DocNode* last = nullptr;
  std::size_t defaults = 0, bytes = 0;
  const Replace replace = [&](std::string_view inside, const DocNode& at) -> std::optional<Replacement> {
    if (!inside.starts_with("env:")) return std::nullopt;
    inside.remove_prefix(4);
    const std::size_t split = inside.find(":-");
    const std::string name(inside.substr(0, split));
    const std::optional<std::string> value = find_environment(name.c_str());
    defaults = std::exchange(last, &at) == &at ? defaults + 1 : 1;
    if (!value && defaults > kMostDefaults) {
      fault(diagnostics, at, "bad-reference", fmt::format("more than {} defaults in one text", kMostDefaults),
            "write out those that are inside of others");
      return Replacement{};
    }
    if (!value && split != std::string_view::npos) return Replacement{std::string(inside.substr(split + 2)), true};
    if (!value) {
      fault(diagnostics, at, "unset-variable", fmt::format("the environment variable `{}` is not set", shown(name)),
            fmt::format("set it, or write a default: ${{env:{}:-value}}", shown(name)));
      return Replacement{};
    }
    const std::string_view text = *value;
    bytes += text.size();
    if (bytes > kMostReplacedBytes) {
      if (bytes - text.size() <= kMostReplacedBytes)
        fault(diagnostics, at, "too-large",
              fmt::format("variables of the environment put more than {} bytes into the config", kMostReplacedBytes),
              "use long ones less often");
      return Replacement{};
    }
    if (text.size() <= kMaxScalarBytes && !find_encoding_fault(text)) return Replacement{as_plain(text)};
    fault(diagnostics, at, "bad-reference",
          fmt::format("the environment variable `{}` holds no short text", shown(name)),
          fmt::format("give it valid UTF-8 of at most {} bytes", kMaxScalarBytes));
    return Replacement{};
  };
  replace_everywhere(node, replace, nullptr);
}

void replace_seed(DocNode& node, std::uint64_t seed, Diagnostics& diagnostics) {
  const DocMember* own = node.find("seed");
  const Replace replace = [&](std::string_view inside, const DocNode& at) -> std::optional<Replacement> {
    if (inside == "seed" && own != nullptr && &at == &own->value) {
      fault(diagnostics, at, "bad-reference", "`seed` is said to be `${seed}`, which stands for itself",
            "write a number, or ${env:NAME:-0} for one from the environment");
      return Replacement{"0"};
    }
    if (inside == "seed") return Replacement{fmt::format("{}", seed)};
    fault(diagnostics, at, "bad-reference", fmt::format("`${{{}}}` is not known", shown(inside)),
          "there are ${env:NAME}, ${env:NAME:-default} and ${seed}; write $${ for a plain ${");
    return Replacement{};
  };
  replace_everywhere(node, replace, &diagnostics);
}

}  // namespace millrace::pipelines
