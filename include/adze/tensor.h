#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "adze/dtype.h"
#include "adze/error.h"
#include "adze/shape.h"

namespace adze {

// A dense row-major array. Copies share the elements, so a tensor that others may hold must be
// treated as constant; Clone() makes an independent one. Memory is aligned to 64 bytes where this
// class allocates it.
class Tensor {
 public:
  Tensor() = default;                // no tensor; dtype kInvalid
  Tensor(DType dtype, Shape shape);  // not initialised (strings: empty). Throws if too large.
  static Tensor Zeros(DType dtype, Shape shape);
  // Elements that somebody else owns; `owner` keeps them alive (may be null if they outlive all).
  static Tensor Borrow(DType dtype, Shape shape, void* data, std::shared_ptr<void> owner);
  static Tensor FromStrings(Shape shape, std::vector<std::string> values);

  template <typename T>
  static Tensor From(Shape shape, std::span<const T> values) {
    Tensor tensor(kDTypeOf<T>, std::move(shape));
    Check(static_cast<int64_t>(values.size()) == tensor.num_elements(), "values for shape");
    std::copy(values.begin(), values.end(), tensor.mutable_data<T>().begin());
    return tensor;
  }
  template <typename T>
  static Tensor From(Shape shape, const std::vector<T>& values) {
    return From<T>(std::move(shape), std::span<const T>(values));
  }
  template <typename T>
  static Tensor Vector(const std::vector<T>& values) {
    return From<T>(Shape{static_cast<int64_t>(values.size())}, values);
  }
  template <typename T>
  static Tensor Scalar(T value) {
    return From<T>(Shape{}, std::span<const T>(&value, 1));
  }

  explicit operator bool() const { return dtype_ != DType::kInvalid; }
  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  int64_t num_elements() const { return num_elements_; }
  size_t num_bytes() const { return num_elements_ * SizeOf(dtype_); }

  // Elements; kInternal if T is not the element type.
  template <typename T>
  std::span<const T> data() const {
    Check(dtype_ == kDTypeOf<T>, "tensor read as another element type");
    return {static_cast<const T*>(data_.get()), static_cast<size_t>(num_elements_)};
  }
  template <typename T>
  std::span<T> mutable_data() {
    Check(dtype_ == kDTypeOf<T>, "tensor written as another element type");
    return {static_cast<T*>(data_.get()), static_cast<size_t>(num_elements_)};
  }
  const void* raw() const { return data_.get(); }
  void* mutable_raw() { return data_.get(); }
  std::span<const std::string> strings() const;

  // The same elements under another shape of as many elements.
  Tensor Reshaped(Shape shape) const;
  Tensor Clone() const;
  // Elements [begin, end) of the first axis, shared.
  Tensor Rows(int64_t begin, int64_t end) const;

 private:
  DType dtype_ = DType::kInvalid;
  Shape shape_;
  int64_t num_elements_ = 0;
  std::shared_ptr<void> data_;
};

// Element type and shape of a value, without its elements.
struct TensorSpec {
  DType dtype = DType::kInvalid;
  Shape shape = Shape::UnknownRank();
  friend bool operator==(const TensorSpec&, const TensorSpec&) = default;
};

// Every element converted (float to integer truncates, as TensorFlow's Cast). Strings: an error.
Tensor Cast(const Tensor& tensor, DType dtype);
// The elements of an integer tensor of any integer type (shapes, axes, permutations).
std::vector<int64_t> ToInt64s(const Tensor& tensor);
// The elements of a numeric tensor as float32.
std::vector<float> ToFloats(const Tensor& tensor);

}  // namespace adze
