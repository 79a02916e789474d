#include "adze/evaluate.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "adze/api.h"
#include "adze/parallel.h"
#include "adze/progress.h"
#include "cli/command.h"
#include "cli/support/options.h"
#include "cli/support/runnable_model.h"

namespace adze {
namespace {

struct Flags {
  ModelFlags model;
  DataFlags data;
  std::string reference, engine = "float32";
  EvaluateOptions options;
  bool json = false;
};

void Run(const Flags& flags, bool quiet) {
  const ModelSource source = ToModelSource(flags.model);
  RunnableModel model = LoadRunnableModel(source, flags.engine);
  if (model.real) PrepareModel(*model.real);
  const Graph& graph = model.graph();
  SkippedSamples skipped;
  const std::unique_ptr<Dataset> data =
      OpenData(ToDataSource(flags.data), ModelInputs(graph, source), &skipped);
  std::optional<Graph> reference;
  if (!flags.reference.empty()) {
    reference = LoadModel({flags.reference, source.outputs, source.input_shapes});
    PrepareModel(*reference);
  }
  SetNumThreads(flags.options.num_threads);
  EvaluateOptions options = flags.options;
  Progress progress("evaluate", quiet || flags.json);
  options.progress = [&](int64_t done, int64_t total) { progress.Update(done, total); };
  const Evaluation result = Evaluate(graph, *data, options, reference ? &*reference : nullptr);
  nlohmann::ordered_json json;
  if (result.top1) json["top1"] = *result.top1;
  if (result.top5) json["top5"] = *result.top5;
  json["images"] = result.images;
  json["ms_per_image"] = result.ms_per_image;
  if (result.agreement) json["agreement"] = *result.agreement;
  if (result.sqnr_db) json["sqnr_db"] = *result.sqnr_db;
  json["skipped"] = SkippedAsJson(skipped);
  if (flags.json) {
    fmt::print("{}\n", json.dump(2));
    return;
  }
  if (result.top1) fmt::print("top-1      {:7.2f} %\n", 100 * *result.top1);
  if (result.top5) fmt::print("top-5      {:7.2f} %\n", 100 * *result.top5);
  if (result.agreement) fmt::print("agreement  {:7.2f} %\n", 100 * *result.agreement);
  if (result.sqnr_db) fmt::print("SQNR       {:7.2f} dB\n", *result.sqnr_db);
  fmt::print("{} images, {:.2f} ms an image\n", result.images, result.ms_per_image);
  PrintSkipped(skipped);
}

}  // namespace

void register_evaluate(CommandRegistry& commands) {
  commands.Add(
      {.name = "evaluate",
       .summary = "Accuracy and speed of a classifier, float or quantized",
       .examples =
           "  adze evaluate model.pb --images val/ --labels val/labels.txt --label-offset 1\n"
           "  adze evaluate model.pb --data 'image=val-*.tfrecord' --field image/encoded \\\n"
           "      --label-field image/class/label\n"
           "  adze evaluate model.pb --data cifar10:test_batch.bin\n"
           "  adze evaluate out_fake_quant.pb --images val/ --labels val/labels.txt \\\n"
           "      --reference model.pb --json\n"
           "  adze evaluate out_quantized.pb --engine int8 --images val/ --labels val/labels.txt",
       .declare = [](CLI::App& app) {
         auto flags = std::make_shared<Flags>();
         AddModelFlags(app, flags->model);
         AddDataFlags(app, flags->data);
         app.add_option("--labels", flags->data.labels,
                        "Lines of `file class`, or an .npy or idx file")
             ->type_name("FILE");
         app.add_option("--label-field", flags->data.label_field,
                        "Field of the TFRecords' examples that holds the class")
             ->type_name("FIELD");
         app.add_option("--label-offset", flags->options.label_offset,
                        "Added to a label to get the model's class (1 with a background class)")
             ->type_name("N");
         AddEngineFlag(app, flags->engine);
         app.add_option("--reference", flags->reference,
                        "Float model to compare with: agreement and SQNR of the logits")
             ->type_name("MODEL");
         app.add_option("--batch-size", flags->options.batch_size, "Images at a time")
             ->check(CLI::PositiveNumber)
             ->type_name("N")
             ->capture_default_str();
         app.add_option("--threads", flags->options.num_threads, "Threads (default: all cores)")
             ->type_name("N");
         app.add_flag("--json", flags->json, "Print JSON");
         app.callback([flags, &app] { Run(*flags, IsQuiet(app)); });
       }});
}

}  // namespace adze
