// what() has the name and the sentence only; render() adds notes and help in lines of their own, as compilers lay out their diagnostics.
#include <millrace/error.hpp>

#include <fmt/format.h>

namespace millrace {

Error::Error(Problem problem)
    : std::runtime_error(fmt::format("error[{}]: {}", problem.name, problem.message)), problem_(std::move(problem)) {}

Error::Error(ErrorKind kind, std::string name, std::string message, std::string help)
    : Error(Problem{.kind = kind, .name = std::move(name), .message = std::move(message), .help = std::move(help)}) {}

Error& Error::add_note(std::string note) {
  problem_.notes.push_back(std::move(note));
  return *this;
}

Error& Error::about_param(std::string path) {
  param_ = std::move(path);
  return *this;
}

std::string Error::render() const {
  std::string text = what();
  for (const std::string& note : notes()) text += fmt::format("\n   = note: {}", note);
  if (!help().empty()) text += fmt::format("\n   = help: {}", help());
  return text;
}

}  // namespace millrace
