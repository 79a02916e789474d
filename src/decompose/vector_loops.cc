#include "decompose/vector_loops.h"

#include <cstring>

namespace adze {
namespace {

#define ADZE_INLINE [[gnu::always_inline]] inline

template <typename T, int kBytes>
struct Vector {
  typedef T Type __attribute__((vector_size(kBytes)));
};

template <typename V, typename T>
ADZE_INLINE void Load(const T* from, V& to) {
  std::memcpy(&to, from, sizeof(V));
}
template <typename V, typename T>
ADZE_INLINE void Store(const V& from, T* to) {
  std::memcpy(to, &from, sizeof(V));
}

template <typename T, int kBytes, int kVectors, int kColumns>
ADZE_INLINE void Tile(int64_t depth, const T* left, const RightOperand<T>& right, int64_t height,
                      T factor, T* c, int64_t c_stride) {
  using V = typename Vector<T, kBytes>::Type;
  constexpr int kLanes = kBytes / sizeof(T);
  const int64_t k_stride = right.k_stride, j_stride = right.j_stride;
  for (int64_t part = 0; part < height; part += kVectors * kLanes) {
    V sums[kColumns][kVectors] = {};
    const T* a = left + part;
    const T* b = right.data;
#pragma GCC unroll 6
    for (int j = 0; j < kColumns; ++j) {  // what is added to comes from far away
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        __builtin_prefetch(c + j * c_stride + part + v * kLanes, 1);
      }
    }
    for (int64_t k = 0; k < depth; ++k, a += kSlab<T>, b += k_stride) {
      V rows[kVectors];
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) Load(a + v * kLanes, rows[v]);
#pragma GCC unroll 6
      for (int j = 0; j < kColumns; ++j) {
        const V value = b[j * j_stride] - V{};  // unlike a sum, a load alone
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) sums[j][v] += rows[v] * value;
      }
    }
#pragma GCC unroll 6
    for (int j = 0; j < kColumns; ++j) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        T* at = c + j * c_stride + part + v * kLanes;
        V value;
        Load(at, value);
        value += sums[j][v] * factor;
        Store(value, at);
      }
    }
  }
}

template <typename T, int kBytes, int kVectors>
ADZE_INLINE void AnyTile(int64_t depth, const T* left, const RightOperand<T>& right, int64_t rows,
                         int columns, T factor, T* c, int64_t c_stride) {
  switch (columns) {
    case 6:
      return Tile<T, kBytes, kVectors, 6>(depth, left, right, rows, factor, c, c_stride);
    case 5:
      return Tile<T, kBytes, kVectors, 5>(depth, left, right, rows, factor, c, c_stride);
    case 4:
      return Tile<T, kBytes, kVectors, 4>(depth, left, right, rows, factor, c, c_stride);
    case 3:
      return Tile<T, kBytes, kVectors, 3>(depth, left, right, rows, factor, c, c_stride);
    case 2:
      return Tile<T, kBytes, kVectors, 2>(depth, left, right, rows, factor, c, c_stride);
    case 1:
      return Tile<T, kBytes, kVectors, 1>(depth, left, right, rows, factor, c, c_stride);
    default:
      return;
  }
}

// Half a slab takes half of the vectors, where that many do not make a whole one in parts.
template <typename T, int kBytes, int kVectors>
ADZE_INLINE void SlabTile(int64_t depth, const T* left, const RightOperand<T>& right, int64_t rows,
                          int columns, T factor, T* c, int64_t c_stride) {
  if constexpr (kVectors * kBytes == 256) {
    if (rows < kSlab<T>) {
      return AnyTile<T, kBytes, kVectors / 2>(depth, left, right, rows, columns, factor, c,
                                              c_stride);
    }
  }
  AnyTile<T, kBytes, kVectors>(depth, left, right, rows, columns, factor, c, c_stride);
}

template <int kBytes>
ADZE_INLINE double Dot(const double* a, const double* b, int64_t n) {
  using V = typename Vector<double, kBytes>::Type;
  constexpr int kLanes = kBytes / sizeof(double);
  V sums[4] = {};
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) {
      V x, y;
      Load(a + i + v * kLanes, x);
      Load(b + i + v * kLanes, y);
      sums[v] += x * y;
    }
  }
  for (; i + kLanes <= n; i += kLanes) {
    V x, y;
    Load(a + i, x);
    Load(b + i, y);
    sums[0] += x * y;
  }
  const V all = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  double sum = 0;
  for (int lane = 0; lane < kLanes; ++lane) sum += all[lane];
  for (; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

template <int kBytes>
ADZE_INLINE double ScaledAndDot(double factor, const double* x, double* y, const double* z,
                                int64_t n) {
  using V = typename Vector<double, kBytes>::Type;
  constexpr int kLanes = kBytes / sizeof(double);
  V sums[2] = {};
  int64_t i = 0;
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
#pragma GCC unroll 2
    for (int v = 0; v < 2; ++v) {
      V a, b, c;
      Load(x + i + v * kLanes, a);
      Load(y + i + v * kLanes, b);
      Load(z + i + v * kLanes, c);
      b += a * factor;
      sums[v] += a * c;
      Store(b, y + i + v * kLanes);
    }
  }
  const V all = sums[0] + sums[1];
  double sum = 0;
  for (int lane = 0; lane < kLanes; ++lane) sum += all[lane];
  for (; i < n; ++i) {
    y[i] += factor * x[i];
    sum += x[i] * z[i];
  }
  return sum;
}

template <int kBytes>
ADZE_INLINE void TwoScaled(double a, const double* u, double b, const double* v, double* x,
                           int64_t n) {
  using V = typename Vector<double, kBytes>::Type;
  constexpr int kLanes = kBytes / sizeof(double);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    V p, q, r;
    Load(u + i, p);
    Load(v + i, q);
    Load(x + i, r);
    r += p * a;
    r += q * b;
    Store(r, x + i);
  }
  for (; i < n; ++i) x[i] += a * u[i] + b * v[i];
}

template <int kBytes>
ADZE_INLINE void Scaled(double factor, const double* x, double* y, int64_t n) {
  using V = typename Vector<double, kBytes>::Type;
  constexpr int kLanes = kBytes / sizeof(double);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    V a, b;
    Load(x + i, a);
    Load(y + i, b);
    b += a * factor;
    Store(b, y + i);
  }
  for (; i < n; ++i) y[i] += factor * x[i];
}

// Signs of the pivots of T - x (Sturm's sequence). A pivot that is zero makes the next one infinite
// and the one after that right again.
template <int kBytes>
ADZE_INLINE void Sturm(const double* diagonal, const double* squares, int64_t n,
                       const double* numbers, int64_t* counts) {
  using V = typename Vector<double, kBytes>::Type;
  using U = typename Vector<uint64_t, kBytes>::Type;
  constexpr int kLanes = kBytes / sizeof(double), kVectors = kSturmLanes / kLanes;
  V x[kVectors], pivot[kVectors];
  U below[kVectors] = {};
  for (int v = 0; v < kVectors; ++v) {
    Load(numbers + v * kLanes, x[v]);
    pivot[v] = V{} + 1.0;
  }
  double square = 0;
  for (int64_t i = 0; i < n; ++i) {
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) {
      pivot[v] = (diagonal[i] - x[v]) - square / pivot[v];
      U bits;
      std::memcpy(&bits, &pivot[v], sizeof(V));
      below[v] += bits >> 63;
    }
    square = i + 1 < n ? squares[i] : 0;
  }
  for (int v = 0; v < kVectors; ++v) Store(below[v], counts + v * kLanes);
}

struct Loops {
  void (*tile_double)(int64_t, const double*, const RightOperand<double>&, int64_t, int, double,
                      double*, int64_t);
  void (*tile_float)(int64_t, const float*, const RightOperand<float>&, int64_t, int, float, float*,
                     int64_t);
  double (*dot)(const double*, const double*, int64_t);
  void (*scaled)(double, const double*, double*, int64_t);
  double (*scaled_and_dot)(double, const double*, double*, const double*, int64_t);
  void (*two_scaled)(double, const double*, double, const double*, double*, int64_t);
  void (*sturm)(const double*, const double*, int64_t, const double*, int64_t*);
};

#define ADZE_FORMS(suffix, target, bytes, vectors)                                               \
  target void TileDouble##suffix(int64_t depth, const double* left,                              \
                                 const RightOperand<double>& right, int64_t rows, int columns,   \
                                 double factor, double* c, int64_t stride) {                     \
    SlabTile<double, bytes, vectors>(depth, left, right, rows, columns, factor, c, stride);      \
  }                                                                                              \
  target void TileFloat##suffix(int64_t depth, const float* left,                                \
                                const RightOperand<float>& right, int64_t rows, int columns,     \
                                float factor, float* c, int64_t stride) {                        \
    SlabTile<float, bytes, vectors>(depth, left, right, rows, columns, factor, c, stride);       \
  }                                                                                              \
  target double Dot##suffix(const double* a, const double* b, int64_t n) {                       \
    return Dot<bytes>(a, b, n);                                                                  \
  }                                                                                              \
  target void Scaled##suffix(double factor, const double* x, double* y, int64_t n) {             \
    Scaled<bytes>(factor, x, y, n);                                                              \
  }                                                                                              \
  target double ScaledAndDot##suffix(double factor, const double* x, double* y, const double* z, \
                                     int64_t n) {                                                \
    return ScaledAndDot<bytes>(factor, x, y, z, n);                                              \
  }                                                                                              \
  target void TwoScaled##suffix(double a, const double* u, double b, const double* v, double* x, \
                                int64_t n) {                                                     \
    TwoScaled<bytes>(a, u, b, v, x, n);                                                          \
  }                                                                                              \
  target void Sturm##suffix(const double* diagonal, const double* squares, int64_t n,            \
                            const double* numbers, int64_t* counts) {                            \
    Sturm<bytes>(diagonal, squares, n, numbers, counts);                                         \
  }                                                                                              \
  constexpr Loops kLoops##suffix = {TileDouble##suffix, TileFloat##suffix,    Dot##suffix,       \
                                    Scaled##suffix,     ScaledAndDot##suffix, TwoScaled##suffix, \
                                    Sturm##suffix}

ADZE_FORMS(Plain, , 16, 2);
#if defined(__x86_64__)
ADZE_FORMS(Avx2, __attribute__((target("avx2,fma"))), 32, 2);
ADZE_FORMS(Avx512, __attribute__((target("avx512f"))), 64, 4);
#endif

const Loops& Chosen() {
#if defined(__x86_64__)
  static const Loops& loops = __builtin_cpu_supports("avx512f") ? kLoopsAvx512
                              : __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
                                  ? kLoopsAvx2
                                  : kLoopsPlain;
  return loops;
#else
  return kLoopsPlain;
#endif
}

}  // namespace

template <>
void MultiplyTile(int64_t depth, const double* left, const RightOperand<double>& right,
                  int64_t rows, int columns, double factor, double* c, int64_t c_stride) {
  Chosen().tile_double(depth, left, right, rows, columns, factor, c, c_stride);
}
template <>
void MultiplyTile(int64_t depth, const float* left, const RightOperand<float>& right, int64_t rows,
                  int columns, float factor, float* c, int64_t c_stride) {
  Chosen().tile_float(depth, left, right, rows, columns, factor, c, c_stride);
}
double DotProduct(const double* a, const double* b, int64_t n) { return Chosen().dot(a, b, n); }
void AddScaled(double factor, const double* x, double* y, int64_t n) {
  Chosen().scaled(factor, x, y, n);
}
double AddScaledAndDot(double factor, const double* x, double* y, const double* z, int64_t n) {
  return Chosen().scaled_and_dot(factor, x, y, z, n);
}
void AddTwoScaled(double a, const double* u, double b, const double* v, double* x, int64_t n) {
  Chosen().two_scaled(a, u, b, v, x, n);
}
void CountBelow(const double* diagonal, const double* squares, int64_t n, const double* numbers,
                int64_t* counts) {
  Chosen().sturm(diagonal, squares, n, numbers, counts);
}

}  // namespace adze
