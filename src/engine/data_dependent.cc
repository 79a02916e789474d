#include "engine/data_dependent.h"

#include <algorithm>

#include "adze/registry.h"

namespace adze {

DataDependentPart::DataDependentPart(const Flow& flow, std::span<const Value> fetches,
                                     PreparedConstants& prepared)
    : prepared_(prepared), fetches_(fetches.begin(), fetches.end()) {
  ValueSet listed;
  const auto need = [&](Value value) {
    if (!nodes_.contains(value.node) && listed.insert(value).second) inputs_.push_back(value);
  };
  for (Node* node : flow.order()) {
    bool depends = false;
    for (int i = 0; flow.has_output(node->output(i)); ++i) {
      depends |= !flow.has_known_shape(node->output(i));
    }
    for (int i = 0; i < node->num_inputs(); ++i) {
      depends |= nodes_.contains(node->input(i).node) && !flow.constant_input(*node, i);
    }
    if (!depends) continue;
    Step step{node, {}};
    for (int i = 0; i < node->num_inputs(); ++i) {
      const Tensor* constant = flow.constant_input(*node, i);
      step.constants.push_back(constant ? *constant : Tensor());
      if (!constant) need(node->input(i));
    }
    nodes_.insert(node);
    steps_.push_back(std::move(step));
  }
  for (Value fetch : fetches_) need(fetch);
}

std::vector<Tensor> DataDependentPart::RunStep(const Step& step,
                                               std::span<const Tensor> inputs) const {
  Node& node = *step.node;
  ErrorScope scope("node", node.name());
  if (node.op() == "PlaceholderWithDefault") return {inputs[0]};
  const KernelDef* def = Builtin<KernelRegistry>().Find(node.op());
  if (!def) return EvaluateNode(node, inputs);
  KernelRequest request{.node = node, .prepared = &prepared_};
  std::vector<const Tensor*> known;
  std::vector<const void*> from;
  for (size_t i = 0; i < inputs.size(); ++i) {
    known.push_back(&inputs[i]);
    from.push_back(inputs[i].raw());
    request.inputs.push_back({inputs[i].dtype(), inputs[i].shape()});
    request.constants.push_back(step.constants[i] ? &step.constants[i] : nullptr);
  }
  request.outputs = node.def()->infer({node, request.inputs, known});
  std::vector<Tensor> outputs;
  std::vector<void*> to;
  for (const TensorSpec& spec : request.outputs) {
    if (!spec.shape.IsFullyKnown()) return EvaluateNode(node, inputs);
    outputs.emplace_back(spec.dtype, spec.shape);
    to.push_back(outputs.back().mutable_raw());
  }
  // Of no boxes there is nothing to compute, which kernels are not asked to know.
  const bool is_empty = std::any_of(outputs.begin(), outputs.end(), [](const Tensor& output) {
    return output.num_elements() == 0;
  });
  const std::unique_ptr<Kernel> kernel = is_empty ? nullptr : def->compile(request);
  if (!kernel) return EvaluateNode(node, inputs);
  Tensor scratch(DType::kUint8, {static_cast<int64_t>(kernel->scratch_bytes())});
  kernel->Run({.inputs = from, .outputs = to, .scratch = scratch.mutable_raw()});
  return outputs;
}

std::vector<Tensor> DataDependentPart::Run(std::span<const Tensor> given, Probe* probe) const {
  ValueMap<Tensor> values;
  for (size_t i = 0; i < inputs_.size(); ++i) values[inputs_[i]] = given[i];
  for (const Step& step : steps_) {
    std::vector<Tensor> inputs;
    for (size_t i = 0; i < step.constants.size(); ++i) {
      const Value input = step.node->input(static_cast<int>(i));
      inputs.push_back(step.constants[i] ? step.constants[i] : values.at(input));
    }
    const std::vector<Tensor> outputs = RunStep(step, inputs);
    for (size_t i = 0; i < outputs.size(); ++i) {
      const Value value = step.node->output(static_cast<int>(i));
      values[value] = outputs[i];
      if (probe && probe->Wants(value)) probe->OnValue(value, outputs[i]);
    }
  }
  std::vector<Tensor> results;
  for (Value fetch : fetches_) results.push_back(values.at(fetch).Clone());
  return results;
}

}  // namespace adze
