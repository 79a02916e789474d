#include "engine/program.h"

#include <cstring>

namespace adze {

std::string FeedName(Value value) {
  return value.node->name() + (value.index == 0 ? "" : ":" + std::to_string(value.index));
}

void Program::Run(const std::map<std::string, Tensor>& feeds, char* arena, Probe* probe,
                  std::span<Tensor> results) const {
  std::vector<void*> memory;
  memory.reserve(buffers.size());
  for (const Buffer& buffer : buffers) {
    if (buffer.place == Buffer::Place::kArena) {
      memory.push_back(arena + buffer.offset);
    } else {
      // Feeds and constants are only read.
      const Tensor& tensor =
          buffer.place == Buffer::Place::kFeed ? feeds.at(buffer.feed) : buffer.constant;
      memory.push_back(const_cast<void*>(tensor.raw()));
    }
  }
  auto show = [&](const std::vector<NamedBuffer>& values) {
    for (const NamedBuffer& seen : values) {
      probe->OnValue(seen.value, Tensor::Borrow(seen.spec.dtype, seen.spec.shape,
                                                memory[seen.buffer], nullptr));
    }
  };

  show(probed_first);
  std::vector<const void*> inputs;
  std::vector<void*> outputs;
  for (const Step& step : steps) {
    if (step.kernel) {
      inputs.clear();
      outputs.clear();
      for (int input : step.inputs) inputs.push_back(memory[input]);
      for (int output : step.outputs) outputs.push_back(memory[output]);
      if (step.copied >= 0) {
        std::memcpy(outputs[0], memory[step.copied], buffers[step.copied].bytes);
      }
      step.kernel->Run({.inputs = inputs,
                        .outputs = outputs,
                        .scratch = step.scratch >= 0 ? memory[step.scratch] : nullptr});
    }
    show(step.probed);
  }
  for (size_t i = 0; i < fetches.size(); ++i) {
    const TensorSpec& spec = fetches[i].spec;
    void* const from = memory[fetches[i].buffer];
    Check(results[i].shape() == spec.shape, "room for a fetch");
    if (spec.dtype == DType::kString) {
      results[i] = Tensor::Borrow(spec.dtype, spec.shape, from, nullptr).Clone();
    } else {
      std::memcpy(results[i].mutable_raw(), from, results[i].num_bytes());
    }
  }
}

std::vector<Tensor> Program::Run(const std::map<std::string, Tensor>& feeds, char* arena,
                                 Probe* probe) const {
  std::vector<Tensor> results;
  for (const NamedBuffer& fetch : fetches) {
    results.emplace_back(fetch.spec.dtype, fetch.spec.shape);
  }
  Run(feeds, arena, probe, results);
  return results;
}

}  // namespace adze
