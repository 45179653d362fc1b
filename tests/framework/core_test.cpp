// Errors, parameters, digests, allocators, devices and the registry: the small parts of framework/core and framework/device.
#include "catch.hpp"

#include <functional>

#include <millrace/communicator.hpp>
#include <millrace/detail/build_info.hpp>
#include <millrace/detail/counted.hpp>
#include <millrace/detail/host_allocator.hpp>
#include <millrace/device.hpp>
#include <millrace/digest.hpp>
#include <millrace/error.hpp>
#include <millrace/float_environment.hpp>
#include <millrace/param.hpp>
#include <millrace/registry.hpp>

#include <malloc.h>

#include <cfenv>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

using namespace millrace;
using Catch::Matchers::ContainsSubstring;

namespace {

class Nothing final : public Serial {
 public:
  static void describe(StageDescriptor& spec) { spec.summary("Takes packets.").input("in", TensorType::any()); }
  explicit Nothing(const ParamValue&) {}
  void infer(InferContext&) override {}
  void process(SerialContext&) override {}
};

std::string name_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& e) {
    return e.name();
  }
  return "no error";
}

}  // namespace

TEST_CASE("an error renders its name, notes and help") {
  Error e(ErrorKind::data, "idx-short", "2 bytes, need 4", "fetch the file again");
  e.add_note("node `train`").add_note("line 3");
  CHECK(
      e.render() ==
      "error[idx-short]: 2 bytes, need 4\n   = note: node `train`\n   = note: line 3\n   = help: fetch the file again");
  CHECK(e.exit_code() == 4);
}

TEST_CASE("code behind a guard computes as at first, and is not blamed for what was before") {
  std::atomic<bool> is_blamed{false};
  std::fesetround(FE_UPWARD);
  {
    const FloatGuard guard(&is_blamed);
    CHECK(std::fegetround() == FE_TONEAREST);
  }
  CHECK_FALSE(is_blamed);
  {
    const FloatGuard guard(&is_blamed);
    std::fesetround(FE_UPWARD);
  }
  CHECK(std::fegetround() == FE_TONEAREST);
  CHECK(is_blamed);
}

TEST_CASE("SHA-256 gives the published digests") {
  CHECK(sha256_hex(std::string()) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256_hex(std::string("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Sha256 pieces;
  const std::string text = "abc";
  for (const char& c : text) pieces.update(std::as_bytes(std::span(&c, 1)));
  CHECK(pieces.finish() == sha256_hex(text));
}

TEST_CASE("a parameter value is read as what it is and nothing else") {
  const ParamValue value(ParamValue::Map{{"rate", 0.5}, {"units", 512}, {"names", ParamValue::List{"a", "b"}}});
  CHECK(value["rate"].number() == 0.5);
  CHECK(value["units"].number() == 512.0);
  CHECK(value["names"].list()[1].text() == "b");
  CHECK(value.find("absent") == nullptr);
  CHECK(name_of([&] { value["absent"]; }) == "no-such-param");
  CHECK(name_of([&] { value["rate"].integer(); }) == "wrong-param-type");
  CHECK(name_of([&] { value.alternative(); }) == "wrong-param-type");
  CHECK(value.render() == R"({rate: 0.5, units: 512, names: ["a", "b"]})");
  CHECK(ParamValue(1e-7).render() == "1e-07");
  const ParamValue choice(ParamValue::Map{{"sgd", ParamValue::Map{{"learning_rate", 0.1}}}});
  CHECK(choice.alternative() == "sgd");
  CHECK(choice.alternative_params()["learning_rate"].number() == 0.1);
}

TEST_CASE("a parameter type says what it takes") {
  CHECK(ParamType::integer().at_least(1).at_most(9).describe() == "integer, at least 1, at most 9");
  CHECK(ParamType::number().above(0).below(1).describe() == "number, above 0, below 1");
  CHECK(ParamType::choice({"a", "b"}).describe() == "one of: a, b");
  CHECK(ParamType::list(ParamType::text()).describe() == "list of (text)");
  CHECK(ParamType::one_of({{"sgd", "", {}}, {"adam", "", {}}}).describe() == "sgd | adam");
  CHECK(Param("x", ParamType::text(), "").is_required());
  CHECK_FALSE(Param("x", ParamType::text(), "").or_default("a").is_required());
  CHECK_FALSE(Param("x", ParamType::text(), "").optional().is_required());
}

TEST_CASE("the host allocator counts what is alive and reuses what came back") {
  const auto allocator = make_host_allocator();
  const std::byte* first = nullptr;
  {
    const auto block = allocator->allocate(200704);
    first = block.get();
    CHECK(reinterpret_cast<std::uintptr_t>(first) % 64 == 0);
    CHECK(allocator->live_bytes() >= 200704);
    CHECK(allocator->live_bytes() <= 200704 * 9 / 8);
  }
  CHECK(allocator->live_bytes() == 0);
  CHECK(allocator->peak_bytes() >= 200704);
  const auto again = allocator->allocate(200704);
  if (build_info().sanitizer != "address") CHECK(again.get() == first);
  CHECK(allocator->allocate(0) != nullptr);
  const std::size_t live = allocator->live_bytes();
  CHECK(name_of([&] { allocator->allocate(std::size_t{1} << 60); }) == "out-of-memory");
  CHECK(allocator->live_bytes() == live);
}

TEST_CASE("no block takes more than its slack allows") {
  const auto allocator = make_host_allocator();
  std::size_t asked = 0, blocks = 0;
  std::vector<std::shared_ptr<std::byte>> kept;
  for (const std::size_t size : std::initializer_list<std::size_t>{0, 1, 63, 64, 65, 511, 512, 513, 575, 1024, 1025,
                                                                   4097, 65535, 65537, 1'000'001}) {
    const std::size_t before = allocator->live_bytes();
    kept.push_back(allocator->allocate(size));
    CHECK(allocator->live_bytes() - before >= size);
    CHECK(allocator->live_bytes() - before <= with_slack(size, 1));
    asked += size;
    CHECK(allocator->live_bytes() <= with_slack(asked, ++blocks));
  }
}

TEST_CASE("the host allocator keeps no more than was alive at once, however the sizes change") {
  const auto held = [] {
    const auto found = mallinfo2();
    return found.uordblks + found.hblkhd;
  };
  const std::size_t before = held();
  const auto allocator = make_host_allocator();
  for (std::size_t size = 1000; size < 8'000'000; size += size / 9) allocator->allocate(size);
  CHECK(held() <= before + allocator->peak_bytes() + 200'000);  // and the lists of what is kept
  CHECK(allocator->peak_bytes() >= 7'000'000);
}

TEST_CASE("the host allocator takes requests from several threads") {
  const auto allocator = make_host_allocator();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (std::size_t i = 1; i < 2000; ++i) std::memset(allocator->allocate(i).get(), 1, i);
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(allocator->live_bytes() == 0);
}

TEST_CASE("the CPU is a device whose streams work at once") {
  const auto device = open_device({"cpu", 0});
  CHECK(device->is_host());
  CHECK_THAT(device->describe(), ContainsSubstring("core"));
  const auto stream = device->make_stream();
  const std::vector<int> from{1, 2, 3};
  std::vector<int> to(3);
  stream->copy(to.data(), from.data(), 12);
  const Event event = stream->record();
  CHECK(event.done());
  stream->wait(event);
  CHECK(to == from);
}

TEST_CASE("a device that is not there is an error of kind device, or a reason") {
  CHECK(choose_device("auto").id == DeviceId{"cpu", 0});
  CHECK_FALSE(choose_device("auto").reason.empty());
  CHECK(choose_device("cpu").id.kind == "cpu");
  CHECK(name_of([] { choose_device("cuda:1"); }) == "device-unavailable");
  CHECK(name_of([] { open_device({"cuda", 0}); }) == "device-unavailable");
  CHECK(list_devices().front().cores >= 1);
}

TEST_CASE("alone, a sum over all ranks is what it was") {
  const auto self = make_self_communicator();
  std::vector<float> values{1, 2};
  self->all_reduce_sum(values);
  CHECK(values == std::vector<float>{1, 2});
  CHECK(self->size() == 1);
  CHECK(self->rank() == 0);
}

TEST_CASE("the registry finds stages by name and refuses a second one") {
  StageRegistry registry;
  registry.set_origin("first", "1", "MIT", "first.so");
  registry.add(make_stage_info<Nothing>("nothing"));
  REQUIRE(registry.find("nothing") != nullptr);
  CHECK(registry.find("nothing")->kind == StageKind::serial);
  CHECK(registry.find("nothing")->plugin == "first");
  CHECK(registry.find("something") == nullptr);
  CHECK(registry.names() == std::vector<std::string>{"nothing"});
  CHECK(name_of([&] { registry.add(make_stage_info<Nothing>("nothing")); }) == "duplicate-stage");
}

TEST_CASE("a parameter may not be named like a key of nodes") {
  const std::string key = GENERATE("stage", "chain", "in", "with", "seed", "role", "run");
  StageRegistry registry;
  StageInfo info = make_stage_info<Nothing>("nothing");
  info.spec.param(Param(key, ParamType::text(), "Never seen."));
  CHECK(name_of([&] { registry.add(std::move(info)); }) == "reserved-parameter");
  CHECK(registry.names().empty());
}

TEST_CASE("suggestions are close, the closest first") {
  const std::vector<std::string> known{"normalize", "one_hot", "classes", "flatten"};
  CHECK(close_names("class", known) == std::vector<std::string>{"classes"});
  CHECK(close_names("normalise", known) == std::vector<std::string>{"normalize"});
  CHECK(close_names("flaten", known) == std::vector<std::string>{"flatten"});
  CHECK(close_names("zebra", known).empty());
  CHECK(close_names("onehot", known) == std::vector<std::string>{"one_hot"});
}

TEST_CASE("stage state is kept by name") {
  StageState state;
  const std::vector<int> values{1, 2, 3};
  state.put("values", std::as_bytes(std::span(values)));
  CHECK(state.get("values").size() == 12);
  CHECK(name_of([&] { state.get("other"); }) == "no-such-state");
}

TEST_CASE("a build says what it is made of") {
  const BuildInfo build = build_info();
  CHECK_THAT(build.describe(), ContainsSubstring(build.compiler));
  CHECK(build.onednn.find('.') != std::string::npos);
}

TEST_CASE("counts are written with the noun that fits them") {
  CHECK(counted(1, "byte") == "1 byte");
  CHECK(counted(0, "byte") == "0 bytes");
  CHECK(counted(std::int64_t{-2}, "row") == "-2 rows");
  CHECK(counted(std::size_t{1}, "class", "classes") == "1 class");
  CHECK(counted(10U, "packet waits", "packets wait") == "10 packets wait");
}

TEST_CASE("a float32 is a number that stays within its bounds when it is rounded") {
  const ParamType any = ParamType::float32(), rate = ParamType::float32().at_least(0).below(1);
  CHECK(any.describe() == "number");
  for (const double good : {0.0, 1.0, -1e38, 1e-45, 0.1}) CHECK(any.why_no_float32(good).empty());
  CHECK(any.why_no_float32(1e39) == "inf as float32");
  CHECK(any.why_no_float32(-1e300) == "-inf as float32");
  CHECK(any.why_no_float32(1e-60) == "0 as float32");
  CHECK(rate.why_no_float32(0.99999999999) == "1 as float32");
  CHECK(rate.why_no_float32(0.9999999).empty());
  CHECK(ParamType::number().why_no_float32(1e300).empty());
}

TEST_CASE("an integer is a float32 only where it is held as it is, and a number with a point is rounded") {
  const ParamType any = ParamType::float32();
  for (const std::int64_t held : {std::int64_t{16777216}, std::int64_t{-16777218}, std::int64_t{1} << 62, INT64_MIN})
    CHECK(any.why_no_float32(held).empty());
  CHECK(any.why_no_float32(16777217) == "16777216 as float32");
  CHECK(any.why_no_float32(-1700000001) == "-1700000000 as float32");
  CHECK(any.why_no_float32(INT64_MAX) == "9223372036854775808 as float32");
  CHECK(any.why_no_float32(16777217.0).empty());
}
