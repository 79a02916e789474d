#include "engine/compile.h"

#include <algorithm>

#include "engine/fusion.h"
#include "engine/memory_plan.h"

namespace adze {
namespace {

size_t BytesOf(const TensorSpec& spec) { return spec.shape.num_elements() * SizeOf(spec.dtype); }

class Compiler {
 public:
  Compiler(const Flow& flow, std::vector<Group> groups, std::span<const Value> fetches)
      : flow_(flow), groups_(std::move(groups)) {
    FindLastUses(fetches);
    for (size_t i = 0; i < groups_.size(); ++i) AddStep(static_cast<int>(i));
    FindCut();
    for (Value value : flow_.wanted()) {
      if (flow_.is_fed(value.node) || flow_.constant(value)) {
        program_->probed_first.push_back(Named(value));
      }
    }
    for (Value fetch : fetches) program_->fetches.push_back(Named(fetch));
    PlaceBuffers();
  }

  std::unique_ptr<Program> Take() { return std::move(program_); }

 private:
  // The value whose memory `value` shares because only Reshape and the like lie between.
  Value Root(Value value) const {
    auto it = alias_of_.find(value);
    return it == alias_of_.end() ? value : it->second;
  }

  void FindLastUses(std::span<const Value> fetches) {
    for (size_t i = 0; i < groups_.size(); ++i) {
      const Group& group = groups_[i];
      for (Value input : group.inputs) last_use_[Root(input)] = static_cast<int>(i);
      if (!group.kernel) alias_of_[group.nodes[0]->output()] = Root(group.inputs[0]);
    }
    for (Value fetch : fetches) last_use_[Root(fetch)] = static_cast<int>(groups_.size());
  }

  int LastUse(Value root, int otherwise) const {
    auto it = last_use_.find(root);
    return it == last_use_.end() ? otherwise : it->second;
  }

  int AddBuffer(Buffer buffer, LiveRange life) {
    program_->buffers.push_back(std::move(buffer));
    lives_.push_back(life);
    return static_cast<int>(lives_.size()) - 1;
  }

  int AddArenaBuffer(size_t bytes, int first, int last) {
    return AddBuffer({.bytes = bytes}, {bytes, first, last});
  }

  int BufferOf(Value value) {
    const Value root = Root(value);
    auto it = buffer_of_.find(root);
    if (it != buffer_of_.end()) return it->second;
    Buffer buffer;
    if (const Tensor* constant = flow_.constant(root)) {
      buffer = {.place = Buffer::Place::kConstant, .constant = *constant};
      buffer.bytes = constant->num_bytes();
    } else {
      Check(flow_.is_fed(root.node), "a value is read before it is computed");
      buffer = {.place = Buffer::Place::kFeed, .feed = FeedName(root)};
      buffer.bytes = BytesOf(flow_.spec(root));
    }
    return buffer_of_[root] = AddBuffer(std::move(buffer), {});
  }

  NamedBuffer Named(Value value) { return {value, flow_.spec(value), BufferOf(value)}; }

  // Whether step `step` may write over the buffer of `value`: it is the last that reads it.
  bool IsFree(Value value, int step, size_t bytes) {
    const Buffer& buffer = program_->buffers[BufferOf(value)];
    return buffer.place == Buffer::Place::kArena && buffer.bytes == bytes &&
           LastUse(Root(value), step) == step;
  }

  // Output 0 in the memory of an input, where that is dead afterwards; -1 if there is none.
  int FindInPlace(const Group& group, int step, size_t bytes) {
    if (group.residual >= 0) {
      const Value residual = group.inputs[group.residual];
      int readers = 0;
      for (Value input : group.inputs) readers += Root(input) == Root(residual);
      return readers == 1 && IsFree(residual, step, bytes) ? BufferOf(residual) : -1;
    }
    for (const Value input : group.inputs) {
      // Read in several places, it must bear being overwritten in each.
      bool runs_in_place = true;
      for (size_t i = 0; i < group.inputs.size(); ++i) {
        if (Root(group.inputs[i]) != Root(input)) continue;
        runs_in_place &= group.kernel->runs_in_place(static_cast<int>(i));
      }
      if (runs_in_place && IsFree(input, step, bytes)) return BufferOf(input);
    }
    return -1;
  }

  // What the group's last node gives; several nodes together give output 0 alone.
  std::vector<Value> OutputsOf(const Group& group) const {
    Node* last = group.nodes.back();
    std::vector<Value> outputs = {last->output()};
    for (int i = 1; group.nodes.size() == 1 && flow_.has_output({last, i}); ++i) {
      outputs.push_back({last, i});
    }
    return outputs;
  }

  void AddStep(int index) {
    Group& group = groups_[index];
    Node* last = group.nodes.back();
    Step step;
    if (group.kernel) {
      for (Value input : group.inputs) step.inputs.push_back(BufferOf(input));
      for (const Value output : OutputsOf(group)) {
        const size_t bytes = BytesOf(flow_.spec(output));
        int buffer = output.index == 0 ? FindInPlace(group, index, bytes) : -1;
        if (output.index == 0 && group.residual >= 0 && buffer < 0) {
          step.copied = BufferOf(group.inputs[group.residual]);
        }
        if (buffer < 0) buffer = AddArenaBuffer(bytes, index, index);
        lives_[buffer].last = LastUse(output, index);
        buffer_of_[output] = buffer;
        step.outputs.push_back(buffer);
      }
      if (const size_t bytes = group.kernel->scratch_bytes()) {
        step.scratch = AddArenaBuffer(bytes, index, index);
      }
    }
    for (int i = 0; flow_.has_output({last, i}); ++i) {
      if (flow_.is_wanted({last, i})) step.probed.push_back(Named({last, i}));
    }
    if (!group.kernel && step.probed.empty()) return;
    step.kernel = std::move(group.kernel);
    program_->steps.push_back(std::move(step));
  }

  // Bytes of the weights that a group reads, less those of the data that it reads and writes.
  int64_t Outweighs(const Group& group) const {
    if (alias_of_.contains(group.nodes[0]->output())) return 0;
    int64_t bytes = 0;
    for (const Node* node : group.nodes) {
      for (int i = 0; i < node->num_inputs(); ++i) {
        const Tensor* constant = flow_.constant_input(*node, i);
        if (constant) bytes += static_cast<int64_t>(constant->num_bytes());
      }
    }
    for (Value input : group.inputs) {
      if (!flow_.constant(input)) bytes -= static_cast<int64_t>(BytesOf(flow_.spec(input)));
    }
    for (Value output : OutputsOf(group)) {
      bytes -= static_cast<int64_t>(BytesOf(flow_.spec(output)));
    }
    return bytes;
  }

  void FindCut() {
    size_t begin = groups_.size();
    int64_t most = kCacheBytes, sum = 0;
    for (size_t i = groups_.size(); i-- > 1;) {
      sum += Outweighs(groups_[i]);
      if (sum <= most) continue;
      most = sum;
      begin = i;
    }
    const int last_before = static_cast<int>(begin) - 1;
    if (begin == groups_.size()) return;
    for (size_t i = 0; i < begin; ++i) {
      for (Value output : OutputsOf(groups_[i])) {
        if (Root(output) == output && LastUse(output, -1) > last_before) {
          program_->cut.push_back({output, flow_.spec(output)});
        }
      }
    }
  }

  void PlaceBuffers() {
    std::vector<LiveRange> ranges;
    std::vector<Buffer*> placed;
    for (size_t i = 0; i < lives_.size(); ++i) {
      if (program_->buffers[i].place != Buffer::Place::kArena) continue;
      ranges.push_back(lives_[i]);
      placed.push_back(&program_->buffers[i]);
    }
    const MemoryPlan plan = PlanMemory(ranges);
    for (size_t i = 0; i < placed.size(); ++i) placed[i]->offset = plan.offsets[i];
    program_->arena_bytes = plan.total_bytes;
  }

  const Flow& flow_;
  std::vector<Group> groups_;
  std::unique_ptr<Program> program_ = std::make_unique<Program>();
  ValueMap<Value> alias_of_;
  ValueMap<int> last_use_;   // of roots: index of a group
  ValueMap<int> buffer_of_;  // of roots
  std::vector<LiveRange> lives_;
};

}  // namespace

std::unique_ptr<Program> Compile(const Flow& flow, std::span<const Value> fetches,
                                 PreparedConstants& prepared) {
  return Compiler(flow, FuseNodes(flow, prepared), fetches).Take();
}

}  // namespace adze
