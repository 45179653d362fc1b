#include "stage_host.hpp"

#include "packet_checks.hpp"

#include <millrace/detail/port_check.hpp>
#include <millrace/error.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace millrace::testing {

StageHost::StageHost(const StageInfo& stage_info, const ParamValue& params, std::unique_ptr<Device> device)
    : info(stage_info), stage(stage_info.make(params)), device_(std::move(device)), alone_(make_self_communicator()) {
  for (const PortDecl& port : info.spec.outputs_for(params)) outputs[port.name];
}

std::vector<std::string> StageHost::inputs() const {
  std::vector<std::string> names;
  for (const auto& [name, spec] : inputs_) names.push_back(name);
  return names;
}

const PortSpec* StageHost::find_input(std::string_view name) const {
  const auto it = std::find_if(inputs_.begin(), inputs_.end(), [&](const auto& port) { return port.first == name; });
  return it == inputs_.end() ? nullptr : &it->second;
}

const PortSpec& StageHost::input(std::string_view name) const {
  if (const PortSpec* spec = find_input(name)) return *spec;
  misuse("no-such-port", fmt::format("`{}` has no input `{}`", info.name, name));
}

void StageHost::output(std::string_view name, PortSpec spec) {
  const auto it = outputs.find(name);
  if (it == outputs.end()) misuse("no-such-port", fmt::format("`{}` has no output `{}`", info.name, name));
  it->second = std::move(spec);
}

void StageHost::will_measure(std::string_view output, std::vector<std::string>) {
  if (!outputs.contains(output)) misuse("no-such-port", fmt::format("`{}` has no output `{}`", info.name, output));
}

void StageHost::will_report(std::string_view input, std::string prefix) {
  this->input(input);
  prefixes.insert_or_assign(std::string(input), std::move(prefix));
}

const PortSpec& StageHost::output(std::string_view name) const {
  const auto it = outputs.find(name);
  if (it == outputs.end() || !it->second)
    misuse("no-such-port", fmt::format("`{}` has set no output `{}`", info.name, name));
  return *it->second;
}

void StageHost::error(At at, std::string name, std::string message, std::string help) {
  errors.push_back({std::move(at), std::move(name), std::move(message), std::move(help)});
}

void StageHost::set_input(std::string_view name, PortSpec spec) {
  for (auto& [known, old] : inputs_)
    if (known == name) {
      old = std::move(spec);
      return;
    }
  inputs_.emplace_back(std::string(name), std::move(spec));
}

bool StageHost::takes_input(std::string_view name) const {
  return info.spec.find_input(name) != nullptr || info.spec.any_input() != nullptr;
}

void StageHost::infer_once() {
  if (inferred_) return;
  inferred_ = true;
  if (check_inputs(info.spec, *this)) stage->infer(*this);
  if (!errors.empty()) return;
  for (const auto& [name, spec] : outputs)
    if (!spec) misuse("output-not-set", fmt::format("infer of `{}` left output `{}` unset", info.name, name));
}

void StageHost::open_once() {
  infer_once();
  if (!errors.empty()) throw Error(ErrorKind::config, errors.front().name, errors.front().message, errors.front().help);
  if (open_) return;
  stage->open(*this);
  open_ = true;
}

void StageHost::close() noexcept {
  if (open_) stage->close();
  open_ = false;
}

StageState StageHost::save() const {
  StageState state;
  if (const auto* source = dynamic_cast<const Source*>(stage.get())) source->save(state);
  if (const auto* serial = dynamic_cast<const Serial*>(stage.get())) serial->save(state);
  return state;
}

void StageHost::load(const StageState& state) {
  if (auto* source = dynamic_cast<Source*>(stage.get())) source->load(state);
  if (auto* serial = dynamic_cast<Serial*>(stage.get())) serial->load(state);
}

}  // namespace millrace::testing
