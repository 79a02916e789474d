#include "engine/torch/torch_op.h"

namespace adze {
namespace {

struct TypePair {
  DType plain;
  at::ScalarType torch;
};
constexpr TypePair kTypes[] = {
    {DType::kFloat, at::kFloat}, {DType::kDouble, at::kDouble}, {DType::kInt32, at::kInt},
    {DType::kUint8, at::kByte},  {DType::kInt16, at::kShort},   {DType::kInt8, at::kChar},
    {DType::kInt64, at::kLong},  {DType::kBool, at::kBool},     {DType::kBfloat16, at::kBFloat16},
    {DType::kHalf, at::kHalf},
};

}  // namespace

at::Tensor ToTorch(const Tensor& tensor) {
  for (const TypePair& type : kTypes) {
    if (type.plain != tensor.dtype()) continue;
    auto owner = std::make_shared<Tensor>(tensor);
    return at::from_blob(
        owner->mutable_raw(), tensor.shape().dims(), [owner](void*) {},
        at::TensorOptions().dtype(type.torch));
  }
  throw Error(ErrorCode::kUnsupported, "LibTorch has no element type " + Name(tensor.dtype()));
}

Tensor FromTorch(const at::Tensor& tensor) {
  for (const TypePair& type : kTypes) {
    if (type.torch != tensor.scalar_type()) continue;
    auto owner = std::make_shared<at::Tensor>(tensor.detach().cpu().contiguous());
    return Tensor::Borrow(type.plain, ShapeOf(*owner), owner->data_ptr(), owner);
  }
  throw Error(ErrorCode::kUnsupported,
              std::string("no element type for LibTorch's ") + c10::toString(tensor.scalar_type()));
}

Shape ShapeOf(const at::Tensor& tensor) { return Shape(tensor.sizes().vec()); }

const at::Tensor& TorchValue::torch(at::Device device) const {
  Check(static_cast<bool>(*this), "a value is read before it is there");
  if (!torch_.defined()) torch_ = ToTorch(plain_).to(device);
  return torch_;
}

const Tensor& TorchValue::plain() const {
  Check(static_cast<bool>(*this), "a value is read before it is there");
  if (!plain_) plain_ = FromTorch(torch_);
  return plain_;
}

int64_t TorchCall::integer(int i) const {
  const std::vector<int64_t> all = ints(i);
  Require(all.size() == 1, ErrorCode::kBadFile, node.op(), " takes one number as input ", i,
          ", not ", all.size());
  return all[0];
}

const std::vector<int64_t>& TorchCall::output_shape(int i) const {
  const Shape& shape = shapes[node.output(i)].shape;
  Require(shape.IsFullyKnown(), ErrorCode::kUnsupported, "the shape of output ", i, " of ",
          node.op(), " depends on data; it cannot be run on LibTorch");
  return shape.dims();
}

}  // namespace adze
