// Key functions of the public interfaces: they anchor each vtable in this library, so that a type has one identity in the
// host and in every plugin.
#include <millrace/error.hpp>
#include <millrace/stage.hpp>

#include <fmt/format.h>

#include <chrono>
#include <utility>

namespace millrace {

Stage::~Stage() = default;
InferContext::~InferContext() = default;
IsolationInfer::~IsolationInfer() = default;
// Not virtual, so that plugins which are built already stay as they are (decision 0031).
bool InferContext::is_isolated() const {
  const auto* isolation = dynamic_cast<const IsolationInfer*>(this);
  return isolation != nullptr && isolation->will_be_isolated();
}
InferClaims::~InferClaims() = default;

void InferContext::draws(std::string_view purpose) {
  if (auto* claims = dynamic_cast<InferClaims*>(this)) claims->will_draw(purpose);
}
void InferContext::measures(std::string_view output, std::vector<std::string> names) {
  if (auto* claims = dynamic_cast<InferClaims*>(this)) claims->will_measure(output, std::move(names));
}
void InferContext::reports(std::string_view input, std::string prefix) {
  if (auto* claims = dynamic_cast<InferClaims*>(this)) claims->will_report(input, std::move(prefix));
}

void InferContext::reads_file(std::string path, std::string sha256) {
  if (auto* files = dynamic_cast<InferFiles*>(this)) files->file_read(std::move(path), std::move(sha256));
}
InferFiles::~InferFiles() = default;

// Nor are these, for the same reason.
void InferContext::warn(ErrorSite site, std::string name, std::string message, std::string help) {
  if (auto* notes = dynamic_cast<InferNotes*>(this))
    notes->warning(std::move(site), std::move(name), std::move(message), std::move(help));
}
void InferContext::reads_rows(std::string origin, std::int64_t first, std::int64_t end) {
  if (auto* notes = dynamic_cast<InferNotes*>(this)) notes->rows_read(std::move(origin), first, end);
}
InferNotes::~InferNotes() = default;

void InferContext::may_use_memory(std::string what, std::size_t most_bytes) {
  if (auto* memory = dynamic_cast<InferMemory*>(this)) memory->memory_possible(std::move(what), most_bytes);
}
InferMemory::~InferMemory() = default;
void RunReporter::warn(std::string name, std::string message, std::string help) {
  if (auto* warnings = dynamic_cast<RunWarnings*>(this))
    return warnings->warning(std::move(name), std::move(message), std::move(help));
  print(fmt::format("warning[{}]: {}{}{}\n", name, message, help.empty() ? "" : "; ", help));
}
RunReporter::~RunReporter() = default;
RunWarnings::~RunWarnings() = default;
OpenContext::~OpenContext() = default;
RowShare OpenContext::share() const { return {}; }
NodeSeeds::~NodeSeeds() = default;

std::uint64_t OpenContext::seed(std::string_view purpose) const {
  const auto* seeds = dynamic_cast<const NodeSeeds*>(this);
  if (seeds == nullptr) return seed();
  if (const auto found = seeds->find_seed(purpose)) return *found;
  throw Error(ErrorKind::plugin, "undeclared-purpose",
              fmt::format("node `{}` draws random numbers for `{}` and has not said so", node(), purpose),
              "this is a defect of the stage: its infer must call draws with this purpose");
}

WorkContext::~WorkContext() = default;
double WorkContext::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void StageState::put(std::string name, std::span<const std::byte> bytes) {
  entries_.insert_or_assign(std::move(name), std::vector<std::byte>(bytes.begin(), bytes.end()));
}

std::span<const std::byte> StageState::get(std::string_view name) const {
  const auto it = entries_.find(name);
  if (it == entries_.end())
    throw Error(ErrorKind::data, "no-such-state", fmt::format("the saved state has no entry `{}`", name));
  return it->second;
}

}  // namespace millrace
