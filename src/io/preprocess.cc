#include "adze/dataset.h"
#include "adze/error.h"

namespace adze {

Preprocess PreprocessByName(const std::string& name) {
  if (name == "tf") return {.mean = {127.5f}, .std = {127.5f}};
  if (name == "caffe") return {.mean = {103.939f, 116.779f, 123.68f}, .std = {1}, .bgr = true};
  if (name == "torch") {
    return {.mean = {0.485f * 255, 0.456f * 255, 0.406f * 255},
            .std = {0.229f * 255, 0.224f * 255, 0.225f * 255}};
  }
  if (name == "unit") return {.mean = {0}, .std = {255}};
  if (name == "raw") return {.mean = {0}, .std = {1}};
  throw Error(ErrorCode::kInvalidArgument,
              "there is no preprocessing '" + name + "'; there are tf, caffe, torch, unit and raw");
}

}  // namespace adze
