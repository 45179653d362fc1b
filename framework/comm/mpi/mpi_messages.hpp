// What ranks tell each other besides the data of collectives: questions about a rank that is waited for, and failures.
#pragma once

#include <mpi.h>

#include <cstdint>
#include <functional>
#include <list>
#include <string>

namespace millrace::comm {

enum class MessageKind : std::int32_t {
  ask,     ///< how far are you on `channel`?
  answer,  ///< `entered` collectives of `channel`
  failed,  ///< `text`: why the run is over
  gone,    ///< the sender has unwound after a failure
};

/// Fits into every transport's shortest message, so that it goes whether or not the receiver does anything.
struct Message {
  MessageKind kind = MessageKind::ask;
  std::int32_t channel = 0;
  std::uint64_t entered = 0;
  char text[1000] = {};
};
Message failed_message(const std::string& text);

/// Messages to and from any rank, on a communicator of their own. The MPI thread only.
class MessageBox {
 public:
  using Handle = std::function<void(int from, const Message&)>;
  /// Collective: duplicates `world`.
  explicit MessageBox(MPI_Comm world);
  /// Does not wait for the receiver.
  void send(int to, const Message& message);
  void send_to_all(const Message& message);
  /// Passes on what has come.
  void receive(const Handle& handle);
  /// Stops receiving; what was sent and has not gone is left to MPI.
  void close();
  MPI_Comm communicator() const { return communicator_; }

 private:
  struct Outgoing {
    Message message;
    MPI_Request request = MPI_REQUEST_NULL;
  };
  void listen();

  MPI_Comm communicator_ = MPI_COMM_NULL;
  int rank_ = 0, size_ = 1;
  Message incoming_;
  MPI_Request listening_ = MPI_REQUEST_NULL;
  std::list<Outgoing> outgoing_;
};

}  // namespace millrace::comm
