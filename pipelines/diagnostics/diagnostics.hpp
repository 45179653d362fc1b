// Errors and warnings of a config: where, what was found, what was expected, what to do. All of a run are collected, then printed.
#pragma once

#include <millrace/error.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::pipelines {

/// A text that a location points into: a config file, or an argument of the command line.
struct SourceText {
  std::string name;  ///< as the user wrote the path; "command line, --set #2" for an argument
  std::string text;
  bool is_argument = false;
};

/// A stretch of a user's own text. Lines and columns count from 1; columns count bytes, so that a text need not be read again to
/// find them: column_of() is what a user is told.
struct Location {
  std::shared_ptr<const SourceText> source;  ///< null: nowhere in particular
  int line = 0, column = 0;
  int length = 1;  ///< bytes to underline, on one line
};

/// The column in characters, as editors count.
int column_of(const Location&);
/// "config.yaml:12:5", for notes; "nowhere" for nowhere in particular.
std::string place_text(const Location&);

/// Errors end the command. Warnings are told and counted, and change neither the run nor its exit code.
enum class Severity : std::uint8_t { error, warning };

/// A problem and the user's own text that it is about. The headline names the thing: "`class` of stage `one_hot`".
struct Diagnostic : Problem {
  Location where = {};
  std::string label = {};  ///< after the carets: "not a parameter of `one_hot`"
  Severity severity = Severity::error;
  bool suggests = false;  ///< help or label says already what is meant, so that nobody looks for it elsewhere
};

/// So many errors are shown, and so many names are looked for that may be meant: nobody reads more of them.
inline constexpr std::size_t kMostShownErrors = 100;

/// Diagnostics of one command, in the order in which they were found. Of a generated file with more than 10,000 errors or warnings
/// only the number is kept of the rest.
class Diagnostics {
 public:
  void add(Diagnostic);
  void add_all(Diagnostics&&);
  /// Neither errors nor warnings.
  bool empty() const { return list_.empty(); }
  bool has_errors() const;
  std::vector<Diagnostic> warnings() const;
  /// For `--strict`: every warning becomes an error.
  void make_strict();
  /// Sorted by file, line and column; duplicates at one place and of one name only once.
  std::vector<Diagnostic> sorted() const;
  /// These, each as `edit` leaves it, without those for which it answers false; the number of those that were not kept stays.
  Diagnostics edited(const std::function<bool(Diagnostic&)>& edit) const;
  /// Of several kinds the first of usage, config, plugin, data, device; 0 without errors.
  int exit_code() const;

  /// How many were not kept.
  std::size_t dropped(Severity) const;

 private:
  std::vector<Diagnostic> list_;
  std::array<std::size_t, 2> kept_{}, dropped_{};  // by severity
};

/// How a diagnostic is to look where it is read.
struct Look {
  bool color = false;  ///< ANSI colors
  std::size_t columns =
      0;  ///< columns of the terminal; lines of the user's text are cut to them, so that carets stand under them; 0: no terminal
};

/// One diagnostic as rustc prints it: headline, arrow, source line with carets, help and notes.
std::string render(const Diagnostic&, Look look = {});
/// All of them, then a line that counts them if there are errors.
std::string render(const Diagnostics&, Look look = {});
/// "2 warnings".
std::string warnings_text(std::size_t count);
/// JSON array of {name, file, line, column, message, help, notes}: those of one severity.
std::string render_json(const Diagnostics&, Severity severity = Severity::error);

}  // namespace millrace::pipelines
