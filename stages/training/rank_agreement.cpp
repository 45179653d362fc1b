// Each rank gathers what all say, and so comes to the same conclusion.
#include "rank_agreement.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>

#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace millrace::stages {

void require_equal_weights(Communicator& communicator, const ModelSnapshot& model, std::uint32_t epoch) {
  if (communicator.size() == 1) return;
  const std::string mine = model.weights_sha256();
  const std::vector<std::byte> all = communicator.all_gather(std::as_bytes(std::span(mine)));
  for (int rank = 0; rank < communicator.size(); ++rank) {
    const std::string theirs(reinterpret_cast<const char*>(all.data()) + mine.size() * static_cast<std::size_t>(rank),
                             mine.size());
    if (theirs == mine) continue;
    throw Error(ErrorKind::run, "ranks-differ",
                fmt::format("after epoch {} the weights of rank {} are {}, those of rank {} are {}", epoch,
                            communicator.rank(), mine, rank, theirs),
                "all processes must run the same build on processors of the same type");
  }
}

void agree_on_stop(Communicator& communicator) {
  if (communicator.size() == 1) return;
  const int wish = communicator.requested_stop();
  const std::vector<std::byte> all = communicator.all_gather(std::as_bytes(std::span(&wish, 1)));
  for (std::size_t at = 0; at < all.size(); at += sizeof wish) {
    int asked = 0;
    std::memcpy(&asked, all.data() + at, sizeof asked);
    if (asked != 0) return communicator.on_stop_agreed(asked);
  }
}

}  // namespace millrace::stages
