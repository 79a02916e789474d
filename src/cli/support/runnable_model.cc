#include "cli/support/runnable_model.h"

#include "adze/pass.h"

namespace adze {

RunnableModel LoadRunnableModel(const ModelSource& source, const std::string& engine) {
  RunnableModel model;
  if (engine == "int8") {
    model.integers = LoadIntegerModel(source);
  } else {
    model.real = LoadModel(source);
    // Kernels are made for NHWC.
    RunPasses(*model.real, {"make_channels_last"});
  }
  return model;
}

}  // namespace adze
