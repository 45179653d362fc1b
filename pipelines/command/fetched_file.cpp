#include "fetched_file.hpp"

#include <millrace/byte_reader.hpp>
#include <millrace/digest.hpp>
#include <millrace/error.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <vector>

namespace millrace::pipelines {

namespace fs = std::filesystem;

std::string content_problem(const std::string& path, const DatasetFile& file) try {
  ByteReader reader(path);
  Sha256 digest;
  std::vector<std::byte> buffer(std::size_t{1} << 18U);
  for (std::size_t bytes = buffer.size(); bytes == buffer.size();) {
    bytes = reader.read(buffer);
    digest.update({buffer.data(), bytes});
    if (reader.position() > file.bytes) return fmt::format("it unpacks to more than {} bytes", file.bytes);
  }
  if (reader.position() != file.bytes)
    return fmt::format("it unpacks to {} bytes, not {}", reader.position(), file.bytes);
  reader.at_end();  // checks gzip's own checksum and what follows it
  const std::string found = digest.finish();
  return found == file.sha256 ? "" : fmt::format("its content has SHA-256 {}, not {}", found, file.sha256);
} catch (const Error& error) {
  return error.message();
}

TemporaryFile::TemporaryFile(const std::string& folder, const std::string& name)
    : folder_(folder),
      final_path_((fs::path(folder) / name).string()),
      path_((fs::path(folder) / ("." + name + ".XXXXXX")).string()) {
  std::error_code failed;
  fs::create_directories(folder_, failed);
  if (failed) errno = failed.value();
  descriptor_ = failed ? -1 : mkostemp(path_.data(), O_CLOEXEC);
  if (descriptor_ < 0) fail(failed ? "make the folder" : "make a file in");
}

TemporaryFile::~TemporaryFile() {
  close(descriptor_);
  if (!path_.empty()) unlink(path_.c_str());
}

void TemporaryFile::publish() {
  // mkostemp gives 0600; a data set is for everybody whom the folder lets in.
  if (fchmod(descriptor_, 0644) != 0 || fsync(descriptor_) != 0) fail("write a file in");
  if (rename(path_.c_str(), final_path_.c_str()) != 0) fail("rename a file in");
  path_.clear();
  const int folder = open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return;
  fsync(folder);
  close(folder);
}

void TemporaryFile::fail(const char* what) const {
  throw Error(ErrorKind::output, "output-unwritable",
              fmt::format("cannot {} `{}`: {}", what, folder_, std::generic_category().message(errno)),
              "choose a folder in which you may write: with --to, or with MILLRACE_DATA_DIR");
}

}  // namespace millrace::pipelines
