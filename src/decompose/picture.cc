#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <memory>

#include "adze/decompose.h"
#include "decompose/picture_blocks.h"
#include "decompose/picture_layout.h"
#include "decompose/svg.h"

namespace adze {
namespace {

using Point = SvgDrawing::Point;

constexpr const char* kCss =
    "text{font:10px 'DejaVu Sans',Verdana,Arial,sans-serif;fill:#24292f}"
    ".page{fill:#fff}.h{font-size:15px;font-weight:bold}.sum{font-size:11.5px}"
    ".small{font-size:9px;fill:#57606a}.n{font-size:9.5px}"
    ".m{text-anchor:end;font-size:9.5px}.c{text-anchor:middle;font-size:9px;fill:#57606a}"
    ".layer{fill:#ddebf7;stroke:#6f9dc8}.old{fill:#fff1cc;stroke:#d4a017}"
    ".new{fill:#ffd8a8;stroke:#d9730d}.op{fill:#f3f4f6;stroke:#c4c9cf}"
    ".sumop{fill:#e2f0d9;stroke:#7fae5c}"
    "path{fill:none;stroke:#8b949e;stroke-width:1.2}";

constexpr int64_t kMargin = 20, kHeader = 96, kPanelGap = 44;
constexpr int64_t kLayerHeight = 19, kOpHeight = 14, kRowGap = 9;
constexpr int64_t kTrackWidth = 9, kGutter = 12;
constexpr int64_t kMainWidth = 344, kSideWidth = 268, kOpWidth = 130;

std::string InMillions(int64_t count) {
  const double millions = static_cast<double>(count) * 1e-6;
  const int digits = millions >= 100 ? 0 : millions >= 1 ? 1 : 3;
  return fmt::format("{:.{}f} M", millions, digits);
}

// The scope that all layers have in common is left out of their names, the op at the end too.
std::string ShortName(const Node& node, const std::string& scope) {
  std::string name = node.name().substr(scope.size());
  const size_t slash = name.rfind('/');
  if (slash != std::string::npos && name.substr(slash + 1) == node.op()) name.resize(slash);
  return name;
}

std::string CommonScope(const std::vector<PictureBlock>& blocks) {
  std::string common;
  bool is_first = true;
  for (const PictureBlock& block : blocks) {
    if (!block.layer) continue;
    const std::string& name = block.layer->name();
    const size_t slash = name.find('/');
    const std::string scope = slash == std::string::npos ? "" : name.substr(0, slash + 1);
    if (!is_first && scope != common) return "";
    common = scope;
    is_first = false;
  }
  return common;
}

struct Totals {
  int64_t layers = 0, macs = 0, weights = 0;
  bool complete = true;  // the size of every layer's image is known
};

Totals TotalsOf(const Graph& graph, const ShapeMap& shapes) {
  Totals totals;
  for (const PictureBlock& block : BlocksOf(graph)) {
    if (!block.layer) continue;
    ++totals.layers;
    const std::optional<int64_t> macs = PictureMacs(*block.layer, shapes);
    totals.macs += macs.value_or(0);
    totals.complete = totals.complete && macs;
    totals.weights += PictureWeights(*block.layer, shapes);
  }
  return totals;
}

class Picture {
 public:
  Picture(const Graph& before, const Graph& after, const std::vector<LayerDecomposition>& layers,
          const std::string& title)
      : after_(after),
        title_(title),
        shapes_before_(InferShapes(before)),
        shapes_after_(InferShapes(after)),
        totals_before_(TotalsOf(before, shapes_before_)),
        totals_after_(TotalsOf(after, shapes_after_)),
        blocks_(BlocksOf(before)),
        scope_(CommonScope(blocks_)) {
    for (const LayerDecomposition& layer : layers) {
      if (layer.reason.empty()) decomposed_[layer.name] = &layer;
    }
    std::vector<std::vector<size_t>> inputs;
    std::vector<int64_t> rows;
    for (const PictureBlock& block : blocks_) {
      inputs.push_back(block.inputs);
      const LayerDecomposition* found = DecompositionOf(block);
      rows.push_back(found ? static_cast<int64_t>(found->nodes.size()) : 1);
    }
    layout_ = LayOut(inputs, rows);
    Measure();
  }

  std::string Draw() {
    const int64_t width = 2 * kMargin + 2 * panel_width_ + kPanelGap;
    drawing_ = std::make_unique<SvgDrawing>(width, row_tops_.back() + kMargin, kCss, title_);
    drawing_->Box("page", {0, 0}, width, row_tops_.back() + kMargin);
    drawing_->Text("h", {kMargin, kMargin + 12}, title_);
    Legend(width);
    for (const bool is_after : {false, true}) {
      Header(is_after);
      for (const PlacedEdge& edge : layout_.edges) DrawEdge(edge, is_after);
      for (size_t i = 0; i < blocks_.size(); ++i) DrawBlock(i, is_after);
    }
    return drawing_->Finish();
  }

 private:
  const LayerDecomposition* DecompositionOf(const PictureBlock& block) const {
    if (!block.layer) return nullptr;
    const auto found = decomposed_.find(block.layer->name());
    return found == decomposed_.end() ? nullptr : found->second;
  }

  // Widths of lanes and heights of rows.
  void Measure() {
    std::vector<int64_t> heights(layout_.rows, kOpHeight);
    std::vector<int64_t> widths(layout_.tracks.size(), kOpWidth);
    for (size_t i = 0; i < blocks_.size(); ++i) {
      const PlacedBlock& placed = layout_.blocks[i];
      if (!blocks_[i].layer) continue;
      widths[placed.lane] = placed.lane == 0 ? kMainWidth : kSideWidth;
      for (int64_t row = placed.row; row < placed.end(); ++row) heights[row] = kLayerHeight;
    }
    int64_t x = 0;
    for (size_t lane = 0; lane < widths.size(); ++lane) {
      lane_lefts_.push_back(x);
      x += widths[lane] + kGutter + kTrackWidth * layout_.tracks[lane];
    }
    lane_widths_ = widths;
    panel_width_ = std::max<int64_t>(x, kMainWidth);
    int64_t y = kHeader;
    for (int64_t height : heights) {
      row_tops_.push_back(y);
      y += height + kRowGap;
    }
    row_tops_.push_back(y);
  }

  int64_t Left(bool is_after) const { return kMargin + (is_after ? panel_width_ + kPanelGap : 0); }
  int64_t Middle(int64_t lane, bool is_after) const {
    return Left(is_after) + lane_lefts_[lane] + lane_widths_[lane] / 2;
  }
  int64_t Bottom(int64_t row) const { return row_tops_[row + 1] - kRowGap; }

  void Legend(int64_t width) {
    const std::vector<std::pair<const char*, const char*>> kinds = {{"layer", "layer"},
                                                                    {"old", "to be decomposed"},
                                                                    {"new", "in its place"},
                                                                    {"sumop", "sum"},
                                                                    {"op", "other ops"}};
    int64_t x = width - kMargin - 430;
    if (x < kMargin + 300) x = kMargin;
    const int64_t y = x == kMargin ? kMargin + 22 : kMargin + 2;
    for (const auto& [css_class, text] : kinds) {
      drawing_->Box(css_class, {x, y}, 14, 10);
      drawing_->Text("small", {x + 19, y + 9}, text);
      x += 34 + 6 * static_cast<int64_t>(std::string_view(text).size());
    }
  }

  void Header(bool is_after) {
    const Totals& totals = is_after ? totals_after_ : totals_before_;
    std::string text = fmt::format("{} layers", totals.layers);
    const auto share = [](int64_t part, int64_t all) {
      return fmt::format(" ({:.1f} %)", 100 * static_cast<double>(part) / static_cast<double>(all));
    };
    if (totals.complete) {
      text += fmt::format(", {} multiply-accumulates", InMillions(totals.macs));
      if (is_after && totals_before_.macs > 0) text += share(totals.macs, totals_before_.macs);
    }
    text += fmt::format(", {} weights", InMillions(totals.weights));
    if (is_after && totals_before_.weights > 0) {
      text += share(totals.weights, totals_before_.weights);
    }
    drawing_->Text("h", {Left(is_after), kHeader - 34}, is_after ? "after" : "before");
    drawing_->Text("sum", {Left(is_after), kHeader - 16}, text);
  }

  void DrawEdge(const PlacedEdge& edge, bool is_after) {
    const PlacedBlock &from = layout_.blocks[edge.from], &to = layout_.blocks[edge.to];
    const int64_t start = Middle(from.lane, is_after), goal = Middle(to.lane, is_after);
    const int64_t top = Bottom(from.end() - 1), bottom = row_tops_[to.row];
    int64_t x = Middle(edge.lane, is_after);
    if (edge.track >= 0) {
      x = Left(is_after) + lane_lefts_[edge.lane] + lane_widths_[edge.lane] +
          kTrackWidth * (edge.track + 1);
    }
    const int64_t below = top + kRowGap / 2, above = bottom - kRowGap / 2 - 1;
    drawing_->Line(
        "e", {{start, top}, {start, below}, {x, below}, {x, above}, {goal, above}, {goal, bottom}});
  }

  // Texts of the ops from number `first` on.
  std::string OpsText(const PictureBlock& block, size_t first, size_t most,
                      std::string_view between) const {
    std::string text;
    for (size_t i = first; i < block.nodes.size(); ++i) {
      const std::string next = PictureText(*block.nodes[i], shapes_before_);
      if (!text.empty() && text.size() + next.size() > most) return text + " …";
      text += std::string(text.empty() ? "" : between) + next;
    }
    return text;
  }

  static std::string NamesOf(const PictureBlock& block) {
    std::string names;
    for (const Node* node : block.nodes) {
      names += (names.empty() ? "" : ", ") + node->name() + " (" + node->op() + ")";
    }
    return names;
  }

  // One line of a layer: name, kernel, ops behind it, multiply-accumulates.
  void LayerLine(const PlacedBlock& placed, int64_t row, bool is_after, const std::string& name,
                 const Node& layer, const ShapeMap& shapes, const std::string& behind) {
    const int64_t left = Left(is_after) + lane_lefts_[placed.lane];
    const int64_t y = row_tops_[row] + 13;
    const bool is_main = placed.lane == 0;
    drawing_->Text("n", {left + 6, y}, Shortened(name, is_main ? 25 : 16));
    const int64_t kernel_at = left + (is_main ? 146 : 100);
    const std::string kernel = PictureText(layer, shapes);
    drawing_->Text("n", {kernel_at, y}, kernel);
    const auto long_kernel = static_cast<int64_t>(kernel.size()) * 5;
    drawing_->Text("small", {kernel_at + std::max<int64_t>(is_main ? 88 : 0, long_kernel + 4), y},
                   is_main ? behind : "");
    const std::optional<int64_t> macs = PictureMacs(layer, shapes);
    if (macs) {
      drawing_->Text("m", {left + lane_widths_[placed.lane] - 6, y}, InMillions(*macs));
    }
  }

  void DrawBlock(size_t i, bool is_after) {
    const PictureBlock& block = blocks_[i];
    const PlacedBlock& placed = layout_.blocks[i];
    const int64_t left = Left(is_after) + lane_lefts_[placed.lane], top = row_tops_[placed.row];
    if (!block.layer) {
      const bool joins = block.inputs.size() > 1;
      const std::string text = OpsText(block, 0, 26, " · ");
      const int64_t width = std::max<int64_t>(
          60, std::min(lane_widths_[placed.lane], 14 + static_cast<int64_t>(text.size()) * 6));
      drawing_->Begin(NamesOf(block));
      drawing_->Box(joins ? "sumop" : "op", {Middle(placed.lane, is_after) - width / 2, top}, width,
                    kOpHeight);
      drawing_->Text("c", {Middle(placed.lane, is_after), top + 10}, text);
      drawing_->End();
      return;
    }
    const int64_t width = lane_widths_[placed.lane];
    const std::string behind = OpsText(block, 1, 12, " ");
    const LayerDecomposition* found = DecompositionOf(block);
    if (!found || !is_after) {
      drawing_->Begin(NamesOf(block));
      drawing_->Box(found ? "old" : "layer", {left, top}, width, Bottom(placed.end() - 1) - top);
      LayerLine(placed, placed.row, is_after, ShortName(*block.layer, scope_), *block.layer,
                shapes_before_, behind);
      if (found) drawing_->Text("small", {left + 6, top + 28}, WhatIsDone(*found));
      drawing_->End();
      return;
    }
    for (size_t part = 0; part < found->nodes.size(); ++part) {
      const int64_t row = placed.row + static_cast<int64_t>(part);
      if (part > 0) {
        drawing_->Line("e", {{Middle(placed.lane, true), Bottom(row - 1)},
                             {Middle(placed.lane, true), row_tops_[row]}});
      }
      const Node* node = after_.Find(found->nodes[part]);
      if (!node) continue;
      std::string name = node->name();
      name = name.substr(name.rfind('/') + 1);
      const size_t rank = std::min(part, found->ranks.size() - 1);
      if (part + 1 < found->nodes.size() && !found->ranks.empty()) {
        name += fmt::format(", rank {}", found->ranks[rank]);
      }
      drawing_->Begin(node->name() + " (" + node->op() + ")");
      drawing_->Box("new", {left, row_tops_[row]}, width, kLayerHeight);
      LayerLine(placed, row, true, name, *node, shapes_after_,
                part + 1 == found->nodes.size() ? behind : "");
      drawing_->End();
    }
  }

  static std::string WhatIsDone(const LayerDecomposition& layer) {
    std::string text = layer.method;
    if (!layer.mode.empty()) text += " " + layer.mode;
    text += fmt::format(", rank {}", fmt::join(layer.ranks, ", "));
    if (layer.macs_before && *layer.macs_before > 0) {
      text += fmt::format(
          ": {} → {} ({:.0f} %)", InMillions(*layer.macs_before), InMillions(*layer.macs_after),
          100 * static_cast<double>(*layer.macs_after) / static_cast<double>(*layer.macs_before));
    }
    return text;
  }

  const Graph& after_;
  std::string title_;
  ShapeMap shapes_before_, shapes_after_;
  Totals totals_before_, totals_after_;
  std::vector<PictureBlock> blocks_;
  std::string scope_;
  std::map<std::string, const LayerDecomposition*> decomposed_;
  PictureLayout layout_;
  std::vector<int64_t> lane_lefts_, lane_widths_, row_tops_;
  int64_t panel_width_ = 0;
  std::unique_ptr<SvgDrawing> drawing_;
};

}  // namespace

std::string DrawDecomposition(const Graph& before, const Graph& after,
                              const std::vector<LayerDecomposition>& layers,
                              const std::string& title) {
  return Picture(before, after, layers, title).Draw();
}

}  // namespace adze
