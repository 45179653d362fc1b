// Text is for people and made printable; page and object are as they are made, and escape what they show themselves.
#include "page_options.hpp"

#include "command/terminal/answer.hpp"
#include "command/terminal/terminal.hpp"

#include <millrace/files/atomic_file.hpp>

namespace millrace::pipelines {

std::vector<Option> page_options() {
  return {{.name = "html", .help = "A page of one file instead of text", .store = into(&PageOptions::html)},
          {.name = "output",
           .letter = "o",
           .kind = ValueKind::file,
           .placeholder = "FILE",
           .help = "Write the answer there, in place of a file of that name",
           .example = "report.html",
           .store = into(&PageOptions::output)}};
}

void answer_in_form(const VerbOptions& options, const PageOptions& page, const AnswerForms& forms) {
  const bool is_text = !options.json && !page.html;
  const std::string made = options.json ? forms.json() : page.html ? forms.html() : forms.text();
  if (!page.output.empty())
    write_atomically(page.output, made);
  else if (is_text)
    answer(made);
  else
    write_result(made);
}

std::string page_conflict(const VerbOptions& options, const PageOptions& page) {
  return page.html && options.json ? "--html and --json are two forms of the same; give one" : "";
}

}  // namespace millrace::pipelines
