#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "adze/graph.h"
#include "adze/op.h"

namespace adze {

// What a picture of a graph draws as one box: a layer and the ops behind it, or some ops in a row.
// Weights and other constants, and what is made of shapes, are not drawn.
struct PictureBlock {
  const Node* layer = nullptr;  // convolution or matrix product; null: none in it
  std::vector<const Node*> nodes;
  std::vector<size_t> inputs;  // blocks that it reads, each once
};

// In topological order.
std::vector<PictureBlock> BlocksOf(const Graph& graph);

// Whether the op multiplies its data with a kernel that it reads.
bool IsPictureLayer(const Node& node);

// Multiply-accumulates of one sample in a layer; nullopt where the size of its image is not known.
std::optional<int64_t> PictureMacs(const Node& layer, const ShapeMap& shapes);
// Elements of the kernel; 0 if its shape is not known.
int64_t PictureWeights(const Node& layer, const ShapeMap& shapes);

// "3×3 64→128 /2", "7×7 depthwise 32"; of another op its name in short, "MaxPool 3×3 /2", "BN".
std::string PictureText(const Node& node, const ShapeMap& shapes);

}  // namespace adze
