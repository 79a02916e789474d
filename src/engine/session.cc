#include "adze/session.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "adze/op.h"
#include "adze/parallel.h"
#include "adze/registry.h"
#include "engine/compile.h"
#include "engine/constants.h"

namespace adze {
namespace {

bool IsPlaceholder(const Node& node) {
  return node.op() == "Placeholder" || node.op() == "PlaceholderWithDefault";
}

// What the fetches read, inputs before readers. Control inputs only order things.
std::vector<Node*> NeededNodes(const Graph& graph, std::span<const Value> fetches) {
  std::unordered_set<const Node*> needed;
  std::vector<const Node*> stack;
  auto need = [&](const Node* node) {
    if (needed.insert(node).second) stack.push_back(node);
  };
  for (Value fetch : fetches) need(fetch.node);
  while (!stack.empty()) {
    const Node* node = stack.back();
    stack.pop_back();
    for (Value input : node->inputs()) need(input.node);
  }
  std::vector<Node*> order;
  for (Node* node : graph.TopologicalOrder()) {
    if (needed.count(node)) order.push_back(node);
  }
  return order;
}

void RequireOps(std::span<Node* const> nodes) {
  std::map<std::string, std::pair<std::string, int>> missing;  // op -> (a node, how many)
  for (const Node* node : nodes) {
    const bool runs = node->def() && (node->def()->evaluate || IsPlaceholder(*node) ||
                                      IsAlias(*node) || Builtin<KernelRegistry>().Find(node->op()));
    if (!runs) ++missing.try_emplace(node->op(), node->name(), 0).first->second.second;
  }
  std::string list;
  for (const auto& [op, where] : missing) {
    list += (list.empty() ? "" : ", ") + op + " (node '" + where.first + "'";
    if (where.second > 1) list += " and " + std::to_string(where.second - 1) + " more";
    list += ")";
  }
  Require(missing.empty(), ErrorCode::kUnsupported, "cannot run these ops: ", list);
}

// Memory that all compiled shapes share; it grows and is never given back.
class Arena {
 public:
  ~Arena() { std::free(memory_); }

  char* Reserve(size_t bytes) {
    if (bytes <= bytes_) return memory_;
    std::free(std::exchange(memory_, nullptr));
    bytes_ = (bytes + kPage - 1) / kPage * kPage;
    memory_ = static_cast<char*>(std::aligned_alloc(kPage, bytes_));
    if (!memory_) bytes_ = 0;
    Require(memory_ != nullptr, ErrorCode::kInvalidArgument, "not enough memory: ", bytes,
            " bytes are needed between the layers; use a smaller batch");
    madvise(memory_, bytes_, MADV_HUGEPAGE);  // a wish only
    return memory_;
  }

 private:
  static constexpr size_t kPage = size_t{2} << 20;
  char* memory_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace

struct Session::Impl {
  Impl(const Graph& graph, std::vector<Value> wanted_fetches, Probe* probe_or_null,
       SessionOptions given)
      : fetches(std::move(wanted_fetches)), probe(probe_or_null), options(given) {
    if (fetches.empty()) {
      for (const GraphOutput& output : graph.outputs()) fetches.push_back(output.value);
    }
    Require(!fetches.empty(), ErrorCode::kInvalidArgument, "no outputs are asked for");
    nodes = NeededNodes(graph, fetches);
    RequireOps(nodes);
    for (Node* node : graph.Placeholders()) placeholders[node->name()] = node;
    kept.insert(fetches.begin(), fetches.end());
    constants = std::make_unique<ConstantValues>(nodes, kept);
  }

  // Feeds under the names of their nodes; each is checked.
  std::map<std::string, Tensor> CheckFeeds(const std::map<std::string, Tensor>& given) const {
    std::map<std::string, Tensor> feeds;
    for (const auto& [name, tensor] : given) {
      const bool indexed = name.size() > 2 && name.compare(name.size() - 2, 2, ":0") == 0;
      const std::string node_name = indexed ? name.substr(0, name.size() - 2) : name;
      auto it = placeholders.find(node_name);
      Require(it != placeholders.end(), ErrorCode::kInvalidArgument, "feed '", name,
              "': the model has no such input (it has ", InputNames(), ")");
      CheckFeed(*it->second, name, tensor);
      Require(feeds.emplace(node_name, tensor).second, ErrorCode::kInvalidArgument, "feed '", name,
              "' is given twice");
    }
    for (const Node* node : nodes) {
      if (node->op() != "Placeholder") continue;
      Require(feeds.count(node->name()), ErrorCode::kInvalidArgument, "input '", node->name(),
              "' is not fed");
    }
    return feeds;
  }

  void CheckFeed(const Node& node, const std::string& name, const Tensor& tensor) const {
    const DType dtype = node.attr<DType>("dtype");
    Require(tensor.dtype() == dtype, ErrorCode::kInvalidArgument, "feed '", name, "' is ",
            Name(tensor.dtype()), ", the model takes ", Name(dtype));
    const Shape declared = node.attr<Shape>("shape", Shape::UnknownRank());
    // Rank 0 without elements is what old writers leave where the shape is unknown.
    if (!declared.known_rank() || (declared.rank() == 0 && tensor.shape().rank() > 0)) return;
    bool fits = declared.rank() == tensor.shape().rank();
    // The leading dimension is the batch, which may differ from what the placeholder says.
    for (int i = 1; fits && i < declared.rank(); ++i) {
      fits = declared[i] == Shape::kUnknown || declared[i] == tensor.shape()[i];
    }
    Require(fits, ErrorCode::kInvalidArgument, "feed '", name, "' has shape ",
            tensor.shape().ToString(), ", the model takes ", declared.ToString());
  }

  std::string InputNames() const {
    std::string names;
    for (const auto& [name, node] : placeholders)
      names += (names.empty() ? "'" : ", '") + name + "'";
    return names.empty() ? "none" : names;
  }

  const Program& ProgramFor(const std::map<std::string, Tensor>& feeds) {
    std::map<std::string, Shape> shapes;
    std::string key;
    for (const auto& [name, tensor] : feeds) {
      shapes[name] = tensor.shape();
      key += name + tensor.shape().ToString();
    }
    std::unique_ptr<Program>& program = programs[key];
    if (program) return *program;
    std::unordered_set<const Node*> fed;
    for (const auto& [name, tensor] : feeds) fed.insert(placeholders.at(name));
    ShapeMap inferred = InferShapes(nodes, shapes);
    ConstantValues values(nodes, kept, *constants, inferred);
    const Flow flow(nodes, fetches, std::move(fed), std::move(inferred), std::move(values),
                    [&](Value value) { return probe && probe->Wants(value); });
    program = Compile(flow, fetches, prepared);
    return *program;
  }

  std::vector<Value> fetches;
  Probe* probe;
  SessionOptions options;
  std::vector<Node*> nodes;
  std::map<std::string, const Node*> placeholders;
  ValueSet kept;
  std::unique_ptr<ConstantValues> constants;
  PreparedConstants prepared;
  std::map<std::string, std::unique_ptr<Program>> programs;
  Arena arena;
};

Session::Session(const Graph& graph, std::vector<Value> fetches, Probe* probe,
                 SessionOptions options)
    : impl_(std::make_unique<Impl>(graph, std::move(fetches), probe, options)) {}
Session::~Session() = default;
Session::Session(Session&&) noexcept = default;

std::vector<Tensor> Session::Run(const std::map<std::string, Tensor>& feeds) {
  SetNumThreads(impl_->options.num_threads);
  const std::map<std::string, Tensor> checked = impl_->CheckFeeds(feeds);
  const Program& program = impl_->ProgramFor(checked);
  return program.Run(checked, impl_->arena.Reserve(program.arena_bytes), impl_->probe);
}

}  // namespace adze
