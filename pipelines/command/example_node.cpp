// A stage's example is read as a config of one node, by the same code that reads every config.
#include "example_node.hpp"

#include "config/document/yaml_parser.hpp"
#include "config/params/doc_value.hpp"
#include "config/params/param_check.hpp"
#include "config/spec/spec_builder.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace millrace::pipelines {
namespace {

void replace_members(const DocNode& from, DocNode& to) {
  to.kind = DocNode::Kind::map;
  for (const DocMember& member : from.members) {
    if (DocMember* known = to.find(member.key))
      *known = member;
    else
      to.members.push_back(member);
  }
}

void add_given(const std::string& with, DocNode& params, Diagnostics& diagnostics) {
  if (with.empty()) return;
  const std::optional<DocNode> given = read_value(with, "command line, --with", diagnostics);
  if (!given) return;
  if (given->is_map()) return replace_members(*given, params);
  diagnostics.add({{.kind = ErrorKind::usage,
                    .name = "wrong-type",
                    .message = fmt::format("--with is {}, expected a map of parameters", kind_of(*given)),
                    .help = "--with '{name: value}'"},
                   given->where});
}

// `in: x` means the port `in`, or the only one.
std::string port_of(const EdgeSpec& edge, const StageDescriptor& spec) {
  if (!edge.port.empty()) return edge.port;
  return spec.find_input("in") == nullptr && spec.inputs().size() == 1 ? spec.inputs().front().name : "in";
}

}  // namespace

ExampleNode example_node(const StageInfo& info, const std::string& with, const StageRegistry& registry,
                         Diagnostics& diagnostics) {
  const std::string text = fmt::format("version: 1\ngraph:\n  {}\n", info.spec.example());
  const std::optional<DocNode> document =
      read_value(text, fmt::format("the example of stage `{}`", info.name), diagnostics);
  if (!document) return {};
  const GraphSpec graph = build_spec(*document, {}, registry, diagnostics);
  if (diagnostics.has_errors() || graph.nodes.empty()) return {};
  DocNode params = graph.nodes.front().with;
  add_given(with, params, diagnostics);
  ExampleNode node;
  node.params = check_params(params, info.spec.params(), {fmt::format("stage `{}`", info.name), info.name},
                             graph.nodes.front().stage_where, diagnostics);
  for (const EdgeSpec& edge : graph.nodes.front().in) node.inputs.push_back(port_of(edge, info.spec));
  return node;
}

}  // namespace millrace::pipelines
