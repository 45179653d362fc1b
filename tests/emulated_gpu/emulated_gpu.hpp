// A GPU that is not there: what CUDA's streams, events, graphs and memory promise, kept by one thread of the host. Work is done
// late and in any order that the promises allow, drawn anew in each process from EMULATED_GPU_SEED, so that a wait that is
// missing shows as wrong values. The functions of CUDA (runtime.cpp) and cuBLASLt (blas.cpp) stand on this.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#define EMULATED_EXPORT __attribute__((visibility("default")))

namespace emulated {

/// A piece of work, done when everything in `after` is. Of a graph, or put on its way.
struct Node {
  std::function<void()> work;
  std::vector<std::shared_ptr<Node>> after;
  bool done = false;
  double seconds = 0;  ///< when it was done
};
using SharedNode = std::shared_ptr<Node>;
using Nodes = std::vector<SharedNode>;

struct Capture;

struct Stream {
  int device = 0;
  SharedNode last;                   ///< null: nothing was asked for yet
  std::shared_ptr<Capture> capture;  ///< null: work is done, not recorded
  SharedNode captured_last;
};

struct Event {
  int device = 0;
  bool keeps_time = true;
  SharedNode node;                   ///< null: never recorded
  std::shared_ptr<Capture> capture;  ///< of the capture that `node` belongs to; null outside
};

struct Graph {
  Nodes nodes;  ///< each after those it waits for
};

struct GraphExec {
  Graph graph;
  SharedNode last;  ///< of the replay before, which the next one waits for
};

struct Capture {
  Stream* origin = nullptr;
  Graph graph;
  std::vector<Stream*> streams;
  bool is_broken = false;  ///< a call that must not be made meanwhile was made
};

/// Whether streams, events and graphs accept work; else the code of the error that every call gives from now on.
EMULATED_EXPORT int sticky_error();

/// Puts work on a stream, or into the capture that the stream is in.
EMULATED_EXPORT void enqueue(Stream& stream, std::function<void()> work);
void record(Stream& stream, Event& event);
/// An error of CUDA, or 0.
int wait(Stream& stream, Event& event);
int begin_capture(Stream& stream);
int end_capture(Stream& stream, std::unique_ptr<Graph>& graph);
int replay(GraphExec& exec, Stream& stream);

/// The capture that this thread began and has not ended, which forbids it some calls; null without.
Capture* forbidding_capture();

bool is_done(const SharedNode& node);
/// Returns also when the GPU is lost.
void synchronize(const SharedNode& node);
void synchronize_all();

/// Uniform below `bound`; only on the GPU's thread.
std::size_t draw(std::size_t bound);

/// `call` is made: the code of the error that a test has planted for this call of this name, or 0. EMULATED_GPU_FAULT is
/// NAME:COUNT:CODE, "cudaMalloc:2:2" lets the second cudaMalloc fail with error 2. The names `lost` and `hang` count pieces of work
/// instead: after them the GPU gives CODE to every call, or does nothing any more.
EMULATED_EXPORT int planted_error(const std::string& call);

}  // namespace emulated
