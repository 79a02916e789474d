#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

namespace adze {

// Dimensions of a tensor. A dimension of -1 is unknown; the rank itself can be unknown too.
class Shape {
 public:
  static constexpr int64_t kUnknown = -1;

  Shape() = default;  // a scalar
  Shape(std::initializer_list<int64_t> dims) : dims_(dims) {}
  explicit Shape(std::vector<int64_t> dims) : dims_(std::move(dims)) {}
  static Shape UnknownRank() {
    Shape shape;
    shape.known_rank_ = false;
    return shape;
  }

  bool known_rank() const { return known_rank_; }
  bool IsFullyKnown() const;
  int rank() const { return static_cast<int>(dims_.size()); }  // 0 if the rank is unknown
  int64_t operator[](int axis) const { return dims_[axis]; }
  int64_t& operator[](int axis) { return dims_[axis]; }
  const std::vector<int64_t>& dims() const { return dims_; }

  // Number of elements. Throws kBadFile when a dimension is unknown or negative, or when the
  // product does not fit 2^48.
  int64_t num_elements() const;
  // "[1, 224, 224, 3]", "[?, 10]", "?".
  std::string ToString() const;

  friend bool operator==(const Shape&, const Shape&) = default;

 private:
  bool known_rank_ = true;
  std::vector<int64_t> dims_;
};

// Axis in 0..rank-1 from an axis that may be negative; throws kBadFile outside.
int NormalizeAxis(int64_t axis, int rank);

// NumPy's broadcasting; a dimension of -1 against 1 or -1 stays -1. Throws if not compatible.
Shape BroadcastShapes(const Shape& a, const Shape& b);

}  // namespace adze
