// A communicator of its own, so that no collective takes these messages; one receive from any rank is always posted,
// and what is being sent is kept in a list until MPI is done with it.
#include "mpi_messages.hpp"

#include "mpi_call.hpp"

#include <algorithm>

namespace millrace::comm {

Message failed_message(const std::string& text) {
  Message message;
  message.kind = MessageKind::failed;
  text.copy(message.text, sizeof message.text - 1);
  return message;
}

MessageBox::MessageBox(MPI_Comm world) {
  mpi_call(MPI_Comm_dup(world, &communicator_), "MPI_Comm_dup");
  mpi_call(MPI_Comm_set_errhandler(communicator_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  mpi_call(MPI_Comm_rank(communicator_, &rank_), "MPI_Comm_rank");
  mpi_call(MPI_Comm_size(communicator_, &size_), "MPI_Comm_size");
  listen();
}

void MessageBox::listen() {
  mpi_call(MPI_Irecv(&incoming_, sizeof incoming_, MPI_BYTE, MPI_ANY_SOURCE, 0, communicator_, &listening_),
           "MPI_Irecv");
}

void MessageBox::send(int to, const Message& message) {
  outgoing_.remove_if([](Outgoing& sent) {
    int done = 0;
    mpi_call(MPI_Test(&sent.request, &done, MPI_STATUS_IGNORE), "MPI_Test");
    return done != 0;
  });
  Outgoing& out = outgoing_.emplace_back();
  out.message = message;
  mpi_call(MPI_Isend(&out.message, sizeof out.message, MPI_BYTE, to, 0, communicator_, &out.request), "MPI_Isend");
}

void MessageBox::send_to_all(const Message& message) {
  for (int rank = 0; rank < size_; ++rank)
    if (rank != rank_) send(rank, message);
}

void MessageBox::receive(const Handle& handle) {
  for (;;) {
    int done = 0;
    MPI_Status status;
    mpi_call(MPI_Test(&listening_, &done, &status), "MPI_Test");
    if (done == 0) return;
    const Message message = incoming_;
    const int from = status.MPI_SOURCE;
    listen();
    handle(from, message);
  }
}

void MessageBox::close() {
  mpi_call(MPI_Cancel(&listening_), "MPI_Cancel");
  mpi_call(MPI_Wait(&listening_, MPI_STATUS_IGNORE), "MPI_Wait");
}

}  // namespace millrace::comm
