#include "engine/fusion.h"

#include <algorithm>

#include "adze/registry.h"
#include "engine/elementwise_chain.h"
#include "engine/epilogue.h"
#include "engine/evaluate_kernel.h"

namespace adze {
namespace {

class Fuser {
 public:
  Fuser(const Flow& flow, PreparedConstants& prepared) : flow_(flow), prepared_(prepared) {}

  std::vector<Group> Run() {
    for (Node* node : flow_.order()) AddKernelGroup(*node);
    for (Node* node : flow_.order()) {
      if (taken_.count(node)) continue;
      if (IsAlias(*node)) {
        Add({.nodes = {node}, .inputs = {node->input(0)}});
      } else if (!AddChain(*node)) {
        AddSingle(*node);
      }
    }
    // A group runs where its last node stood: everything that it reads has been computed there.
    std::sort(groups_.begin(), groups_.end(), [&](const Group& a, const Group& b) {
      return flow_.position(a.nodes.back()) < flow_.position(b.nodes.back());
    });
    return std::move(groups_);
  }

 private:
  void Add(Group group) {
    taken_.insert(group.nodes.begin(), group.nodes.end());
    groups_.push_back(std::move(group));
  }

  KernelRequest RequestFor(Node& node) const {
    KernelRequest request{.node = node, .prepared = &prepared_};
    for (int i = 0; i < node.num_inputs(); ++i) {
      const Tensor* constant = flow_.constant_input(node, i);
      request.constants.push_back(constant);
      request.inputs.push_back(constant ? TensorSpec{constant->dtype(), constant->shape()}
                                        : flow_.spec(node.input(i)));
    }
    for (int i = 0; i == 0 || flow_.has_output({&node, i}); ++i) {
      request.outputs.push_back(flow_.spec({&node, i}));
    }
    return request;
  }

  // A node with a kernel of its own, with as much before and after it as the kernel takes.
  void AddKernelGroup(Node& node) {
    const KernelDef* def = Builtin<KernelRegistry>().Find(node.op());
    if (!def || taken_.count(&node)) return;
    KernelRequest request = RequestFor(node);
    Group group{.nodes = {&node}, .inputs = {node.inputs().begin(), node.inputs().end()}};
    Node* pad = def->takes_pad ? FindPad(node, def->data_input, &request.pad) : nullptr;
    if (pad) {
      request.inputs[def->data_input] = flow_.spec(pad->input(0));
      group.inputs[def->data_input] = pad->input(0);
    }
    std::vector<EpilogueNode> tail;
    if (def->takes_epilogue) tail = FindEpilogue(flow_, node, taken_);
    for (;;) {
      request.epilogue.clear();
      for (const EpilogueNode& op : tail) request.epilogue.push_back(op.op);
      if ((group.kernel = def->compile(request))) break;
      if (!tail.empty()) {
        tail.pop_back();
      } else if (pad) {
        request.pad = {};
        request.inputs[def->data_input] = flow_.spec(node.input(def->data_input));
        group.inputs[def->data_input] = node.input(def->data_input);
        pad = nullptr;
      } else {
        return;
      }
    }
    if (pad) group.nodes.insert(group.nodes.begin(), pad);
    for (const EpilogueNode& op : tail) {
      group.nodes.push_back(op.node);
      if (op.op.kind == EpilogueOp::Kind::kResidual) {
        group.residual = static_cast<int>(group.inputs.size());
        group.inputs.push_back(op.residual);
      }
    }
    Add(std::move(group));
  }

  // A Pad of rows and columns with zeros that only `node` reads.
  Node* FindPad(Node& node, int input, FoldedPad* pad) const {
    const Value value = node.input(input);
    Node* found = value.node;
    if (found->op() != "Pad" || flow_.OnlyReader(value) != &node) return nullptr;
    const Tensor* widths = flow_.constant_input(*found, 1);
    if (!widths || widths->num_elements() != 8 || taken_.count(found)) return nullptr;
    const std::vector<int64_t> around = ToInt64s(*widths);
    const bool spatial_only = !around[0] && !around[1] && !around[6] && !around[7];
    const bool positive =
        std::all_of(around.begin(), around.end(), [](int64_t width) { return width >= 0; });
    if (!spatial_only || !positive) return nullptr;
    if (node.op() == "MaxPool" && !IsNonNegative(found->input(0))) return nullptr;
    *pad = {.before = {around[2], around[4]}, .after = {around[3], around[5]}};
    return found;
  }

  // Whether padding with zeros and padding with nothing give the same maximum.
  static bool IsNonNegative(Value value) {
    const std::string& op = value.node->op();
    return op == "Relu" || op == "Relu6" || op == "Sigmoid" || op == "Softplus";
  }

  bool AddChain(Node& node) {
    ElementwiseChain chain(flow_);
    if (!chain.Append(node)) return false;
    Node* next = flow_.OnlyReader(node.output());
    while (next && !taken_.count(next) && chain.Append(*next)) {
      next = flow_.OnlyReader(next->output());
    }
    Group group{.nodes = chain.nodes(), .inputs = chain.inputs(), .kernel = chain.Compile()};
    Add(std::move(group));
    return true;
  }

  void AddSingle(Node& node) {
    ErrorScope scope("node", node.name());
    Add({.nodes = {&node},
         .inputs = {node.inputs().begin(), node.inputs().end()},
         .kernel = MakeEvaluateKernel(RequestFor(node))});
  }

  const Flow& flow_;
  PreparedConstants& prepared_;
  std::unordered_set<const Node*> taken_;
  std::vector<Group> groups_;
};

}  // namespace

std::vector<Group> FuseNodes(const Flow& flow, PreparedConstants& prepared) {
  return Fuser(flow, prepared).Run();
}

}  // namespace adze
