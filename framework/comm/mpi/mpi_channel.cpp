// A queue of collectives, only the first of them started: MPI_Testall polls its receive and its send, and their end starts the next round.
// After a failure, messages that others still send are received and dropped.
#include "mpi_channel.hpp"

#include "mpi_call.hpp"

#include <algorithm>
#include <utility>

namespace millrace::comm {

MpiChannel::MpiChannel(MPI_Comm communicator, std::string node, std::string stage)
    : communicator_(communicator), node_(std::move(node)), stage_(std::move(stage)) {
  mpi_call(MPI_Comm_set_errhandler(communicator_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
}

void MpiChannel::add(std::shared_ptr<Operation> operation) {
  operation->index = ++entered_;
  operations_.push_back(std::move(operation));
}

void MpiChannel::start_round(Operation& operation) const {
  if (operation.duplicates) {
    mpi_call(MPI_Comm_idup(communicator_, &operation.duplicate, &operation.requests[0]), "MPI_Comm_idup");
    return;
  }
  const Round& round = operation.rounds[operation.round];
  if (round.from >= 0)
    mpi_call(MPI_Irecv(round.in, static_cast<int>(round.in_bytes), MPI_BYTE, round.from, 0, communicator_,
                       &operation.requests[0]),
             "MPI_Irecv");
  if (round.to >= 0)
    mpi_call(MPI_Isend(round.out, static_cast<int>(round.out_bytes), MPI_BYTE, round.to, 0, communicator_,
                       &operation.requests[1]),
             "MPI_Isend");
}

std::shared_ptr<Operation> MpiChannel::progress() {
  if (operations_.empty()) return nullptr;
  Operation& operation = *operations_.front();
  if (!operation.started) {
    operation.started = true;
    operation.began = Clock::now();
    start_round(operation);
  }
  for (;;) {
    int done = 0;
    mpi_call(MPI_Testall(2, operation.requests, &done, MPI_STATUSES_IGNORE), "MPI_Testall");
    if (done == 0) return nullptr;
    if (!operation.duplicates) end_round(operation.rounds[operation.round]);
    if (++operation.round >= operation.rounds.size()) break;
    start_round(operation);
  }
  std::shared_ptr<Operation> over = std::move(operations_.front());
  operations_.pop_front();
  return over;
}

std::vector<std::shared_ptr<Operation>> MpiChannel::give_up() {
  const Clock::time_point until = Clock::now() + std::chrono::milliseconds(200);
  std::vector<std::shared_ptr<Operation>> all(operations_.begin(), operations_.end());
  operations_.clear();
  for (const auto& operation : all) {
    if (operation->duplicates) continue;  // cannot be taken back; the process is about to end
    if (operation->requests[0] != MPI_REQUEST_NULL) mpi_call(MPI_Cancel(&operation->requests[0]), "MPI_Cancel");
    for (int done = 0; done == 0 && Clock::now() < until; drain())
      mpi_call(MPI_Testall(2, operation->requests, &done, MPI_STATUSES_IGNORE), "MPI_Testall");
  }
  return all;
}

void MpiChannel::drain() {
  int there = 0;
  MPI_Status status;
  mpi_call(MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, communicator_, &there, &status), "MPI_Iprobe");
  if (there != 0) {
    int bytes = 0;
    mpi_call(MPI_Get_count(&status, MPI_BYTE, &bytes), "MPI_Get_count");
    Dropped& dropped = dropped_.emplace_back();
    dropped.bytes.resize(static_cast<std::size_t>(bytes));
    mpi_call(MPI_Irecv(dropped.bytes.data(), bytes, MPI_BYTE, status.MPI_SOURCE, status.MPI_TAG, communicator_,
                       &dropped.request),
             "MPI_Irecv");
  }
  std::erase_if(dropped_, [](Dropped& dropped) {
    int done = 0;
    mpi_call(MPI_Test(&dropped.request, &done, MPI_STATUS_IGNORE), "MPI_Test");
    return done != 0;
  });
}

std::string MpiChannel::name_of(const Operation& operation) const {
  return std::string(operation.what) + " " + std::to_string(operation.index) + " of " +
         (stage_.empty() ? node_ : "node `" + node_ + "` (stage " + stage_ + ")");
}

}  // namespace millrace::comm
