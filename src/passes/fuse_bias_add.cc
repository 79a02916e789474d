#include "passes/support/linear_layer.h"
#include "passes/support/pattern.h"

namespace adze {
namespace {

// layer(x) + c  ->  BiasAdd(layer(x), c), or into the BiasAdd that is there
// layer(x) - c  ->  the same with -c
// BiasAdd(BiasAdd(layer(x), b), c)  ->  BiasAdd(layer(x), b + c)
// c: a constant, one for all or one per output channel. Only a BiasAdd becomes the int32 bias of a
// quantized layer.
bool Run(Graph& graph, PassContext& context) {
  const Pattern pattern = OneOf({Commutative({"Add", "AddV2"}, Any("x"), Const("bias")),
                                 Op("Sub", {Any("x"), Const("negative_bias")})});
  return RewriteAll(graph, pattern, [&](const Match& match, Node& root) {
           const auto layer = FindLinearLayer(graph, match.value("x"), context);
           if (!layer) return false;
           const Node* bias = match.Find("bias");
           auto shift =
               ChannelValues(*layer, (bias ? *bias : match["negative_bias"]).const_value());
           if (!shift) return false;
           if (!bias) {
             for (double& value : *shift) value = -value;
           }
           const std::vector<double> no_scale(layer->channels, 1.0);
           return FoldAffine(graph, *layer, no_scale, *shift, root, context);
         }) > 0;
}

}  // namespace

void register_fuse_bias_add(PassRegistry& passes) {
  passes.Add({.name = "fuse_bias_add",
              .summary = "Makes a constant added behind a layer its bias.",
              .run = Run});
}

}  // namespace adze
