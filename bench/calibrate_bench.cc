// One measurement of bench/calibrate. Both sides of `time` have the same threads (all cores), read
// the same arrays batch by batch on threads beside them, and compile the graph: bare passes run a
// batch as `adze run` does, calibration runs its default. Calibration is all of Calibrate():
// weights, forward passes with every probe, merging and searches.
//   time MODEL.pb IMAGES.npy PREPROCESS BATCH ROUNDS   bare forward passes over the images and
//   their
//                                                      calibration in turns: medians in seconds
//   scaling MODEL.pb IMAGES.npy PREPROCESS BATCH ROUNDS  calibration by one thread and by two in
//                                                      turns: medians in seconds
//   memory MODEL.pb IMAGES.npy PREPROCESS BATCH COUNT  peak memory in MB after calibrating on COUNT
//                                                      images, the given ones again and again
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <string>

#include "adze/calibrate.h"
#include "adze/graph_def.h"
#include "adze/large_blocks.h"
#include "adze/op.h"
#include "adze/pass.h"
#include "adze/registry.h"
#include "adze/session.h"

namespace adze {
namespace {

class Repeated : public Dataset {
 public:
  Repeated(const Dataset& data, int64_t count) : data_(data), count_(count) {}
  int64_t size() const override { return count_; }
  std::map<std::string, Tensor> Read(int64_t begin, int64_t end) const override {
    const int64_t first = begin % data_.size();
    return data_.Read(first, std::min(first + end - begin, data_.size()));
  }

 private:
  const Dataset& data_;
  int64_t count_;
};

template <typename Body>
double Seconds(const Body& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void RunBare(const Graph& graph, const Dataset& data, int64_t batch_size) {
  Session session(graph);
  BatchReader reader(data, batch_size, 1);
  std::map<std::string, Tensor> feeds;
  int64_t first = 0;
  while (reader.Next(&feeds, &first)) session.Run(feeds);
}

int Main(const std::string& mode, const std::string& model, const std::string& images,
         const std::string& preprocess, int64_t batch_size, int64_t count) {
  Graph graph = ReadGraphDef(model, Builtin<OpRegistry>());
  graph.SetOutputs(std::vector<std::string>());
  RunPasses(graph, PreparePipeline());
  const std::string input = graph.Placeholders().at(0)->name();
  const auto data =
      OpenArrays({.inputs = {{input, images}}, .preprocess = PreprocessByName(preprocess)},
                 {{.name = input, .shape = {1, 224, 224, 3}}});
  const auto plan = PlanLayers(graph, DefaultConfig(QuantizableLayers(graph)));
  const CalibrateOptions options = {.batch_size = batch_size};
  if (mode == "memory") {
    Calibrate(graph, plan, Repeated(*data, count), options);
    rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    std::cout << static_cast<double>(usage.ru_maxrss) / 1024 << "\n";
    return 0;
  }
  if (mode == "scaling") {
    std::vector<double> seconds[2];
    for (int64_t round = 0; round < count; ++round) {
      for (int threads : {1, 2}) {
        CalibrateOptions some = options;
        some.num_threads = threads;
        seconds[threads - 1].push_back(Seconds([&] { Calibrate(graph, plan, *data, some); }));
      }
    }
    std::cout << Median(seconds[0]) << " " << Median(seconds[1]) << "\n";
    return 0;
  }
  std::vector<double> bare, probed;
  for (int64_t round = 0; round < count; ++round) {
    bare.push_back(Seconds([&] { RunBare(graph, *data, batch_size); }));
    probed.push_back(Seconds([&] { Calibrate(graph, plan, *data, options); }));
  }
  std::cout << Median(bare) << " " << Median(probed) << "\n";
  return 0;
}

}  // namespace
}  // namespace adze

int main(int argc, char** argv) {
  adze::ReturnLargeBlocks();  // as the program does
  if (argc != 7) {
    std::cerr << "usage: calibrate_bench time|scaling|memory MODEL IMAGES PREPROCESS BATCH COUNT\n";
    return 2;
  }
  try {
    return adze::Main(argv[1], argv[2], argv[3], argv[4], std::stoll(argv[5]), std::stoll(argv[6]));
  } catch (const std::exception& e) {
    std::cerr << e.what() << "\n";
    return 1;
  }
}
