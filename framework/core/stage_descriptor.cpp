// Chained setters that build a descriptor, and searches by name over its ports; outputs that a parameter names are known once it has a value.
#include <millrace/error.hpp>
#include <millrace/stage_descriptor.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace millrace {
namespace {

const PortDecl* find_port(const std::vector<PortDecl>& ports, std::string_view name) {
  const auto it = std::find_if(ports.begin(), ports.end(), [&](const PortDecl& p) { return p.name == name; });
  return it == ports.end() ? nullptr : &*it;
}

}  // namespace

std::string_view to_string(StageKind kind) {
  switch (kind) {
    case StageKind::source:
      return "source";
    case StageKind::transform:
      return "transform";
    case StageKind::serial:
      return "serial";
  }
  return "?";
}

PortSpec PortSpec::single(TensorSpec spec, std::optional<std::int64_t> rows_per_epoch, std::int64_t max_rows) {
  PortSpec port;
  port.fields.push_back({std::string(kValueField), std::move(spec)});
  port.rows_per_epoch = rows_per_epoch;
  port.max_rows = max_rows;
  return port;
}

PortSpec PortSpec::of_kind(PortKind kind) {
  PortSpec port;
  port.kind = kind;
  return port;
}

const TensorSpec* PortSpec::find(std::string_view name) const {
  const auto it = std::find_if(fields.begin(), fields.end(), [&](const FieldSpec& f) { return f.name == name; });
  return it == fields.end() ? nullptr : &it->spec;
}

const TensorSpec& PortSpec::only() const {
  if (fields.size() != 1)
    throw Error(ErrorKind::run, "no-such-field", fmt::format("wanted a port with one field, it has {}", fields.size()));
  return fields.front().spec;
}

StageDescriptor& StageDescriptor::summary(std::string text) {
  summary_ = std::move(text);
  return *this;
}

StageDescriptor& StageDescriptor::example(std::string yaml) {
  example_ = std::move(yaml);
  return *this;
}

StageDescriptor& StageDescriptor::input(std::string name, PortType content) {
  inputs_.emplace_back(std::move(name), std::move(content));
  return *this;
}

StageDescriptor& StageDescriptor::optional_input(std::string name, PortType content) {
  inputs_.emplace_back(std::move(name), std::move(content), true);
  return *this;
}

StageDescriptor& StageDescriptor::any_inputs(PortType content) {
  any_input_.emplace("", std::move(content));
  return *this;
}

StageDescriptor& StageDescriptor::output(std::string name, PortType content) {
  outputs_.emplace_back(std::move(name), std::move(content));
  return *this;
}

StageDescriptor& StageDescriptor::any_outputs(PortType content, std::string param) {
  any_output_.emplace("", std::move(content));
  any_output_param_ = std::move(param);
  return *this;
}

StageDescriptor& StageDescriptor::inputs(InputMode mode) {
  input_mode_ = mode;
  return *this;
}

StageDescriptor& StageDescriptor::param(Param param) {
  params_.push_back(std::move(param));
  return *this;
}

StageDescriptor& StageDescriptor::state(StateKind kind) {
  state_ = kind;
  return *this;
}

StageDescriptor& StageDescriptor::waits_for(std::string data, std::string until) {
  waits_.push_back({std::move(data), std::move(until)});
  return *this;
}

StageDescriptor& StageDescriptor::communicates() {
  communicates_ = true;
  return *this;
}

StageDescriptor& StageDescriptor::rows_depend_on_packet() {
  rows_depend_on_packet_ = true;
  return *this;
}

StageDescriptor& StageDescriptor::every_rank_alone() {
  every_rank_alone_ = true;
  return *this;
}

StageDescriptor& StageDescriptor::copies_to_device() {
  copies_to_device_ = true;
  return *this;
}

StageDescriptor& StageDescriptor::reads_on_device() {
  reads_on_device_ = true;
  return *this;
}

StageDescriptor& StageDescriptor::shares_rows() {
  shares_rows_ = true;
  return *this;
}

StageDescriptor& StageDescriptor::cuts_batches(std::string param) {
  batch_rows_param_ = std::move(param);
  return *this;
}

std::vector<PortDecl> StageDescriptor::outputs_for(const ParamValue& params) const {
  std::vector<PortDecl> ports = outputs_;
  if (!any_output_) return ports;
  for (const auto& [name, value] : params[any_output_param_].map()) ports.emplace_back(name, *any_output_);
  return ports;
}

const PortDecl* StageDescriptor::find_input(std::string_view name) const { return find_port(inputs_, name); }
const PortDecl* StageDescriptor::find_output(std::string_view name) const { return find_port(outputs_, name); }

}  // namespace millrace
