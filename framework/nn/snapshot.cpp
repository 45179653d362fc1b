// ModelSnapshot, and the hash by which two trainings are compared.
#include <millrace/digest.hpp>
#include <millrace/model.hpp>

#include <bit>
#include <utility>

namespace millrace {

static_assert(std::endian::native == std::endian::little, "weights are hashed and saved as they lie in memory");

ModelSnapshot::ModelSnapshot(std::shared_ptr<const ModelSpec> model, Loss loss, std::uint32_t epoch,
                             std::vector<float> weights)
    : model_(std::move(model)), loss_(loss), epoch_(epoch), weights_(std::move(weights)) {}

std::string ModelSnapshot::weights_sha256() const { return sha256_hex(std::as_bytes(std::span(weights_))); }

}  // namespace millrace
