// `--html` and `-o FILE`, for verbs whose answer can be a page.
#pragma once

#include "command/options/option.hpp"

#include <functional>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// A base of the options of such a verb, beside VerbOptions.
struct PageOptions {
  bool html = false;
  std::string output;  ///< a file; empty: standard output
};

std::vector<Option> page_options();

/// The answer in one of three forms, into the file or to standard output. Throws output-unwritable.
struct AnswerForms {
  std::function<std::string()> text, html, json;
};
void answer_in_form(const VerbOptions& options, const PageOptions& page, const AnswerForms& forms);
/// What is wrong with the options together; empty: nothing.
std::string page_conflict(const VerbOptions& options, const PageOptions& page);

}  // namespace millrace::pipelines
