// What goes between the two processes comes back as it was, and what is no answer is refused.
#include "process/ipc/wire.hpp"
#include "catch.hpp"
#include "error_of.hpp"
#include "isolation/sent_packets.hpp"
#include "process/ipc/channel.hpp"

#include <millrace/device.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <limits>
#include <new>
#include <stdexcept>

using namespace millrace;
using namespace millrace::pipelines;

namespace {

template <class Call>
std::string name_of(Call call) {
  return testing::error_of(call).name();
}

/// Allocates on the heap, as a graph on the CPU does.
class HeapContext final : public WorkContext {
 public:
  OutTensor allocate(TensorSpec spec, std::int64_t rows) override { return {std::move(spec), rows, *memory_}; }
  bool stopping() const override { return false; }
  const PortSpec& output(std::string_view) const override { return none_; }
  void stop_after(std::uint32_t) override {}
  void keep_until(const Event&, const Packet&, std::span<const Field>) override {}

 private:
  std::unique_ptr<Allocator> memory_ = make_host_allocator();
  PortSpec none_;
};

const TensorSpec kNumbers{DType::i32, {}, {}, {}, {}};

Packet packet_of(std::vector<std::int32_t> values, Allocator& memory) {
  OutTensor out(kNumbers, static_cast<std::int64_t>(values.size()), memory);
  std::copy(values.begin(), values.end(), out.values<std::int32_t>().begin());
  Packet packet;
  packet.rows = out.rows();
  packet.ids = std::make_shared<const std::vector<std::uint64_t>>(values.begin(), values.end());
  packet.fields.push_back({std::string(kValueField), std::move(out).freeze()});
  return packet;
}

/// An output packet of one field as the stage's process would describe it; every number can be spoiled.
struct Described {
  std::uint8_t region = 2, promised = 1;
  std::int64_t rows = 3;
  std::uint32_t slot = 0;
  std::uint64_t offset = 0;

  std::string bytes() const {
    WireWriter to;
    to.put(std::uint64_t{0});
    to.put(std::uint8_t{0});
    to.put(Region::none);
    to.put(std::uint64_t{1});
    to.text(kValueField);
    to.put(region);
    to.put(promised);
    to.put(rows);
    if (region == 1) to.put(slot);
    to.put(offset);
    return to.bytes();
  }
};

}  // namespace

TEST_CASE("parameters of every type survive the way", "[isolation]") {
  const ParamValue::Map params{{"b", true},
                               {"i", std::numeric_limits<std::int64_t>::min()},
                               {"n", 0.1},
                               {"t", "a\"b\n"},
                               {"none", {}},
                               {"l", ParamValue::List{1, "two", ParamValue::List{}}},
                               {"m", ParamValue::Map{{"x", 1e300}}}};
  WireWriter to;
  write(to, ParamValue(params));
  WireReader from(to.bytes());
  CHECK(read_param(from) == ParamValue(params));
  from.require_end();
}

TEST_CASE("port specs survive the way", "[isolation]") {
  PortSpec port =
      PortSpec::single({DType::u8, {28, 28}, ValueRange{0, 255}, {EncodingKind::affine_u8, 0.5F, -1.0F, 0}, {}}, 7, 3);
  port.fields.push_back({"labels", {DType::f32, {3}, {}, {EncodingKind::indicator, 1, 0, 3}, {"a", "b", "c"}}});
  WireWriter to;
  write(to, port);
  WireReader from(to.bytes());
  const PortSpec back = read_port(from);
  REQUIRE(back.fields.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(back.fields[i].name == port.fields[i].name);
    CHECK(back.fields[i].spec == port.fields[i].spec);
  }
  CHECK(back.rows_per_epoch == 7);
  CHECK(back.max_rows == 3);
}

TEST_CASE("an answer that is cut short anywhere is refused", "[isolation]") {
  WireWriter to;
  write(to, ParamValue(ParamValue::Map{{"a", 1}, {"b", ParamValue::List{1.5, "x"}}}));
  for (std::size_t size = 0; size < to.bytes().size(); ++size) {
    WireReader from(std::string_view(to.bytes()).substr(0, size));
    CHECK(name_of([&] { read_param(from); }) == "stage-garbled");
  }
}

TEST_CASE("what is thrown there is thrown here", "[isolation]") {
  const auto again = [](auto thrown) {
    WireWriter to;
    write_exception(to, std::make_exception_ptr(thrown));
    WireReader from(to.bytes());
    throw_exception(from);
  };
  try {
    again(Error(ErrorKind::data, "planted", "a message", "a help").add_note("a note"));
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::data);
    CHECK(error.name() == "planted");
    CHECK(error.message() == "a message");
    CHECK(error.help() == "a help");
    CHECK(error.notes() == std::vector<std::string>{"a note"});
  }
  CHECK_THROWS_AS(again(std::bad_alloc()), std::bad_alloc);
  CHECK_THROWS_WITH(again(std::runtime_error("an ordinary one")), "an ordinary one");
  bool is_exception = true;
  try {
    again(42);
  } catch (const std::exception&) {
  } catch (...) {
    is_exception = false;
  }
  CHECK_FALSE(is_exception);
}

TEST_CASE("an output packet is copied out, or is a view of the packet it came with", "[isolation]") {
  SharedFile inputs("in"), outputs("out");
  SentPackets packets(inputs, outputs);
  HeapContext context;
  const std::unique_ptr<Allocator> memory = make_host_allocator();
  const PortSpec port = PortSpec::single(kNumbers, {}, 3);
  const Packet packet = packet_of({7, 8, 9}, *memory);
  WireWriter request;
  packets.write(request, packet, port);
  outputs.grow_to(4096);
  const std::array<std::int32_t, 3> answer{1, 2, 3};
  outputs.write(64, std::as_bytes(std::span(answer)));

  const auto read = [&](const Described& described) {
    const std::string bytes = described.bytes();
    WireReader from(bytes);
    return packets.read(from, port, context).fields.at(0).tensor;
  };
  const Tensor copied = read({.offset = 64});
  const auto values = copied.stored<std::int32_t>();
  CHECK(std::vector<std::int32_t>(values.begin(), values.end()) == std::vector<std::int32_t>{1, 2, 3});
  const Tensor viewed = read({.region = 1, .rows = 2, .offset = 64 + 4});  // the ids lie before
  CHECK(viewed.bytes() == packet.tensor().bytes() + 4);

  const std::vector<Described> lies = {
      {.rows = -1},
      {.rows = std::numeric_limits<std::int64_t>::max()},
      {.rows = 1025},
      {.offset = 4096},
      {.offset = std::numeric_limits<std::uint64_t>::max()},
      {.region = 3},
      {.region = 1, .slot = 1},
      {.region = 1, .rows = 4, .offset = 64},
      {.region = 1, .offset = 60},
      {.region = 1, .offset = std::numeric_limits<std::uint64_t>::max()},
  };
  for (std::size_t i = 0; i < lies.size(); ++i) {
    INFO("lie " << i);
    CHECK(name_of([&] { read(lies[i]); }) == "stage-garbled");
  }
}

TEST_CASE("a packet is kept until the stage has let go of it, and its place is used again", "[isolation]") {
  SharedFile inputs("in"), outputs("out");
  SentPackets packets(inputs, outputs);
  const std::unique_ptr<Allocator> memory = make_host_allocator();
  const PortSpec port = PortSpec::single(kNumbers, {}, 3);
  const auto send = [&] {
    WireWriter request;
    packets.write(request, packet_of({1, 2, 3}, *memory), port);
    WireReader from(request.bytes());
    return static_cast<std::uint32_t>(from.get<std::uint64_t>());
  };
  const auto release = [&](std::uint32_t slot) {
    WireWriter message;
    message.put(std::uint64_t{1});
    message.put(slot);
    WireReader from(message.bytes());
    packets.release(from);
  };
  const std::uint32_t first = send(), second = send();
  CHECK(first != second);
  CHECK(memory->live_bytes() > 0);
  release(first);
  CHECK(send() == first);
  release(first);
  release(second);
  CHECK(memory->live_bytes() == 0);
  CHECK(name_of([&] { release(second); }) == "stage-garbled");
}

TEST_CASE("a message of any length arrives whole, and an end is seen", "[isolation]") {
  std::array<int, 2> ends{};
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0);
  Channel one(ends[0], std::chrono::milliseconds(0));
  auto other = std::make_unique<Channel>(ends[1], std::chrono::milliseconds(0));
  for (const std::size_t size : {0U, 1U, 40'000U}) {
    REQUIRE(one.send(std::string(size, 'x')));
    CHECK(other->receive([] {}) == std::string(size, 'x'));
  }
  other.reset();
  CHECK_FALSE(one.receive([] {}).has_value());
  CHECK(one.state() == Channel::State::closed);
  CHECK_FALSE(one.send("x"));
}

TEST_CASE("silence beyond the limit is told apart from an end", "[isolation]") {
  std::array<int, 2> ends{};
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0);
  Channel one(ends[0], std::chrono::milliseconds(100)), other(ends[1], std::chrono::milliseconds(100));
  int looked = 0;
  CHECK_FALSE(one.receive([&] { ++looked; }).has_value());
  CHECK(one.state() == Channel::State::silent);
  CHECK(looked == 2);
}

TEST_CASE("a message of impossible length is no message", "[isolation]") {
  std::array<int, 2> ends{};
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0);
  Channel one(ends[0], std::chrono::milliseconds(0));
  const std::string garbage(64, '\xff');
  REQUIRE(write(ends[1], garbage.data(), garbage.size()) == 64);
  CHECK(name_of([&] { one.receive([] {}); }) == "stage-garbled");
  close(ends[1]);
}
