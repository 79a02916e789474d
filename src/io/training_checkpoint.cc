#include "adze/checkpoint.h"
#include "adze/file.h"
#include "adze/graph_def.h"
#include "adze/op.h"
#include "io/attr_codec.h"
#include "io/checkpoint_files.h"
#include "proto/saved_model.pb.h"

namespace adze {
namespace {

bool IsWeight(const Node& node) {
  if (!node.IsConst()) return false;
  const Tensor& value = node.const_value();
  return value.dtype() == DType::kFloat && value.shape().rank() >= 1 && value.num_elements() > 0;
}

// Mean and variance of batch norm are gathered, not trained.
bool IsTrainable(const Graph& graph, const Node& node) {
  const std::vector<Use> uses = graph.Uses(node);
  return std::none_of(uses.begin(), uses.end(), [&](const Use& use) {
    if (use.user->op() == "Identity") return !IsTrainable(graph, *use.user);
    return use.user->op().starts_with("FusedBatchNorm") && use.input >= 3;
  });
}

AttrMap StringConst(std::vector<std::string> values) {
  const auto count = static_cast<int64_t>(values.size());
  return {{"dtype", DType::kString}, {"value", Tensor::FromStrings({count}, std::move(values))}};
}

// Builds what tf.train.Saver puts beside the model, under "save/":
//   filename (PlaceholderWithDefault) -> SaveV2 -> control_dependency
//                                     -> RestoreV2 -> Assign of each variable -> restore_all
class TrainingGraph {
 public:
  explicit TrainingGraph(const Graph& graph) : graph_(graph.Clone()) {
    for (Node* node : graph_.nodes()) {
      if (IsWeight(*node)) MakeVariable(*node);
    }
    Require(!tensors_.empty(), ErrorCode::kInvalidArgument,
            "the graph has no float constants to make variables of");
    AddSaver();
    AddSignature();
    meta_.mutable_meta_info_def()->add_tags("train");
    meta_.set_graph_def(SerializeGraphDef(graph_));
  }

  const std::map<std::string, Tensor>& tensors() const { return tensors_; }
  std::string Serialize() const { return SerializeDeterministically(meta_); }

 private:
  // w = Const  ->  w = VariableV2, with w/Assign to zeros, since the checkpoint has the values.
  void MakeVariable(Node& node) {
    const std::string name = node.name();
    const Tensor value = node.const_value();
    const bool trainable = IsTrainable(graph_, node);
    graph_.Rename(node, graph_.UniqueName(name + "/value"));
    const AttrMap type = {{"T", DType::kFloat}};
    Node& variable = graph_.Add(name, "VariableV2", {},
                                {{"dtype", DType::kFloat},
                                 {"shape", value.shape()},
                                 {"container", ""},
                                 {"shared_name", ""}});
    // Some ops do not take references.
    Node& read =
        graph_.Add(graph_.UniqueName(name + "/read"), "Identity", {variable.output()}, type);
    graph_.ReplaceUses(node.output(), read.output());
    graph_.Erase(node);
    const std::vector<int64_t>& dims = value.shape().dims();
    Node& shape =
        graph_.AddConst(name + "/Initializer/shape", Cast(Tensor::Vector(dims), DType::kInt32));
    Node& zero = graph_.AddConst(name + "/Initializer/zero", Tensor::Scalar(0.0f));
    Node& zeros = graph_.Add(graph_.UniqueName(name + "/Initializer/zeros"), "Fill",
                             {shape.output(), zero.output()},
                             {{"T", DType::kFloat}, {"index_type", DType::kInt32}});
    Node& assign = AddAssign(graph_.UniqueName(name + "/Assign"), variable, zeros.output());

    proto::VariableDef definition;
    definition.set_variable_name(name + ":0");
    definition.set_initializer_name(assign.name());
    definition.set_snapshot_name(read.name() + ":0");
    definition.set_initial_value_name(zeros.name() + ":0");
    definition.set_trainable(trainable);
    const std::string bytes = definition.SerializeAsString();
    auto& collections = *meta_.mutable_collection_def();
    collections["variables"].mutable_bytes_list()->add_value(bytes);
    if (trainable) collections["trainable_variables"].mutable_bytes_list()->add_value(bytes);
    variables_.push_back(&variable);
    tensors_[name] = value;
  }

  Node& AddAssign(const std::string& name, Node& variable, Value value) {
    return graph_.Add(name, "Assign", {variable.output(), value},
                      {{"T", DType::kFloat}, {"use_locking", true}, {"validate_shape", true}});
  }

  void AddSaver() {
    std::string scope = "save";
    for (int i = 1; graph_.Find(scope + "/restore_all"); ++i) scope = "save_" + std::to_string(i);
    const auto in_scope = [&](const char* name) { return graph_.UniqueName(scope + "/" + name); };
    std::vector<std::string> names;
    std::vector<DType> types;
    for (const Node* variable : variables_) {
      names.push_back(variable->name());
      types.push_back(DType::kFloat);
    }
    const std::vector<std::string> whole(names.size());
    Node& model =
        graph_.Add(in_scope("filename/input"), "Const", {},
                   {{"dtype", DType::kString}, {"value", Tensor::FromStrings(Shape{}, {"model"})}});
    Node& filename = graph_.Add(in_scope("Const"), "PlaceholderWithDefault", {model.output()},
                                {{"dtype", DType::kString}, {"shape", Shape{}}});
    Node& keys = graph_.Add(in_scope("tensor_names"), "Const", {}, StringConst(names));
    Node& slices = graph_.Add(in_scope("shape_and_slices"), "Const", {}, StringConst(whole));
    std::vector<Value> inputs = {filename.output(), keys.output(), slices.output()};
    Node& restore = graph_.Add(in_scope("RestoreV2"), "RestoreV2", inputs, {{"dtypes", types}});
    for (Node* variable : variables_) inputs.push_back(variable->output());
    Node& save = graph_.Add(in_scope("SaveV2"), "SaveV2", inputs, {{"dtypes", types}});
    Node& saved = graph_.Add(in_scope("control_dependency"), "Identity", {filename.output()},
                             {{"T", DType::kString}});
    graph_.SetControlInputs(saved, {&save});
    std::vector<Node*> assigned;
    for (size_t i = 0; i < variables_.size(); ++i) {
      assigned.push_back(
          &AddAssign(in_scope("Assign"), *variables_[i], restore.output(static_cast<int>(i))));
    }
    Node& all = graph_.Add(in_scope("restore_all"), "NoOp", {});
    graph_.SetControlInputs(all, assigned);

    proto::SaverDef& saver = *meta_.mutable_saver_def();
    saver.set_filename_tensor_name(filename.name() + ":0");
    saver.set_save_tensor_name(saved.name() + ":0");
    saver.set_restore_op_name(all.name());
    saver.set_max_to_keep(5);
    saver.set_keep_checkpoint_every_n_hours(10000);
    saver.set_version(proto::SaverDef::V2);
  }

  void AddSignature() {
    if (graph_.outputs().empty()) return;
    const ShapeMap shapes = InferShapes(graph_);
    const auto fill = [&](proto::TensorInfo& info, Value value) {
      info.set_name(value.node->name() + ":" + std::to_string(value.index));
      info.set_dtype(static_cast<proto::DataType>(shapes[value].dtype));
      EncodeShape(shapes[value].shape, *info.mutable_tensor_shape());
    };
    proto::SignatureDef& signature = (*meta_.mutable_signature_def())["serving_default"];
    signature.set_method_name("tensorflow/serving/predict");
    for (Node* input : graph_.Placeholders()) {
      if (input->op() == "Placeholder")
        fill((*signature.mutable_inputs())[input->name()], input->output());
    }
    for (const GraphOutput& output : graph_.outputs()) {
      fill((*signature.mutable_outputs())[output.name], output.value);
    }
  }

  Graph graph_;
  proto::MetaGraphDef meta_;
  std::vector<Node*> variables_;
  std::map<std::string, Tensor> tensors_;
};

}  // namespace

void WriteTrainingCheckpoint(const std::filesystem::path& prefix, const Graph& graph) {
  ErrorScope scope("checkpoint", prefix.string());
  const TrainingGraph training(graph);
  const CheckpointFiles files = EncodeCheckpoint(training.tensors());
  const std::string name = prefix.filename().string();
  WriteFilesAtomically({{prefix.string() + ".data-00000-of-00001", files.data},
                        {prefix.string() + ".index", files.index},
                        {prefix.string() + ".meta", training.Serialize()},
                        {prefix.parent_path() / "checkpoint",
                         "model_checkpoint_path: \"" + name + "\"\nall_model_checkpoint_paths: \"" +
                             name + "\"\n"}});
}

}  // namespace adze
