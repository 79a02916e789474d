#include <array>
#include <optional>

#include "adze/op.h"
#include "adze/pass.h"
#include "passes/support/pattern.h"

namespace adze {
namespace {

// Padding along one axis, taken from where it is: pads of SpaceToBatchND less crops of
// BatchToSpaceND.
struct AxisPadding {
  int64_t before, after;
};

// The same padding as a layer's `padding`; nullopt if it is neither SAME nor VALID. With stride 1
// SAME pads (kernel - 1) * rate in all, the smaller half before.
std::optional<std::string> PaddingName(const std::array<AxisPadding, 2>& axes,
                                       const std::array<int64_t, 2>& total_same) {
  bool same = true, valid = true;
  for (int i = 0; i < 2; ++i) {
    same &=
        axes[i].before == total_same[i] / 2 && axes[i].after == total_same[i] - total_same[i] / 2;
    valid &= axes[i].before == 0 && axes[i].after == 0;
  }
  if (valid) return "VALID";
  if (same) return "SAME";
  return std::nullopt;
}

bool IsPlainConv(const Node& conv) {
  const std::vector<int64_t> ones = {1, 1, 1, 1};
  return conv.attr<std::string>("padding") == "VALID" &&
         conv.attr<std::string>("data_format", "NHWC") == "NHWC" &&
         conv.attr<std::vector<int64_t>>("strides") == ones &&
         conv.attr<std::vector<int64_t>>("dilations", ones) == ones;
}

// BatchToSpaceND(Conv2D(SpaceToBatchND(x, r, pads)), r, crops)  ->  Conv2D(x) {dilations: r}
// TensorFlow writes dilated convolutions so: r * r interleaved pictures, each convolved densely.
// Not for DepthwiseConv2dNative, whose dilations TensorFlow 1.15 ignores on the CPU.
bool Run(Graph& graph, PassContext&) {
  const Pattern pattern =
      Op("BatchToSpaceND",
         {Op("Conv2D",
             {Op("SpaceToBatchND", {Any("x"), Const("rate"), Const("pads")}, "space"),
              Const("weight")},
             "conv"),
          Const("same_rate"), Const("crops")});
  return RewriteAll(graph, pattern, [&](const Match& match, Node& root) {
           Node& conv = match["conv"];
           const auto rate = ToInt64s(match["rate"].const_value());
           const auto pads = ToInt64s(match["pads"].const_value());
           const auto crops = ToInt64s(match["crops"].const_value());
           const Shape& kernel = match["weight"].const_value().shape();
           if (rate.size() != 2 || rate != ToInt64s(match["same_rate"].const_value()) ||
               pads.size() != 4 || crops.size() != 4 || kernel.rank() != 4 ||
               graph.CountUses(conv.output()) != 1 || !IsPlainConv(conv))
             return false;
           const auto padding = PaddingName({{{pads[0] - crops[0], pads[1] - crops[1]},
                                              {pads[2] - crops[2], pads[3] - crops[3]}}},
                                            {(kernel[0] - 1) * rate[0], (kernel[1] - 1) * rate[1]});
           if (!padding) return false;
           graph.SetInput(conv, 0, match.value("x"));
           Node& space = match["space"];
           if (graph.Uses(space).empty() && graph.ControlUsers(space).empty()) graph.Erase(space);
           conv.SetAttr("padding", *padding);
           conv.SetAttr("dilations", std::vector<int64_t>{1, rate[0], rate[1], 1});
           graph.ReplaceUses(root.output(), conv.output());
           return true;
         }) > 0;
}

}  // namespace

void register_flatten_dilated_conv(PassRegistry& passes) {
  passes.Add({.name = "flatten_dilated_conv",
              .summary = "Makes SpaceToBatchND, convolution, BatchToSpaceND one dilated layer.",
              .run = Run});
}

}  // namespace adze
