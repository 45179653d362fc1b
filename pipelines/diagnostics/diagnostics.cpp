// How an error looks: the user's own line with carets under it, then notes and what to do.
#include "diagnostics.hpp"

#include "excerpt.hpp"
#include "printable_text.hpp"
#include "problem_json.hpp"
#include "text_cells.hpp"

#include <millrace/detail/counted.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <tuple>

namespace millrace::pipelines {
namespace {

constexpr std::size_t kMostKept = 10'000;
constexpr std::size_t kDeeper = 3;  // where a message of several lines goes on

struct Colors {
  std::string_view error, warning, frame, bold, reset;
};
constexpr Colors kPlain{"", "", "", "", ""};
constexpr Colors kAnsi{"\x1b[1;31m", "\x1b[1;33m", "\x1b[1;34m", "\x1b[1m", "\x1b[0m"};

std::string_view line_of(std::string_view text, int line) {
  std::size_t start = 0;
  for (int i = 1; i < line && start < text.size(); ++i) {
    const std::size_t end = text.find('\n', start);
    start = end == std::string_view::npos ? text.size() : end + 1;
  }
  std::string_view found = text.substr(start, text.find('\n', start) - start);
  if (found.ends_with('\r')) found.remove_suffix(1);
  return found;
}

// Columns in characters. Goes on where the last place was, so that places in their order cost one reading of the text.
class Columns {
 public:
  int of(const Location& where) {
    if (!where.source || where.source->text.empty() || where.line < 1) return where.column;
    go_to(where);
    const std::string_view line = text_.substr(line_start_, text_.find('\n', line_start_) - line_start_);
    const auto column = static_cast<std::size_t>(std::max(where.column, 1) - 1), inside = std::min(column, line.size());
    if (inside < bytes_) bytes_ = characters_ = 0;
    characters_ += count_characters(line.substr(bytes_, inside - bytes_));
    bytes_ = inside;
    return static_cast<int>(characters_ + (column - inside)) + 1;  // behind the last character each byte counts
  }

 private:
  void go_to(const Location& where) {
    if (source_ != where.source || where.line < line_) {
      source_ = where.source;
      text_ = source_->text;
      line_ = 1;
      line_start_ = bytes_ = characters_ = 0;
    }
    for (; line_ < where.line; ++line_) {
      const std::size_t end = text_.find('\n', line_start_);
      line_start_ = end == std::string_view::npos ? text_.size() : end + 1;
      bytes_ = characters_ = 0;
    }
  }

  std::shared_ptr<const SourceText> source_;
  std::string_view text_;
  int line_ = 1;
  std::size_t line_start_ = 0, bytes_ = 0, characters_ = 0;  // `bytes_` of the line have `characters_`
};

// Tabs stay tabs, so that the carets stand under the token whatever the width of a tab.
std::string padding_for(std::string_view text) {
  std::string padding;
  while (!text.empty()) {
    const char32_t c = take_character(text);
    padding.append(cells_of(c), c == '\t' ? '\t' : ' ');
  }
  return padding;
}

std::string place_of(const Location& where) {
  const SourceText& source = *where.source;
  std::string name = printable_line(source.name);
  if (source.is_argument) return name;
  return where.line > 0 ? fmt::format("{}:{}:{}", name, where.line, column_of(where)) : name;
}

std::string_view color_of(const Diagnostic& d, const Colors& c) {
  return d.severity == Severity::error ? c.error : c.warning;
}

Excerpt excerpt_for(const Diagnostic& d, std::size_t columns, std::size_t gutter) {
  constexpr std::size_t kFrame = 3;  // " | "
  const auto length = static_cast<std::size_t>(std::max(d.where.length, 1));
  const std::size_t label = d.label.empty() ? 0 : 1 + cells_of(printable_line(d.label));
  const std::size_t room = columns == 0 ? 0 : std::max(columns, gutter + kFrame + 1) - gutter - kFrame;
  return excerpt_of(line_of(d.where.source->text, d.where.line),
                    static_cast<std::size_t>(std::max(d.where.column, 1) - 1), room, length + label);
}

std::string render_source(const Diagnostic& d, const Colors& c, std::size_t columns, std::size_t gutter) {
  const Excerpt shown = excerpt_for(d, columns, gutter);
  const std::string_view rest = std::string_view(shown.text).substr(std::min(shown.column, shown.text.size()));
  const std::string_view token = rest.substr(0, static_cast<std::size_t>(std::max(d.where.length, 1)));
  const std::string carets(std::max<std::size_t>(1, cells_of(printable(token))), '^');
  const std::string number = d.where.source->is_argument ? "" : fmt::format("{}", d.where.line);
  std::string out = fmt::format("{}{:{}} |{}\n", c.frame, "", gutter, c.reset);
  out += fmt::format("{}{:>{}} |{} {}\n", c.frame, number, gutter, c.reset, printable(shown.text));
  out += fmt::format("{}{:{}} |{} {}{}{}{}{}{}\n", c.frame, "", gutter, c.reset,
                     padding_for(printable(std::string_view(shown.text).substr(0, shown.column))), color_of(d, c),
                     carets, d.label.empty() ? "" : " ", printable_line(d.label), c.reset);
  return out;
}

auto position_of(const Diagnostic& d) {
  const SourceText* source = d.where.source.get();
  return std::make_tuple(source != nullptr, source != nullptr && source->is_argument,
                         source == nullptr ? std::string_view() : std::string_view(source->name), d.where.line,
                         d.where.column);
}

bool is_error(const Diagnostic& d) { return d.severity == Severity::error; }

bool is_of_a_reference(const Diagnostic& d) { return d.name == "bad-reference" || d.name == "unset-variable"; }

/// Whether `d` says again what one of the earlier ones at its place says. A reference that stands for nothing leaves a value of
/// the wrong type behind. Two warnings of one name at one place are one only if they say the same.
bool is_said(const Diagnostic& d, const std::vector<Diagnostic>& earlier) {
  for (auto e = earlier.rbegin(); e != earlier.rend() && position_of(*e) == position_of(d); ++e)
    if ((e->name == d.name && ((e->where.line > 0 && is_error(d)) || e->message == d.message)) || is_of_a_reference(*e))
      return true;
  return false;
}

}  // namespace

int column_of(const Location& where) { return Columns().of(where); }

std::string place_text(const Location& where) {
  if (!where.source) return "nowhere";
  if (where.source->is_argument || where.line == 0) return where.source->name;
  return fmt::format("{}:{}:{}", where.source->name, where.line, column_of(where));
}

void Diagnostics::add(Diagnostic d) {
  const auto severity = static_cast<std::size_t>(d.severity);  // warnings take no error's place
  if (kept_[severity] >= kMostKept) {
    ++dropped_[severity];
    return;
  }
  ++kept_[severity];
  list_.push_back(std::move(d));
}

void Diagnostics::add_all(Diagnostics&& others) {
  for (Diagnostic& d : others.list_) add(std::move(d));
  for (std::size_t i = 0; i < dropped_.size(); ++i) dropped_[i] += others.dropped_[i];
  others = {};
}

std::size_t Diagnostics::dropped(Severity severity) const { return dropped_[static_cast<std::size_t>(severity)]; }

bool Diagnostics::has_errors() const { return std::any_of(list_.begin(), list_.end(), is_error); }

std::vector<Diagnostic> Diagnostics::warnings() const {
  std::vector<Diagnostic> found = sorted();
  std::erase_if(found, is_error);
  return found;
}

void Diagnostics::make_strict() {
  for (std::array<std::size_t, 2>* counts : {&kept_, &dropped_}) *counts = {(*counts)[0] + (*counts)[1], 0};
  for (Diagnostic& d : list_) {
    if (is_error(d)) continue;
    d.severity = Severity::error;
    d.notes.emplace_back("a warning without `--strict`");
  }
}

std::vector<Diagnostic> Diagnostics::sorted() const {
  std::vector<Diagnostic> all = list_;
  std::stable_sort(all.begin(), all.end(), [](const Diagnostic& a, const Diagnostic& b) {
    const auto first = position_of(a), second = position_of(b);
    return first != second ? first < second : is_of_a_reference(a) && !is_of_a_reference(b);
  });
  std::vector<Diagnostic> unique;
  for (Diagnostic& d : all)
    if (!is_said(d, unique)) unique.push_back(std::move(d));
  return unique;
}

Diagnostics Diagnostics::edited(const std::function<bool(Diagnostic&)>& edit) const {
  Diagnostics all;
  for (Diagnostic& d : sorted())
    if (edit(d)) all.add(std::move(d));
  all.dropped_ = dropped_;
  return all;
}

int Diagnostics::exit_code() const {
  for (const ErrorKind kind :
       {ErrorKind::usage, ErrorKind::config, ErrorKind::plugin, ErrorKind::data, ErrorKind::device})
    if (std::any_of(list_.begin(), list_.end(), [&](const Diagnostic& d) { return is_error(d) && d.kind == kind; }))
      return static_cast<int>(kind);
  const auto first = std::find_if(list_.begin(), list_.end(), is_error);
  return first == list_.end() ? 0 : static_cast<int>(first->kind);
}

std::string render(const Diagnostic& d, Look look) {
  const Colors& c = look.color ? kAnsi : kPlain;
  const std::size_t gutter = std::max<std::size_t>(2, fmt::format("{}", d.where.line).size());
  std::string out = fmt::format("{}{}[{}]{}{}: {}{}\n", color_of(d, c), is_error(d) ? "error" : "warning",
                                printable_line(shown(d.name)), c.reset, c.bold,
                                printable_message(d.message, gutter + kDeeper), c.reset);
  if (d.where.source) {
    out += fmt::format("{}{:{}}-->{} {}\n", c.frame, "", gutter, c.reset, place_of(d.where));
    if (d.where.line > 0 && !d.where.source->text.empty()) out += render_source(d, c, look.columns, gutter);
  }
  for (const std::string& note : d.notes)
    out += fmt::format("{}{:{}} ={} {}note:{} {}\n", c.frame, "", gutter, c.reset, c.bold, c.reset,
                       printable_message(note, gutter + kDeeper));
  if (!d.help.empty())
    out += fmt::format("{}{:{}} ={} {}help:{} {}\n", c.frame, "", gutter, c.reset, c.bold, c.reset,
                       printable_message(d.help, gutter + kDeeper));
  return out;
}

std::string render(const Diagnostics& diagnostics, Look look) {
  const std::vector<Diagnostic> all = diagnostics.sorted();
  std::string out;
  for (std::size_t i = 0; i < std::min(all.size(), kMostShownErrors); ++i) out += render(all[i], look) + "\n";
  const auto kept = static_cast<std::size_t>(std::count_if(all.begin(), all.end(), is_error));
  const std::size_t errors = kept + diagnostics.dropped(Severity::error);
  const std::size_t warnings = all.size() - kept + diagnostics.dropped(Severity::warning);
  if (errors + warnings > kMostShownErrors)
    out += fmt::format("... and {} more\n", errors + warnings - kMostShownErrors);
  if (errors == 0) return out;
  return out + counted(errors, "error") + (warnings > 0 ? ", " + warnings_text(warnings) : "") + "\n";
}

std::string warnings_text(std::size_t count) { return counted(count, "warning"); }

std::string render_json(const Diagnostics& diagnostics, Severity severity) {
  nlohmann::ordered_json array = nlohmann::ordered_json::array();
  Columns columns;
  for (const Diagnostic& d : diagnostics.sorted()) {
    if (d.severity != severity) continue;
    nlohmann::ordered_json& object = array.emplace_back(nlohmann::ordered_json::object());
    add_members(object, d, {"name"});
    object["file"] = d.where.source ? d.where.source->name : std::string();
    object["line"] = d.where.line;
    object["column"] = columns.of(d.where);
    add_members(object, d, {"message", "help", "notes"});
  }
  return printable_json(array.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

}  // namespace millrace::pipelines
