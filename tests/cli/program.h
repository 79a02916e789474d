#pragma once

#include <sys/wait.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "adze/dataset.h"
#include "adze/file.h"
#include "test_folder.h"

namespace adze {

struct ProgramResult {
  int exit_code = 0;
  std::string out, err;
};

// Runs `adze ARGUMENTS` in a shell, with the working folder `folder`; `launcher` starts it.
inline ProgramResult RunAdze(const std::string& arguments, const std::filesystem::path& folder,
                             const std::string& launcher = "") {
  const std::string command = "cd '" + folder.string() + "' && " + launcher +
                              " '" ADZE_BINARY_DIR "/adze' " + arguments +
                              " >.stdout 2>.stderr </dev/null";
  const int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
          ReadFile(folder / ".stdout"), ReadFile(folder / ".stderr")};
}

// A small classifier as text: x [1, 8, 8, 3] - Conv2D - BiasAdd - Relu - AvgPool - MatMul -
// Softmax.
inline const char* kTinyModel = R"(
node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } }
  attr { key: "shape" value { shape { dim { size: 1 } dim { size: 8 } dim { size: 8 } dim { size: 3 } } } } }
node { name: "conv/w" op: "Const" attr { key: "dtype" value { type: DT_FLOAT } }
  attr { key: "value" value { tensor { dtype: DT_FLOAT
    tensor_shape { dim { size: 1 } dim { size: 1 } dim { size: 3 } dim { size: 2 } }
    float_val: 0.5 float_val: -0.25 float_val: 0.125 float_val: 1 float_val: -1 float_val: 0.75 } } } }
node { name: "conv/b" op: "Const" attr { key: "dtype" value { type: DT_FLOAT } }
  attr { key: "value" value { tensor { dtype: DT_FLOAT tensor_shape { dim { size: 2 } }
    float_val: 0.1 float_val: -0.2 } } } }
node { name: "conv/Conv2D" op: "Conv2D" input: "x" input: "conv/w"
  attr { key: "T" value { type: DT_FLOAT } } attr { key: "padding" value { s: "SAME" } }
  attr { key: "strides" value { list { i: 1 i: 1 i: 1 i: 1 } } } }
node { name: "conv/BiasAdd" op: "BiasAdd" input: "conv/Conv2D" input: "conv/b"
  attr { key: "T" value { type: DT_FLOAT } } }
node { name: "conv/Relu" op: "Relu" input: "conv/BiasAdd" attr { key: "T" value { type: DT_FLOAT } } }
node { name: "pool/AvgPool" op: "AvgPool" input: "conv/Relu"
  attr { key: "T" value { type: DT_FLOAT } } attr { key: "padding" value { s: "VALID" } }
  attr { key: "ksize" value { list { i: 1 i: 8 i: 8 i: 1 } } }
  attr { key: "strides" value { list { i: 1 i: 1 i: 1 i: 1 } } } }
node { name: "flat/shape" op: "Const" attr { key: "dtype" value { type: DT_INT32 } }
  attr { key: "value" value { tensor { dtype: DT_INT32 tensor_shape { dim { size: 2 } }
    int_val: -1 int_val: 2 } } } }
node { name: "flat" op: "Reshape" input: "pool/AvgPool" input: "flat/shape"
  attr { key: "T" value { type: DT_FLOAT } } attr { key: "Tshape" value { type: DT_INT32 } } }
node { name: "fc/w" op: "Const" attr { key: "dtype" value { type: DT_FLOAT } }
  attr { key: "value" value { tensor { dtype: DT_FLOAT
    tensor_shape { dim { size: 2 } dim { size: 3 } }
    float_val: 1 float_val: -0.5 float_val: 0.25 float_val: 0.75 float_val: -1 float_val: 0.3 } } } }
node { name: "fc/MatMul" op: "MatMul" input: "flat" input: "fc/w"
  attr { key: "T" value { type: DT_FLOAT } } }
node { name: "prob" op: "Softmax" input: "fc/MatMul" attr { key: "T" value { type: DT_FLOAT } } }
)";

// Writes it as model.pbtxt, and x.npy with `samples` inputs for it.
inline void WriteTinyModel(const std::filesystem::path& folder, int64_t samples) {
  WriteFileAtomically(folder / "model.pbtxt", kTinyModel);
  Tensor x(DType::kFloat, {samples, 8, 8, 3});
  for (int64_t i = 0; i < x.num_elements(); ++i) {
    x.mutable_data<float>()[i] = std::sin(0.7f * static_cast<float>(i));
  }
  WriteNpy(x, folder / "x.npy");
}

}  // namespace adze
