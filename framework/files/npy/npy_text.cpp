// A parser of that one dictionary and of no other Python: nothing in it is evaluated.
#include "npy_text.hpp"

#include <fmt/format.h>

#include <charconv>
#include <utility>

namespace millrace {
namespace {

constexpr std::size_t kMostShown = 40;

class Parser {
 public:
  Parser(std::string_view text, std::size_t most_dimensions, const NpyRefusal& refuse)
      : text_(text), most_dimensions_(most_dimensions), refuse_(refuse) {}

  NpyDictionary dictionary() {
    expect('{', "a dictionary");
    while (!takes('}')) {
      entry();
      if (takes(',')) continue;
      expect('}', "`,` or `}`");
      break;
    }
    skip_spaces();
    if (at_ != text_.size()) fail("npy-header", at_, "something follows the dictionary");
    for (const auto& [seen, key] :
         {std::pair(seen_descr_, "descr"), std::pair(seen_order_, "fortran_order"), std::pair(seen_shape_, "shape")})
      if (!seen) fail("npy-header", 0, fmt::format("the dictionary has no `{}`", key));
    return std::move(found_);
  }

 private:
  [[noreturn]] void fail(const char* name, std::size_t at, const std::string& what) const {
    throw refuse_(name, at, what);
  }

  void skip_spaces() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t')) ++at_;
  }
  bool takes(char wanted) {
    skip_spaces();
    if (at_ == text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }
  void expect(char wanted, const char* what) {
    if (!takes(wanted)) fail("npy-header", at_, fmt::format("expected {}", what));
  }

  void entry() {
    skip_spaces();
    const std::size_t key_at = at_;
    const std::string_view key = text("a key in quotes");
    expect(':', "`:`");
    skip_spaces();
    if (key == "descr") return take_descr(key_at);
    if (key == "fortran_order") return take_order(key_at);
    if (key == "shape") return take_shape(key_at);
    fail("npy-header", key_at, fmt::format("key `{}` is none of descr, fortran_order and shape", shown(key)));
  }

  void once(bool& seen, std::size_t key_at) const {
    if (std::exchange(seen, true)) fail("npy-header", key_at, "a key for the second time");
  }

  void take_descr(std::size_t key_at) {
    once(seen_descr_, key_at);
    found_.descr_at = at_;
    if (at_ < text_.size() && text_[at_] == '[')
      fail("npy-dtype", at_, "rows of a structure with named fields; wanted are rows of numbers of one type");
    found_.descr = text("a type in quotes");
  }

  void take_order(std::size_t key_at) {
    once(seen_order_, key_at);
    found_.order_at = at_;
    const bool is_true = takes_word("True");
    if (!is_true && !takes_word("False")) fail("npy-header", at_, "`fortran_order` is neither True nor False");
    found_.is_fortran_order = is_true;
  }

  void take_shape(std::size_t key_at) {
    once(seen_shape_, key_at);
    found_.shape_at = at_;
    if (!takes('(')) fail("npy-shape", at_, "the shape is no tuple");
    while (!takes(')')) {
      if (found_.shape.size() == most_dimensions_)
        fail("npy-limit", at_, fmt::format("more than {} dimensions", most_dimensions_));
      found_.shape.push_back(extent());
      if (takes(',')) continue;
      if (!takes(')')) fail("npy-shape", at_, "expected `,` or `)`");
      // (3) is a number in Python, and (3,) a tuple.
      if (found_.shape.size() == 1) fail("npy-shape", at_, "a tuple of one number has a comma");
      break;
    }
  }

  std::int64_t extent() {
    skip_spaces();
    std::int64_t value = 0;
    const char* const begin = text_.data() + at_;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
    if (error == std::errc::result_out_of_range) fail("npy-shape", at_, "an extent that does not fit into 63 bits");
    if (error != std::errc() || value < 0) fail("npy-shape", at_, "an extent that is no number of 0 or more");
    at_ += static_cast<std::size_t>(end - begin);
    return value;
  }

  bool takes_word(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  std::string_view text(const char* what) {
    if (at_ == text_.size() || (text_[at_] != '\'' && text_[at_] != '"'))
      fail("npy-header", at_, fmt::format("expected {}", what));
    const std::size_t first = at_ + 1, end = text_.find(text_[at_], first);
    if (end == std::string_view::npos) fail("npy-header", at_, "a quote is not closed");
    at_ = end + 1;
    const std::string_view content = text_.substr(first, end - first);
    if (content.find('\\') != std::string_view::npos) fail("npy-header", first, "an escape in a text");
    return content;
  }

  static std::string shown(std::string_view text) {
    std::string copy(text.substr(0, kMostShown));
    for (char& c : copy)
      if (c < ' ' || c > '~') c = '?';
    return copy;
  }

  std::string_view text_;
  std::size_t most_dimensions_;
  const NpyRefusal& refuse_;
  std::size_t at_ = 0;
  NpyDictionary found_;
  bool seen_descr_ = false, seen_order_ = false, seen_shape_ = false;
};

}  // namespace

NpyDictionary parse_npy_dictionary(std::string_view text, std::size_t most_dimensions, const NpyRefusal& refuse) {
  return Parser(text, most_dimensions, refuse).dictionary();
}

}  // namespace millrace
