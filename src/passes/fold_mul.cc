#include "passes/support/linear_layer.h"
#include "passes/support/pattern.h"

namespace adze {
namespace {

// layer(x) * c  ->  the layer with weights W * c and bias b * c
// layer(x) / c  ->  the same with 1 / c
// c: a constant, one for all or one per output channel. After constant folding this is also the
// scale of a batch norm made of small ops.
bool Run(Graph& graph, PassContext& context) {
  const Pattern pattern = OneOf({Commutative({"Mul"}, Any("x"), Const("factor")),
                                 Op({"RealDiv", "Div"}, {Any("x"), Const("divisor")})});
  return RewriteAll(graph, pattern, [&](const Match& match, Node& root) {
           const auto layer = FindLinearLayer(graph, match.value("x"), context);
           if (!layer) return false;
           const Node* factor = match.Find("factor");
           auto scale = ChannelValues(*layer, (factor ? *factor : match["divisor"]).const_value());
           if (!scale) return false;
           if (!factor) {
             for (double& value : *scale) value = 1 / value;
           }
           const std::vector<double> no_shift(layer->channels);
           return FoldAffine(graph, *layer, *scale, no_shift, root, context);
         }) > 0;
}

}  // namespace

void register_fold_mul(PassRegistry& passes) {
  passes.Add({.name = "fold_mul",
              .summary = "Folds a constant factor behind a layer into its weights.",
              .run = Run});
}

}  // namespace adze
