// A model in NCHW is quantized and run like its twin in NHWC.
#include <gtest/gtest.h>

#include "adze/tensor.h"
#include "cli/program.h"

namespace adze {
namespace {

std::string Replace(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  Check(at != std::string::npos, "the text has what is replaced");
  return text.replace(at, from.size(), to);
}

std::string TinyModelInChannelsFirst() {
  const std::string format = " attr { key: \"data_format\" value { s: \"NCHW\" } } attr";
  std::string text = Replace(kTinyModel, "dim { size: 8 } dim { size: 8 } dim { size: 3 }",
                             "dim { size: 3 } dim { size: 8 } dim { size: 8 }");
  for (const std::string inputs :
       {"input: \"x\" input: \"conv/w\"\n ", "input: \"conv/Conv2D\" input: \"conv/b\"\n ",
        "op: \"AvgPool\" input: \"conv/Relu\"\n "}) {
    text = Replace(text, inputs + " attr", inputs + format);
  }
  return Replace(text, "i: 1 i: 8 i: 8 i: 1", "i: 1 i: 1 i: 8 i: 8");
}

TEST(ChannelsFirst, GivesWhatChannelsLastGives) {
  const std::filesystem::path folder = TestFolder();
  WriteTinyModel(folder, 5);
  WriteFileAtomically(folder / "first.pbtxt", TinyModelInChannelsFirst());
  const Tensor last = ReadNpy(folder / "x.npy");
  Tensor first(DType::kFloat, {5, 3, 8, 8});
  for (int64_t i = 0; i < last.num_elements(); ++i) {
    const int64_t channel = i % 3, pixel = i / 3 % 64, sample = i / 192;
    first.mutable_data<float>()[(sample * 3 + channel) * 64 + pixel] = last.data<float>()[i];
  }
  WriteNpy(first, folder / "first.npy");
  for (const auto& [model, x] :
       std::map<std::string, std::string>{{"model", "x.npy"}, {"first", "first.npy"}}) {
    for (const std::string& command :
         {"run " + model + ".pbtxt --input " + x + " --output prob=" + model + "_float.npy",
          "-q quantize " + model + ".pbtxt --data " + x + " --output " + model,
          "run " + model + "_quantized.pb --engine int8 --input " + x + " --output prob=" + model +
              "_int8.npy"}) {
      const ProgramResult result = RunAdze(command, folder);
      ASSERT_EQ(result.exit_code, 0) << command << ": " << result.err;
    }
  }
  for (const char* file : {"_float.npy", "_record.txt", "_int8.npy"}) {
    EXPECT_EQ(ReadFile(folder / (std::string("first") + file)),
              ReadFile(folder / (std::string("model") + file)))
        << file;
  }
}

}  // namespace
}  // namespace adze
