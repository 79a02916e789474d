#include "engine/independent_rows.h"

#include <algorithm>

namespace adze {
namespace {

// Values whose row i comes from row i of the feeds.
class RowTracker {
 public:
  explicit RowTracker(const Flow& flow) : flow_(flow) {}

  bool HasRows(Value value) const { return rows_.count(value) || flow_.is_fed(value.node); }
  // False if the node mixes rows, or might.
  bool Pass(Node& node) {
    for (int i = 0; flow_.has_output(node.output(i)); ++i) {
      if (!flow_.has_known_shape(node.output(i))) return false;
    }
    if (!KeepsRows(node)) return false;
    for (int i = 0; flow_.has_output(node.output(i)); ++i) rows_.insert(node.output(i));
    return true;
  }

 private:
  bool KeepsRows(Node& node) const {
    const auto rows_of = [](const Shape& shape) { return shape.rank() > 0 ? shape[0] : -1; };
    if (IsAlias(node)) {
      return HasRows(node.input(0)) &&
             rows_of(flow_.spec(node.output()).shape) == rows_of(flow_.spec(node.input(0)).shape);
    }
    const OpDef* def = node.def();
    if (!def || (!def->keeps_rows && !def->is_elementwise)) return false;
    std::vector<TensorSpec> inputs, outputs;
    std::vector<const Tensor*> constants;
    std::vector<bool> rows;
    for (int i = 0; i < node.num_inputs(); ++i) {
      inputs.push_back(flow_.spec(node.input(i)));
      constants.push_back(flow_.constant_input(node, i));
      rows.push_back(!constants.back() && HasRows(node.input(i)));
    }
    for (int i = 0; flow_.has_output(node.output(i)); ++i) {
      outputs.push_back(flow_.spec(node.output(i)));
    }
    const RowContext context{{node, inputs, constants}, outputs, rows};
    return def->is_elementwise ? KeepsRowsElementwise(context) : def->keeps_rows(context);
  }

  // Operands without rows are constant and the same for every row.
  static bool KeepsRowsElementwise(const RowContext& context) {
    const int rank = context.outputs[0].shape.rank();
    for (int i = 0; i < static_cast<int>(context.inputs.size()); ++i) {
      const Shape& in = context.shape(i);
      if (context.rows[i]) {
        if (in.rank() != rank) return false;  // its rows would meet another axis
      } else if (!context.constants[i] || (in.rank() == rank && in[0] != 1)) {
        return false;
      }
    }
    return true;
  }

  const Flow& flow_;
  ValueSet rows_;
};

}  // namespace

bool RowsAreIndependent(const Flow& flow, std::span<const Value> fetches) {
  RowTracker tracker(flow);
  for (Node* node : flow.order()) {
    if (!tracker.Pass(*node)) return false;
  }
  return std::all_of(fetches.begin(), fetches.end(),
                     [&](Value fetch) { return tracker.HasRows(fetch); });
}

}  // namespace adze
