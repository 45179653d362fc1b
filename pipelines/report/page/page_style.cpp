// The policy is a second lock: nothing on the page asks for anything, and nothing that got into it could.
#include "page_style.hpp"

#include "html_text.hpp"

#include <fmt/format.h>

namespace millrace::pipelines {
namespace {

constexpr std::string_view kStyle = R"(
:root{color-scheme:light dark;--fg:#1c2024;--dim:#596169;--bg:#fff;--line:#d5dade;--soft:#f3f5f6;--bad:#b3261e;--good:#1d7a46}
@media(prefers-color-scheme:dark){:root{--fg:#e4e7e9;--dim:#9ba4ac;--bg:#14171a;--line:#363c42;--soft:#1d2125;--bad:#ff8a80;--good:#6fd39b}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:70rem;padding:1rem;background:var(--bg);color:var(--fg);font:14px/1.45 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.35rem;margin:0}h2{font-size:1rem;margin:1.6rem 0 .4rem;border-bottom:1px solid var(--line);padding-bottom:.2rem}
h3{font-size:.9rem;margin:.8rem 0 .2rem}p{margin:.4rem 0;max-width:52rem}
.dim{color:var(--dim)}.verdict{font-size:1.05rem}.bad{color:var(--bad)}.good{color:var(--good)}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:.5rem 0}.box table{margin:0}
th,td{padding:.15rem .7rem .15rem 0;text-align:left;vertical-align:top}
th{font-weight:600;color:var(--dim);border-bottom:1px solid var(--line);overflow-wrap:normal}
.n{text-align:right;white-space:nowrap}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr));gap:1rem 1.5rem}
.charts figure{margin:0}.charts h3{margin-top:0}.charts svg{display:block;width:100%;max-width:34rem;height:auto}
.box{overflow:auto;max-height:22rem;border:1px solid var(--line);border-radius:4px;padding:.4rem .7rem;background:var(--soft)}
.box table{min-width:max-content}.box th{position:sticky;top:-.4rem;background:var(--soft)}
pre{margin:0;font:12px/1.45 ui-monospace,monospace;overflow-wrap:normal}
.told{border-left:3px solid var(--line);padding-left:.6rem;margin:.4rem 0}.told.bad{border-color:var(--bad);color:inherit}
.nodes td{padding:0 .7rem 0 0;height:34px;vertical-align:middle;line-height:1.15}.nodes svg{display:block}
.nodes{width:100%;max-width:60rem}.nodes .name{max-width:18rem;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}.nodes .bar{width:50%;min-width:3rem}.nodes .bar svg{width:100%;height:12px}
.nodes tr.limit td{background:var(--soft)}.nodes small{color:var(--dim)}
.square{font-size:12px}.square td,.square th{padding:.2rem .4rem;border:0;min-width:2rem}.square th{white-space:nowrap}.square td,.bar{print-color-adjust:exact;-webkit-print-color-adjust:exact}
.pictures{display:grid;grid-template-columns:repeat(auto-fill,minmax(6.2rem,1fr));gap:.6rem;margin:.5rem 0}.pictures figure{margin:0;font-size:12px}.pictures img{display:block;image-rendering:pixelated;border:1px solid var(--line)}
.key{display:inline-block;width:.7em;height:.7em;margin:0 .3em 0 .8em;border-radius:2px}
.facts th{border:0;font-weight:400;white-space:nowrap;overflow-wrap:anywhere}
@media(max-width:600px){.nodes{font-size:11px}.nodes th{font-size:10px}.nodes td,.nodes th{padding-right:.3rem}.nodes .name{max-width:8.6rem}.more{display:none}.facts th{white-space:normal;min-width:7rem}.square{font-size:11px}.square td,.square th{padding:.15rem .2rem;min-width:1.4rem}}
@media print{body{max-width:none;padding:0;font-size:10pt}.box{max-height:none;overflow:visible;border:0;padding:0;background:none}.box th{position:static}
pre{white-space:pre-wrap;font-size:8pt}figure,tr,.told{break-inside:avoid}h2,h3{break-after:avoid}.charts{grid-template-columns:1fr 1fr}}
)";

}  // namespace

std::string page_head(std::string_view title) {
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src "
      "'unsafe-inline'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n"
      "<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n",
      html_text(title), kStyle);
}

std::string page_end() { return "</body>\n</html>\n"; }

}  // namespace millrace::pipelines
