// Names of classes travel by reference: a packet costs the same with two of them and with ten thousand.
#include "allocation_count.hpp"
#include "catch.hpp"

#include <millrace/testing/stage_tester.hpp>

using namespace millrace;
using namespace millrace::testing;

namespace {

constexpr int kFew = 2, kMany = 10'000;

// Too long for the short string that needs no allocation, so that a copy of the names could not hide.
ParamValue::List names(int count) {
  ParamValue::List list;
  for (int i = 0; i < count; ++i)
    list.emplace_back("a name of a class that has the number " + std::to_string(100'000 + i));
  return list;
}

/// A packet of class ids under `count` names; two rows.
Tensor labels(int count) {
  const Tensor plain = rows<std::int32_t>({}, {1, 0}, ValueRange{0, 1});
  TensorSpec spec = plain.spec();
  std::vector<std::string> texts;
  for (const ParamValue& name : names(count)) texts.push_back(name.text());
  spec.class_names = std::move(texts);
  return plain.viewed_as(spec);
}

/// The third packet through a stage: what is allocated once is there by then.
Allocations third_packet(StageTester& tester, const Tensor& packet, const char* port) {
  for (int i = 0; i < 2; ++i) (tester.push("in", packet), tester.pop(port));
  return allocations_of([&] {
    tester.push("in", packet);
    tester.pop(port);
  });
}

Allocations through(const char* stage, const ParamValue::Map& params, int count) {
  StageTester tester(stage, params);
  return third_packet(tester, labels(count), "out");
}

Allocations through_one_hot(int count) { return through("one_hot", {{"classes", names(count)}}, count); }

Allocations from_table(int count) {
  StageTester table("table_source", {{"columns", ParamValue::Map{{"color", names(count)}}}, {"block_rows", 1}});
  const auto packet = [&] { (table.pull(), table.pop("color")); };
  packet();
  return allocations_of(packet);
}

}  // namespace

TEST_CASE("A view, a slice and a copy of a spec allocate the same with two names and with ten thousand") {
  const Tensor few = labels(kFew), many = labels(kMany);
  const auto handled = [](const Tensor& tensor) {
    return allocations_of([&] { tensor.viewed_as(TensorSpec(tensor.spec())).slice(0, 1); });
  };
  CHECK(handled(few) == handled(many));
}

TEST_CASE("An empty stage allocates the same for a packet with two names and with ten thousand") {
  CHECK(through("batcher", {{"batch_size", 2}}, kFew) == through("batcher", {{"batch_size", 2}}, kMany));
  CHECK(through("batcher", {{"batch_size", 1}}, kFew).bytes < 4096);
}

TEST_CASE("one_hot and table_source allocate the same for a packet with two names and with ten thousand") {
  CHECK(through_one_hot(kFew) == through_one_hot(kMany));
  CHECK(from_table(kFew) == from_table(kMany));
}

TEST_CASE("Names compare by what they are, wherever they lie") {
  const ClassNames names = {"red", "green"}, copy = names, again = {"red", "green"}, other = {"green", "red"};
  CHECK(names == copy);
  CHECK(names == again);
  CHECK_FALSE(names == other);
  CHECK(ClassNames() == ClassNames(std::vector<std::string>()));
  CHECK(ClassNames().empty());
  CHECK(names.at(1) == "green");
}
