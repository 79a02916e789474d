#include "adze/session.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>

#include "adze/op.h"
#include "adze/parallel.h"
#include "adze/registry.h"
#include "engine/compile.h"
#include "engine/constants.h"
#include "engine/data_dependent.h"
#include "engine/independent_rows.h"
#include "engine/row_pieces.h"

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
  static constexpr std::string_view kControlFlow[] = {
      "If", "StatelessIf", "While", "StatelessWhile", "Switch", "Merge"};
  const bool branches =
      std::any_of(std::begin(kControlFlow), std::end(kControlFlow),
                  [&](std::string_view op) { return missing.contains(std::string(op)); });
  Require(missing.empty(), ErrorCode::kUnsupported, "cannot run these ops: ", list,
          branches
              ? "; branches and loops that depend on data are not run: export the model without "
                "them (Keras: unroll=True, training=False)"
              : "");
}

std::string KeyOf(const Feeds& feeds) {
  std::string key;
  for (const auto& [name, tensor] : feeds) key += name + tensor.shape().ToString();
  return key;
}

}  // namespace

struct Session::Impl {
  Impl(const Graph& graph, std::vector<Value> wanted_fetches, Probe* probe_or_null,
       SessionOptions given)
      : fetches(std::move(wanted_fetches)),
        probe(probe_or_null),
        options(given),
        prepared(CompilingThreads(given)) {
    if (fetches.empty()) {
      for (const GraphOutput& output : graph.outputs()) fetches.push_back(output.value);
    }
    Require(!fetches.empty(), ErrorCode::kInvalidArgument, "no outputs are asked for");
    nodes = NeededNodes(graph, fetches);
    RequireOps(nodes);
    for (Node* node : graph.Placeholders()) placeholders[node->name()] = node;
    kept.insert(fetches.begin(), fetches.end());
    constants = std::make_shared<ConstantValues>(nodes, kept);
  }
  Impl(const Impl& other, Probe* probe_or_null, SessionOptions given)
      : fetches(other.fetches),
        probe(probe_or_null),
        options(given),
        nodes(other.nodes),
        placeholders(other.placeholders),
        kept(other.kept),
        constants(other.constants),
        prepared(CompilingThreads(given), &other.prepared) {}

  static int CompilingThreads(const SessionOptions& options) {
    return options.compiling_threads > 0 ? options.compiling_threads : options.num_threads;
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

  Flow FlowFor(const Feeds& feeds) const { return FlowFor(feeds, fetches); }
  // `given` are fed besides the placeholders.
  Flow FlowFor(const Feeds& feeds, std::span<const Value> wanted,
               std::span<const Value> given = {}) const {
    std::map<std::string, Shape> shapes;
    std::unordered_set<const Node*> fed;
    for (const auto& [name, tensor] : feeds) {
      shapes[name] = tensor.shape();
      fed.insert(placeholders.at(name));
    }
    for (Value value : given) fed.insert(value.node);
    ShapeMap inferred = InferShapes(nodes, shapes);
    ConstantValues values(nodes, kept, *constants, inferred);
    return Flow(nodes, wanted, std::move(fed), std::move(inferred), std::move(values),
                [&](Value value) { return probe && probe->Wants(value); });
  }

  // What is compiled for one set of feed shapes.
  struct Compiled {
    std::unique_ptr<Program> program;
    std::unique_ptr<DataDependentPart> rest;  // null where all shapes are known
  };

  const Compiled& CompiledFor(const Feeds& feeds) {
    Compiled& compiled = programs[KeyOf(feeds)];
    if (compiled.program) return compiled;
    const Flow flow = FlowFor(feeds);
    auto rest = std::make_unique<DataDependentPart>(flow, fetches, prepared);
    if (rest->empty()) {
      compiled.program = adze::Compile(flow, fetches, prepared);
    } else {
      compiled.program = adze::Compile(FlowFor(feeds, rest->inputs()), rest->inputs(), prepared);
      compiled.rest = std::move(rest);
    }
    return compiled;
  }
  std::vector<Tensor> RunWhole(const Feeds& feeds) {
    const auto& [program, rest] = CompiledFor(feeds);
    std::vector<Tensor> results =
        program->Run(feeds, arenas[0].Reserve(program->arena_bytes), probe);
    return rest ? rest->Run(results, probe) : results;
  }

  // Null where the batch is run as a whole.
  RowPieces* PiecesOf(const Feeds& feeds) {
    if (probe || CountRows(feeds) < 2) return nullptr;
    auto [found, is_new] = pieces.try_emplace(KeyOf(feeds));
    if (is_new && KeepsRowsApart(feeds)) {
      const int workers = NumThreads();
      const ThreadsScope one(1);  // what is compiled now is run by one thread
      found->second.emplace(
          feeds, fetches, workers,
          [&](const Feeds& part, std::span<const Value> given, std::span<const Value> wanted) {
            return adze::Compile(FlowFor(part, wanted, given), wanted, prepared);
          });
    }
    return found->second && found->second->worthwhile() ? &*found->second : nullptr;
  }

  // In the batch and in a row on its own, whose shapes may not even fit: a graph can hold the size
  // of its batch.
  bool KeepsRowsApart(const Feeds& feeds) const {
    if (CountRows(feeds) == 0 || !RowsAreIndependent(FlowFor(feeds), fetches)) return false;
    try {
      return RowsAreIndependent(FlowFor(RowsOf(feeds, 0, 1)), fetches);
    } catch (const Error&) {
      return false;
    }
  }

  std::vector<Value> fetches;
  Probe* probe;
  SessionOptions options;
  std::vector<Node*> nodes;
  std::map<std::string, const Node*> placeholders;
  ValueSet kept;
  std::shared_ptr<const ConstantValues> constants;
  PreparedConstants prepared;
  std::map<std::string, Compiled> programs;
  std::map<std::string, std::optional<RowPieces>> pieces;  // by shapes; none where rows meet
  std::deque<Arena> arenas{1};
};

Session::Session(const Graph& graph, std::vector<Value> fetches, Probe* probe,
                 SessionOptions options)
    : impl_(std::make_unique<Impl>(graph, std::move(fetches), probe, options)) {}
Session::~Session() = default;
Session::Session(Session&&) noexcept = default;
Session::Session(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Session Session::Fork(Probe* probe, SessionOptions options) const {
  return Session(std::make_unique<Impl>(*impl_, probe, options));
}

bool Session::KeepsRowsApart(const Feeds& feeds) const {
  return impl_->KeepsRowsApart(impl_->CheckFeeds(feeds));
}

void Session::Compile(const Feeds& feeds) {
  SetNumThreads(impl_->options.num_threads);
  const std::map<std::string, Tensor> checked = impl_->CheckFeeds(feeds);
  if (!impl_->PiecesOf(checked)) impl_->CompiledFor(checked);
}

std::vector<Tensor> Session::Run(const Feeds& feeds) {
  SetNumThreads(impl_->options.num_threads);
  const std::map<std::string, Tensor> checked = impl_->CheckFeeds(feeds);
  RowPieces* pieces = impl_->PiecesOf(checked);
  return pieces ? pieces->Run(checked, impl_->arenas) : impl_->RunWhole(checked);
}

}  // namespace adze
