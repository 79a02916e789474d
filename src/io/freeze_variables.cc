#include <google/protobuf/stubs/logging.h>

#include <set>

#include "adze/freeze.h"
#include "adze/op.h"
#include "io/restore_slice.h"
#include "proto/tensor_bundle.pb.h"

namespace adze {
namespace {

const std::set<std::string, std::less<>> kReferences = {"VariableV2", "Variable"};

// TensorFlow 2 names variables in a checkpoint by where they are in the object that was saved
// ("layer-1/kernel/.ATTRIBUTES/VARIABLE_VALUE"); its object graph says what they are called.
std::map<std::string, std::string> KeysByObjectGraph(const Checkpoint& checkpoint) {
  const std::string key = "_CHECKPOINTABLE_OBJECT_GRAPH";
  std::map<std::string, std::string> keys;
  if (!checkpoint.Contains(key)) return keys;
  const Tensor tensor = checkpoint.Read(key);
  const google::protobuf::LogSilencer silencer;
  proto::TrackableObjectGraph objects;
  if (tensor.dtype() != DType::kString || tensor.num_elements() != 1 ||
      !objects.ParseFromString(tensor.strings()[0])) {
    return keys;
  }
  for (const auto& object : objects.nodes()) {
    for (const auto& saved : object.attributes()) {
      if (!saved.full_name().empty()) keys[saved.full_name()] = saved.checkpoint_key();
    }
  }
  return keys;
}

class Freezer {
 public:
  Freezer(Graph& graph, const VariableKeys& keys, const Checkpoint* checkpoint)
      : graph_(graph), keys_(keys), checkpoint_(checkpoint) {}

  void Run() {
    // Listed first: a variable takes its readers along when it goes.
    std::vector<Node*> variables;
    for (Node* node : graph_.nodes()) {
      if (node->op() == "VarHandleOp" || kReferences.contains(node->op())) {
        variables.push_back(node);
      }
    }
    for (Node* node : variables) {
      ErrorScope scope("node", node->name());
      if (node->op() == "VarHandleOp") {
        FreezeHandle(*node);
      } else {
        FreezeReference(*node);
      }
    }
  }

 private:
  Tensor ValueOf(const Node& variable) {
    Require(checkpoint_ != nullptr, ErrorCode::kInvalidArgument,
            "is a variable, and no checkpoint is given; name it with --checkpoint PREFIX");
    const VariableKey key = KeyOf(variable);
    Tensor value = RestoreSlice(checkpoint_->Read(key.key), key.slice);
    if (const DType* dtype = variable.FindAttr<DType>("dtype")) {
      Require(*dtype == value.dtype(), ErrorCode::kBadFile, "is a variable of ", Name(*dtype),
              ", the checkpoint has ", Name(value.dtype()), " under '", key.key, "'");
    }
    const Shape shape = variable.attr<Shape>("shape", Shape::UnknownRank());
    bool fits = !shape.known_rank() || shape.rank() == value.shape().rank();
    for (int i = 0; fits && i < shape.rank(); ++i) {
      fits = shape[i] == Shape::kUnknown || shape[i] == value.shape()[i];
    }
    Require(fits, ErrorCode::kBadFile, "is a variable of shape ", shape.ToString(),
            ", the checkpoint has ", value.shape().ToString(), " under '", key.key, "'");
    return value;
  }

  VariableKey KeyOf(const Node& variable) {
    if (auto found = keys_.find(variable.name()); found != keys_.end()) return found->second;
    const std::string shared = variable.attr<std::string>("shared_name", "");
    for (const std::string& name : {variable.name(), shared}) {
      if (!name.empty() && checkpoint_->Contains(name)) return {name, ""};
    }
    if (!by_object_) by_object_ = KeysByObjectGraph(*checkpoint_);
    for (const std::string& name : {shared, variable.name()}) {
      if (auto found = by_object_->find(name); found != by_object_->end()) {
        return {found->second, ""};
      }
    }
    throw Error(ErrorCode::kNotFound, "is a variable without a value in the checkpoint '" +
                                          checkpoint_->prefix().string() + "'");
  }

  // VariableV2 -> Const of its name. What reads a reference reads the value.
  void FreezeReference(Node& variable) {
    for (const Use& use : graph_.Uses(variable)) {
      const std::string& op = use.user->op();
      Require(!op.starts_with("Assign") && !op.starts_with("Scatter") && !op.starts_with("Apply"),
              ErrorCode::kUnsupported, "is a variable that ", op, " '", use.user->name(),
              "' changes while the model runs");
    }
    Replace(variable, ValueOf(variable));
  }

  // VarHandleOp -> Const of its name, ReadVariableOp -> Identity.
  void FreezeHandle(Node& handle) {
    // Handles also pass through Identity on their way.
    std::vector<Node*> readers;
    std::vector<Value> open = {handle.output()};
    for (size_t next = 0; next < open.size(); ++next) {
      for (const Use& use : graph_.Uses(open[next])) {
        if (use.user->op() == "Identity") {
          open.push_back(use.user->output());
        } else {
          readers.push_back(use.user);
        }
      }
    }
    Node& constant = Replace(handle, ValueOf(handle));
    const Tensor& value = constant.const_value();
    for (size_t i = 1; i < open.size(); ++i) open[i].node->SetAttr("T", value.dtype());
    for (Node* reader : readers) Read(*reader, value);
  }

  void Read(Node& reader, const Tensor& value) {
    ErrorScope scope("node", reader.name());
    if (reader.op() == "ReadVariableOp") {
      ChangeOp(reader, "Identity", {reader.input(0)}, {{"T", value.dtype()}});
    } else if (reader.op() == "ResourceGather") {
      const int64_t batch_dims = reader.attr<int64_t>("batch_dims", 0);
      Node& axis = graph_.AddConst(reader.name() + "/axis",
                                   Tensor::Scalar(static_cast<int32_t>(batch_dims)));
      ChangeOp(reader, "GatherV2", {reader.input(0), reader.input(1), axis.output()},
               {{"Tparams", value.dtype()},
                {"Tindices", reader.attr<DType>("Tindices", DType::kInt32)},
                {"Taxis", DType::kInt32},
                {"batch_dims", batch_dims}});
    } else if (reader.op() == "VariableShape") {
      ChangeOp(reader, "Shape", {reader.input(0)},
               {{"T", value.dtype()}, {"out_type", reader.attr<DType>("out_type", DType::kInt32)}});
    } else {
      throw Error(
          ErrorCode::kUnsupported,
          reader.op() + " uses the variable while the model runs; only reading is supported");
    }
  }

  Node& Replace(Node& node, Tensor value) {
    const std::string name = node.name();
    graph_.Rename(node, graph_.UniqueName(name + "/variable"));
    Node& constant = graph_.AddConst(name, std::move(value));
    TakeOver(node, constant);
    return constant;
  }

  void ChangeOp(Node& node, const char* op, std::vector<Value> inputs, AttrMap attrs) {
    const std::string name = node.name();
    graph_.Rename(node, graph_.UniqueName(name + "/read"));
    Node& added = graph_.Add(name, op, std::move(inputs), std::move(attrs));
    TakeOver(node, added);
  }

  void TakeOver(Node& from, Node& to) {
    graph_.ReplaceUses(from.output(), to.output());
    const std::span<Node* const> span = graph_.ControlUsers(from);
    for (Node* user : std::vector<Node*>(span.begin(), span.end())) {
      std::vector<Node*> controls(user->control_inputs().begin(), user->control_inputs().end());
      std::replace(controls.begin(), controls.end(), &from, &to);
      graph_.SetControlInputs(*user, std::move(controls));
    }
    graph_.Erase(from);
  }

  Graph& graph_;
  const VariableKeys& keys_;
  const Checkpoint* checkpoint_;
  std::optional<std::map<std::string, std::string>> by_object_;
};

}  // namespace

void FreezeVariables(Graph& graph, const VariableKeys& keys, const Checkpoint* checkpoint) {
  Freezer(graph, keys, checkpoint).Run();
}

}  // namespace adze
