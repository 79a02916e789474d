#pragma once

#include <Eigen/Core>

#include "adze/op.h"
#include "adze/parallel.h"
#include "ops/support/infer.h"
#include "ops/support/walk.h"
#include "tensor/dispatch.h"

namespace adze {

// Applies `f` to the elements as Eigen arrays: f(x) is an Eigen expression of x.
template <typename T, typename F>
void MapElements(const Tensor& from, Tensor& to, const F& f) {
  const T* source = from.data<T>().data();
  T* target = to.mutable_data<T>().data();
  ParallelFor(from.num_elements(), kGrain, [&](int64_t begin, int64_t end) {
    using Array = Eigen::Array<T, Eigen::Dynamic, 1>;
    const Eigen::Map<const Array> x(source + begin, end - begin);
    Eigen::Map<Array>(target + begin, end - begin) = f(x);
  });
}

// An op of one input and one output of the same shape and type, for elements of types Ts.
template <typename... Ts, typename F>
OpDef ElementwiseOp(std::string name, F f) {
  return {.name = std::move(name),
          .summary = "Elementwise, of one operand",
          .infer = InferSame,
          .evaluate =
              [f](const Node&, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
                Dispatch<Ts...>(inputs[0].dtype(), [&](auto t) {
                  MapElements<decltype(t)>(inputs[0], outputs[0], f);
                });
              },
          .is_elementwise = true};
}

}  // namespace adze
