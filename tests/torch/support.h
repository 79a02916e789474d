#pragma once

#include "engine/torch/torch_session.h"

namespace adze {

inline std::map<std::string, at::Tensor> ToTorch(const std::map<std::string, Tensor>& feeds) {
  std::map<std::string, at::Tensor> fed;
  for (const auto& [name, tensor] : feeds) fed.emplace(name, ToTorch(tensor));
  return fed;
}

}  // namespace adze
