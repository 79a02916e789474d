// What a user who feeds something wrong is told: one line that names the file, the node and the
// remedy, exit code 1, earlier outputs untouched.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "adze/dataset.h"
#include "adze/tensor.h"
#include "cli/program.h"

namespace adze {
namespace {

using testing::HasSubstr;

std::string Replace(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

class BadInput : public testing::Test {
 protected:
  BadInput() : folder_(TestFolder()) {
    WriteModel(kTinyModel);
    WriteSamples(4, 0.5f);
    for (const char* suffix : kSuffixes) {
      WriteFileAtomically(folder_ / ("out" + std::string(suffix)), "earlier");
    }
  }
  ~BadInput() override {
    for (const char* suffix : kSuffixes) {
      EXPECT_EQ(ReadFile(folder_ / ("out" + std::string(suffix))), "earlier");
    }
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      EXPECT_THAT(entry.path().string(), Not(HasSubstr("partial")));
    }
  }

  void WriteModel(const std::string& text) { WriteFileAtomically(folder_ / "model.pbtxt", text); }
  void WriteSamples(int64_t count, float value) {
    Tensor samples(DType::kFloat, {count, 8, 8, 3});
    for (int64_t i = 0; i < samples.num_elements(); ++i) {
      samples.mutable_data<float>()[i] = 0.01f * static_cast<float>(i % 50);
    }
    samples.mutable_data<float>()[samples.num_elements() - 1] = value;
    WriteNpy(samples, folder_ / "x.npy");
  }
  void ExpectError(const std::string& arguments, const std::vector<std::string>& parts) {
    const ProgramResult result = RunAdze(arguments, folder_);
    EXPECT_EQ(result.exit_code, 1) << result.err;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    EXPECT_TRUE(result.err.starts_with("adze: ")) << result.err;
    for (const std::string& part : parts) EXPECT_THAT(result.err, HasSubstr(part));
  }
  void ExpectQuantizeError(const std::vector<std::string>& parts, const std::string& more = "",
                           const std::string& model = "model.pbtxt") {
    ExpectError("-q quantize " + model + " --data x.npy --output out " + more, parts);
  }

  static constexpr const char* kSuffixes[] = {"_quantized.pb", "_fake_quant.pb", "_quant.json",
                                              "_record.txt", "_config.json"};
  std::filesystem::path folder_;
};

TEST_F(BadInput, FileThatIsNotThere) {
  ExpectQuantizeError({"file 'absent.pb'", "No such file"}, "", "absent.pb");
}

TEST_F(BadInput, EmptyFile) {
  WriteFileAtomically(folder_ / "empty.pb", "");
  ExpectQuantizeError({"file 'empty.pb'", "is empty"}, "", "empty.pb");
}

TEST_F(BadInput, FileThatIsNoGraph) {
  WriteFileAtomically(folder_ / "photo.pb", std::string("\xff\xd8\xff\xe0 not a graph", 16));
  ExpectQuantizeError({"file 'photo.pb'", "not a GraphDef"}, "", "photo.pb");
}

TEST_F(BadInput, TruncatedGraph) {
  ASSERT_EQ(RunAdze("convert model.pbtxt whole.pb", folder_).exit_code, 0);
  const std::string whole = ReadFile(folder_ / "whole.pb");
  WriteFileAtomically(folder_ / "cut.pb", std::string_view(whole).substr(0, whole.size() - 7));
  ExpectQuantizeError({"file 'cut.pb'", "cut off"}, "", "cut.pb");
}

TEST_F(BadInput, BrokenText) {
  WriteModel(std::string(kTinyModel) + "node { nam");
  ExpectQuantizeError({"file 'model.pbtxt'", "text form", "line "});
}

TEST_F(BadInput, CyclicGraph) {
  WriteModel(Replace(kTinyModel, "input: \"x\" input: \"conv/w\"",
                     "input: \"conv/Relu\" input: \"conv/w\""));
  ExpectQuantizeError({"file 'model.pbtxt'", "cycle", "conv/"});
}

TEST_F(BadInput, MissingNode) {
  WriteModel(Replace(kTinyModel, "input: \"conv/b\"", "input: \"conv/bias\""));
  ExpectQuantizeError({"node 'conv/BiasAdd'", "'conv/bias'", "not in the graph"});
}

TEST_F(BadInput, NegativeDimension) {
  WriteModel(Replace(kTinyModel, "dim { size: 2 } }\n    float_val: 0.1",
                     "dim { size: -2 } }\n    float_val: 0.1"));
  ExpectQuantizeError({"node 'conv/b'", "-2"});
}

TEST_F(BadInput, HugeDimension) {
  WriteModel(Replace(kTinyModel, "dim { size: 2 } }\n    float_val: 0.1",
                     "dim { size: 4611686018427387904 } }\n    float_val: 0.1"));
  ExpectQuantizeError({"node 'conv/b'", "4611686018427387904"});
}

TEST_F(BadInput, BytesThatDoNotMatchTheShape) {
  WriteModel(Replace(kTinyModel, "float_val: 0.1 float_val: -0.2",
                     "tensor_content: \"\\000\\000\\000\\000\""));
  ExpectQuantizeError({"node 'conv/b'", "tensor_content has 4 bytes", "needs 8"});
}

TEST_F(BadInput, MissingInput) {
  ExpectError("-q quantize model.pbtxt --data y=x.npy --output out", {"no input 'y'", "'x'"});
}

TEST_F(BadInput, NoData) {
  ExpectError("-q quantize model.pbtxt --output out", {"needs data", "--images"});
}

TEST_F(BadInput, SkippedLayerThatIsNotThere) {
  ExpectQuantizeError({"conv/Conv2d", "'conv/Conv2D'"}, "--skip-layer conv/Conv2d");
}

TEST_F(BadInput, OutputThatIsNotThere) {
  ExpectQuantizeError({"'probe'", "'prob'"}, "--outputs probe");
}

TEST_F(BadInput, ImageThatDoesNotDecode) {
  WriteFileAtomically(folder_ / "images/broken.jpg", "this is text");
  ExpectError("-q quantize model.pbtxt --images images --output out", {"broken.jpg"});
}

TEST_F(BadInput, NoImages) {
  std::filesystem::create_directories(folder_ / "images");
  ExpectError("-q quantize model.pbtxt --images images --output out", {"images", "no "});
}

TEST_F(BadInput, TooFewSamples) {
  ExpectQuantizeError({"3 batches of 2", "4 samples"}, "--batch-size 2 --batch-num 3");
}

TEST_F(BadInput, NanInActivations) {
  WriteSamples(4, std::numeric_limits<float>::quiet_NaN());
  ExpectQuantizeError({"layer 'conv/Conv2D'", "sample 3", "NaN"});
}

TEST_F(BadInput, InfInActivations) {
  WriteSamples(4, std::numeric_limits<float>::infinity());
  ExpectQuantizeError({"layer 'conv/Conv2D'", "sample 3", "Inf"});
}

TEST_F(BadInput, NanInWeights) {
  WriteModel(Replace(kTinyModel, "float_val: 0.75 } } } }", "float_val: nan } } } }"));
  ExpectQuantizeError({"layer 'conv/Conv2D'", "NaN"});
}

TEST_F(BadInput, UnknownOp) {
  WriteModel(Replace(kTinyModel, "op: \"Relu\"", "op: \"Frobnicate\""));
  ExpectQuantizeError({"Frobnicate", "conv/Relu"});
}

TEST_F(BadInput, FolderThatCannotBeWritten) {
  WriteFileAtomically(folder_ / "file", "x");
  ExpectError("-q quantize model.pbtxt --data x.npy --output file/out", {"file/out"});
}

TEST_F(BadInput, OutputBelowADevice) {
  // /dev/full is not a folder: nothing can be made below it.
  ExpectError("-q run model.pbtxt --input x.npy --output prob=/dev/full/p.npy", {"/dev/full"});
}

}  // namespace
}  // namespace adze
