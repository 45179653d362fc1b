// what() has the name and the sentence only; render() adds notes and help in lines of their own, as compilers lay out their diagnostics.
#include <millrace/error.hpp>

#include <fmt/format.h>

namespace millrace {

Error::Error(ErrorKind kind, std::string name, std::string message, std::string help)
    : std::runtime_error(fmt::format("error[{}]: {}", name, message)),
      kind_(kind),
      name_(std::move(name)),
      message_(std::move(message)),
      help_(std::move(help)) {}

Error& Error::add_note(std::string note) {
  notes_.push_back(std::move(note));
  return *this;
}

Error& Error::about_param(std::string path) {
  param_ = std::move(path);
  return *this;
}

std::string Error::render() const {
  std::string text = what();
  for (const std::string& note : notes_) text += fmt::format("\n   = note: {}", note);
  if (!help_.empty()) text += fmt::format("\n   = help: {}", help_);
  return text;
}

}  // namespace millrace
