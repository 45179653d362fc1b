// Sizes tell most files apart, and nearly all others differ in their first piece: what is read to the end are copies, and little else.
#include "file_copies.hpp"

#include <millrace/error.hpp>
#include <millrace/input_file.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

namespace millrace::pipelines {
namespace {

constexpr std::uint64_t kMostCompared = std::uint64_t{64} << 20;
constexpr std::size_t kPiece = std::size_t{1} << 20;

bool have_equal_bytes(InputFile& left, InputFile& right) {
  if (left.bytes() != right.bytes() || left.bytes() > kMostCompared) return false;
  std::vector<std::byte> mine(kPiece), theirs(kPiece);
  for (std::uint64_t at = 0; at < left.bytes(); at += kPiece) {
    const std::size_t bytes = left.read_at(at, mine);
    if (right.read_at(at, theirs) != bytes) return false;
    if (!std::equal(mine.begin(), mine.begin() + static_cast<std::ptrdiff_t>(bytes), theirs.begin())) return false;
  }
  return true;
}

// The stage that reads a file tells what is wrong with it.
bool have_equal_content(const std::string& left, const std::string& right) {
  try {
    InputFile mine(left), theirs(right);
    return have_equal_bytes(mine, theirs);
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

bool FileCopies::is_copy(const FileRead& left, const FileRead& right) {
  if (!left.sha256.empty() || !right.sha256.empty()) return left.sha256 == right.sha256;
  if (left.path == right.path) return true;
  const auto [known, is_new] = compared_.try_emplace(std::minmax(left.path, right.path), false);
  if (is_new) known->second = have_equal_content(left.path, right.path);
  return known->second;
}

bool FileCopies::are_copies(const std::vector<FileRead>& left, const std::vector<FileRead>& right) {
  const auto is_one = [this](const FileRead& a, const FileRead& b) { return is_copy(a, b); };
  return !left.empty() && std::equal(left.begin(), left.end(), right.begin(), right.end(), is_one);
}

}  // namespace millrace::pipelines
