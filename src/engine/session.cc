#include "adze/session.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <deque>
#include <exception>
#include <mutex>
#include <utility>

#include "adze/op.h"
#include "adze/parallel.h"
#include "adze/registry.h"
#include "engine/compile.h"
#include "engine/constants.h"
#include "engine/data_dependent.h"
#include "engine/huge_memory.h"
#include "engine/independent_rows.h"

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

// Memory that all compiled shapes share; it grows and is never given back.
class Arena {
 public:
  char* Reserve(size_t bytes) {
    if (bytes > memory_.size()) {
      memory_ = HugeMemory();
      memory_ = HugeMemory(bytes, "between the layers; use a smaller batch");
    }
    return memory_.bytes();
  }

 private:
  HugeMemory memory_;
};

std::string KeyOf(const std::map<std::string, Tensor>& feeds) {
  std::string key;
  for (const auto& [name, tensor] : feeds) key += name + tensor.shape().ToString();
  return key;
}

std::map<std::string, Tensor> RowsOf(const std::map<std::string, Tensor>& feeds, int64_t begin,
                                     int64_t end) {
  std::map<std::string, Tensor> rows;
  for (const auto& [name, tensor] : feeds) rows[name] = tensor.Rows(begin, end);
  return rows;
}

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
    constants = std::make_shared<ConstantValues>(nodes, kept);
    prepared = std::make_shared<PreparedConstants>();
  }
  Impl(const Impl& other, Probe* probe_or_null, SessionOptions given)
      : fetches(other.fetches),
        probe(probe_or_null),
        options(given),
        nodes(other.nodes),
        placeholders(other.placeholders),
        kept(other.kept),
        constants(other.constants),
        prepared(other.prepared) {}

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

  Flow FlowFor(const std::map<std::string, Tensor>& feeds) const { return FlowFor(feeds, fetches); }
  Flow FlowFor(const std::map<std::string, Tensor>& feeds, std::span<const Value> wanted) const {
    std::map<std::string, Shape> shapes;
    std::unordered_set<const Node*> fed;
    for (const auto& [name, tensor] : feeds) {
      shapes[name] = tensor.shape();
      fed.insert(placeholders.at(name));
    }
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

  // A program is run by one thread at a time, so each worker has its own.
  const Compiled& CompiledFor(const std::map<std::string, Tensor>& feeds, int worker) {
    Compiled& compiled = programs[KeyOf(feeds) + std::to_string(worker)];
    if (compiled.program) return compiled;
    const Flow flow = FlowFor(feeds);
    auto rest = std::make_unique<DataDependentPart>(flow, fetches, *prepared);
    if (rest->empty()) {
      compiled.program = Compile(flow, fetches, *prepared);
    } else {
      compiled.program = Compile(FlowFor(feeds, rest->inputs()), rest->inputs(), *prepared);
      compiled.rest = std::move(rest);
    }
    return compiled;
  }
  // For what is run in pieces: all shapes are known.
  const Program& ProgramFor(const std::map<std::string, Tensor>& feeds, int worker) {
    return *CompiledFor(feeds, worker).program;
  }

  std::vector<Tensor> RunWhole(const std::map<std::string, Tensor>& feeds) {
    const auto& [program, rest] = CompiledFor(feeds, 0);
    std::vector<Tensor> results =
        program->Run(feeds, arenas[0].Reserve(program->arena_bytes), probe);
    return rest ? rest->Run(results, probe) : results;
  }

  // Rows of each piece that a batch is run in, one piece a worker at a time; 0: as a whole. Pieces
  // stay in the cache where a batch does not, and a core that works on a piece alone waits for no
  // other.
  int64_t PieceOf(const std::map<std::string, Tensor>& feeds) {
    if (probe || feeds.empty()) return 0;
    auto [found, is_new] = pieces.try_emplace(KeyOf(feeds), 0);
    if (is_new) found->second = ChoosePiece(feeds);
    return found->second;
  }

  // Rows of every feed; 0 if they differ.
  static int64_t CountRows(const std::map<std::string, Tensor>& feeds) {
    if (feeds.empty()) return 0;
    const Shape& first = feeds.begin()->second.shape();
    const int64_t rows = first.rank() > 0 ? first[0] : 0;
    for (const auto& [name, tensor] : feeds) {
      if (tensor.shape().rank() == 0 || tensor.shape()[0] != rows) return 0;
    }
    return rows;
  }

  // In the batch and in a row on its own, whose shapes may not even fit: a graph can hold the size
  // of its batch.
  bool KeepsRowsApart(const std::map<std::string, Tensor>& feeds) const {
    if (CountRows(feeds) == 0 || !RowsAreIndependent(FlowFor(feeds), fetches)) return false;
    try {
      return RowsAreIndependent(FlowFor(RowsOf(feeds, 0, 1)), fetches);
    } catch (const Error&) {
      return false;
    }
  }

  int64_t ChoosePiece(const std::map<std::string, Tensor>& feeds) {
    const int64_t rows = CountRows(feeds);
    if (rows < 2 || !KeepsRowsApart(feeds)) return 0;
    constexpr int64_t kCacheBytes = 1 << 20;  // of a core
    const auto row_bytes = static_cast<int64_t>(ProgramFor(RowsOf(feeds, 0, 1), 0).arena_bytes);
    const int64_t workers = NumThreads();
    const int64_t share = (rows + workers - 1) / workers;
    const int64_t piece =
        std::clamp<int64_t>(kCacheBytes / std::max<int64_t>(row_bytes, 1), 1, share);
    // Uneven shares leave workers idle: then all of them work on the whole batch instead.
    const int64_t rounds = ((rows + piece - 1) / piece + workers - 1) / workers;
    const bool even =
        static_cast<double>(rounds * piece * workers) <= 1.15 * static_cast<double>(rows);
    return even ? piece : 0;
  }

  std::vector<Tensor> RunInPieces(const std::map<std::string, Tensor>& feeds, int64_t piece) {
    const int64_t rows = feeds.begin()->second.shape()[0];
    const int workers = NumThreads();
    struct Worker {
      const Program* full = nullptr;
      const Program* rest = nullptr;  // for the last, shorter piece
      char* arena = nullptr;
    };
    std::vector<Worker> team(workers);
    arenas.resize(std::max(arenas.size(), team.size()));
    SetNumThreads(1);  // what is compiled now is run by one thread
    for (int i = 0; i < workers; ++i) {
      team[i].full = &ProgramFor(RowsOf(feeds, 0, piece), i);
      team[i].rest = rows % piece ? &ProgramFor(RowsOf(feeds, 0, rows % piece), i) : team[i].full;
      team[i].arena =
          arenas[i].Reserve(std::max(team[i].full->arena_bytes, team[i].rest->arena_bytes));
    }
    SetNumThreads(workers);
    std::vector<Tensor> results;
    for (const NamedBuffer& fetch : team[0].full->fetches) {
      Shape shape = fetch.spec.shape;
      Check(shape.rank() > 0 && shape[0] == piece, "rows of a fetch");
      shape[0] = rows;
      results.emplace_back(fetch.spec.dtype, shape);
    }
    const int64_t count = (rows + piece - 1) / piece;
    std::atomic<int64_t> next = 0;
    std::exception_ptr failure;
    std::mutex failure_mutex;
    ParallelFor(workers, 1, [&](int64_t begin, int64_t end) {
      for (int64_t w = begin; w < end; ++w) {
        try {
          for (int64_t i = next++; i < count; i = next++) {
            const int64_t from = i * piece, to = std::min(from + piece, rows);
            const Program& program = to - from == piece ? *team[w].full : *team[w].rest;
            const std::vector<Tensor> part =
                program.Run(RowsOf(feeds, from, to), team[w].arena, nullptr);
            for (size_t f = 0; f < part.size(); ++f) {
              std::memcpy(results[f].Rows(from, to).mutable_raw(), part[f].raw(),
                          part[f].num_bytes());
            }
          }
        } catch (...) {
          const std::lock_guard lock(failure_mutex);
          failure = std::current_exception();
        }
      }
    });
    if (failure) std::rethrow_exception(failure);
    return results;
  }

  std::vector<Value> fetches;
  Probe* probe;
  SessionOptions options;
  std::vector<Node*> nodes;
  std::map<std::string, const Node*> placeholders;
  ValueSet kept;
  std::shared_ptr<const ConstantValues> constants;
  std::shared_ptr<PreparedConstants> prepared;
  std::map<std::string, Compiled> programs;
  std::map<std::string, int64_t> pieces;  // PieceOf, by shapes
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

bool Session::KeepsRowsApart(const std::map<std::string, Tensor>& feeds) const {
  return impl_->KeepsRowsApart(impl_->CheckFeeds(feeds));
}

std::vector<Tensor> Session::Run(const std::map<std::string, Tensor>& feeds) {
  SetNumThreads(impl_->options.num_threads);
  const std::map<std::string, Tensor> checked = impl_->CheckFeeds(feeds);
  const int64_t piece = impl_->PieceOf(checked);
  return piece > 0 ? impl_->RunInPieces(checked, piece) : impl_->RunWhole(checked);
}

}  // namespace adze
