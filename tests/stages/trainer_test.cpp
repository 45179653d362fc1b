// trainer, driven alone.
#include "catch.hpp"
#include "error_of.hpp"

#include <millrace/error.hpp>
#include <millrace/model.hpp>
#include <millrace/testing/stage_tester.hpp>

#include <cmath>
#include <limits>
#include <numeric>

using namespace millrace;
using namespace millrace::testing;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::EndsWith;
using Map = ParamValue::Map;
using List = ParamValue::List;

namespace {

ParamValue dense(std::int64_t units, const char* activation) {
  return Map{{"dense", Map{{"units", units}, {"activation", activation}}}};
}

Map params_of(List layers, const char* loss, Map more = {}) {
  Map params{{"model", std::move(layers)}, {"loss", loss}};
  for (auto& [key, value] : more) params.emplace_back(key, value);
  return params;
}
Map classifier(Map more = {}) {
  return params_of({dense(4, "relu"), dense(2, "softmax")}, "categorical_crossentropy", std::move(more));
}

/// Points of the plane; the class is the sign of the first coordinate.
Packet batch(std::int64_t rows, std::uint32_t epoch, bool last, std::uint64_t first = 0) {
  std::vector<float> x, y;
  for (std::int64_t i = 0; i < rows; ++i) {
    const auto t = static_cast<float>(i) + static_cast<float>(first);
    x.insert(x.end(), {std::sin(t), std::cos(3 * t)});
    y.insert(y.end(), {std::sin(t) > 0 ? 1.0F : 0.0F, std::sin(t) > 0 ? 0.0F : 1.0F});
  }
  Packet packet;
  packet.header = {0, epoch, first, last};
  packet.rows = rows;
  auto ids = std::make_shared<std::vector<std::uint64_t>>(static_cast<std::size_t>(rows));
  std::iota(ids->begin(), ids->end(), first);
  packet.ids = ids;
  packet.fields = {{"inputs", testing::rows<float>({2}, x)}, {"targets", testing::rows<float>({2}, y)}};
  return packet;
}

PortSpec port_of(RowShape inputs, RowShape targets) {
  PortSpec port;
  port.fields = {{"inputs", {DType::f32, std::move(inputs), {}, {}, {}}},
                 {"targets", {DType::f32, std::move(targets), {}, {}, {}}}};
  port.max_rows = 16;
  return port;
}

void train_epoch(StageTester& t, std::uint32_t epoch) {
  for (int i = 0; i < 4; ++i) t.push("in", batch(16, epoch, i == 3, static_cast<std::uint64_t>(i) * 16));
}

std::vector<InferError> errors_of(Map params, PortSpec port) {
  StageTester t("trainer", std::move(params));
  t.input("in", std::move(port));
  return t.infer();
}

}  // namespace

TEST_CASE("trainer emits metrics and a snapshot at the end of each epoch, and nothing before") {
  StageTester t("trainer", classifier({{"metrics", List{"accuracy", "mae"}}}));
  t.push("in", batch(16, 1, false));
  CHECK_FALSE(t.has_output("metrics"));
  CHECK_FALSE(t.has_output("model"));
  t.push("in", batch(5, 1, true, 16));  // the last batch may be short
  const Packet metrics = t.pop("metrics"), model = t.pop("model");
  CHECK(metrics.header.last_in_epoch);
  CHECK(model.header.last_in_epoch);
  CHECK(metrics.metrics->epoch == 1);
  CHECK(model.model->epoch() == 1);
  for (const char* name : {"loss", "accuracy", "mae", "seconds", "samples_per_second"})
    CHECK(metrics.metrics->find(name).value_or(-1) >= 0);
  CHECK(t.reported_model() == model.model);
  CHECK(model.model->model().parameters() == 2 * 4 + 4 + 4 * 2 + 2);
}

TEST_CASE("trainer times an epoch by its context's clock, from the end of the epoch before") {
  StageTester t("trainer", classifier());
  t.clock(100, 0.5);  // two readings a batch
  t.push("in", batch(16, 1, false)).push("in", batch(16, 1, true, 16));
  CHECK(t.pop("metrics").metrics->find("seconds") == 1.5);
  t.push("in", batch(16, 2, true));
  const Packet second = t.pop("metrics");
  CHECK(second.metrics->find("seconds") == 1.0);
  CHECK(second.metrics->find("samples_per_second") == 16.0);
}

TEST_CASE("trainer reports only the metrics that were asked for") {
  StageTester t("trainer", classifier());
  t.push("in", batch(16, 1, true));
  const Packet packet = t.pop("metrics");
  CHECK(packet.metrics->values.front().first == "loss");
  CHECK_FALSE(packet.metrics->find("accuracy").has_value());
  CHECK_FALSE(packet.metrics->find("mae").has_value());
}

TEST_CASE("trainer learns what can be learned") {
  StageTester t("trainer", classifier({{"metrics", List{"accuracy"}},
                                       {"optimizer", Map{{"adam", Map{{"learning_rate", 0.05}}}}}}));
  double first = 0, last = 0, accuracy = 0;
  for (std::uint32_t epoch = 1; epoch <= 30; ++epoch) {
    train_epoch(t, epoch);
    const Packet packet = t.pop("metrics");
    last = packet.metrics->find("loss").value();
    accuracy = packet.metrics->find("accuracy").value();
    if (epoch == 1) first = last;
  }
  CHECK(last < 0.3 * first);
  CHECK(accuracy > 0.95);
}

TEST_CASE("two epochs give the weights of one epoch, save, load into a fresh trainer, one epoch") {
  const auto optimizer = GENERATE(as<std::string>{}, "rmsprop", "adam", "sgd");
  const Map params = classifier({{"optimizer", ParamValue(optimizer)}});
  StageTester whole("trainer", params), begun("trainer", params), resumed("trainer", params);
  train_epoch(whole, 1);
  train_epoch(whole, 2);
  train_epoch(begun, 1);
  resumed.load(begun.save());
  train_epoch(resumed, 2);
  CHECK(resumed.reported_model()->weights_sha256() == whole.reported_model()->weights_sha256());
  CHECK(begun.reported_model()->weights_sha256() != whole.reported_model()->weights_sha256());
}

TEST_CASE("epochs: 0 gives the initial weights as epoch 0, and metrics without values") {
  StageTester t("trainer", classifier());
  t.epochs(0).seed(7);
  t.push("in", batch(16, 0, false));
  t.push("in", batch(16, 0, true, 16));
  CHECK(t.pop("metrics").metrics->values.empty());
  const Packet packet = t.pop("model");
  CHECK(packet.model->epoch() == 0);
  const std::vector<float> initial = initial_weights(packet.model->model(), 7);
  CHECK(std::equal(initial.begin(), initial.end(), packet.model->weights().begin(), packet.model->weights().end()));
}

TEST_CASE("a trainer's loss that is not finite stops the run") {
  StageTester t("trainer", params_of({dense(2, "linear")}, "mse"));
  Packet packet = batch(2, 1, false);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  packet.fields[0].tensor = rows<float>({2}, {1, 2, 3, nan});
  const Error error = error_of([&] { t.push("in", packet); });
  CHECK(error.kind() == ErrorKind::diverged);
  CHECK_THAT(error.message(), Catch::Matchers::EndsWith("is not finite: sample 1 has nan in `inputs`"));
  CHECK(error.help() == "mend that row or leave it out: data must be finite");
  CHECK(error.notes().empty());
}

TEST_CASE("a float64 that is not finite, also as float32, is named with its sample and field") {
  const auto told_of = [](double value) {
    StageTester t("trainer", params_of({dense(2, "linear")}, "mse"));
    Packet packet = batch(2, 1, false);
    packet.fields[0].tensor = rows<double>({2}, {1, 2, 3, value});
    const Error error = error_of([&] { t.push("in", packet); });
    CHECK(error.name() == "diverged");
    CHECK(error.help() == "mend that row or leave it out: data must be finite");
    return error.message();
  };
  CHECK_THAT(told_of(std::numeric_limits<double>::quiet_NaN()), EndsWith("sample 1 has nan in `inputs`"));
  CHECK_THAT(told_of(-std::numeric_limits<double>::infinity()), EndsWith("sample 1 has -inf in `inputs`"));
  CHECK_THAT(told_of(1e300), EndsWith("sample 1 has 1e+300 (inf as float32) in `inputs`"));
}

TEST_CASE("a step that is left out or gone back from has changed no weight, and is warned of once") {
  const auto after = [](const char* on_nan, bool is_poisoned) {
    StageTester t("trainer", classifier({{"on_nan", on_nan}}));
    for (std::uint64_t first = 0; is_poisoned && first < 32; first += 16) {
      Packet poison = batch(16, 1, false, first);
      poison.fields[0].tensor = rows<float>({2}, std::vector<float>(32, std::numeric_limits<float>::quiet_NaN()));
      t.push("in", poison);
    }
    t.push("in", batch(16, 1, true, 32));
    CHECK(t.warnings().size() == (is_poisoned ? 1 : 0));
    return std::pair(t.reported_model()->weights_sha256(), t.pop("metrics").metrics);
  };
  const auto [plain, none] = after("stop", false);
  const auto [skipped, skips] = after("skip", true);
  CHECK(skipped == plain);
  CHECK(skips->find("skipped_steps") == 2.0);
  CHECK(after("skip", false).first == plain);
  const auto [back, halved] = after("rollback", true);
  CHECK(back != plain);  // by a quarter of the rate
  CHECK(halved->find("rollbacks") == 2.0);
  CHECK(halved->find("learning_rate_factor") == 0.25);
  CHECK_FALSE(none->find("skipped_steps"));
}

TEST_CASE("a trainer names the layers that can be frozen, and takes numbers of activations for a mistake") {
  const auto told = [](List freeze) {
    StageTester t("trainer", classifier({{"freeze", std::move(freeze)}}));
    t.input("in", port_of({2}, {2}));
    std::string names;
    for (const InferError& error : t.infer()) names += error.name + " ";
    for (const InferError& warning : t.warnings()) names += warning.name + " ";
    return names;
  };
  using Number = std::int64_t;
  CHECK(told({Number{0}}).empty());
  CHECK(told({Number{1}}) == "freeze-no-weights ");  // 0 dense, 1 relu, 2 dense, 3 softmax
  CHECK(told({Number{3}}) == "freeze-no-weights ");
  CHECK(told({Number{4}}) == "unknown-layer ");
  CHECK(told({Number{0}, Number{2}}) == "all-frozen ");
}

TEST_CASE("trainer asks for a flatten when rows are no vectors") {
  const auto errors = errors_of(classifier(), port_of({28, 28}, {2}));
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].name == "shape-mismatch");
  CHECK(errors[0].site.what == ErrorSite::What::input);
  CHECK_THAT(errors[0].help, ContainsSubstring("flatten"));
}

TEST_CASE("trainer compares the targets with its last layer") {
  const auto errors = errors_of(classifier(), port_of({2}, {3}));
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].name == "shape-mismatch");
  CHECK_THAT(errors[0].help, ContainsSubstring("model.1.dense.units"));
  const auto labels = errors_of(classifier(), port_of({2}, {}));
  REQUIRE(labels.size() == 1);
  CHECK_THAT(labels[0].help, ContainsSubstring("one_hot"));
}

TEST_CASE("trainer knows which loss needs which last layer, and reports all errors at once") {
  const auto errors =
      errors_of(params_of({dense(2, "softmax"), dense(2, "relu")}, "categorical_crossentropy"), port_of({2}, {3}));
  std::vector<std::string> names;
  for (const InferError& error : errors) names.push_back(error.name);
  CHECK(names == std::vector<std::string>{"softmax-not-last", "loss-needs-activation", "shape-mismatch"});
  CHECK(errors[1].site.path == "loss");
  CHECK(errors_of(params_of({dense(2, "softmax")}, "binary_crossentropy"), port_of({2}, {2}))[0].name ==
        "loss-needs-activation");
  CHECK(errors_of(params_of({dense(2, "sigmoid")}, "binary_crossentropy"), port_of({2}, {2})).empty());
  CHECK(errors_of(params_of({dense(2, "softmax")}, "mse"), port_of({2}, {2})).empty());
}

TEST_CASE("trainer names fields that are missing or unknown, and weights of a wrong shape") {
  PortSpec port = port_of({2}, {2});
  port.fields[1].name = "labels";
  const auto errors = errors_of(classifier(), port);
  REQUIRE(errors.size() == 2);
  CHECK(errors[0].name == "unknown-field");
  CHECK(errors[1].name == "missing-field");
  PortSpec weighted = port_of({2}, {2});
  weighted.fields.push_back({"weights", {DType::f32, {2}, {}, {}, {}}});
  const auto shapes = errors_of(classifier(), weighted);
  REQUIRE(shapes.size() == 1);
  CHECK(shapes[0].name == "shape-mismatch");
}

TEST_CASE("row weights change what a trainer learns") {
  const auto hash = [](float second) {
    StageTester t("trainer", classifier());
    Packet packet = batch(2, 1, true);
    packet.fields.push_back({"weights", rows<float>({}, {1, second})});
    t.push("in", packet);
    return t.reported_model()->weights_sha256();
  };
  CHECK(hash(1) != hash(0));
  StageTester plain("trainer", classifier());
  plain.push("in", batch(2, 1, true));
  CHECK(hash(1) == plain.reported_model()->weights_sha256());
}

TEST_CASE("a trainer's model port tells what will come") {
  StageTester t("trainer", classifier());
  t.input("in", port_of({2}, {2}));
  const PortSpec& port = t.output_spec("model");
  REQUIRE(port.model);
  CHECK(port.kind == PortKind::model);
  CHECK(port.model->inputs == 2);
  CHECK(port.loss == Loss::categorical_crossentropy);
}

TEST_CASE("a precision is a permission: on the CPU each gives the bits of float32") {
  const auto hash = [](const char* precision) {
    StageTester t("trainer", classifier({{"precision", precision}}));
    train_epoch(t, 1);
    return t.reported_model()->weights_sha256();
  };
  CHECK(hash("tf32") == hash("float32"));
  CHECK(hash("bf16") == hash("float32"));
  StageTester plain("trainer", classifier());
  train_epoch(plain, 1);
  CHECK(plain.reported_model()->weights_sha256() == hash("float32"));
}

namespace {

Packet labeled(std::vector<float> targets, std::int64_t width, std::vector<float> weights = {}) {
  const auto rows = static_cast<std::int64_t>(targets.size()) / width;
  Packet packet = batch(rows, 1, true, 40);
  packet.fields[1].tensor = testing::rows<float>({width}, targets);
  if (!weights.empty()) packet.fields.push_back({"weights", testing::rows<float>({}, weights)});
  return packet;
}

std::string thrown_by(Map params, const Packet& packet) {
  StageTester t("trainer", std::move(params));
  try {
    t.push("in", packet);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::data);
    return error.name() + ": " + error.message();
  }
  return {};
}

}  // namespace

TEST_CASE("trainer refuses targets that its loss cannot be taken of, with the sample and its value") {
  const auto binary = [] { return params_of({dense(1, "sigmoid")}, "binary_crossentropy"); };
  CHECK(thrown_by(binary(), labeled({0, 1, 0.5F}, 1)).empty());
  CHECK_THAT(thrown_by(binary(), labeled({0, 1, 7}, 1)),
             ContainsSubstring("target-out-of-range: sample 42 has the target 7"));
  CHECK_THAT(thrown_by(binary(), labeled({0, -3}, 1)), ContainsSubstring("sample 41 has the target -3"));
  CHECK_THAT(thrown_by(classifier(), labeled({0, 1, -3, 5}, 2)),
             ContainsSubstring("sample 41 has the target -3 at place 0"));
  CHECK(thrown_by(params_of({dense(1, "linear")}, "mse"), labeled({-3, 7}, 1)).empty());
}

TEST_CASE("trainer warns of rows of probabilities that do not sum to 1") {
  StageTester t("trainer", classifier());
  t.push("in", labeled({0.05F, 0.95F, 0.333F, 0.667F}, 2));
  CHECK(t.warnings().empty());
  Packet more = labeled({0, 1, 1, 1}, 2);
  more.header.epoch = 2;
  t.push("in", more);
  REQUIRE(t.warnings().size() == 1);
  CHECK(t.warnings()[0].name == "target-sum");
  CHECK_THAT(t.warnings()[0].message, ContainsSubstring("sample 41 has targets that sum to 2"));
}

TEST_CASE("trainer refuses a weight below 0, and warns of an epoch in which all are 0") {
  const auto line = [] { return params_of({dense(1, "linear")}, "mse"); };
  CHECK_THAT(thrown_by(line(), labeled({1, 2}, 1, {1, -0.5F})),
             ContainsSubstring("negative-weight: sample 41 has the weight -0.5"));
  StageTester t("trainer", line());
  t.push("in", labeled({1, 2}, 1, {0, 0.5F}));
  CHECK(t.warnings().empty());
  Packet weightless = labeled({1, 2}, 1, {0, 0});
  weightless.header.epoch = 2;
  t.push("in", weightless);
  REQUIRE(t.warnings().size() == 1);
  CHECK(t.warnings()[0].name == "weights-all-zero");
}

TEST_CASE("trainer warns of bytes as they come and of an accuracy of quantities") {
  PortSpec port = port_of({2}, {1});
  port.fields[0].spec = {DType::u8, {2}, ValueRange{0, 255}, {}, {}};
  StageTester t("trainer", params_of({dense(1, "linear")}, "mse", {{"metrics", List{"mae", "accuracy"}}}));
  t.input("in", port);
  CHECK(t.infer().empty());
  REQUIRE(t.warnings().size() == 2);
  CHECK(t.warnings()[0].name == "inputs-not-scaled");
  CHECK(t.warnings()[1].name == "accuracy-of-a-regression");
  CHECK(t.warnings()[1].site.path == "metrics.1");
}

TEST_CASE("trainer does not warn where a mean squared error sorts rows into classes") {
  PortSpec port = port_of({2}, {2});
  port.fields[1].spec.encoding = {EncodingKind::indicator, 1, 0, 2};
  StageTester t("trainer", params_of({dense(2, "linear")}, "mse", {{"metrics", List{"accuracy"}}}));
  t.input("in", port);
  CHECK(t.infer().empty());
  CHECK(t.warnings().empty());
}
