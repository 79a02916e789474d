// The order of passes. The only list of passes there is.
#include "adze/pass.h"

namespace adze {

std::vector<std::string> FreezePipeline() {
  return {
      "prune_unreachable",   // training, saving and restoring
      "fold_conditionals",   // before control edges: in a branch they say what runs
      "drop_control_edges",  // those to checks, updates of averages and initializers
      "feed_iterators",      // after control edges to the iterator are gone
      "prune_unreachable",   // what hung on them
  };
}

std::vector<std::string> PreparePipeline() {
  return {
      "prune_unreachable",     // first: what no output needs is neither refused nor worked on
      "fold_conditionals",     // before refusing: a branch for training may never run
      "drop_control_edges",    // before all others: they leave nodes with control edges alone
      "refuse_training",       // after pruning, before time is spent
      "drop_identity",         // frozen weights are Identity(Const)
      "use_default_switches",  // before folding: what a switch feeds becomes constant
      "fold_constants",        // before every fusion: gamma, beta and shapes are computed
      "drop_dropout",          // behind folding: its rate is computed
      "flatten_dilated_conv",  // before the fusions: bias and batch norm then follow the layer
      "fuse_bias_add",         // before batch norm: it looks through BiasAdd, not through Add
      "fold_batch_norm",      "fold_mul",
      "fuse_bias_add",       // again: behind a Mul that is gone now (batch norm of small ops)
      "make_channels_last",  // behind the fusions: fewer ops stand between the layers
      "fold_constants",      // again: operands that it turned
      "prune_unreachable",   // last: constants that lost their readers
  };
}

std::vector<std::string> TrainPipeline() {
  std::vector<std::string> passes = PreparePipeline();
  std::erase(passes, "fold_batch_norm");
  return passes;
}

}  // namespace adze
