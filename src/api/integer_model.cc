#include "adze/api.h"
#include "adze/pass.h"

namespace adze {

Graph LoadQuantized(const ModelSource& source) {
  Graph graph = LoadModel(source);
  ErrorScope scope("file", source.path.string());
  CheckDeployable(graph);
  RunPasses(graph, {"make_channels_last"});  // integer kernels are made for NHWC
  return graph;
}

IntegerGraph LoadIntegerModel(const ModelSource& source) {
  IntegerGraph lowered = LowerToIntegers(LoadQuantized(source));
  WarnOfSimulated(lowered);
  return lowered;
}

}  // namespace adze
