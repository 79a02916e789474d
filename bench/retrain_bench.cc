// Seconds of a training step on random images, in float and with 8-bit fake-quantization:
//   retrain_bench MODEL.pb [batch size] [steps of each] [threads] [device] [mixed]
// prints a line "float 1.234" or "w8a8 1.345" for each step, in turns, after a first one of each;
// with "mixed" also "mixed 1.123", the second in mixed precision. As one of several workers (RANK,
// WORLD_SIZE, MASTER_ADDR, MASTER_PORT) it takes only "w8a8", with a batch of that size for each
// worker, and the first worker prints.
#include <ATen/Parallel.h>
#include <malloc.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

#include "adze/api.h"
#include "adze/parallel.h"
#include "retrain/train.h"

namespace adze {
namespace {

class RandomImages : public Dataset {
 public:
  RandomImages(InputSpec input, int64_t size) : input_(std::move(input)), size_(size) {
    std::vector<int64_t> dims = input_.shape.dims();
    dims[0] = 1;
    row_ = Tensor(DType::kFloat, Shape(dims));
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    for (float& x : row_.mutable_data<float>()) x = normal(random);
  }
  int64_t size() const override { return size_; }
  std::map<std::string, Tensor> Read(int64_t begin, int64_t end) const override {
    if (end - begin == 1) return {{input_.name, row_}};
    std::vector<int64_t> dims = row_.shape().dims();
    dims[0] = end - begin;
    Tensor rows(DType::kFloat, Shape(dims));
    for (int64_t i = 0; i < dims[0]; ++i) {
      std::copy_n(row_.data<float>().begin(), row_.num_elements(),
                  rows.mutable_data<float>().begin() + i * row_.num_elements());
    }
    return {{input_.name, rows}};
  }
  std::optional<int> Label(int64_t i) const override { return static_cast<int>(i % 10); }

 private:
  InputSpec input_;
  int64_t size_;
  Tensor row_;
};

int Run(int argc, char** argv) {
  const ModelSource source{.path = argv[1]};
  const int64_t batch = argc > 2 ? std::atoi(argv[2]) : 16,
                steps = argc > 3 ? std::atoi(argv[3]) : 3;
  SetNumThreads(argc > 4 ? std::atoi(argv[4]) : 1);
  const std::string device = argc > 5 ? argv[5] : "cpu";
  std::vector<std::string> kinds = {"float", "w8a8"};
  if (argc > 6 && std::string(argv[6]) == "mixed") kinds.push_back("mixed");
  at::set_num_threads(NumThreads());
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, -1);
  Graph graph = LoadModel(source);
  const std::vector<InputSpec> inputs = ModelInputs(graph, source);
  PrepareModel(graph);
  const Plan plan = MakePlan(graph, {});
  Workers workers(DeviceByName(device));
  const RandomImages data(inputs.at(0), batch * workers.size());
  const Record record = Calibrate(graph, plan.layers, data, {.num_samples = 1});
  const std::vector<PlannedLayer> none;
  for (int64_t step = 0; step <= steps; ++step) {
    for (const std::string& kind : kinds) {
      if (workers.size() > 1 && kind != "w8a8") continue;
      auto begin = std::chrono::steady_clock::now();
      double seconds = 0;
      // The first step compiles; the second one counts.
      const TrainingOptions options{.batch_size = batch * workers.size(),
                                    .learning_rate = 1e-9,
                                    .device = device,
                                    .mixed_precision = kind == "mixed"};
      Train({graph, kind == "float" ? none : plan.layers, graph, record, data, graph},
            {.options = options,
             .steps = 2,
             .progress =
                 [&](int64_t, int64_t, double) {
                   const auto now = std::chrono::steady_clock::now();
                   seconds = std::chrono::duration<double>(now - begin).count();
                   begin = now;
                 },
             .workers = &workers});
      if (step > 0 && workers.is_first()) std::printf("%s %.4f\n", kind.c_str(), seconds);
      std::fflush(stdout);
    }
  }
  return 0;
}

}  // namespace
}  // namespace adze

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr,
                 "usage: retrain_bench MODEL.pb [batch size] [steps] [threads] [device] [mixed]\n");
    return 2;
  }
  return adze::Run(argc, argv);
}
