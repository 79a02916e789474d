#include "decompose/memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>

#include "adze/decompose.h"
#include "adze/op.h"
#include "adze/registry.h"
#include "decompose/amct.h"
#include "decompose/random_tensor.h"

namespace adze {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

// While it lives, so many more bytes may be taken, as under `ulimit -v`.
class MemoryLimit {
 public:
  explicit MemoryLimit(int64_t bytes) {
    int64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    getrlimit(RLIMIT_AS, &before_);
    rlimit limit = before_;
    limit.rlim_cur = static_cast<rlim_t>(pages * sysconf(_SC_PAGESIZE) + bytes);
    set_ = setrlimit(RLIMIT_AS, &limit) == 0;
  }
  ~MemoryLimit() { setrlimit(RLIMIT_AS, &before_); }
  bool set() const { return set_; }

 private:
  rlimit before_{};
  bool set_ = false;
};

// x -> conv 3 x 3, 768 -> 768.
Graph LargeKernel() {
  Graph graph(Builtin<OpRegistry>());
  const Value data =
      graph.Add("x", "Placeholder", {}, {{"dtype", DType::kFloat}, {"shape", Shape{1, 7, 7, 768}}})
          .output();
  Node& weight = graph.AddConst("w", Tensor::Zeros(DType::kFloat, {3, 3, 768, 768}));
  graph.Add("conv", "Conv2D", {data, weight.output()},
            {{"T", DType::kFloat},
             {"padding", std::string("SAME")},
             {"strides", std::vector<int64_t>{1, 1, 1, 1}}});
  graph.SetOutputs({"conv"});
  return graph;
}

std::string Refusal(Graph& graph, const DecomposeOptions& options) {
  try {
    Decompose(graph, options);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    return error.what();
  }
  return "";
}

// Of a kernel that is too large the line says what it needs, before anything is done to any layer.
TEST(Memory, KernelThatIsTooLargeIsRefusedBeforehand) {
  Graph graph = LargeKernel();
  const int64_t needed = AmctBytes({3, 3, 768, 768});
  EXPECT_GT(needed, int64_t{48} << 20);
  int64_t done = 0;
  DecomposeOptions amct{.progress = [&](int64_t, int64_t) { ++done; }};
  DecomposeOptions budget{.method = "auto", .rule = RankRule::kSize, .share = 0.5};
  budget.progress = amct.progress;
  std::string amct_refusal, budget_refusal;
  {
    const MemoryLimit limit(int64_t{40} << 20);
    if (!limit.set()) GTEST_SKIP() << "the limit of memory cannot be set";
    amct_refusal = Refusal(graph, amct);
    budget_refusal = Refusal(graph, budget);
  }
  EXPECT_THAT(amct_refusal,
              MatchesRegex("layer 'conv': the kernel's decomposition needs [0-9]+\\.[0-9][0-9] GiB "
                           "of memory, 0\\.[0-9][0-9] GiB are available"));
  char text[32];
  std::snprintf(text, sizeof(text), "needs %.2f GiB", static_cast<double>(needed) / (1 << 30));
  EXPECT_THAT(amct_refusal, HasSubstr(text));
  EXPECT_THAT(budget_refusal, HasSubstr("decomposing 1 layers together needs"));
  EXPECT_EQ(done, 0);
  EXPECT_NE(graph.Find("conv"), nullptr);
  EXPECT_EQ(graph.Find("conv/decom_first/kernel"), nullptr);
}

// The least that is refused is one byte more than there is.
TEST(Memory, IsRefusedByTheByte) {
  RequireMemory(1000, 1000, "it");
  try {
    RequireMemory((int64_t{3} << 30) + 1, int64_t{3} << 30, "it");
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "it needs 3.00 GiB of memory, 3.00 GiB are available");
  }
}

}  // namespace
}  // namespace adze
