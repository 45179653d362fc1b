// Who goes on from a state leaves out what it has had, by its position; so does the account.
#include "row_accountant.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <sstream>
#include <vector>

namespace millrace::pipelines {
namespace {

/// The packet whose rows are taken: joined inputs have the same ones. What has no fields is metrics or a model.
const Packet* packet_with_rows(std::span<const Packet> packets) {
  const auto found =
      std::find_if(packets.begin(), packets.end(), [](const Packet& packet) { return !packet.fields.empty(); });
  return found == packets.end() ? nullptr : &*found;
}

}  // namespace

void RowAccountant::take(std::span<const Packet> packets) {
  const Packet* const packet = packet_with_rows(packets);
  if (packet == nullptr || packet->header.epoch == 0) return;
  const PacketHeader& header = packet->header;
  if (header.epoch != account_.epoch) {
    account_ = {};
    account_.epoch = header.epoch;
    end_ = 0;
  }
  const bool comes_again = header.epoch == loaded_epoch_ && header.first_row < loaded_end_;
  if (!comes_again) {
    account_.add(packet->sample_ids());
    end_ = header.first_row + static_cast<std::uint64_t>(packet->rows);
  }
  if (header.last_in_epoch) add_up_ranks();
}

void RowAccountant::add_up_ranks() {
  if (communicator_ == nullptr || communicator_->size() == 1) return;
  struct Part {
    std::int64_t rows;
    RowSum sum;
  };
  const Part mine{account_.rows, account_.sum};
  const std::vector<std::byte> all = communicator_->all_gather(std::as_bytes(std::span(&mine, 1)));
  account_.rows = 0;
  account_.sum = {};
  account_.ranks = communicator_->size();
  for (std::size_t at = 0; at + sizeof(Part) <= all.size(); at += sizeof(Part)) {
    Part part{};
    std::memcpy(&part, all.data() + at, sizeof part);
    account_.rows += part.rows;
    account_.sum += part.sum;
  }
}

std::optional<RowAccount> RowAccountant::whole() const {
  if (account_.epoch == 0 || account_.epoch == unknown_epoch_) return std::nullopt;
  return account_;
}

std::string RowAccountant::saved() const {
  return fmt::format("{} {} {} {}", account_.epoch, end_, account_.rows, to_text(account_.sum));
}

// Rank 0 alone has what was taken before, as with the sums of the epoch: together they have it once.
void RowAccountant::load(const std::string& saved, std::uint32_t epoch) {
  std::istringstream text(saved);
  std::string sum;
  text >> account_.epoch >> end_ >> account_.rows >> sum;
  const std::optional<RowSum> known = parse_row_sum(sum);
  if (!text || !known) {
    account_ = {};
    unknown_epoch_ = epoch;
    return;
  }
  account_.sum = *known;
  loaded_epoch_ = account_.epoch;
  loaded_end_ = end_;
  if (communicator_ == nullptr || communicator_->rank() == 0) return;
  account_.rows = 0;
  account_.sum = {};
}

}  // namespace millrace::pipelines
