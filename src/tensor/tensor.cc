#include "adze/tensor.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <type_traits>

#include "tensor/dispatch.h"

namespace adze {
namespace {

constexpr size_t kAlignment = 64;

template <typename F>
void WithType(DType dtype, F&& f) {
  Dispatch<float, double, int32_t, uint8_t, int16_t, int8_t, int64_t, bool, uint16_t, uint32_t,
           uint64_t, Half, Bfloat16>(dtype, f);
}

template <typename T>
constexpr bool kNarrowFloat = std::is_same_v<T, Half> || std::is_same_v<T, Bfloat16>;

// The least integer where the value does not fit or is NaN, as x86 and so TensorFlow have it.
template <typename To, typename From>
To ToSigned(From value) {
  constexpr auto kLeast = static_cast<From>(std::numeric_limits<To>::min());
  return value >= kLeast && value < -kLeast ? static_cast<To>(value)
                                            : std::numeric_limits<To>::min();
}

// Narrower and unsigned integers are the low bits of wider ones.
template <typename To, typename From>
To ToInteger(From value) {
  constexpr auto kSigned64 = static_cast<From>(uint64_t{1} << 63);
  if constexpr (std::is_same_v<To, uint64_t>) {
    if (value >= kSigned64 && value < 2 * kSigned64) return static_cast<To>(value);
  }
  constexpr bool kWide = sizeof(To) == 8 || std::is_same_v<To, uint32_t>;
  return static_cast<To>(ToSigned<std::conditional_t<kWide, int64_t, int32_t>>(value));
}

template <typename To, typename From>
To Convert(From value) {
  if constexpr (kNarrowFloat<From>) {
    return Convert<To>(ToFloat(value));
  } else if constexpr (std::is_same_v<To, Half>) {
    return ToHalf(static_cast<float>(value));
  } else if constexpr (std::is_same_v<To, Bfloat16>) {
    return ToBfloat16(static_cast<float>(value));
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To> &&
                       !std::is_same_v<To, bool>) {
    return ToInteger<To>(value);
  } else {
    return static_cast<To>(value);
  }
}

}  // namespace

Tensor::Tensor(DType dtype, Shape shape)
    : dtype_(dtype), shape_(std::move(shape)), num_elements_(shape_.num_elements()) {
  if (dtype == DType::kString) {
    auto values = std::make_shared<std::vector<std::string>>(num_elements_);
    data_ = std::shared_ptr<void>(values, values->data());
    return;
  }
  Require(SizeOf(dtype) > 0, ErrorCode::kUnsupported, "tensors of ", Name(dtype),
          " elements are not supported");
  size_t room = std::max<size_t>(num_bytes(), 1) + kAlignment;
  void* const memory = std::malloc(room);
  Require(memory != nullptr, ErrorCode::kInvalidArgument,
          "not enough memory for a tensor of shape ", shape_.ToString(), " (", room, " bytes)");
  void* aligned = memory;
  std::align(kAlignment, room - kAlignment, aligned, room);
  data_ = std::shared_ptr<void>(std::shared_ptr<void>(memory, std::free), aligned);
}

Tensor Tensor::Zeros(DType dtype, Shape shape) {
  Tensor tensor(dtype, std::move(shape));
  if (dtype != DType::kString) std::memset(tensor.mutable_raw(), 0, tensor.num_bytes());
  return tensor;
}

Tensor Tensor::Borrow(DType dtype, Shape shape, void* data, std::shared_ptr<void> owner) {
  Tensor tensor;
  tensor.dtype_ = dtype;
  tensor.num_elements_ = shape.num_elements();
  tensor.shape_ = std::move(shape);
  tensor.data_ = std::shared_ptr<void>(std::move(owner), data);
  return tensor;
}

Tensor Tensor::FromStrings(Shape shape, std::vector<std::string> values) {
  Tensor tensor;
  tensor.dtype_ = DType::kString;
  tensor.num_elements_ = shape.num_elements();
  tensor.shape_ = std::move(shape);
  Check(tensor.num_elements_ == static_cast<int64_t>(values.size()), "values for shape");
  auto owner = std::make_shared<std::vector<std::string>>(std::move(values));
  tensor.data_ = std::shared_ptr<void>(owner, owner->data());
  return tensor;
}

std::span<const std::string> Tensor::strings() const {
  Check(dtype_ == DType::kString, "tensor read as strings");
  return {static_cast<const std::string*>(data_.get()), static_cast<size_t>(num_elements_)};
}

Tensor Tensor::Reshaped(Shape shape) const {
  Require(shape.num_elements() == num_elements_, ErrorCode::kBadFile, "cannot reshape ",
          shape_.ToString(), " to ", shape.ToString());
  Tensor tensor = *this;
  tensor.shape_ = std::move(shape);
  return tensor;
}

Tensor Tensor::Clone() const {
  if (dtype_ == DType::kInvalid) return {};
  if (dtype_ == DType::kString) return FromStrings(shape_, {strings().begin(), strings().end()});
  Tensor tensor(dtype_, shape_);
  std::memcpy(tensor.mutable_raw(), raw(), num_bytes());
  return tensor;
}

Tensor Tensor::Rows(int64_t begin, int64_t end) const {
  Check(shape_.rank() > 0 && begin >= 0 && begin <= end && end <= shape_[0], "rows of a tensor");
  Tensor tensor = *this;
  const int64_t row = shape_[0] == 0 ? 0 : num_elements_ / shape_[0];
  tensor.shape_[0] = end - begin;
  tensor.num_elements_ = row * (end - begin);
  const size_t size = dtype_ == DType::kString ? sizeof(std::string) : SizeOf(dtype_);
  tensor.data_ = std::shared_ptr<void>(data_, static_cast<char*>(data_.get()) + begin * row * size);
  return tensor;
}

Tensor Cast(const Tensor& tensor, DType dtype) {
  if (tensor.dtype() == dtype) return tensor;
  Tensor result(dtype, tensor.shape());
  WithType(tensor.dtype(), [&](auto from) {
    using From = decltype(from);
    WithType(dtype, [&](auto to) {
      using To = decltype(to);
      std::transform(tensor.data<From>().begin(), tensor.data<From>().end(),
                     result.mutable_data<To>().begin(), Convert<To, From>);
    });
  });
  return result;
}

std::vector<int64_t> ToInt64s(const Tensor& tensor) {
  const Tensor cast = Cast(tensor, DType::kInt64);
  return {cast.data<int64_t>().begin(), cast.data<int64_t>().end()};
}

std::vector<float> ToFloats(const Tensor& tensor) {
  const Tensor cast = Cast(tensor, DType::kFloat);
  return {cast.data<float>().begin(), cast.data<float>().end()};
}

}  // namespace adze
