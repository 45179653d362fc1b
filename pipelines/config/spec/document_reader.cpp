// From a file's name to one document: reading with limits, `extends`, the environment.
#include "document_reader.hpp"

#include "config/document/document_layers.hpp"
#include "config/document/limits.hpp"
#include "config/document/references.hpp"
#include "config/document/yaml_parser.hpp"
#include "config/params/config_schema.hpp"
#include "config/params/doc_value.hpp"
#include "diagnostics/printable_text.hpp"
#include "diagnostics/suggestions.hpp"

#include <millrace/error.hpp>
#include <millrace/input_file.hpp>
#include <millrace/registry.hpp>

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <span>
#include <system_error>
#include <utility>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;

// A text, or why there is none.
struct FileText {
  std::string text, fault, help;
  bool too_large = false;
};

// At most one byte more than a config may have: enough to know that it is too large. Not through `stdin`: a plugin may hold the
// lock of that stream for ever.
FileText read_input() {
  FileText input;
  input.text.resize(kMaxFileBytes + 1);
  std::size_t filled = 0;
  while (filled < input.text.size()) {
    const ssize_t got = read(STDIN_FILENO, input.text.data() + filled, input.text.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) input.fault = std::generic_category().message(errno);
    if (got <= 0) break;
    filled += static_cast<std::size_t>(got);
  }
  input.text.resize(filled);
  return input;
}

FileText read_file(const std::string& path) {
  FileText read;
  try {
    InputFile file(path);
    read.text.resize(std::min<std::uint64_t>(file.bytes(), kMaxFileBytes) + 1);
    read.text.resize(file.read(std::as_writable_bytes(std::span(read.text))));
  } catch (const Error& error) {
    read.fault = why_not_opened(error, path);
    read.help = error.name() == "file-missing" ? "" : error.help();
  }
  return read;
}

FileText read_text(const std::string& path) {
  FileText read = path == "-" ? read_input() : read_file(path);
  read.too_large = read.text.size() > kMaxFileBytes;
  return read;
}

std::vector<fs::path> configs_in(const fs::path& folder) {
  constexpr std::size_t kMostLookedAt = 1000;
  std::vector<fs::path> files;
  std::error_code ended;
  for (fs::directory_iterator it(folder, ended), end; !ended && it != end && files.size() < kMostLookedAt;
       it.increment(ended))
    if (it->path().extension() == ".yaml" || it->path().extension() == ".yml") files.push_back(it->path());
  return files;
}

/// Configs of the folder of `path`, which leads to none, that are spelled alike, none of them in `not_meant`. They are named as the
/// user wrote the path, as `written`.
std::string close_files(const fs::path& path, const fs::path& written, const std::vector<std::string>& not_meant) {
  std::vector<std::string> stems, files;
  for (const fs::path& file : configs_in(path.has_parent_path() ? path.parent_path() : fs::path("."))) {
    std::error_code ignored;
    if (std::none_of(not_meant.begin(), not_meant.end(),
                     [&](const std::string& other) { return fs::equivalent(file, other, ignored); })) {
      stems.push_back(file.stem().string());
      files.push_back((written.parent_path() / file.filename()).string());
    }
  }
  std::vector<std::string> meant;
  const std::string wanted = path.stem().string();
  const std::vector<std::string> close = close_names(wanted, stems);
  for (std::size_t i = 0; i < stems.size(); ++i)
    if (stems[i] == wanted || std::find(close.begin(), close.end(), stems[i]) != close.end())
      meant.push_back(shown(files[i]));
  return suggestion(meant);
}

// A map with the keys of a config, and not some other file that happens to be YAML.
bool is_config(const DocNode& document) {
  if (!document.is_map()) return false;
  const DocMember* graph = document.find("graph");
  return (graph != nullptr && graph->value.is_map()) ||
         std::all_of(document.members.begin(), document.members.end(),
                     [](const DocMember& m) { return is_top_level_key(m.key) || is_free_key(m.key); });
}

constexpr const char* kOneBase = "extend one file here and the next one there: each may have an `extends` of its own";

bool names_several(std::string_view text) {
  int files = 0;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find_first_of(" ,;"));
    files += word.ends_with(".yaml") || word.ends_with(".yml") ? 1 : 0;
    text.remove_prefix(std::min(text.size(), word.size() + 1));
  }
  return files > 1;
}

/// What to write for an `extends` that is no text.
std::string one_base(const DocNode& value) {
  if (value.items.size() > 1) return kOneBase;
  if (value.items.size() == 1 && value.items[0].is_scalar())
    return fmt::format("write `extends: {}`", shown(value.items[0].text));
  return "write `extends: base.yaml`, or leave the line out";
}

class DocumentReader {
 public:
  DocumentReader(Diagnostics& diagnostics, FindNamed find_named)
      : diagnostics_(diagnostics), find_named_(std::move(find_named)) {}

  // `named_at`: the `extends` that asks for the file, and says `written`; nowhere for the file of the command line.
  std::optional<DocNode> read(const std::string& path, const std::string& written, const Location& named_at) {
    auto source = std::make_shared<SourceText>();
    source->name = path == "-" ? "<stdin>" : path;
    if (!load(path, written, *source, named_at)) return std::nullopt;
    std::optional<DocNode> document = named_at.source ? parse_base(source, named_at) : parse(source);
    if (!document) return std::nullopt;
    replace_environment(*document, diagnostics_);
    return extended(path, std::move(*document));
  }

 private:
  std::optional<DocNode> parse(const std::shared_ptr<const SourceText>& source) {
    std::optional<DocNode> document = parse_yaml(source, 0, diagnostics_, values_);
    if (!document || document->is_map()) return document;
    const bool empty = document->is_null();
    add(empty ? "empty-config" : "wrong-type", empty ? "there is nothing in this file" : "a config is a map of keys",
        Location{source, 1, 1, 1}, "start from `version: 1`");
    return std::nullopt;
  }

  // A config may name any file that its reader can read, and errors are shown to others, in logs. So nothing of a base is
  // told before it is known for a config: of other files only where they stop being one.
  std::optional<DocNode> parse_base(const std::shared_ptr<const SourceText>& source, const Location& named_at) {
    Diagnostics found;
    std::optional<DocNode> document = parse_yaml(source, 0, found, values_);
    if (document && is_config(*document)) {
      diagnostics_.add_all(std::move(found));
      return document;
    }
    const auto untold = std::make_shared<const SourceText>(SourceText{source->name, "", false});
    const std::string help = fmt::format("`pipeline-run check {}` shows more", shown(source->name));
    for (const Diagnostic& d : found.sorted())
      add(d.name, "the file that is extended is no config", {untold, d.where.line, d.where.column, 1}, help);
    if (document) add("extends-foreign", fmt::format("`{}` is no config", source->name), named_at, help);
    return std::nullopt;
  }

  void add(std::string name, std::string message, const Location& where, std::string help) {
    diagnostics_.add(
        {{.kind = ErrorKind::config, .name = std::move(name), .message = std::move(message), .help = std::move(help)},
         where});
  }

  // What to write for a file that is not there.
  std::string meant_by(const std::string& path, const std::string& written, bool is_base) const {
    if (!is_base) return close_files(path, path, {});
    if (names_several(written)) return kOneBase;
    std::string close = close_files(path, written, open_);
    const std::string name = fs::path(written).stem().string();
    if (!close.empty() || fs::path(written).has_parent_path() || named(name).empty()) return close;
    return fmt::format("`extends: {}` names the config of Millrace", shown(name));
  }

  std::string named(const std::string& name) const { return find_named_ ? find_named_(name) : std::string(); }

  // A path is relative to the file that extends; a name that is no file there is one of Millrace's own, unless a file with the
  // suffix of a config is there, which may be meant.
  std::string base_of(const std::string& path, const std::string& written) const {
    std::string base = (fs::path(path).parent_path() / written).lexically_normal().string();
    std::error_code ignored;
    if (written.find_first_of("/.") != std::string::npos) return base;
    for (const char* suffix : {"", ".yaml", ".yml"})
      if (fs::exists(base + suffix, ignored)) return base;
    const std::string found = named(written);
    return found.empty() ? base : found;
  }

  bool load(const std::string& path, const std::string& written, SourceText& source, const Location& named_at) {
    FileText read = read_text(path);
    const bool is_base = named_at.source != nullptr;
    const Location where =
        is_base ? named_at : Location{std::make_shared<const SourceText>(SourceText{source.name, "", false}), 0, 0, 1};
    bytes_ += read.text.size();
    if (!read.fault.empty()) {
      const std::string meant = read.help.empty() ? meant_by(path, written, is_base) : read.help;
      add(is_base ? "extends-missing" : "config-unreadable",
          fmt::format("cannot read `{}`: {}", shown(source.name), read.fault), where,
          !meant.empty() ? meant
          : is_base      ? "the path is relative to the file that extends"
                         : "check the path");
    } else if (read.too_large) {
      add("too-large", fmt::format("`{}` has more than {} bytes", shown(source.name), kMaxFileBytes), where,
          kKeepDataInFiles);
    } else if (bytes_ > kMaxLayersBytes) {
      add("too-large", fmt::format("with `{}` there are more than {} bytes", shown(source.name), kMaxLayersBytes),
          where, "extend fewer and smaller files");
    } else {
      source.text = read.text.starts_with("\xEF\xBB\xBF") ? read.text.substr(3) : std::move(read.text);
      return true;
    }
    return false;
  }

  std::optional<DocNode> extended(const std::string& path, DocNode document) {
    const DocMember* extends = document.find("extends");
    if (extends == nullptr) return document;
    const Location where = extends->value.where;
    if (!extends->value.is_scalar()) {
      diagnostics_.add(
          {{.kind = ErrorKind::config,
            .name = "wrong-type",
            .message = fmt::format("`extends` takes the name of one file, and this is {}", kind_of(extends->value)),
            .help = one_base(extends->value)},
           where,
           "expected: text"});
      return std::nullopt;  // what is missing would stand in the file that nobody has named
    }
    const std::string& written = extends->value.text;
    open_.push_back(path);
    const std::string base = base_of(path, written);
    std::optional<DocNode> below = is_cycle(base, where) ? std::nullopt : read(base, written, where);
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
    diagnostics_.add({{.kind = ErrorKind::config,
                       .name = "extends-cycle",
                       .message = fmt::format("a file extends itself: {}{}", chain, base),
                       .help = "break the circle"},
                      where});
    return true;
  }

  Diagnostics& diagnostics_;
  FindNamed find_named_;
  std::vector<std::string> open_;
  std::size_t bytes_ = 0, values_ = 0;  // of all files read so far
};

}  // namespace

std::optional<DocNode> read_document(const std::string& path, Diagnostics& diagnostics, FindNamed find_named) {
  return DocumentReader(diagnostics, std::move(find_named)).read(path, path, Location{});
}

std::vector<std::string> plugins_of(const DocNode& document) {
  std::vector<std::string> paths;
  if (const DocMember* plugins = document.find("plugins"))
    for (const DocNode& item : plugins->value.items)
      if (item.is_scalar()) paths.push_back(item.text);
  return paths;
}

}  // namespace millrace::pipelines
