// Fonts differ from program to program, so columns are as wide as their texts would be in a wide one.
#include "graph_picture.hpp"

#include "diagnostics/text_cells.hpp"
#include "html_text.hpp"
#include "node_rails.hpp"
#include "report/cut_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace millrace::pipelines {
namespace {

constexpr double kMargin = 12, kGap = 16, kHead = 40, kFoot = 26, kCell = 7.8, kSmallCell = 6.8;
constexpr double kNameBase = 14, kStageBase = 28, kMiddle = kRowHeight / 2 + 4;
constexpr std::size_t kMostName = 40, kMostGives = 72, kMostTitle = 60;
constexpr std::string_view kInk = "#1c2024", kDim = "#596169", kLine = "#8d949a";

class Drawing {
 public:
  Drawing(const std::vector<NodeTimes>& nodes, const std::vector<NodeLook>& looks)
      : nodes_(nodes), looks_(looks), rails_(rails_of(nodes)), names_at_(kMargin + rails_width(rails_) + kGap) {
    double names = 0, gives = 0;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      names = std::max({names, room(nodes[i].name, kMostName, kCell), room(nodes[i].stage, kMostName, kSmallCell)});
      gives = std::max(gives, room(looks[i].gives, kMostGives, kSmallCell));
    }
    gives_at_ = names_at_ + names + kGap;
    width_ = gives_at_ + gives + kMargin;
  }

  std::string svg(const std::string& title, const std::vector<ColorMeaning>& meanings) {
    const std::string shown = cut_to(title, kMostTitle);
    double legend = kMargin;
    for (const ColorMeaning& each : meanings)
      legend += 2 * kGap + room(std::string(each.meaning), kMostName, kSmallCell);
    width_ = std::max({width_, legend, 2 * kMargin + room(shown, kMostTitle, 1.2 * kCell)});
    const double height = kHead + kRowHeight * static_cast<double>(nodes_.size()) + kFoot;
    put("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" "
        "height=\"{1:.0f}\" viewBox=\"0 0 {0:.0f} {1:.0f}\" font-family=\"sans-serif\" font-size=\"13\" fill=\"{2}\">\n"
        "<title>{3}</title>\n<rect width=\"{0:.0f}\" height=\"{1:.0f}\" fill=\"#ffffff\"/>\n",
        width_, height, kInk, html_text(title));
    put("<text x=\"{}\" y=\"26\" font-size=\"16\" font-weight=\"bold\">{}</text>\n", kMargin, html_text(shown));
    for (std::size_t row = 0; row < nodes_.size(); ++row) put_row(row);
    put_meanings(meanings, height - kFoot / 2 + 4);
    return std::move(out_) + "</svg>\n";
  }

 private:
  template <class... Values>
  void put(fmt::format_string<Values...> format, Values&&... values) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Values>(values)...);
  }
  static double room(const std::string& text, std::size_t most, double cell) {
    return cell * static_cast<double>(cells_of(cut_to(text, most)));
  }

  void put_row(std::size_t row) {
    const double top = kHead + kRowHeight * static_cast<double>(row);
    const NodeTimes& node = nodes_[row];
    put("<g><title>{}: {}</title>\n<g transform=\"translate({} {})\">{}</g>\n", html_text(node.name),
        html_text(node.stage), kMargin, top, rails_drawing(nodes_, rails_, row, {looks_[row].color, kLine}));
    put("<text x=\"{:.1f}\" y=\"{}\">{}</text>\n", names_at_, top + kNameBase, html_text(cut_to(node.name, kMostName)));
    put("<text x=\"{:.1f}\" y=\"{}\" font-size=\"11\" fill=\"{}\">{}</text>\n", names_at_, top + kStageBase, kDim,
        html_text(cut_to(node.stage, kMostName)));
    if (!looks_[row].gives.empty())
      put("<text x=\"{:.1f}\" y=\"{}\" font-size=\"12\" fill=\"{}\">{}</text>\n", gives_at_, top + kMiddle, kDim,
          html_text(cut_to(looks_[row].gives, kMostGives)));
    put("</g>\n");
  }

  void put_meanings(const std::vector<ColorMeaning>& meanings, double base) {
    double x = kMargin;
    for (const ColorMeaning& each : meanings) {
      put("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4.5\" fill=\"{}\"/><text x=\"{:.1f}\" y=\"{:.1f}\" font-size=\"11\" "
          "fill=\"{}\">{}</text>\n",
          x + 5, base - 4, each.color, x + 14, base, kDim, html_text(std::string(each.meaning)));
      x += 2 * kGap + room(std::string(each.meaning), kMostName, kSmallCell);
    }
  }

  const std::vector<NodeTimes>& nodes_;
  const std::vector<NodeLook>& looks_;
  Rails rails_;
  double names_at_, gives_at_ = 0, width_ = 0;
  std::string out_;
};

}  // namespace

std::string graph_picture(const std::string& title, const std::vector<NodeTimes>& nodes,
                          const std::vector<NodeLook>& looks, const std::vector<ColorMeaning>& meanings) {
  return Drawing(nodes, looks).svg(title, meanings);
}

}  // namespace millrace::pipelines
