// The integer engine from the command line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/program.h"

namespace adze {
namespace {

std::filesystem::path QuantizedTinyModel() {
  const auto folder = TestFolder();
  WriteTinyModel(folder, 8);
  const ProgramResult result = RunAdze("quantize model.pbtxt --data x.npy --output q", folder);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return folder;
}

TEST(Int8Engine, GivesWhatTheSimulationGives) {
  const auto folder = QuantizedTinyModel();
  for (const std::string engine : {"float32", "int8"}) {
    const ProgramResult result = RunAdze(
        "run q_quantized.pb --input x.npy --output prob=" + engine + ".npy --engine " + engine,
        folder);
    EXPECT_EQ(result.exit_code, 0) << result.err;
  }
  EXPECT_EQ(ToFloats(ReadNpy(folder / "int8.npy")), ToFloats(ReadNpy(folder / "float32.npy")));
}

TEST(Int8Engine, RunsWithTheInstructionsAskedFor) {
  const auto folder = QuantizedTinyModel();
  const auto run = [&](const std::string& instructions) {
    return RunAdze(
        "run q_quantized.pb --input x.npy --output prob=" + instructions + ".npy --engine int8",
        folder, "env ADZE_INSTRUCTIONS=" + instructions);
  };
  ASSERT_EQ(run("plain").exit_code, 0);
  for (const std::string instructions : {"vnni", "avx2"}) {
    const ProgramResult result = run(instructions);
    if (result.exit_code == 0) {
      EXPECT_EQ(ReadFile(folder / (instructions + ".npy")), ReadFile(folder / "plain.npy"));
    } else {
      EXPECT_THAT(result.err, ::testing::HasSubstr("ADZE_INSTRUCTIONS is '" + instructions +
                                                   "', but this machine does not have these"));
    }
  }
  for (const std::string verb :
       {"run q_quantized.pb --input x.npy --output prob=o.npy --engine int8",
        "verify q_quantized.pb --data x.npy"}) {
    const ProgramResult unknown = RunAdze(verb, folder, "env ADZE_INSTRUCTIONS=neon");
    EXPECT_EQ(unknown.exit_code, 1);
    EXPECT_EQ(unknown.err,
              "adze: ADZE_INSTRUCTIONS is 'neon', but must be one of vnni, avx2 and plain\n");
  }
}

TEST(Int8Engine, RefusesAFloatModel) {
  const auto folder = TestFolder();
  WriteTinyModel(folder, 1);
  for (const std::string verb :
       {"verify model.pbtxt --data x.npy", "evaluate model.pbtxt --data x.npy --engine int8"}) {
    const ProgramResult result = RunAdze(verb, folder);
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_EQ(result.err,
              "adze: file 'model.pbtxt': it has no AscendQuant, so there is nothing to run on "
              "integers; give the PREFIX_quantized.pb that `adze quantize` writes\n");
  }
}

TEST(Verify, ReportsAndDumps) {
  const auto folder = QuantizedTinyModel();
  const ProgramResult result = RunAdze(
      "verify q_quantized.pb --data x.npy --json --dump conv/act_quant/AscendQuant=q.npy", folder);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json["passes"], true);
  EXPECT_EQ(json["samples"], 8);
  EXPECT_EQ(json["integer_layers"], 3);
  EXPECT_EQ(json["differing"], 0);
  EXPECT_EQ(json["agreement"], 1);
  EXPECT_EQ(json["values"], 8 * (8 * 8 * 3 + 8 * 8 * 2 + 2));
  const Tensor dumped = ReadNpy(folder / "q.npy");
  EXPECT_EQ(dumped.dtype(), DType::kInt8);
  EXPECT_EQ(dumped.shape(), (Shape{1, 8, 8, 3}));

  const ProgramResult unknown =
      RunAdze("verify q_quantized.pb --data x.npy --dump conv/AscendQuant=q.npy", folder);
  EXPECT_EQ(unknown.exit_code, 1);
  EXPECT_THAT(unknown.err, ::testing::HasSubstr("no node 'conv/AscendQuant' in the graph"));
  ASSERT_EQ(RunAdze("verify q_quantized.pb --data x.npy --dump conv/Relu=r.npy "
                    "--dump fc/MatMul=sum.npy",
                    folder)
                .exit_code,
            0);
  EXPECT_EQ(ReadNpy(folder / "r.npy").dtype(), DType::kFloat);
  EXPECT_EQ(ReadNpy(folder / "sum.npy").dtype(), DType::kInt32);
}

}  // namespace
}  // namespace adze
