// The kinds are those of the descriptor; each has an adapter of its own.
#include "make_adapter.hpp"

#include "serial_adapter.hpp"
#include "source_adapter.hpp"
#include "transform_adapter.hpp"

#include <millrace/error.hpp>

namespace millrace::pipelines {

std::unique_ptr<NodeAdapter> make_adapter(ValidatedNode& node, const NodeServices& services) {
  switch (node.info->kind) {
    case StageKind::source:
      return make_source_adapter(node, services);
    case StageKind::transform:
      return make_transform_adapter(node, services);
    case StageKind::serial:
      return make_serial_adapter(node, services);
  }
  throw Error(ErrorKind::run, "no-such-kind", "node `" + node.name + "` has a kind of stage that nobody knows");
}

}  // namespace millrace::pipelines
