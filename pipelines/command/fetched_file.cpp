// The content is looked at before the file has a name, so that a wrong one is never seen.
#include "fetched_file.hpp"

#include <millrace/byte_reader.hpp>
#include <millrace/digest.hpp>
#include <millrace/error.hpp>

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
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

FetchedFile::FetchedFile(const std::string& folder, const std::string& name)
    : folder_(made(folder)), file_((fs::path(folder) / name).string()) {}

const std::string& FetchedFile::made(const std::string& folder) {
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) fail(folder, "make the folder", failed.value());
  remove_leftovers(folder);
  return folder;
}

// Whatever the umask: a data set is for everybody whom the folder lets in.
void FetchedFile::publish() {
  if (fchmod(descriptor(), 0644) != 0) fail("write a file in", errno);
  file_.replace();
}

void FetchedFile::fail(const std::string& folder, const char* what, int error) {
  throw Error(ErrorKind::output, "output-unwritable",
              fmt::format("cannot {} `{}`: {}", what, folder, std::generic_category().message(error)),
              "make room, or choose a folder in which you may write: with --to, or with MILLRACE_DATA_DIR");
}

}  // namespace millrace::pipelines
