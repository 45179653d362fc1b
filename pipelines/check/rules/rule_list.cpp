// A constant table in the order of the checks: the file, overrides, keys and values, nodes and edges, what stages say, warnings.
#include "rule_list.hpp"

#include <array>

namespace millrace::pipelines {
namespace {

constexpr std::array kRules{
    // the file
    Rule{"config-unreadable", "The file of the command line can be read."},
    Rule{"too-large", "Files, texts, documents and graphs keep within their limits."},
    Rule{"too-deep", "Values nest at most 64 levels deep, aliases expanded."},
    Rule{"yaml-encoding", "A config is UTF-8 without control characters."},
    Rule{"yaml-syntax", "The text is YAML."},
    Rule{"yaml-documents", "A file has one document."},
    Rule{"yaml-tag", "Only the core tags of YAML are used."},
    Rule{"yaml-key", "A key is a text."},
    Rule{"yaml-merge", "`<<` merges maps."},
    Rule{"alias-cycle", "No alias stands inside the value that it names."},
    Rule{"duplicate-key", "A key stands once in a map."},
    Rule{"empty-config", "There is something in the file."},
    Rule{"extends-missing", "The file that is extended can be read."},
    Rule{"extends-foreign", "The file that is extended is a config."},
    Rule{"extends-cycle", "No file extends itself."},
    Rule{"unset-variable", "An environment variable is set, or has a default."},
    Rule{"bad-reference", "`${...}` names the environment or the seed."},
    // overrides
    Rule{"override-syntax", "An override is PATH=VALUE."},
    Rule{"unknown-path", "The path of an override leads to something that can be set."},
    // keys and values
    Rule{"unknown-key", "Every key of the config and of a node is known."},
    Rule{"missing-key", "`version` and `graph` are there, and a node's `stage` or `chain`."},
    Rule{"conflicting-keys", "A node has a stage or a chain, not both."},
    Rule{"wrong-type", "A value has the type of its parameter."},
    Rule{"leading-zero", "Numbers have no leading zeros."},
    Rule{"not-finite", "Numbers are finite."},
    Rule{"out-of-range", "Numbers keep within the range of their parameter."},
    Rule{"wrong-length", "Lists have the length that is asked for; a one-of has one entry."},
    Rule{"unknown-choice", "A choice is one of those that there are."},
    Rule{"unknown-parameter", "Every parameter is one of its stage, layer, optimizer or chain."},
    Rule{"missing-parameter", "Every parameter without a default is given."},
    // nodes and edges
    Rule{"empty-graph", "The graph has nodes."},
    Rule{"bad-name", "Nodes have names that a reference can name."},
    Rule{"reserved-name", "No node bears the name of a key."},
    Rule{"unknown-stage", "Every stage is registered."},
    Rule{"unknown-chain", "Every chain is declared."},
    Rule{"unused-chain", "Every chain is used."},
    Rule{"chain-stage", "Stages of a chain have one input and one output."},
    Rule{"run-without-source", "Only sources have budgets."},
    Rule{"cannot-isolate",
         "A stage in a process of its own takes and gives data on the host, and talks to nobody else."},
    Rule{"unknown-node", "Every reference names a node."},
    Rule{"unknown-output", "Every reference names an output that there is."},
    Rule{"ambiguous-output", "Of several outputs one is named."},
    Rule{"unknown-input", "Every input is one of its stage."},
    Rule{"ambiguous-input", "Of several inputs one is named."},
    Rule{"missing-input", "Every input that is needed is connected."},
    Rule{"port-kind", "Data, metrics and models go where they are taken."},
    Rule{"self-edge", "No node is its own input."},
    Rule{"cycle", "The graph has no cycles."},
    Rule{"unused-node", "Every node that is no sink is used."},
    Rule{"join-mismatch", "Packets that are joined are numbered by one node."},
    Rule{"starvation", "No source waits for itself, alone or in a circle."},
    Rule{"rank-rows", "Several processes can share the rows that they train on."},
    Rule{"device-unavailable", "The device is there."},
    Rule{"metric-clash", "No two metrics bear one name in the history."},
    Rule{"unknown-metric", "The metric that `keep` monitors is told by a node."},
    Rule{"reserved-metric", "No metric is called as a key of the history is."},
    Rule{"unused-seed", "A node with a seed of its own draws something at random."},
    Rule{"needs-host-memory", "What lies on the device goes to stages that read there."},
    Rule{"role-without-rows", "Only a source has a role."},
    Rule{"wrong-role", "Rows are used for what their role says, and those of a test are evaluated."},
    Rule{"test-set-used", "No training and no choice sees the test set."},
    // what stages say
    Rule{"shape-mismatch", "Shapes fit the stage that takes them."},
    Rule{"dtype-mismatch", "Types fit the stage that takes them."},
    Rule{"rows-mismatch", "What is joined or stands in one table has equally many rows."},
    Rule{"missing-field", "A batch has the fields that training needs."},
    Rule{"unknown-field", "A batch has no field that training does not know."},
    Rule{"not-a-single-tensor", "A batch is made from single tensors."},
    Rule{"conflicting-parameters", "Parameters do not contradict each other."},
    Rule{"row-range", "Ranges of rows lie within the file."},
    Rule{"normalized-twice", "Values that are small already are not scaled down again."},
    Rule{"duplicate-class", "A class is named once."},
    Rule{"duplicate-metric", "A metric is asked for once."},
    Rule{"unknown-class", "Every class of the input is named."},
    Rule{"label-out-of-range", "Labels are smaller than the number of classes."},
    Rule{"unknown-column", "Only columns of the table are spoken of."},
    Rule{"loss-needs-activation", "A loss gets the activation that it is defined for."},
    Rule{"softmax-not-last", "Softmax stands in the last layer."},
    Rule{"dropout-last", "The last layer is no dropout."},
    Rule{"empty-range", "A lower bound lies below its upper bound."},
    Rule{"target-out-of-range", "Crossentropies are taken of targets from 0 to 1."},
    Rule{"negative-weight", "No sample has a weight below 0."},
    Rule{"file-missing", "Files named by a config are there."},
    Rule{"too-little-memory", "There is as much memory as the run may take."},
    // warnings
    Rule{"target-sum", "Targets of a categorical crossentropy sum to 1."},
    Rule{"weights-all-zero", "Some sample has a weight above 0."},
    Rule{"inputs-not-scaled", "Bytes are scaled before a model learns from them."},
    Rule{"accuracy-of-a-regression", "Accuracy is asked for where rows are sorted into classes."},
    Rule{"classes-differ", "A class has one number where a model is trained and where it is measured."},
    Rule{"ranges-differ", "Rows that measure a model are scaled as those that train it."},
    Rule{"class-ids-as-quantities", "Class ids that stand for texts are not learned as quantities."},
    Rule{"train-evaluate-overlap", "Rows that a model is measured on have not trained it."},
};

}  // namespace

std::span<const Rule> rules() { return kRules; }

}  // namespace millrace::pipelines
