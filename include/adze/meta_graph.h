#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "adze/graph.h"

namespace adze {

// An input or output of a signature: what it is called and which tensor it is.
struct SignatureTensor {
  std::string key;
  std::string tensor;  // "dense/BiasAdd:0"
};
struct Signature {
  std::string name;  // "serving_default"
  std::vector<SignatureTensor> inputs, outputs;
};

// The outputs of ops by name, as "node:name:0" in function bodies needs them.
struct OutputArg {
  std::string name;
  std::string number_attr;     // it is as many values as this attribute says
  std::string type_list_attr;  // it is as many values as this attribute is long
};
using OutputArgs = std::map<std::string, std::vector<OutputArg>>;  // by op

// A graph with its variables still in it, and how to serve and restore it.
struct MetaGraph {
  Graph graph;  // may have loops where nothing that is served needs them
  std::vector<std::string> tags;
  std::vector<Signature> signatures;
  std::string restore_op;  // the node that restores all variables; may be empty
  OutputArgs output_args;  // of the ops that the writer knew
};

// A MetaGraphDef (.meta), as tf.train.Saver writes beside a checkpoint. kNotFound, kBadFile.
MetaGraph ReadMetaGraph(const std::filesystem::path& path, const OpRegistry& ops);
MetaGraph ParseMetaGraph(std::string_view bytes, const OpRegistry& ops);

// The graph of a SavedModel folder that has exactly `tags`; without tags the only one, or the one
// tagged "serve". kNotFound lists the tags there are.
MetaGraph ReadSavedModel(const std::filesystem::path& folder, const OpRegistry& ops,
                         const std::vector<std::string>& tags = {});
// The same from the bytes of saved_model.pb.
MetaGraph ParseSavedModel(std::string_view bytes, const OpRegistry& ops,
                          const std::vector<std::string>& tags = {});

// A variable as the collections of a training graph list it, by names of its nodes.
struct VariableEntry {
  std::string name, initializer, initial_value, snapshot;
};
// The MetaGraphDef with another graph in its place, as bytes. In its collections the variables that
// are named become those that are given, names of nodes and of their tensors the new ones. It has
// no saver any more, so that import_meta_graph makes one of the variables. kBadFile.
std::string ReplaceGraph(std::string_view meta_graph, const Graph& graph,
                         const std::map<std::string, std::vector<VariableEntry>>& variables,
                         const std::map<std::string, std::string>& renamed);

// The signature of that name; without a name "serving_default", or the only one. Null if the graph
// has none and none is asked for; kNotFound lists those there are.
const Signature* ChooseSignature(const MetaGraph& meta_graph, const std::string& name);

}  // namespace adze
