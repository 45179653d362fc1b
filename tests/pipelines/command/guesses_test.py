"""What people who come from elsewhere type first: each guess is answered with what to type here, or is heeded.

A row is a command after `pipeline-run`, and what its help must hold: a path or a command that can be pasted."""
import gzip
import os
import pathlib
import re
import tempfile
import unittest

from program import PROGRAM, TINY, run

MNIST = "configs/mnist_mlp.yaml"
RATE = "--set learn.optimizer.rmsprop.learning_rate=0.01"
BOTH = "--set train_batches.batch_size=64, or --set valid_batches.batch_size=64"

# --set ... on configs/mnist_mlp.yaml, and the help
SETS = [
    ("learn.optimizer.learning_rate=0.01", RATE),
    ("learn.optimizer.adam.lr=1e-3", "learning_rate"),
    ("learn.optimizer.rmsprop=null", "set `learn.optimizer` as a whole, or a parameter of it; there are also: "),
    ("learn.optimizer.adam=null", "set `learn.optimizer` as a whole"),
    ("learn.model.0.dense=null", "set `learn.model.0` as a whole"),
    ("learn.model.7=null", "items are numbered 0 to 2"),
    ("graph=null", "a path begins with a node: "),
    ("log.valid=null", "to take it away write --set log.in.valid=null"),
    ("train_inputs.normalize.scale=0,5", "a decimal point is written `.`"),
    ("train_batches.batch_size=3,000", "nothing stands between thousands"),
    ("train_batches.batch_size=64,128", "for x in 64 128; do"),
    ("learn.optimizer=Adam", "`adam`"),
    ("learn.optimizer=adamw", "no decay of weights"),
    ("lr=0.01", RATE),
    ("learning_rate=0.01", RATE),
    ("batch_size=64", BOTH),
    ("bs=64", BOTH),
    ("optimizer=adam", "--set learn.optimizer=adam"),
    ("loss=mse", "--set learn.loss=mse"),
    ("metrics=[accuracy]", "--set 'learn.metrics=[accuracy]'"),
    ("learn.lr=0.01", RATE),
    ("learn.learning_rate=0.01", RATE),
    ("learn.optimizer.lr=0.01", RATE),
    ("trainer.max_epochs=3", "write --set epochs=3"),
    ("max_epochs=3", "write --set epochs=3"),
    ("num_epochs=3", "write --set epochs=3"),
    ("trainer.optimizer.lr=0.01", RATE),
    ("model.0.units=3", "--set learn.model.0.dense.units=3"),
    ("+learn.l1=0.3", "PATH+=VALUE"),
    ("++epochs=3", "write --set epochs=3"),
    ("~log", "--set log=null"),
    ("~log=", "--set log=null"),
    ("epochs=1,2,3", "for x in 1 2 3; do pipeline-run CONFIG --set epochs="),
    ("learn.optimizer.rmsprop.rho=[0.5, 0.9]", "for x in 0.5 0.9; do pipeline-run CONFIG --set learn.optimizer.rmsprop.rho="),
    ("valid=null", "--set valid_inputs=null --set valid_targets=null --set valid_batches=null --set valid_to_device=null "
                   "--set evaluate=null --set log.in.valid=null"),
    ("epochs=range(1,3)", "for x in"),
    ("epochs=[1, 2, 3]", "for x in"),
    ("learn.model[0].dense.units=256", "write --set learn.model.0.dense.units=256"),
    ("learn.model.0.units=256", "learn.model.0.dense.units=256"),
    ("learn.model.-1.dense.units=3", "items are numbered 0 to 2"),
    ("learn.model.3.dense.units=3", "items are numbered 0 to 2"),
    ("learn.model.0.dropout.rate=0.5", "--set 'learn.model.0={dropout: {rate: 0.5}}'"),
    ("learn.model.0.dropout=0.5", "--set 'learn.model.0={dropout: 0.5}'"),
    ("learn.model.0={dropout: 0.5}", "write {rate: 0.5}"),
    ("learn.model.0.dense.kernel_initializer.constant=4", "write {value: 4}"),
    ("train_batches.batch_size=64.0", "write 64"),
    ("train_batches.batch_size=1e2", "write 100"),
    ("graph.learn.loss=mse", "leave out `graph.`: learn"),
    ("valid=3", "--set valid=null"),
    ("x-foo=1", "nothing reads it|aliases have been replaced"),
    ("extends=foo.yaml", "extends: base.yaml"),
    ("device=gpu", "`cuda`"),
    ("device=mps", "auto, cpu, cuda"),
    ("learn.metrics=accuracy", r"write \[accuracy\]"),
    ("learn.metrics=[accuracy, auc]", "areas under curves are not measured"),
    ("learn.metrics=[precision]", "recall and precision"),
    ("seed=auto", "write a number"),
    ("seed=random", "write a number"),
    ("epochs=${env:MILLRACE_NOPE}", "MILLRACE_NOPE:-value"),
    ("early_stopping.patience=3", "there is no early stopping"),
    ("lr_scheduler=cosine", "there are no schedules"),
    ("valid.stage=csv_source", "no reader of CSV"),
    ("learn.stage=Dense", "layers stand in the list `model`"),
    ("learn.stage=Sequential", "a model is the list `model`"),
    ("learn.optimizer.adm.beta_1=1", "`adam`"),
    ("seed.x=1", "seed is: integer"),
    ("train_inputs.normalise.scale=1", "`normalize`|train_inputs.normalize.scale"),
    ("epochs+=1", "adds items to a list"),
    ("log.in.train2=null", "inputs: train, valid"),
    ("batch-size=64", BOTH),
    ("layers=3", "the number of layers is the length of the list: write --set 'learn.model=[dense: {units: 512}, ...]'"),
    ("learn.layers=3", "the number of layers is the length of the list: write --set 'learn.model=[dense: {units: 512}, ...]'"),
    ("learn.model=3", "the number of layers is the length of the list: write --set 'learn.model=[dense: {units: 512}, ...]'"),
    ("learn.model=[3]", "write dense: {units: 3}"),
    ("learn.model=[512, 0.5, 10]", "write dropout: {rate: 0.5}"),
    ("learn.model=dense", r"write \[dense\]"),
    ("learn.model.3.dense.units=64", "to add one at the end write --set 'learn.model+={dense: {units: 64}}'"),
    ("learn.model.3={dropout: {rate: 0.5}}", "write --set 'learn.model+={dropout: {rate: 0.5}}'"),
    ("learn.model.3.dense.units=64", "--set learn.model.2=null takes one away"),
    ("learn.model.dense.units=256", "write --set learn.model.0.dense.units=256, or"),
    ("learn.model.units=256", "to add one at the end write --set 'learn.model+={dense: {units: 512}}'"),
    ("learn.model.3=null", "items are numbered 0 to 2"),
    ("learn.optimizer.rmsprop.decay=1", "there is `learn.optimizer.rmsprop.rho`, which takes number, at least 0, below 1"),
    ("learn.optimizer.rmsprop.decay=0.5", "write --set learn.optimizer.rmsprop.rho=0.5"),
    ("metrics=mae", r"write --set 'learn.metrics=\[mae\]'"),
    ("learn.model.0.dense.activation=gelu", r"this activation is not there +\(choices"),
    ("dropout=0.5", "write --set 'learn.model=[{dense: {units: 512, activation: relu}}, {dense: {units: 512, activation: relu}}, "
                    "dropout: {rate: 0.5}, {dense: {units: 10, activation: softmax}}]'"),
    ("graph.extra={stage: print, in: learn.model}", "a file of two lines adds one, which --set cannot:"),
    ("extra={stage: print, in: learn.model}", "a file of two lines adds one, which --set cannot:"),
    ("learn={stage: print, in: valid}", "a file of two lines replaces it:"),
]

# --set ... that is heeded
GOOD = [
    ["learn.optimizer=adam"],
    ["learn.optimizer.adam.learning_rate=1e-3"],
    ["learn.with.loss=categorical_crossentropy"],
    ["epochs=${env:MILLRACE_NOPE:-7}"],
    ["learn.model.0={dropout: {rate: 0.5}}"],
    ["learn.model.1=null"],
    ["learn.optimizer.rmsprop.clip_norm=null"],
    ["evaluate.metrics+=mae"],
    ["log.in.valid=null", "evaluate=null", "valid=null", "valid_inputs=null", "valid_targets=null", "valid_batches=null",
     "valid_to_device=null"],
    ["chains.rows.1=null"],
    ["learn.model=[{dense: {units: 512, activation: relu}}, {dense: {units: 512, activation: relu}}, dropout: {rate: 0.5}, "
     "{dense: {units: 10, activation: softmax}}]"],
    ["learn.model.2=null", "learn.model+={dense: {units: 10, activation: softmax}}"],
    ["learn.model.2=null", "learn.model+=[{dropout: {rate: 0.5}}, {dense: {units: 10, activation: softmax}}]"],
]

# other words of the command line, their exit code and the help
COMMANDS = [
    (["check", MNIST, "--epochs", "3"], 2, "write --set epochs=3"),
    (["check", MNIST, "--max-epochs=3"], 2, "write --set epochs=3"),
    (["check", MNIST, "--batch-size", "64"], 2, BOTH),
    (["check", MNIST, "--lr", "0.01"], 2, RATE),
    (["check", MNIST, "--seed", "3"], 2, "--set seed=3"),
    (["check", MNIST, "--sets", "epochs=3"], 2, "`--set`"),
    (["check", MNIST, "--layers", "3"], 2, "--set 'learn.model=[dense: {units: 512}, ...]'"),
    (["check", MNIST, "--loss", "3"], 2, "there is `learn.loss`, which takes one of: "),
    (["check", MNIST, "--optimizer", "3"], 2, "there is `learn.optimizer`, which takes sgd | "),
    (["check", MNIST, "--shuffle", "3"], 2, "there is `train.shuffle`, which takes true or false"),
    (["check", MNIST, "--shuffle"], 2, "write --set train.shuffle=VALUE"),
    (["check", MNIST, "--dropout", "0.5"], 2, "dropout: {rate: 0.5}"),
    (["check", MNIST, "--save"], 2, "pipeline-run export last -o model.onnx"),
    (["check", MNIST, "--checkpoint", "x"], 2, "pipeline-run export last -o model.onnx"),
    (["check", MNIST, "--resume", "x"], 2, "pipeline-run resume last"),
    (["check", MNIST, "--gpus", "2"], 2, "write --device cuda"),
    ([MNIST, "--cuda"], 2, "write --device cuda"),
    ([MNIST, "--cpu"], 2, "write --device cpu"),
    ([MNIST, "--verbose"], 2, "every epoch is told as it is"),
    ([MNIST, "--validation-split", "0.1"], 2, "rows are split by hand"),
    ([MNIST, "--data-dir", "x"], 2, "set MILLRACE_DATA_DIR=DIR"),
    ([MNIST, "-e", "3"], 2, "write --set epochs=3"),
    (["load"], 2, "pipeline-run resume last"),
    (["restore"], 2, "pipeline-run resume last"),
    (["mnist"], 2, "did you mean `mnist_mlp`?"),
    (["qwertz"], 2, "configs: colors_onehot, linear_fit, mnist_mlp, mnist_mlp_3way, mnist_mlp_augmented; verbs: audit, compare, diff, export, predict, replay, report, resume, run, runs, test, check"),
    (["check", "qwertz"], 2, "configs: colors_onehot, linear_fit"),
    (["stages", "adam"], 2, "`adam` is a choice for `optimizer` of `trainer`: pipeline-run stages trainer; `pipeline-run"),
    (["stages", "relu"], 2, "pipeline-run stages trainer"),
    (["stages", "conv2d"], 2, "there are the layers `dense` and `dropout`; `pipeline-run stages conv2d --why`"),
    (["check", MNIST, "--set", "valid.stage=my_reader"], 3, "--plugin FILE.so; `pipeline-run stages my_reader --why`"),
    (["-v"], 2, "`--version`"),
    (["check", MNIST, "epochs=1"], 2, "--set epochs=1"),
    (["check", MNIST, "--set", "learn.optimizer={adam:", "{}}"], 2, "in quotes"),
    (["train", MNIST], 2, "pipeline-run " + MNIST),
    (["fit", MNIST], 2, "pipeline-run " + MNIST),
    (["validate", MNIST], 2, "pipeline-run check " + MNIST),
    (["predict", MNIST], 2, "predict takes a run and files"),
    (["inference", MNIST], 2, "pipeline-run predict RUN FILE"),
    (["eval", MNIST], 2, "evaluates after each epoch: pipeline-run " + MNIST),
    (["init"], 2, "pipeline-run show mnist_mlp > my.yaml"),
    (["new"], 2, "pipeline-run new-stage NAME"),
    (["data"], 2, "pipeline-run fetch mnist"),
    (["list"], 2, "pipeline-run stages"),
    (["tune", MNIST], 2, "for x in 1e-3 1e-2; do pipeline-run"),
    (["evaluat"], 2, ""),
    (["check", "configs/mnst_mlp.yaml"], 3, "`configs/mnist_mlp.yaml`"),
    (["check", "configs/linear_fit.yml"], 3, "`configs/linear_fit.yaml`"),
]

HEAD = "version: 1\ngraph:\n  t: {stage: table_source, with: {columns: {x: [1], y: [2]}}}\n"
TAIL = "  p: {stage: print, in: b}\n"
# a config, and what the answer holds
CONFIGS = [
    (HEAD + "  b: {stage: batcher, in: [t.x, t.y], with: {batch_size: 1}}\n" + TAIL, "write in: {inputs: t.x, targets: t.y}"),
    ("input_features: [{name: x}]\noutput_features: [{name: y}]\n", "pipeline-run show mnist_mlp"),
    ("trainer: {max_epochs: 3}\nmodel: {class_path: X}\n", "pipeline-run show mnist_mlp"),
    ("a: 1\n", "neither `version` nor `graph`"),
    (HEAD + "  b: {stage: print, in: t.x, with: {rows: 3}\n", "write `}` where it ends"),
    (HEAD + "  b: {stage: csv_source}\n" + TAIL, "no reader of CSV"),
    (HEAD + "  b: {chain: [flatten, normalize], in: t.x}\n" + TAIL, "chains: {NAME: "),
    (HEAD + TAIL.replace("in: b", "in: t.x") + "early_stopping: {patience: 3}\n", "there is no early stopping"),
    ("version: 1\nepochs 5\ngraph:\n", "`epochs 5` lacks a colon and a space after it"),
    ("version: 1\nepochs 5\ngraph:\n", "write `epochs: 5`"),
    ("version: 1\nepochs:5\ngraph:\n", "`epochs:5` lacks a space after the colon"),
    ("version: 1\nname: 'C:\\data\\'\nepochs 5\ngraph:\n", "`epochs 5` lacks a colon and a space after it"),
    ("version: 1\nname: \"C:\\\\data\\\\\"\nepochs 5\ngraph:\n", "`epochs 5` lacks a colon and a space after it"),
    ("version: 1\nname: \"C:\\\"\nepochs: 5\ngraph:\n", "this text has no closing quote"),
    (HEAD + TAIL.replace("in: b", "in: t.x") + "epochs 5\n", "write `epochs: 5`"),
    (HEAD + TAIL.replace("in: b", "in: t.x") + "epochs:5\n", "write `epochs: 5`"),
    (HEAD + "  b:{stage: print, in: t.x}\n", "write a space after the colon"),
    (HEAD + TAIL.replace("in: b", "in: t.x") + "  b:{stage: print}\n", "write a space after the colon"),
    (HEAD + "   b: {stage: print, in: t.x}\n" + TAIL, "this line starts at column 4, its neighbors at column 3"),
    (HEAD + " b: {stage: print, in: t.x}\n" + TAIL, "this line starts at column 2, its neighbors at column 3"),
    (HEAD + "  b: {stage: \"print, in: t.x}\n" + TAIL.replace("print", '"print"'), "the quote that opens here is closed only in line 5"),
    ("version: 2\ngraph:\n" + TAIL, "this Millrace reads version 1"),
    (HEAD.replace("[1]", "[1, 2]") + TAIL.replace("b}", "t.x}"), "each column has one value for each row"),
    (HEAD.replace("[1]", "[true, false]") + TAIL.replace("b}", "t.x}"), "write 1 or 0 for a number"),
]

# A trainer's node as it is written by hand, in a config that is right otherwise, and what the answer holds.
LEARN = """version: 1
graph:
  t: {stage: table_source, with: {columns: {x: [1], y: [2]}}}
  b: {stage: batcher, in: {inputs: t.x, targets: t.y}, with: {batch_size: 1}}
  learn:
    stage: trainer
    in: b
    with:
      model:
        - dense: {units: 1}
      loss: mse
      optimizer: {rmsprop: {learning_rate: 1e-3}}
"""
LAYER = "        - dense: {units: 1}\n"
TRAINERS = [
    (LAYER, "        - dense:\n          units: 1\n", "indent `units` deeper than `dense:`"),
    (LAYER, "        - dense:\n          units: 1\n          use_bias: true\n", "indent `units` and `use_bias` deeper than `dense:`"),
    (LAYER, "        - {type: dense, units: 512}\n", "write `dense: {units: 512}`"),
    (LAYER, "        dense: {units: 512}\n        dense: {units: 1}\n", "put `- ` before each of its entries"),
    ("{rmsprop: {learning_rate: 1e-3}}", "rmsprop, learning_rate: 0.001", "a second `: ` in one line"),
    ("version: 1\n", "version: 1\nlearning_rate: 0.1\n", "it belongs to `learn.optimizer.rmsprop.learning_rate`"),
    ("version: 1\n", "version: 1\noptimizer: adam\n", "it belongs to `learn.optimizer`"),
    ("version: 1\n", "version: 1\nmodel: [dense: {units: 1}]\n", "it belongs to `learn.model`"),
    ("      loss: mse\n", "      loss: mse\n      batch_size: 32\n", "it belongs to `b.batch_size`"),
    ("      loss: mse\n", "      loss: mse\n      epochs: 3\n", "it belongs to `epochs`, a key at the top of the file"),
    ("      loss: mse\n", "      loss: mse\n      learning_rate: 1\n", "it belongs to `learn.optimizer.rmsprop.learning_rate`"),
    (LAYER, "        - dense: {units: 1}\n        - dense: {units: 11}\n", "set `learn.model.1.dense.units` to 1"),
    ("version: 1\n", "version: 1\nblocks: 3\n", "it belongs to `t.run.blocks`: how a stage is run stands under `run` of its node"),
    ("      loss: mse\n", "      loss: mse\n      isolate: process\n", "it belongs to `learn.run.isolate`: how a stage is run stands under `run`"),
]


def help_of(process):
    return "\n".join(line for line in process.stderr.splitlines() if "= help:" in line or "error[" in line)


class Guesses(unittest.TestCase):
    def test_a_path_or_value_that_is_wrong_is_answered_with_a_right_one(self):
        for text, wanted in SETS:
            with self.subTest(text):
                process = run("check", MNIST, "--set", text)
                self.assertIn(process.returncode, (2, 3, 5), process.stderr)
                found = wanted in help_of(process) or re.search(wanted, help_of(process))
                self.assertTrue(found, process.stderr)

    def test_a_path_that_is_right_is_heeded(self):
        for sets in GOOD:
            with self.subTest(sets):
                process = run("check", MNIST, *[word for text in sets for word in ("--set", text)])
                self.assertEqual(process.returncode, 0, process.stderr)

    def test_a_word_of_the_command_line_is_answered_with_the_command(self):
        for words, code, wanted in COMMANDS:
            with self.subTest(words):
                process = run(*words)
                self.assertEqual(process.returncode, code, process.stderr)
                self.assertIn(wanted, help_of(process))

    def test_the_configs_there_are_can_be_asked_for_where_no_folder_is_called_so(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertIn("colors_onehot, linear_fit, mnist_mlp", help_of(run("configs", cwd=folder)))

    def test_a_config_that_is_written_as_elsewhere_is_answered(self):
        for config, wanted in CONFIGS:
            with self.subTest(config):
                process = run("check", "-", input=config)
                self.assertEqual(process.returncode, 3, process.stderr)
                self.assertIn(wanted, help_of(process))

    def test_a_trainer_that_is_written_as_elsewhere_is_answered_with_one_error(self):
        for old, new, wanted in TRAINERS:
            with self.subTest(new):
                self.assertIn(old, LEARN)
                process = run("check", "-", input=LEARN.replace(old, new))
                self.assertEqual(process.returncode, 3, process.stderr)
                self.assertIn(wanted, help_of(process))
                self.assertEqual(process.stderr.count("error["), 1, process.stderr)

    def test_inputs_and_targets_that_fit_the_other_way_round_are_asked_for(self):
        process = run("check", MNIST, "--set", "train_batches.in={inputs: train_targets, targets: train_inputs}")
        self.assertIn("were inputs and targets swapped?", help_of(process))

    def test_a_layer_of_another_width_is_pointed_at_with_the_field_that_it_meets(self):
        process = run("check", MNIST, "--set", "learn.model.2.dense.units=11")
        self.assertIn("--> command line, --set #1\n", process.stderr)
        self.assertEqual(process.stderr.count("= note: "), 1, process.stderr)
        self.assertRegex(process.stderr, "note: `targets` of `learn.in` is f32 .*, as node `train_targets` .one_hot. gives it at ")

    def test_a_node_that_is_called_like_a_parameter_is_named_once_in_the_path(self):
        for name in ("optimizer", "model", "loss"):
            config = LEARN.replace("  learn:\n", f"  {name}:\n").replace(LAYER, LAYER + "        - dense: {units: 11}\n")
            process = run("check", "-", input=config)
            path = re.search(r"set `(.*)` to 1", help_of(process)).group(1)
            self.assertEqual(run("check", "-", "--set", f"{path}=1", input=config).returncode, 0, path)

    def test_a_model_is_printed_as_it_is_told_whatever_was_tried_first(self):
        for tried in ("learn", "learn.model", "{in: learn.model}"):
            config = LEARN + f"  show: {{stage: print, in: {tried}}}\n"
            edge = re.search("write (in: {model: learn.model})", help_of(run("check", "-", input=config))).group(1)
            process = run("check", "-", input=LEARN + f"  show: {{stage: print, {edge}}}\n")
            self.assertEqual(process.returncode, 0, process.stderr)
        config = LEARN + "  show: {stage: print, in: learn.metrics}\n"
        self.assertIn("`pipeline-run stages` tells which stages take metrics", help_of(run("check", "-", input=config)))

    def test_what_is_no_matter_of_shapes_tells_no_shapes_of_a_batch(self):
        process = run("check", MNIST, "--set", "learn.metrics=[accuracy, accuracy]")
        self.assertIn("error[duplicate-metric]", process.stderr)
        self.assertNotIn("= note: ", process.stderr)

    def test_a_misspelled_node_of_a_child_is_that_of_the_base(self):
        with tempfile.TemporaryDirectory() as folder:
            child = pathlib.Path(folder) / "child.yaml"
            child.write_text(f"version: 1\nextends: {os.path.abspath(MNIST)}\ngraph:\n  lern: {{with: {{loss: mse}}}}\n")
            self.assertIn("did you mean `learn`?", help_of(run("check", child)))

    def test_a_node_is_added_and_replaced_by_the_file_that_the_answer_shows(self):
        for text in ("graph.extra={stage: print, in: {model: learn.model}}", "line={stage: print, in: {model: learn.model}}"):
            answer = run("check", TINY, "--set", text).stderr
            file = re.search(r":\n +(extends: .*)\n +(graph: .*)\n", answer)
            with tempfile.TemporaryDirectory() as folder:
                child = pathlib.Path(folder) / "child.yaml"
                child.write_text("\n".join(file.groups()).replace(TINY, os.path.abspath(TINY)))
                process = run("check", child)
                self.assertEqual(process.returncode, 0, process.stderr)
                self.assertIn("line" if text.startswith("line") else "extra", run("show", child).stdout)

    def test_what_other_programs_call_it_is_answered_with_a_verb_that_there_is(self):
        for word, verb in (("inference", "predict"), ("save", "export"), ("load", "resume")):
            self.assertIn(verb, re.findall("pipeline-run ([a-z]+) ", help_of(run(word, TINY))))
            self.assertEqual(run(verb, "--help").returncode, 0)

    def test_what_is_taken_away_is_missed_where_it_was_used(self):
        process = run("check", MNIST, "--set", "valid=null")
        self.assertEqual(process.returncode, 3)
        self.assertIn("error[unknown-node]: `valid", process.stderr)
        rest = re.search("goes with: (.*)", help_of(process)).group(1).split()
        self.assertEqual(run("check", MNIST, "--set", "valid=null", *rest).returncode, 0)

    def test_a_compressed_config_is_told_as_such(self):
        with tempfile.TemporaryDirectory() as folder:
            packed = pathlib.Path(folder) / "config.yaml.gz"
            packed.write_bytes(gzip.compress(pathlib.Path(MNIST).read_bytes()))
            self.assertIn("gunzip", run("check", packed).stderr)

    def test_help_and_version_are_verbs(self):
        self.assertEqual(run("help").stdout, run("--help").stdout)
        self.assertEqual(run("help", "--help").stdout, run("help", "help").stdout)
        self.assertEqual(run("help", "check").stdout, run("check", "--help").stdout)
        self.assertEqual(run("version").stdout, run("--version").stdout)
        self.assertIn("`check`", help_of(run("help", "chek")))

    def test_an_empty_value_takes_nothing_away(self):
        self.assertEqual(run("check", MNIST, "--set", "valid=").returncode, 3)


class Shown(unittest.TestCase):
    """Nothing of a config is obeyed by the terminal, and carets stand where the eye looks."""

    def test_no_character_changes_the_direction_or_the_color(self):
        config = HEAD + '  "p\u202e\u001b[31m\u009b": {stage: print, in: "t\u202e"}\n'
        process = run("check", "-", input=config.replace("\u001b", "").replace("\u009b", ""))
        self.assertNotIn("\u202e", process.stderr)
        self.assertIn("\\u202e", process.stderr)

    def test_show_writes_such_a_text_so_that_it_stays_the_same(self):
        config = "version: 1\nname: a\u202eb\ngraph:\n  t: {stage: table_source, with: {columns: {x: [1]}}}\n  p: {stage: print, in: t}\n"
        shown = run("show", "-", input=config).stdout
        self.assertIn('name: "a\\u202eb"', shown)
        self.assertEqual(run("show", "-", input=shown).stdout.splitlines()[1].split("#")[0], shown.splitlines()[1].split("#")[0])

    def test_columns_count_characters_and_carets_count_cells(self):
        config = HEAD + "  y: {in: t.x, stage: one_hot, with: {classes: [\u7d05, \u7da0], class: 10}}\n"
        process = run("check", "-", input=config)
        self.assertRegex(process.stderr, r"<stdin>:4:\d+")
        line, carets = re.search(r" 4 \| (.*)\n +\| ( *)\^\^\^\^\^", process.stderr).groups()
        self.assertIn(f"<stdin>:4:{line.index('class:') + 1}\n", process.stderr)
        self.assertEqual(len(carets), line.index("class:") + 2)  # two of the characters before it are wide


if __name__ == "__main__":
    unittest.main()
