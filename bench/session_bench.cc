// One engine of bench/session: runs a model when told to on standard input and answers with times.
//   prepare MODEL.pb OUT.pb           writes the graph after the preparation passes, for any batch
//   serve MODEL.pb BATCH THREADS      then per line of input: "run COUNT" answers with milliseconds
//                                     of each run; "peak" with GFLOP/s of a register-only FMA loop,
//                                     "peak-int8" with GOP/s of one of VNNI
//   serve-int8 MODEL_quantized.pb BATCH THREADS
#include <immintrin.h>
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <random>
#include <string>

#include "adze/graph_def.h"
#include "adze/integer.h"
#include "adze/op.h"
#include "adze/parallel.h"
#include "adze/pass.h"
#include "adze/registry.h"
#include "adze/session.h"

namespace adze {
namespace {

double Seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Sixteen independent chains hide the latency of a multiply-add on every x86 core. The result is
// returned so that it is computed.
__attribute__((target("avx512f"))) float FmaLoop512(int64_t rounds) {
  __m512 sums[16];
  for (int i = 0; i < 16; ++i) sums[i] = _mm512_set1_ps(static_cast<float>(i));
  const __m512 factor = _mm512_set1_ps(0.999f), addend = _mm512_set1_ps(0.001f);
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) sums[i] = _mm512_fmadd_ps(sums[i], factor, addend);
  }
  float sum = 0;
  for (const __m512& lanes : sums) sum += lanes[0] + lanes[15];
  return sum;
}

__attribute__((target("avx2,fma"))) float FmaLoop256(int64_t rounds) {
  __m256 sums[12];
  for (int i = 0; i < 12; ++i) sums[i] = _mm256_set1_ps(static_cast<float>(i));
  const __m256 factor = _mm256_set1_ps(0.999f), addend = _mm256_set1_ps(0.001f);
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (int i = 0; i < 12; ++i) sums[i] = _mm256_fmadd_ps(sums[i], factor, addend);
  }
  float sum = 0;
  for (const __m256& lanes : sums) sum += lanes[0] + lanes[7];
  return sum;
}

// GFLOP/s of all threads together.
double MeasurePeak() {
  const bool wide = __builtin_cpu_supports("avx512f");
  constexpr int64_t kRounds = 40'000'000;  // much longer than threads take to wake up
  volatile float sink = 0;
  const double start = Seconds();
#pragma omp parallel num_threads(NumThreads())
  sink = wide ? FmaLoop512(kRounds) : FmaLoop256(kRounds);
  const double flops = 2.0 * kRounds * (wide ? 16 * 16 : 12 * 8) * NumThreads();
  (void)sink;
  return flops / (Seconds() - start) * 1e-9;
}

// As many VNNI chains; each instruction is 64 multiplications and 64 additions.
__attribute__((target("avx512f,avx512vnni"))) int VnniLoop(int64_t rounds) {
  __m512i sums[16];
  for (int i = 0; i < 16; ++i) sums[i] = _mm512_set1_epi32(i);
  const __m512i a = _mm512_set1_epi32(0x01020304), b = _mm512_set1_epi32(0x7f010203);
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) sums[i] = _mm512_dpbusd_epi32(sums[i], a, b);
  }
  __m512i sum = sums[0];
  for (const __m512i& lanes : sums) sum = _mm512_add_epi32(sum, lanes);
  return _mm512_reduce_add_epi32(sum);
}

// GOP/s of all threads together; 0 without VNNI.
double MeasureIntegerPeak() {
  if (!__builtin_cpu_supports("avx512vnni")) return 0;
  constexpr int64_t kRounds = 40'000'000;  // much longer than threads take to wake up
  volatile int sink = 0;
  const double start = Seconds();
#pragma omp parallel num_threads(NumThreads())
  sink = VnniLoop(kRounds);
  const double operations = 2.0 * kRounds * 16 * 64 * NumThreads();
  (void)sink;
  return operations / (Seconds() - start) * 1e-9;
}

Tensor RandomFeed(const Node& placeholder, int64_t batch) {
  Shape shape = placeholder.attr<Shape>("shape");
  shape[0] = batch;
  Tensor tensor(DType::kFloat, shape);
  std::mt19937 random(1);
  std::uniform_real_distribution<float> uniform(-1, 1);
  for (float& x : tensor.mutable_data<float>()) x = uniform(random);
  return tensor;
}

Graph ReadModel(const std::string& path) {
  Graph graph = ReadGraphDef(path, Builtin<OpRegistry>());
  graph.SetOutputs(std::vector<std::string>());
  return graph;
}

// Lets the other engines take any batch: a Reshape to [1, N] becomes one to [-1, N].
void FreeBatch(Graph& graph) {
  for (Node* node : graph.nodes()) {
    if (node->op() != "Reshape" || !node->input(1).node->IsConst()) continue;
    Tensor shape = Cast(node->input(1).node->const_value(), DType::kInt32).Clone();
    const std::span<int32_t> dims = shape.mutable_data<int32_t>();
    if (dims.empty() || dims[0] != 1 || std::count(dims.begin(), dims.end(), -1)) continue;
    dims[0] = -1;
    graph.SetInput(*node, 1, graph.AddConst(node->name() + "/shape", shape).output());
    node->SetAttr("Tshape", DType::kInt32);
  }
  graph.Prune();
}

void Prepare(const std::string& from, const std::string& to) {
  Graph graph = ReadModel(from);
  RunPasses(graph, PreparePipeline());
  FreeBatch(graph);
  WriteGraphDef(graph, to);
}

void Serve(const Graph& graph, int64_t batch, int threads) {
  const Node& input = *graph.Placeholders().at(0);
  const std::map<std::string, Tensor> feeds = {{input.name(), RandomFeed(input, batch)}};
  Session session(graph, {}, nullptr, {.num_threads = threads});
  session.Run(feeds);
  std::cout << "ready" << std::endl;
  std::string command;
  while (std::cin >> command) {
    if (command == "peak") {
      std::cout << MeasurePeak() << std::endl;
      continue;
    }
    if (command == "peak-int8") {
      std::cout << MeasureIntegerPeak() << std::endl;
      continue;
    }
    int count = 0;
    std::cin >> count;
    for (int i = 0; i < count; ++i) {
      const double start = Seconds();
      session.Run(feeds);
      std::cout << (i ? " " : "") << (Seconds() - start) * 1e3;
    }
    std::cout << std::endl;
  }
}

}  // namespace
}  // namespace adze

int main(int argc, char** argv) {
  try {
    const std::string verb = argc > 1 ? argv[1] : "";
    if (verb == "prepare" && argc == 4) {
      adze::Prepare(argv[2], argv[3]);
    } else if (verb == "serve" && argc == 5) {
      adze::Serve(adze::ReadModel(argv[2]), std::stoll(argv[3]), std::stoi(argv[4]));
    } else if (verb == "serve-int8" && argc == 5) {
      const adze::IntegerGraph lowered = adze::LowerToIntegers(adze::ReadModel(argv[2]));
      adze::Serve(lowered.graph, std::stoll(argv[3]), std::stoi(argv[4]));
    } else {
      std::cerr << "session_bench prepare MODEL OUT | serve[-int8] MODEL BATCH THREADS\n";
      return 2;
    }
  } catch (const std::exception& error) {
    std::cerr << "session_bench: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
