#include "adze/freeze.h"
#include "adze/functions.h"
#include "adze/graph_def.h"
#include "adze/meta_graph.h"
#include "adze/op.h"
#include "adze/registry.h"
#include "fuzz/fuzz_reader.h"

// What happens to a SavedModel before its variables are read.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return adze::FuzzReader(data, size, [](std::string_view bytes) {
    adze::MetaGraph model = adze::ParseSavedModel(bytes, adze::Builtin<adze::OpRegistry>());
    std::vector<std::string> outputs;
    if (const adze::Signature* signature = adze::ChooseSignature(model, "")) {
      for (const auto& output : signature->outputs) outputs.push_back(output.tensor);
    }
    model.graph.SetOutputs(outputs);
    model.graph.Prune();
    model.graph.TopologicalOrder();
    adze::InlineFunctions(model.graph, model.output_args);
    adze::FindVariableKeys(model.graph);
    adze::FreezeVariables(model.graph, {}, nullptr);
    adze::SerializeGraphDef(model.graph);
  });
}
