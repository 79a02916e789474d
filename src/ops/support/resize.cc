#include "ops/support/resize.h"

#include "ops/support/image.h"

namespace adze {

bool AlignsCorners(const Node& node) { return node.attr<bool>("align_corners", false); }
bool HasHalfPixelCenters(const Node& node) { return node.attr<bool>("half_pixel_centers", false); }

Shape InferResize(const ShapeContext& context) {
  const Node& node = context.node;
  Require(!AlignsCorners(node) || !HasHalfPixelCenters(node), ErrorCode::kBadFile, node.op(),
          " has both align_corners and half_pixel_centers");
  Shape shape = ShapeOfRank(context, 0, 4);
  shape[1] = shape[2] = Shape::kUnknown;
  if (const Tensor* size = context.constant(1)) {
    Require(size->dtype() == DType::kInt32 && size->shape() == Shape{2}, ErrorCode::kBadFile,
            node.op(), " takes a size of 2 int32, not of ", Name(size->dtype()), " ",
            size->shape().ToString());
    for (int i = 0; i < 2; ++i) {
      shape[1 + i] = size->data<int32_t>()[i];
      Require(shape[1 + i] > 0, ErrorCode::kBadFile, node.op(), " to size ", shape[1 + i]);
    }
  }
  const Shape& image = context.shape(0);
  Require(!image.known_rank() || (image[1] != 0 && image[2] != 0), ErrorCode::kBadFile, node.op(),
          " of an empty image ", image.ToString());
  return shape;
}

std::vector<TensorSpec> InferFloatResize(const ShapeContext& context) {
  return {{DType::kFloat, InferResize(context)}};
}

float ResizeScale(const Node& node, int64_t in, int64_t out) {
  if (AlignsCorners(node) && out > 1) {
    return static_cast<float>(in - 1) / static_cast<float>(out - 1);
  }
  return static_cast<float>(in) / static_cast<float>(out);
}

}  // namespace adze
