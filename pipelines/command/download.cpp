#include "download.hpp"

#include "terminal.hpp"

#include <fmt/format.h>

#ifdef MILLRACE_HAS_CURL
#include <curl/curl.h>

#include <memory>
#endif

namespace millrace::pipelines {

#ifdef MILLRACE_HAS_CURL
namespace {

constexpr long kConnectSeconds = 10;
constexpr long kSlowBytesPerSecond = 1000, kSlowSeconds = 20;  // slower than this for so long counts as dead

struct Sink {
  int descriptor;
  std::uint64_t left;
  bool is_full = false, is_unwritable = false;
};

std::size_t take(char* data, std::size_t size, std::size_t count, void* user) {
  Sink& sink = *static_cast<Sink*>(user);
  const std::size_t bytes = size * count;
  sink.is_full = bytes > sink.left;
  if (sink.is_full) return 0;
  sink.left -= bytes;
  sink.is_unwritable = !write_all(sink.descriptor, {data, bytes});
  return sink.is_unwritable ? 0 : bytes;
}

int stop_wanted(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return *static_cast<const std::atomic<int>*>(user) != 0 ? 1 : 0;
}

struct CurlLibrary {
  CurlLibrary() { curl_global_init(CURL_GLOBAL_DEFAULT); }
  ~CurlLibrary() { curl_global_cleanup(); }
};

void set_options(CURL* curl, const std::string& address, Sink& sink, const std::atomic<int>& stop, char* reason) {
  curl_easy_setopt(curl, CURLOPT_URL, address.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https,file");
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 5L);
  curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, kSlowBytesPerSecond);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, kSlowSeconds);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &sink);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, stop_wanted);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, const_cast<std::atomic<int>*>(&stop));
}

}  // namespace

bool can_download() { return true; }

std::string download(const std::string& address, int descriptor, std::uint64_t most_bytes,
                     const std::atomic<int>& stop) {
  const CurlLibrary library;
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(), curl_easy_cleanup);
  if (!curl) return "libcurl cannot be used";
  Sink sink{descriptor, most_bytes};
  char reason[CURL_ERROR_SIZE] = "";
  set_options(curl.get(), address, sink, stop, reason);
  const CURLcode code = curl_easy_perform(curl.get());
  if (code == CURLE_OK) return {};
  if (stop != 0) return "stopped by a signal";
  if (sink.is_full) return fmt::format("it sends more than the {} bytes that the file can have", most_bytes);
  if (sink.is_unwritable) return "the file cannot be written (is the disk full?)";
  return reason[0] != '\0' ? reason : curl_easy_strerror(code);
}

#else

bool can_download() { return false; }
std::string download(const std::string&, int, std::uint64_t, const std::atomic<int>&) {
  return "built without libcurl";
}

#endif

}  // namespace millrace::pipelines
