// libcurl does the transfer; where it may go and how much it may send is decided here.
#include "download.hpp"

#include "command/terminal/terminal.hpp"

#include <fmt/format.h>

#ifdef MILLRACE_HAS_CURL
#include <curl/curl.h>

#include <cerrno>
#include <memory>
#endif

namespace millrace::pipelines {

#ifdef MILLRACE_HAS_CURL
namespace {

constexpr long kConnectSeconds = 10;
constexpr long kSlowBytesPerSecond = 1000, kSlowSeconds = 20;  // slower than this for so long counts as dead

constexpr int kMostRedirects = 5;

struct Sink {
  int descriptor;
  std::uint64_t left;
  CURL* curl = nullptr;
  bool is_full = false;
  int write_error = 0;
};

// What comes with a redirection is a page about it.
bool is_redirection(CURL* curl) {
  long code = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
  return code / 100 == 3;
}

std::size_t take(char* data, std::size_t size, std::size_t count, void* user) {
  Sink& sink = *static_cast<Sink*>(user);
  const std::size_t bytes = size * count;
  sink.is_full = bytes > sink.left;
  if (sink.is_full) return 0;
  sink.left -= bytes;
  if (is_redirection(sink.curl) || write_all(sink.descriptor, {data, bytes})) return bytes;
  sink.write_error = errno;
  return 0;
}

int stop_wanted(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return *static_cast<const std::atomic<int>*>(user) != 0 ? 1 : 0;
}

struct CurlLibrary {
  CurlLibrary() { curl_global_init(CURL_GLOBAL_DEFAULT); }
  ~CurlLibrary() { curl_global_cleanup(); }
};

std::string part_of(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, 0) != CURLUE_OK) return {};
  std::string copy = text;
  curl_free(text);
  return copy;
}

// Nobody between here and there can change what comes.
bool is_safe(const std::string& address, bool is_redirected) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> url(curl_url(), curl_url_cleanup);
  if (!url || curl_url_set(url.get(), CURLUPART_URL, address.c_str(), 0) != CURLUE_OK) return false;
  const std::string scheme = part_of(url.get(), CURLUPART_SCHEME), host = part_of(url.get(), CURLUPART_HOST);
  if (scheme == "file") return !is_redirected;
  return scheme == "https" || (scheme == "http" && (host == "127.0.0.1" || host == "[::1]" || host == "localhost"));
}

void set_options(CURL* curl, const std::string& address, Sink& sink, const std::atomic<int>& stop, char* reason) {
  curl_easy_setopt(curl, CURLOPT_URL, address.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https,file");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);  // where to is looked at first
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

std::string redirected_to(CURL* curl) {
  const char* to = nullptr;
  curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &to);
  return to == nullptr ? "" : to;
}

Download failed(CURLcode code, const Sink& sink, std::uint64_t most_bytes, const std::atomic<int>& stop,
                const char* reason) {
  if (stop != 0) return {"stopped by a signal"};
  if (sink.is_full) return {fmt::format("it sends more than the {} bytes that the file can have", most_bytes)};
  if (sink.write_error != 0) return {"the file cannot be written", sink.write_error};
  return {reason[0] != '\0' ? reason : curl_easy_strerror(code)};
}

}  // namespace

bool can_download() { return true; }

Download download(const std::string& address, int descriptor, std::uint64_t most_bytes, const std::atomic<int>& stop) {
  const CurlLibrary library;
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(), curl_easy_cleanup);
  if (!curl) return {"libcurl cannot be used"};
  Sink sink{descriptor, most_bytes, curl.get()};
  char reason[CURL_ERROR_SIZE] = "";
  std::string at = address;
  for (int redirects = 0; redirects <= kMostRedirects; ++redirects) {
    if (!is_safe(at, redirects > 0))
      return {fmt::format("{} is not fetched: only https is, and http to this machine", at)};
    set_options(curl.get(), at, sink, stop, reason);
    const CURLcode code = curl_easy_perform(curl.get());
    if (code != CURLE_OK) return failed(code, sink, most_bytes, stop, reason);
    if (!is_redirection(curl.get())) return {};
    at = redirected_to(curl.get());
  }
  return {fmt::format("it redirects more than {} times", kMostRedirects)};
}

#else

bool can_download() { return false; }
Download download(const std::string&, int, std::uint64_t, const std::atomic<int>&) { return {"built without libcurl"}; }

#endif

}  // namespace millrace::pipelines
