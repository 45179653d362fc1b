// Stages that break their contract: the run says which, and how.
#include "catch.hpp"
#include "test_stages.hpp"

#include <atomic>
#include <stdexcept>

using namespace millrace;
using namespace millrace::testing;

TEST_CASE("a transform that does not emit exactly once breaks its contract", "[runner]") {
  const auto run_with = [](std::function<void(TransformContext&)> f) {
    TestGraph graph(1, 2);
    Seen seen;
    graph.source("src", 40, 4);
    graph.transform("bad", "src", std::move(f));
    graph.sink("end", "bad", seen);
    return graph.run().failures.at(0);
  };
  const RunFailure none = run_with([](TransformContext& ctx) {
    if (ctx.input().header.seq != 4) pass_on(ctx);
  });
  CHECK(none.name == "transform-contract");
  CHECK(none.node == "bad");
  CHECK(none.packet == 4);
  CHECK(run_with([](TransformContext& ctx) { pass_on(ctx), pass_on(ctx); }).name == "transform-contract");
  CHECK(run_with([](TransformContext& ctx) { ctx.emit("out", ctx.input().tensor().slice(0, 1)); }).name ==
        "transform-contract");
  CHECK(run_with([](TransformContext& ctx) { ctx.emit("elsewhere", ctx.input().tensor()); }).name == "no-such-port");
}

TEST_CASE("a source must send one packet on every output, all alike", "[runner]") {
  const auto run_with = [](std::function<void(SourceContext&)> f) {
    TestGraph graph(1, 2);
    Seen seen;
    graph.add("bad", std::make_unique<FunctionSource>(std::move(f)), {}, {{"x", numbers(4)}, {"y", numbers(4)}});
    graph.sink("end", "bad.x", seen);
    return graph.run().failures.at(0).name;
  };
  const auto memory = make_host_allocator();
  const auto output_packet = [&](std::int64_t rows, bool last, std::uint64_t id = 0) {
    auto ids = std::make_shared<std::vector<std::uint64_t>>(static_cast<std::size_t>(rows), id);
    OutTensor out(number_spec(), rows, *memory);
    return OutputPacket::tensor(std::move(out).freeze(), ids, 0, last);
  };
  CHECK(run_with([&](SourceContext& ctx) { ctx.emit("x", output_packet(2, true)); }) == "source-contract");
  CHECK(run_with([&](SourceContext& ctx) {
          ctx.emit("x", output_packet(2, true));
          ctx.emit("x", output_packet(2, true));
        }) == "source-contract");
  CHECK(run_with([&](SourceContext& ctx) {
          ctx.emit("x", output_packet(2, true));
          ctx.emit("y", output_packet(3, true));
        }) == "source-contract");
  CHECK(run_with([&](SourceContext& ctx) {
          ctx.emit("x", output_packet(2, true));
          ctx.emit("y", output_packet(2, false));
        }) == "source-contract");
  CHECK(run_with([&](SourceContext& ctx) {
          ctx.emit("x", output_packet(2, true));
          ctx.emit("y", output_packet(2, true, 7));
        }) == "source-contract");
  CHECK(run_with([](SourceContext&) {}) == "source-contract");
}

TEST_CASE("a source that has other rows than it promised is caught", "[runner]") {
  TestGraph graph(1, 2);
  Seen seen;
  graph.source("src", 41, 4).outputs[0].second.rows_per_epoch = 40;
  graph.sink("end", "src", seen);
  const RunReport report = graph.run();
  REQUIRE(failure_names(report) == std::vector<std::string>{"source-contract"});
  CHECK(report.failures[0].message == "41 rows in an epoch, promised were 40");
}

TEST_CASE("what a stage emits must be what infer promised", "[runner]") {
  const auto run_with = [](PortSpec promised, std::function<void(SerialContext&)> f) {
    TestGraph graph(1, 2);
    Seen seen;
    graph.source("src", 40, 4);
    graph.serial("bad", "src", std::move(f)).outputs[0].second = std::move(promised);
    graph.sink("end", "bad", seen);
    const RunFailure failure = graph.run().failures.at(0);
    CHECK(failure.node == "bad");
    return failure.name;
  };
  TensorSpec floats = number_spec(), vectors = number_spec();
  floats.dtype = DType::f32;
  vectors.row_shape = {3};
  PortSpec renamed = numbers();
  renamed.fields[0].name = "images";
  CHECK(run_with(PortSpec::single(floats, {}, 4), pass_on_serial) == "output-mismatch");
  CHECK(run_with(PortSpec::single(vectors, {}, 4), pass_on_serial) == "output-mismatch");
  CHECK(run_with(renamed, pass_on_serial) == "output-mismatch");
  CHECK(run_with(numbers(3), pass_on_serial) == "output-mismatch");
  CHECK(run_with(PortSpec::of_kind(PortKind::model), pass_on_serial) == "output-mismatch");
  CHECK(run_with(PortSpec::of_kind(PortKind::metrics), pass_on_serial) == "output-mismatch");
  CHECK(run_with(numbers(4), [](SerialContext& ctx) {
          ctx.emit("out", OutputPacket::tensor(ctx.input().tensor(), nullptr, 0, false));
        }) == "output-mismatch");
}

TEST_CASE("a stage that drops packets before a join is caught by the ids of the samples", "[runner]") {
  TestGraph graph(1, 2);
  graph.source("src", 400, 4).budget_blocks = 200;
  graph.serial("drops", "src", [](SerialContext& ctx) {
    if (ctx.input().header.seq != 20) pass_on_serial(ctx);
  });
  graph.transform("keeps", "src");
  graph.add("join", std::make_unique<FunctionSerial>([](SerialContext&) {}), {{"x", "drops"}, {"y", "keeps"}}, {});
  const RunReport report = graph.run();
  REQUIRE_FALSE(report.failures.empty());
  CHECK(report.failures[0].name == "join-mismatch");
  CHECK(report.failures[0].node == "join");
  CHECK(report.failures[0].packet == 20);
  CHECK(report.failures[0].message.find("row 0 is sample 84 beside sample 80") != std::string::npos);
}

TEST_CASE("a stage that drops the last packets before a join ends in lost-packet", "[runner]") {
  TestGraph graph(1, 2);
  graph.source("src", 400, 4).budget_blocks = 200;
  graph.serial("drops", "src", [](SerialContext& ctx) {
    const Packet& in = ctx.input();
    if (in.header.seq < 98) ctx.emit("out", OutputPacket::tensor(in.tensor(), in.ids, 0, in.header.seq == 97));
  });
  graph.transform("keeps", "src");
  graph.add("join", std::make_unique<FunctionSerial>([](SerialContext&) {}), {{"x", "drops"}, {"y", "keeps"}}, {});
  const RunReport report = graph.run();
  CHECK(report.exit_code == 1);
  REQUIRE_FALSE(report.failures.empty());
  bool found = false;
  for (const RunFailure& failure : report.failures)
    if (failure.name == "lost-packet" && failure.message.find("edge keeps.out -> join.y: 2 packets wait") == 0)
      found = true;
  CHECK(found);
}

TEST_CASE("a stage that swallows the end of an epoch is caught", "[runner]") {
  TestGraph graph(2, 2);
  Seen seen;
  graph.source("src", 40, 4);
  graph.serial("swallows", "src", [](SerialContext& ctx) {
    if (!ctx.input().header.last_in_epoch) pass_on_serial(ctx);
  });
  graph.sink("end", "swallows", seen);
  const RunReport report = graph.run();
  REQUIRE(failure_names(report) == std::vector<std::string>{"serial-contract"});
  CHECK(report.failures[0].node == "swallows");
  CHECK(report.failures[0].epoch == 1);
}

TEST_CASE("a Serial ends each epoch once on each output, in order", "[runner]") {
  const auto run_with = [](InputMode mode, std::function<void(SerialContext&)> f) {
    TestGraph graph(5, 2);
    Seen seen;
    graph.source("src", 40, 4);
    graph.add("bad", std::make_unique<FunctionSerial>(std::move(f)), {{"in", "src"}}, {{"out", numbers()}}, mode);
    graph.sink("end", "bad", seen);
    const RunReport report = graph.run();
    REQUIRE(failure_names(report) == std::vector<std::string>{"serial-contract"});
    CHECK(report.failures[0].node == "bad");
    CHECK(report.failures[0].stage == "stage_of_bad");
    return report.failures[0].epoch;
  };
  const auto pass_on_later = [] {  // the packets of even epochs go with the next
    return [kept = std::make_shared<std::vector<Packet>>()](SerialContext& ctx) {
      const Packet& in = ctx.input(ctx.port());
      kept->push_back(in);
      if (in.header.epoch % 2 == 0) return;
      for (const Packet& p : *kept) ctx.emit("out", OutputPacket::tensor(p.tensor(), p.ids, 0, p.header.last_in_epoch));
      kept->clear();
    };
  };
  CHECK(run_with(InputMode::joined, pass_on_later()) == 2);
  CHECK(run_with(InputMode::independent, pass_on_later()) == 3);
  CHECK(run_with(InputMode::joined, [](SerialContext& ctx) {
          pass_on_serial(ctx);
          if (ctx.input().header.last_in_epoch) pass_on_serial(ctx);
        }) == 1);
  CHECK(run_with(InputMode::joined, [](SerialContext& ctx) {
          const Packet& in = ctx.input();
          ctx.emit("out", OutputPacket::tensor(in.tensor(), in.ids, 0, in.header.last_in_epoch || in.header.seq == 17));
        }) == 2);
}

TEST_CASE("a stage that keeps packets is caught by name", "[runner]") {
  SECTION("one packet, and the run comes to its end") {
    TestGraph graph(1, 2);
    graph.source("src", 40, 4);
    graph.add("keeper", std::make_unique<FunctionSerial>([kept = std::make_shared<Packet>()](SerialContext& ctx) {
                if (ctx.input().header.seq == 3) *kept = ctx.input();
              }),
              {{"in", "src"}}, {});
    const RunReport report = graph.run();
    REQUIRE(failure_names(report) == std::vector<std::string>{"kept-packet"});
    CHECK(report.failures[0].node == "keeper");
    CHECK(report.leaked_bytes == 0);
  }
  SECTION("all packets, and no epoch can begin any more") {
    const auto epochs = GENERATE(1U, 5U);
    TestGraph graph(epochs, 2);
    graph.source("src", 40, 4);
    graph.add("keeper",
              std::make_unique<FunctionSerial>([kept = std::make_shared<std::vector<Packet>>()](SerialContext& ctx) {
                kept->push_back(ctx.input());
              }),
              {{"in", "src"}}, {});
    const RunReport report = graph.run();
    REQUIRE(failure_names(report) == std::vector<std::string>{"kept-packet"});
    CHECK(report.failures[0].node == "keeper");
  }
  SECTION("beyond its own end") {
    const auto kept = std::make_shared<Packet>();
    TestGraph graph(1, 2);
    graph.source("src", 40, 4);
    graph.add("keeper", std::make_unique<FunctionSerial>([kept](SerialContext& ctx) {
                if (ctx.input().header.seq == 3) *kept = ctx.input();
              }),
              {{"in", "src"}}, {});
    const RunReport report = graph.run();
    CHECK(failure_names(report) == std::vector<std::string>{"kept-packet", "leaked-memory"});
    CHECK(report.leaked_bytes > 0);
    CHECK(kept->tensor().stored<std::int32_t>()[0] == 12);  // and it does no harm later
  }
}
