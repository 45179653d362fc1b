// Counts, for every class and epoch, how often the epoch's model recognizes it, and writes a CSV file.
//
//   data:    inputs [n, I], targets [n, K]: batches on the host, those of an evaluator before their `transfer`
//   model:   snapshots, one an epoch
//   example: classes: {stage: class_csv, in: {data: valid_batches, model: learn.model}, with: {file: classes.csv}}
#include <millrace/error.hpp>
#include <millrace/model.hpp>
#include <millrace/registry.hpp>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace millrace;
namespace fs = std::filesystem;

/// What happened to one class in one epoch. double, since ranks add them up.
struct ClassCounts {
  double rows = 0, predicted = 0, correct = 0;
};

/// An epoch under way.
struct Epoch {
  std::shared_ptr<const ModelSnapshot> model;
  std::vector<ClassCounts> classes;
};

std::size_t largest(std::span<const float> row) {
  return static_cast<std::size_t>(std::max_element(row.begin(), row.end()) - row.begin());
}

/// A column with the quotient; an empty one where it has no meaning.
struct Share {
  double part, whole;
};
std::ostream& operator<<(std::ostream& out, const Share& share) {
  out << ',';
  return share.whole == 0 ? out : out << share.part / share.whole;
}

// A comma or a quote in a class's name must not become a column.
std::string field(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

class ClassCsv final : public Serial {
 public:
  static void describe(StageDescriptor& spec) {
    spec.summary("Writes how well each epoch's model recognizes each class to a CSV file.")
        .input("data", RecordType()
                           .field("inputs", TensorType::any().vector())
                           .field("targets", TensorType::any().vector().description("one-hot"))
                           .optional_field("weights", TensorType::any().one_value())
                           .description("on the host")
                           .hint("take the batches that the evaluator takes"))
        .input("model", PortType::model("the weights at the end of each epoch"))
        .inputs(InputMode::independent)
        .waits_for("data", "model")
        .communicates()
        .param(Param("file", ParamType::text(), "The CSV file; what was there is replaced."))
        .param(Param("classes", ParamType::list(ParamType::text()).length(1, 1 << 16),
                     "Names of the classes; their numbers without it.")
                   .optional())
        .example(
            "classes: {stage: class_csv, in: {data: valid_batches, model: learn.model}, with: {file: classes.csv}}");
  }

  explicit ClassCsv(const ParamValue& params) : file_(params["file"].text()) {
    if (params["classes"].is_null()) return;
    for (const ParamValue& name : params["classes"].list()) names_.push_back(name.text());
  }

  void infer(InferContext& ctx) override {
    data_ = ctx.input("data");
    const auto classes = static_cast<std::size_t>(elements_of(data_.find("targets")->row_shape));
    if (classes < 2)
      return ctx.error(ErrorSite::input("data"), "shape-mismatch",
                       "`targets` has one value a row, so there are no classes to tell apart",
                       "make the targets with `one_hot`");
    if (names_.empty())
      for (std::size_t i = 0; i < classes; ++i) names_.push_back(std::to_string(i));
    if (names_.size() != classes)
      ctx.error(ErrorSite::param("classes"), "shape-mismatch",
                std::to_string(names_.size()) + " names for " + std::to_string(classes) + " classes");
  }

  // The file is written before the first batch, so that a wrong path is told before an epoch was trained for it.
  void open(OpenContext& ctx) override {
    communicator_ = &ctx.communicator();
    processor_ = open_device({"cpu", 0});
    write();
  }

  void process(SerialContext& ctx) override {
    const Packet& packet = ctx.input(ctx.port());
    if (ctx.port() == "model") {
      epoch_ = {packet.model, std::vector<ClassCounts>(names_.size())};
      return;
    }
    count(packet);
    if (packet.header.last_in_epoch) end_epoch(packet.header.epoch);
  }

  void close() noexcept override { epoch_ = {}; }

 private:
  // The processor computes, whatever device the model is trained on: a forward pass an epoch is cheap, and the data are here.
  void predict(const Packet& batch, std::vector<float>& outputs) {
    const std::shared_ptr<const ModelSpec> model(epoch_.model, &epoch_.model->model());
    if (!step_)
      step_ = make_evaluation_step(*processor_, model, epoch_.model->loss(), *data_.find("inputs"),
                                   *data_.find("targets"), data_.max_rows);
    outputs.resize(static_cast<std::size_t>(batch.rows * model->outputs()));
    step_->predict(*epoch_.model, batch.tensor("inputs"), outputs);
  }

  void count(const Packet& batch) {
    if (batch.rows == 0) return;
    std::vector<float> outputs;
    predict(batch, outputs);
    const std::span<const float> targets = batch.tensor("targets").f32(), guesses(outputs);
    for (std::size_t at = 0; at < outputs.size(); at += names_.size()) {
      const std::size_t is = largest(targets.subspan(at, names_.size())),
                        guess = largest(guesses.subspan(at, names_.size()));
      epoch_.classes[is].rows += 1;
      epoch_.classes[guess].predicted += 1;
      if (is == guess) epoch_.classes[is].correct += 1;
    }
  }

  void end_epoch(std::uint32_t epoch) {
    std::vector<ClassCounts> classes = std::move(epoch_.classes);
    epoch_ = {};
    all_reduce_sum_in_rank_order(*communicator_, {&classes.front().rows, 3 * classes.size()});
    std::ostringstream lines;
    for (std::size_t i = 0; i < classes.size(); ++i) {
      const ClassCounts& c = classes[i];
      lines << epoch << ',' << field(names_[i]);
      for (const double number : {c.rows, c.predicted, c.correct}) lines << ',' << static_cast<std::int64_t>(number);
      lines << Share{c.correct, c.rows} << Share{c.correct, c.predicted} << '\n';
    }
    lines_ += lines.str();
    write();
  }

  // Whole, under another name, then renamed: a reader meanwhile has all of the epochs so far or of those before.
  void write() const {
    if (communicator_->rank() != 0) return;
    const std::string part = file_ + ".part";
    std::ofstream out(part, std::ios::binary);
    out << "epoch,class,rows,predicted,correct,recall,precision\n" << lines_;
    out.close();
    std::error_code error;
    if (out) fs::rename(part, file_, error);
    if (out && !error) return;
    const std::string reason = error ? error.message() : std::generic_category().message(errno);
    fs::remove(part, error);
    throw Error(ErrorKind::output, "output-unwritable", "cannot write `" + file_ + "`: " + reason,
                "is its folder there, and may you write into it?");
  }

  std::string file_;
  std::vector<std::string> names_;
  PortSpec data_;
  Communicator* communicator_ = nullptr;
  std::unique_ptr<Device> processor_;
  std::unique_ptr<EvaluationStep> step_;
  Epoch epoch_;
  std::string lines_;  ///< lines of all epochs so far
};

MILLRACE_REGISTER_STAGE("class_csv", ClassCsv);

}  // namespace

MILLRACE_PLUGIN("class_csv", "1.0.0", "Apache-2.0");
