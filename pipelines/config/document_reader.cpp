// From a file's name to one document: reading with limits, `extends`, the environment.
#include "document_layers.hpp"
#include "references.hpp"
#include "scalars.hpp"
#include "spec_reader.hpp"
#include "yaml_text.hpp"

#include <millrace/byte_reader.hpp>

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>

namespace millrace::pipelines {
namespace {

struct FileError {
  std::string message;
  bool is_denied = false;
  bool too_large = false;
};

// At most one byte more than a config may have: enough to know that it is too large.
std::optional<std::string> read_text(const std::string& path, FileError& error) {
  const bool is_input = path == "-";
  struct stat status {};
  if (!is_input && ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) {
    error.message = "is a directory";
    return std::nullopt;
  }
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(is_input ? stdin : std::fopen(path.c_str(), "rbe"),
                                                             is_input ? [](std::FILE*) { return 0; } : &std::fclose);
  if (!file) {
    const int saved = errno;
    error.message = std::generic_category().message(saved);
    error.is_denied = saved == EACCES;
    return std::nullopt;
  }
  std::string text(kMaxFileBytes + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) {
    error.message = std::generic_category().message(errno);
    return std::nullopt;
  }
  error.too_large = text.size() > kMaxFileBytes;
  return text;
}

class DocumentReader {
 public:
  explicit DocumentReader(Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

  // `named_at`: the `extends` that asks for the file; nowhere for the file of the command line.
  std::optional<DocNode> read(const std::string& path, const Location& named_at) {
    auto source = std::make_shared<SourceText>();
    source->name = path == "-" ? "<stdin>" : path;
    if (!load(path, *source, named_at)) return std::nullopt;
    std::optional<DocNode> document = parse_yaml(source, 0, diagnostics_);
    if (!document) return std::nullopt;
    if (!document->is_map()) {
      const bool empty = document->is_null();
      diagnostics_.add({ErrorKind::config,
                        empty ? "empty-config" : "wrong-type",
                        empty ? "there is nothing in this file" : "a config is a map of keys",
                        Location{source, 1, 1, 1},
                        "",
                        "start from `version: 1`",
                        {}});
      return std::nullopt;
    }
    replace_environment(*document, diagnostics_);
    return extended(path, std::move(*document));
  }

 private:
  bool load(const std::string& path, SourceText& source, const Location& named_at) {
    FileError error;
    std::optional<std::string> text = read_text(path, error);
    const bool is_base = named_at.source != nullptr;
    const auto whole_file = std::make_shared<const SourceText>(SourceText{source.name, "", false});
    if (!text) {
      diagnostics_.add({ErrorKind::config,
                        is_base ? "extends-missing" : "config-unreadable",
                        fmt::format("cannot read `{}`: {}", source.name, error.message),
                        is_base ? named_at : Location{whole_file, 0, 0, 1},
                        "",
                        error.is_denied ? kLetYourselfRead
                        : is_base       ? "the path is relative to the file that extends"
                                        : "check the path",
                        {}});
      return false;
    }
    if (error.too_large) {
      diagnostics_.add({ErrorKind::config,
                        "too-large",
                        fmt::format("the file has more than {} bytes", kMaxFileBytes),
                        Location{whole_file, 0, 0, 1},
                        "",
                        "put large tables into a file of their own",
                        {}});
      return false;
    }
    source.text = text->starts_with("\xEF\xBB\xBF") ? text->substr(3) : std::move(*text);
    return true;
  }

  std::optional<DocNode> extended(const std::string& path, DocNode document) {
    const DocMember* extends = document.find("extends");
    if (extends == nullptr) return document;
    const Location where = extends->value.where;
    if (!extends->value.is_scalar()) {
      diagnostics_.add(
          {ErrorKind::config, "wrong-type", "`extends` is not the name of a file", where, "expected: text", {}, {}});
      return document;
    }
    const std::filesystem::path base = std::filesystem::path(path).parent_path() / extends->value.text;
    open_.push_back(path);
    std::optional<DocNode> below = is_cycle(base.lexically_normal().string(), where)
                                       ? std::nullopt
                                       : read(base.lexically_normal().string(), where);
    open_.pop_back();
    if (!below) return std::nullopt;
    return layered(std::move(*below), std::move(document));
  }

  bool is_cycle(const std::string& base, const Location& where) {
    std::error_code ignored;
    const auto same = [&](const std::string& open) { return std::filesystem::equivalent(open, base, ignored); };
    const auto first = std::find_if(open_.begin(), open_.end(), same);
    if (first == open_.end() && open_.size() < kMaxDepth) return false;
    std::string chain;
    for (auto it = first == open_.end() ? open_.begin() : first; it != open_.end(); ++it) chain += *it + " > ";
    diagnostics_.add({ErrorKind::config,
                      "extends-cycle",
                      fmt::format("a file extends itself: {}{}", chain, base),
                      where,
                      "",
                      "break the circle",
                      {}});
    return true;
  }

  Diagnostics& diagnostics_;
  std::vector<std::string> open_;
};

}  // namespace

std::optional<DocNode> read_document(const std::string& path, Diagnostics& diagnostics) {
  return DocumentReader(diagnostics).read(path, Location{});
}

std::vector<std::string> plugins_of(const DocNode& document) {
  std::vector<std::string> paths;
  if (const DocMember* plugins = document.find("plugins"))
    for (const DocNode& item : plugins->value.items)
      if (item.is_scalar()) paths.push_back(item.text);
  return paths;
}

}  // namespace millrace::pipelines
