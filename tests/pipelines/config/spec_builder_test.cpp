// Reading: what YAML, `extends`, the environment, chains and overrides make of a text.
#include "config/spec/spec_builder.hpp"
#include "built_in_graph.hpp"
#include "catch.hpp"
#include "config/spec/document_reader.hpp"
#include "temp_folder.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>

namespace millrace::pipelines {
namespace {

const ValidatedNode& node(const ValidatedGraph& graph, std::string_view name) {
  for (const ValidatedNode& n : graph.nodes)
    if (n.name == name) return n;
  FAIL("no node " << name);
  throw std::logic_error("not reached");
}

GraphSpec spec_of_text(const std::string& text, const std::vector<std::string>& sets = {}) {
  const testing::TempFolder configs;
  std::vector<Override> overrides;
  for (const std::string& set : sets) overrides.push_back({set, "set"});
  Diagnostics diagnostics;
  std::optional<DocNode> document = read_document(configs.file("config.yaml", text), diagnostics);
  REQUIRE(document);
  GraphSpec spec = build_spec(std::move(*document), overrides, built_in_stages(), diagnostics);
  INFO(render(diagnostics));
  REQUIRE(diagnostics.empty());
  return spec;
}

/// Of the first unknown key of a text: whether it says what is meant.
bool suggests(const std::string& text) {
  const testing::TempFolder configs;
  Diagnostics diagnostics;
  std::optional<DocNode> document = read_document(configs.file("config.yaml", text), diagnostics);
  REQUIRE(document);
  build_spec(std::move(*document), {}, built_in_stages(), diagnostics);
  INFO(render(diagnostics));
  const std::vector<Diagnostic> all = diagnostics.sorted();
  const auto unknown =
      std::find_if(all.begin(), all.end(), [](const Diagnostic& d) { return d.name == "unknown-key"; });
  REQUIRE(unknown != all.end());
  return unknown->suggests;
}

const std::string kTable = R"(version: 1
chains:
  rows: [flatten, normalize: {scale: 1/4}, normalize: {mean: 1, std: 2}]
graph:
  points: {stage: table_source, with: {columns: {x: [0, 16, 32]}}}
  a: {chain: rows, in: points}
  b: {chain: rows, in: points}
  show: {stage: print, in: a}
  more: {stage: print, in: b}
)";

const std::string kTrainer = R"(version: 1
graph:
  data: {stage: table_source, with: {columns: {x: [0, 1, 2], y: [0, 2, 4]}}}
  batches: {stage: batcher, in: {inputs: data.x, targets: data.y}, with: {batch_size: 2}}
  learn: {stage: trainer, in: batches, with: {model: [{dense: {units: 1}}], loss: mse}}
  log: {stage: metrics_sink, in: {train: learn.metrics}}
)";

TEST_CASE("an unknown key says whether it has found what is meant") {
  CHECK(suggests("version: 1\nepoch: 2\ngraph: {}\n"));
  CHECK_FALSE(suggests("version: 1\nxyzzy: 2\ngraph: {}\n"));
  CHECK(suggests("input_features: []\n"));  // a file of Ludwig
  CHECK(suggests("version: 1\ngraph:\n  a: {stag: print}\n"));
  CHECK_FALSE(suggests("version: 1\ngraph:\n  a: {xyzzy: 1, stage: print}\n"));
}

TEST_CASE("the headline config is accepted") {
  const ValidatedGraph graph = graph_of(MILLRACE_CONFIGS "/mnist_mlp.yaml");
  CHECK(graph.name == "mnist_mlp");
  CHECK(graph.seed == 42);
  CHECK(graph.epochs == 5);
  CHECK(graph.nodes.size() == 15);
  CHECK(node(graph, "train_inputs.normalize").params["scale"].number() == 1.0 / 255.0);
  CHECK(node(graph, "learn").params["optimizer"].alternative() == "rmsprop");
  CHECK(node(graph, "train").budget_blocks == 8);
  CHECK(graph.config_hash.size() == 64);
}

TEST_CASE("producers stand before their consumers, otherwise in the user's order") {
  const ValidatedGraph graph = graph_of_text(R"(version: 1
graph:
  show: {stage: print, in: flat}
  flat: {stage: flatten, in: points}
  points: {stage: table_source, with: {columns: {x: [0, 1]}}}
)");
  REQUIRE(graph.nodes.size() == 3);
  CHECK(graph.nodes[0].name == "points");
  CHECK(graph.nodes[1].name == "flat");
  CHECK(graph.nodes[2].name == "show");
  CHECK(graph.nodes[2].inputs.at(0).from_node == 1);
}

TEST_CASE("a chain becomes nodes, repeats are counted, and its name means the last of them") {
  const ValidatedGraph graph = graph_of_text(kTable);
  CHECK(node(graph, "a.normalize_2").params["std"].number() == 2);
  CHECK(graph.nodes.at(node(graph, "show").inputs.at(0).from_node).name == "a.normalize_2");
}

TEST_CASE("an override of a chain node changes one use, an override of the chain all") {
  const ValidatedGraph one = graph_of_text(kTable, {"a.normalize.scale=1/8"});
  CHECK(node(one, "a.normalize").params["scale"].number() == 0.125);
  CHECK(node(one, "b.normalize").params["scale"].number() == 0.25);
  const ValidatedGraph all = graph_of_text(kTable, {"chains.rows.1.normalize.scale=1/8"});
  CHECK(node(all, "a.normalize").params["scale"].number() == 0.125);
  CHECK(node(all, "b.normalize").params["scale"].number() == 0.125);
}

TEST_CASE("null takes a stage out of one use of a chain, in an override and in a file") {
  const ValidatedGraph whole = graph_of_text(kTable);
  const ValidatedGraph graph = graph_of_text(kTable, {"a.normalize=null"});
  CHECK(graph.nodes.size() + 1 == whole.nodes.size());
  CHECK(std::none_of(graph.nodes.begin(), graph.nodes.end(), [](const auto& n) { return n.name == "a.normalize"; }));
  CHECK(node(graph, "a.normalize_2").params["std"].number() == 2);
  CHECK(graph.nodes.at(node(graph, "a.normalize_2").inputs.at(0).from_node).name == "a.flatten");
  CHECK(node(graph, "b.normalize").params["scale"].number() == 0.25);
  std::string text(kTable);
  const std::size_t a = text.find("a: {chain: rows");
  REQUIRE(a != std::string::npos);
  text.insert(a + std::string_view("a: {chain: rows").size(), ", with: {normalize: ~}");
  CHECK(graph_of_text(text).nodes.size() == graph.nodes.size());
}

TEST_CASE("overrides set what the file does not mention") {
  const ValidatedGraph graph = graph_of_text(
      kTrainer, {"epochs=7", "seed=9", "epochs_ahead=0", "threads=3", "learn.model.0.dense.use_bias=false",
                 "learn.optimizer.rmsprop.rho=0.5", "data.run.blocks=20", "data.with.block_rows=1"});
  CHECK(graph.epochs == 7);
  CHECK(graph.seed == 9);
  CHECK(graph.epochs_ahead == 0);
  CHECK(graph.threads == 3);
  CHECK_FALSE(node(graph, "learn").params["model"].list().at(0).alternative_params()["use_bias"].boolean());
  CHECK(node(graph, "learn").params["optimizer"].alternative_params()["rho"].number() == 0.5);
  CHECK(node(graph, "data").budget_blocks == 20);
}

TEST_CASE("another alternative of a one-of replaces the one in the file, and the last override wins") {
  const ValidatedGraph graph =
      graph_of_text(kTrainer, {"learn.optimizer.rmsprop.rho=0.5", "learn.optimizer.sgd.learning_rate=0.1",
                               "learn.optimizer.sgd.learning_rate=2e-2"});
  CHECK(node(graph, "learn").params["optimizer"].alternative() == "sgd");
  CHECK(node(graph, "learn").params["optimizer"].alternative_params()["learning_rate"].number() == 0.02);
}

TEST_CASE("a budget is widened to what is kept back downstream") {
  const ValidatedGraph graph = graph_of_text(kTrainer, {"data.run={blocks: 1, bytes: 1}", "data.block_rows=1"});
  CHECK(node(graph, "data").declared_blocks == 1);
  CHECK(node(graph, "data").budget_blocks == 3);
  CHECK(node(graph, "data").budget_bytes == 3 * 2 * sizeof(float));
  CHECK(node(graph, "data").declared_bytes == 1);
}

TEST_CASE("anchors, aliases and merge keys work, and a key of the map itself wins") {
  const ValidatedGraph graph = graph_of_text(R"(version: 1
x-small: &small {batch_size: 2}
graph:
  points: &points {stage: table_source, with: {columns: {x: [0, 1]}}}
  others: {<<: *points, with: {columns: {x: [5, 6]}}}
  b: {stage: batcher, in: {x: points}, with: {<<: [*small, {batch_size: 9}]}}
  show: {stage: print, in: b}
  more: {stage: print, in: others}
)");
  CHECK(node(graph, "b").params["batch_size"].integer() == 2);
  CHECK(node(graph, "others").params["columns"]["x"].list().at(0).integer() == 5);
}

TEST_CASE("a config extends another: parameters are replaced one by one, null removes a node") {
  const testing::TempFolder configs;
  configs.file("base.yaml", kTrainer + "  extra: {stage: print, in: data.x}\n");
  const ValidatedGraph graph = graph_of(configs.file("over.yaml", R"(extends: base.yaml
epochs: 3
graph:
  learn: {with: {optimizer: {adam: {}}}}
  batches: {with: {batch_size: 3}}
  extra: null
)"));
  CHECK(graph.epochs == 3);
  CHECK(node(graph, "learn").params["optimizer"].alternative() == "adam");
  CHECK(node(graph, "learn").params["loss"].text() == "mse");
  CHECK(node(graph, "batches").params["batch_size"].integer() == 3);
  CHECK(graph.nodes.size() == 4);
}

TEST_CASE("the environment and the seed are put in, and a lone reference takes the type of its value") {
  REQUIRE(setenv("MILLRACE_TEST_ROWS", "7", 1) == 0);
  REQUIRE(unsetenv("MILLRACE_TEST_UNSET") == 0);
  const ValidatedGraph graph = graph_of_text(R"(version: 1
seed: 5
name: run-${seed}-${env:MILLRACE_TEST_UNSET:-none}-$${seed}
graph:
  points: {stage: table_source, with: {columns: {x: [0, 1]}}}
  show: {stage: print, in: points, with: {rows: "${env:MILLRACE_TEST_ROWS}"}}
)",
                                             {"seed=6"});
  CHECK(graph.name == "run-6-none-${seed}");
  CHECK(node(graph, "show").params["rows"].integer() == 7);
}

TEST_CASE("a default may hold references, and a variable's value none") {
  REQUIRE(setenv("MILLRACE_TEST_VALUE", "${seed} and ${", 1) == 0);
  REQUIRE(unsetenv("MILLRACE_TEST_UNSET") == 0);
  const auto name_of = [](const std::string& name) {
    return graph_of_text("version: 1\nseed: 5\nname: '" + name + R"('
graph:
  points: {stage: table_source, with: {columns: {x: [0, 1]}}}
  show: {stage: print, in: points}
)")
        .name;
  };
  CHECK(name_of("a${env:MILLRACE_TEST_UNSET:-${seed}}b") == "a5b");
  CHECK(name_of("${env:MILLRACE_TEST_UNSET:-${env:MILLRACE_TEST_UNSET:-x${seed}}}}") == "x5}");
  CHECK(name_of("${env:MILLRACE_TEST_UNSET:-$${seed}}") == "${seed}");
  CHECK(name_of("${env:MILLRACE_TEST_VALUE:-${seed}}") == "${seed} and ${");
  CHECK(name_of("$${env:A and $${") == "${env:A and ${");
}

TEST_CASE("the resolved document has every value with its origin") {
  const GraphSpec spec = spec_of_text(kTrainer, {"learn.optimizer.rmsprop.rho=0.5"});
  const DocNode& with = spec.resolved.find("graph")->value.find("learn")->value.find("with")->value;
  const DocNode& rmsprop = with.find("optimizer")->value.find("rmsprop")->value;
  CHECK(rmsprop.find("rho")->value.where.source->is_argument);
  CHECK(rmsprop.find("rho")->value.text == "0.5");
  CHECK(rmsprop.find("epsilon")->value.where.source->name == "default");
  CHECK(with.find("loss")->value.where.line == 5);
  CHECK(spec.resolved.find("epochs")->value.text == "1");
}

TEST_CASE("the hash of a config knows what decides results, and nothing else") {
  const std::string hash = graph_of_text(kTrainer).config_hash;
  CHECK(graph_of_text("# a comment\n" + kTrainer).config_hash == hash);
  CHECK(graph_of_text(kTrainer, {"threads=2", "data.run.blocks=4", "learn.optimizer.rmsprop.rho=9/10"}).config_hash ==
        hash);
  CHECK(graph_of_text(kTrainer, {"learn.optimizer.rmsprop.rho=0.8"}).config_hash != hash);
  CHECK(graph_of_text(kTrainer, {"seed=1"}).config_hash != hash);
  CHECK(graph_of_text(kTrainer, {"epochs=2"}).config_hash != hash);
}

TEST_CASE("a byte order mark and Windows line ends do no harm") {
  std::string text = "\xEF\xBB\xBF";
  for (const char c : kTrainer) text += c == '\n' ? std::string("\r\n") : std::string(1, c);
  CHECK(graph_of_text(text).config_hash == graph_of_text(kTrainer).config_hash);
}

}  // namespace
}  // namespace millrace::pipelines
