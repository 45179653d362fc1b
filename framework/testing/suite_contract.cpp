// What a stage has sent and its infer has said, against the descriptor. What each call promises is looked at when it sends.
#include "suite_contract.hpp"

#include <millrace/detail/counted.hpp>
#include <millrace/detail/number_text.hpp>
#include <millrace/detail/port_check.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

namespace millrace::testing {
namespace {

const PortDecl* declared_output(const SuiteCase& one, const std::string& port) {
  const PortDecl* decl = one.info.spec.find_output(port);
  return decl != nullptr ? decl : one.info.spec.any_output();
}

InputLookup lookup_of(const SuiteHarness& harness) {
  return [&harness](std::string_view input) -> const TensorSpec* {
    return harness.has_input(input) && harness.input(input).fields.size() == 1
               ? &harness.input(input).fields.front().spec
               : nullptr;
  };
}

// infer against the descriptor.
Finding inferred_differs(const SuiteCase& one, const SuiteHarness& harness, const std::string& port,
                         const std::set<std::string>& kinds) {
  const PortSpec& spec = harness.output(port);
  const PortDecl* decl = declared_output(one, port);
  if (decl == nullptr || decl->kind != PortKind::data) return {};
  const auto compare = [&](const TensorType& tensors, const TensorSpec& found) -> Finding {
    if (!kinds.contains(misfit_of(tensors, found, lookup_of(harness)))) return {};
    return fmt::format("output `{}` is declared as {}, infer says {}", port, tensors.text(), found.describe());
  };
  if (!decl->is_record) {
    if (spec.fields.size() == 1) return compare(decl->tensors, spec.fields.front().spec);
    return fmt::format("output `{}` is declared as one tensor, infer says {} fields", port, spec.fields.size());
  }
  for (const RecordType::Field& field : decl->record.fields)
    if (const TensorSpec* found = spec.find(field.name)) {
      if (Finding finding = compare(field.tensors, *found)) return finding;
    } else if (!field.optional) {
      return fmt::format("output `{}` is declared with a field `{}`, infer leaves it out", port, field.name);
    }
  return {};
}

Finding tensor_leaves(const std::string& port, const Tensor& tensor, const std::optional<ValueRange>& range) {
  if (!range) return {};
  // A bound is a double, the values are float32: it is compared as one.
  const auto lo = static_cast<float>(range->lo), hi = static_cast<float>(range->hi);
  for (const float value : tensor.f32())
    if (!(value >= lo && value <= hi))
      return fmt::format("output `{}` sends {}, infer promises [{}, {}]", port, without_nan_sign(value), range->lo,
                         range->hi);
  return {};
}

}  // namespace

Finding shape_differs(const SuiteCase& one, const SuiteHarness& harness) {
  for (const std::string& port : harness.output_ports.names())
    if (Finding finding = inferred_differs(one, harness, port, {"dtype-mismatch", "shape-mismatch"})) return finding;
  for (const Sent& sent : harness.all_sent())
    if (sent.packet.rows > 0 && harness.output(sent.port).max_rows == 0)
      return fmt::format("output `{}` sends {}, infer promises a max_rows of 0", sent.port,
                         counted(sent.packet.rows, "row"));
  return {};
}

Finding range_left(const SuiteCase& one, const SuiteHarness& harness) {
  for (const std::string& port : harness.output_ports.names())
    if (Finding finding = inferred_differs(one, harness, port, {"out-of-range"})) return finding;
  for (const Sent& sent : harness.all_sent()) {
    const PortDecl* decl = declared_output(one, sent.port);
    for (const Field& field : sent.packet.fields) {
      const TensorSpec* promised = harness.output(sent.port).find(field.name);
      if (promised == nullptr) continue;
      std::optional<ValueRange> range = promised->range;
      if (!range && decl != nullptr && !decl->is_record) range = decl->tensors.range;
      if (Finding finding = tensor_leaves(sent.port, field.tensor, range)) return finding;
    }
  }
  return {};
}

Finding epoch_not_ended(const SuiteCase& one, const SuiteHarness& harness, const Scenario& scenario) {
  for (const std::string& port : harness.output_ports.names())
    for (std::size_t epoch = 1; epoch <= scenario.size(); ++epoch) {
      std::vector<const Packet*> packets;
      for (const std::vector<Sent>& call : harness.sent)
        for (const Sent& sent : call)
          if (sent.port == port && sent.packet.header.epoch == epoch) packets.push_back(&sent.packet);
      const auto ends =
          std::count_if(packets.begin(), packets.end(), [](const Packet* p) { return p->header.last_in_epoch; });
      if (ends != 1 || !packets.back()->header.last_in_epoch)
        return fmt::format(
            "output `{}`: epoch {} has {}, {} of them with last_in_epoch; the last one alone has to have it", port,
            epoch, counted(packets.size(), "packet"), ends);
      std::int64_t rows = 0, fed = 0;
      for (const Packet* packet : packets) rows += packet->rows;
      for (const std::int64_t block : scenario[epoch - 1]) fed += block;
      if (!one.info.spec.batch_rows_param().empty() && rows != fed)
        return fmt::format("output `{}`: {} of {} of epoch {} came out", port, rows, counted(fed, "row"), epoch);
    }
  return {};
}

}  // namespace millrace::testing
