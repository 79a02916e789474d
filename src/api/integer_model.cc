#include "adze/api.h"

namespace adze {

Graph LoadQuantized(const ModelSource& source) {
  Graph graph = LoadModel(source);
  ErrorScope scope("file", source.path.string());
  CheckDeployable(graph);
  return graph;
}

IntegerGraph LoadIntegerModel(const ModelSource& source) {
  IntegerGraph lowered = LowerToIntegers(LoadQuantized(source));
  WarnOfSimulated(lowered);
  return lowered;
}

}  // namespace adze
