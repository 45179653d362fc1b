// OpenSSL's EVP interface, whose algorithm is fetched once for the whole process.
#include <millrace/digest.hpp>
#include <millrace/error.hpp>

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>

namespace millrace {
namespace {

// Once: libcrypto looks an algorithm up anew for every digest that is begun with EVP_sha256(), and does not bear it when memory is
// short meanwhile.
const EVP_MD* sha256_algorithm() {
  static const EVP_MD* const kAlgorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return kAlgorithm;
}

}  // namespace

struct Sha256::State {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(), &EVP_MD_CTX_free};
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  if (!state_->context || sha256_algorithm() == nullptr ||
      EVP_DigestInit_ex(state_->context.get(), sha256_algorithm(), nullptr) != 1)
    throw Error(ErrorKind::run, "no-sha256", "libcrypto offers no SHA-256");
}

Sha256::~Sha256() = default;

void Sha256::update(std::span<const std::byte> bytes) {
  if (EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) != 1)
    throw Error(ErrorKind::run, "no-sha256", "libcrypto failed to hash");
}

std::string Sha256::finish() {
  std::array<unsigned char, 32> digest{};
  unsigned int size = 0;
  if (EVP_DigestFinal_ex(state_->context.get(), digest.data(), &size) != 1 || size != digest.size())
    throw Error(ErrorKind::run, "no-sha256", "libcrypto failed to hash");
  std::string text;
  for (const unsigned char byte : digest) text += fmt::format("{:02x}", byte);
  return text;
}

std::string sha256_hex(std::span<const std::byte> bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

std::string sha256_hex(const std::string& text) { return sha256_hex(std::as_bytes(std::span(text))); }

}  // namespace millrace
