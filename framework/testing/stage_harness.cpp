// Every exception of the stage comes out as the Error that a run would report; names as stage_error.hpp gives them.
#include "stage_harness.hpp"

#include "misuse.hpp"

#include <millrace/detail/port_check.hpp>
#include <millrace/detail/stage_error.hpp>
#include <millrace/error.hpp>

#include <fmt/format.h>

#include <exception>

namespace millrace::testing {
namespace {

/// What `body` throws that is no Error comes out as the one that `name_it` makes of it.
template <class NameIt, class Body>
void with_errors(const NameIt& name_it, const Body& body) {
  try {
    body();
  } catch (const Error&) {
    throw;
  } catch (...) {
    throw name_it(std::current_exception());
  }
}

template <class Body>
void in_call(const Body& body) {
  with_errors([](const std::exception_ptr& thrown) { return stage_error(thrown); }, body);
}

template <class Body>
void in_making(const char* name, const Body& body) {
  with_errors([name](const std::exception_ptr& thrown) { return making_error(thrown, name); }, body);
}

NodeInfo node_info_of(const StageInfo& info) {
  NodeInfo node_info;
  node_info.name = info.name;
  node_info.epochs = 5;
  return node_info;
}

}  // namespace

StageHarness::StageHarness(const StageInfo& stage_info, const ParamValue& params, std::unique_ptr<Device> device)
    : PortInference(input_ports, output_ports),
      NodeOpening(node_info_of(stage_info), input_ports, output_ports),
      info(stage_info),
      input_ports(PortDirection::input, stage_info.name),
      output_ports(PortDirection::output, stage_info.name),
      device_(std::move(device)),
      alone_(make_self_communicator()) {
  in_making("construct-failed", [&] { stage = info.make(params); });
  for (const PortDecl& port : info.spec.outputs_for(params)) output_ports.add(port.name);
  is_set_.resize(output_ports.size(), false);
}

void StageHarness::set_output(std::size_t output, PortSpec spec) {
  output_ports.spec(output) = std::move(spec);
  is_set_[output] = true;
}

const PortSpec& StageHarness::output(std::string_view name) const {
  const std::size_t output = output_ports.index_of(name);
  if (!is_set_[output]) throw unset_output_error(info.name, output_ports.name(output));
  return output_ports.spec(output);
}

void StageHarness::measures(std::string_view output, std::vector<std::string>) { output_ports.index_of(output); }

void StageHarness::reports(std::string_view input, std::string prefix) {
  input_ports.index_of(input);
  prefixes.insert_or_assign(std::string(input), std::move(prefix));
}

void StageHarness::error(ErrorSite site, std::string name, std::string message, std::string help) {
  errors.push_back(
      {{.kind = ErrorKind::config, .name = std::move(name), .message = std::move(message), .help = std::move(help)},
       std::move(site)});
}

void StageHarness::set_seed(std::uint64_t seed) {
  seed_ = seed;
  for (auto& of_purpose : node_info_.seeds) of_purpose.second = seed;
}

std::size_t StageHarness::set_input(std::string_view name, PortSpec spec) {
  const std::optional<std::size_t> known = input_ports.find(name);
  if (!known) return input_ports.add(std::string(name), std::move(spec));
  input_ports.spec(*known) = std::move(spec);
  return *known;
}

bool StageHarness::takes_input(std::string_view name) const {
  return info.spec.find_input(name) != nullptr || info.spec.any_input() != nullptr;
}

void StageHarness::infer_once() {
  if (inferred_) return;
  inferred_ = true;
  in_making("infer-failed", [this] {
    if (check_inputs(info.spec, *this)) stage->infer(*this);
  });
  if (!errors.empty()) return;
  for (const std::string& name : output_ports.names()) output(name);
}

void StageHarness::open_once() {
  infer_once();
  if (!errors.empty()) throw Error(ErrorKind::config, errors.front().name, errors.front().message, errors.front().help);
  if (open_) return;
  in_call([this] { stage->open(*this); });
  open_ = true;
}

void StageHarness::close() noexcept {
  if (open_) stage->close();
  open_ = false;
}

StageState StageHarness::save() const {
  StageState state;
  if (const auto* source = dynamic_cast<const Source*>(stage.get())) source->save(state);
  if (const auto* serial = dynamic_cast<const Serial*>(stage.get())) serial->save(state);
  return state;
}

void StageHarness::load(const StageState& state) {
  if (auto* source = dynamic_cast<Source*>(stage.get())) source->load(state);
  if (auto* serial = dynamic_cast<Serial*>(stage.get())) serial->load(state);
}

void StageHarness::process(CallEngine& engine, const std::vector<Packet>& packets, std::size_t port) {
  in_call([&] {
    if (const auto* transform = dynamic_cast<const Transform*>(stage.get())) {
      TransformCall call(engine, input_ports, output_ports, packets, port);
      transform->process(call);
      return call.finish();
    }
    if (!serial_progress_) serial_progress_.emplace(output_ports, info.spec.input_mode(), packets[port].header.epoch);
    SerialCall call(engine, input_ports, *serial_progress_, packets, port);
    dynamic_cast<Serial&>(*stage).process(call);
    call.finish();
  });
}

void StageHarness::begin_epoch(std::uint32_t epoch) {
  if (!source_progress_) source_progress_.emplace(output_ports, node_info_.share);
  source_progress_->begin_epoch();
  in_call([&] { dynamic_cast<Source&>(*stage).begin_epoch(epoch); });
}

bool StageHarness::produce(CallEngine& engine, std::uint32_t epoch) {
  SourceCall call(engine, output_ports, *source_progress_, epoch);
  in_call([&] {
    dynamic_cast<Source&>(*stage).produce(call);
    call.finish();
  });
  return call.was_last();
}

}  // namespace millrace::testing
