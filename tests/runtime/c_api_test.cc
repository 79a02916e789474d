#include "adze/c_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <vector>

#include "adze/runtime.h"
#include "runtime/support.h"
#include "test_folder.h"

namespace adze {
namespace {

using testing::HasSubstr;

std::vector<float> Pixels(int64_t images) {
  std::vector<float> pixels(images * 28 * 28);
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<float>(i * 37 % 101) / 101;
  return pixels;
}

class CApi : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(adze_load(ExampleModel().c_str(), nullptr, &model_), ADZE_OK) << adze_last_error();
  }
  void TearDown() override { adze_free(model_); }

  adze_status Feed(const std::vector<float>& pixels, const std::vector<int64_t>& dims) {
    return adze_feed(model_, "image", ADZE_FLOAT32, dims.data(), dims.size(), pixels.data());
  }

  adze_model* model_ = nullptr;
};

TEST_F(CApi, DescribesTheModel) {
  ASSERT_EQ(adze_num_inputs(model_), 1u);
  EXPECT_STREQ(adze_input_name(model_, 0), "image");
  EXPECT_EQ(adze_input_name(model_, 1), nullptr);
  ASSERT_EQ(adze_num_outputs(model_), 1u);
  EXPECT_STREQ(adze_output_name(model_, 0), "probabilities");
  adze_dtype dtype;
  int rank = 0;
  int64_t dims[4] = {};
  ASSERT_EQ(adze_input_spec(model_, 0, &dtype, &rank, dims, 4), ADZE_OK);
  EXPECT_EQ(dtype, ADZE_FLOAT32);
  EXPECT_EQ(rank, 4);
  EXPECT_THAT(dims, testing::ElementsAre(-1, 28, 28, 1));
  int64_t first[2] = {7, 7};
  ASSERT_EQ(adze_input_spec(model_, 0, nullptr, nullptr, first, 1), ADZE_OK);
  EXPECT_THAT(first, testing::ElementsAre(-1, 7));  // no more than there is room for
  adze_engine engine;
  ASSERT_EQ(adze_engine_of(model_, &engine), ADZE_OK);
  EXPECT_EQ(engine, ADZE_ENGINE_FLOAT32);
}

TEST_F(CApi, GivesWhatCppGives) {
  Model model(ExampleModel());
  for (const int64_t images : {3, 1}) {
    const std::vector<float> pixels = Pixels(images);
    ASSERT_EQ(Feed(pixels, {images, 28, 28, 1}), ADZE_OK) << adze_last_error();
    ASSERT_EQ(adze_run(model_), ADZE_OK) << adze_last_error();
    adze_tensor result;
    ASSERT_EQ(adze_fetch(model_, "probabilities", &result), ADZE_OK) << adze_last_error();
    ASSERT_EQ(result.rank, 2u);
    EXPECT_EQ(result.dims[0], images);
    EXPECT_EQ(result.dims[1], 10);
    ASSERT_EQ(result.num_bytes, images * 10 * sizeof(float));
    const Tensor expected =
        model.Run({{"image", Tensor::From<float>({images, 28, 28, 1}, pixels)}})[0];
    EXPECT_EQ(std::memcmp(result.data, expected.raw(), result.num_bytes), 0);
  }
}

TEST_F(CApi, ChoosesOutputs) {
  const char* const outputs[] = {"logits", "probabilities"};
  const adze_options options = {ADZE_ENGINE_FLOAT32, 1, outputs, 2};
  adze_model* model = nullptr;
  ASSERT_EQ(adze_load(ExampleModel().c_str(), &options, &model), ADZE_OK) << adze_last_error();
  EXPECT_EQ(adze_num_outputs(model), 2u);
  EXPECT_STREQ(adze_output_name(model, 0), "logits");
  adze_free(model);
}

TEST_F(CApi, RefusesBadCalls) {
  const std::vector<float> pixels = Pixels(1);
  EXPECT_EQ(Feed(pixels, {1, 28, 28, -1}), ADZE_INVALID_ARGUMENT);
  EXPECT_THAT(adze_last_error(), HasSubstr("input 'image': is fed a dimension of -1"));
  const int64_t dims[] = {1, 28, 28, 1};
  EXPECT_EQ(adze_feed(model_, "imagee", ADZE_FLOAT32, dims, 4, pixels.data()), ADZE_NOT_FOUND);
  EXPECT_THAT(adze_last_error(), HasSubstr("no input 'imagee' (did you mean 'image'?)"));
  EXPECT_EQ(adze_feed(model_, "image", ADZE_INT32, dims, 4, pixels.data()), ADZE_INVALID_ARGUMENT);
  EXPECT_THAT(adze_last_error(), HasSubstr("is fed int32, needs float32"));
  EXPECT_EQ(adze_feed(model_, "image", ADZE_FLOAT32, dims, 4, nullptr), ADZE_INVALID_ARGUMENT);
  EXPECT_EQ(adze_feed(nullptr, "image", ADZE_FLOAT32, dims, 4, nullptr), ADZE_INVALID_ARGUMENT);

  EXPECT_EQ(adze_run(model_), ADZE_INVALID_ARGUMENT);  // nothing was fed
  EXPECT_THAT(adze_last_error(), HasSubstr("image"));
  adze_tensor result;
  EXPECT_EQ(adze_fetch(model_, "probabilities", &result), ADZE_INVALID_ARGUMENT);
  EXPECT_THAT(adze_last_error(), HasSubstr("call adze_run"));
  EXPECT_EQ(adze_fetch(model_, "prob", &result), ADZE_NOT_FOUND);
  EXPECT_EQ(adze_input_spec(model_, 1, nullptr, nullptr, nullptr, 0), ADZE_NOT_FOUND);

  ASSERT_EQ(Feed(pixels, {1, 28, 14, 2}), ADZE_OK);
  EXPECT_EQ(adze_run(model_), ADZE_INVALID_ARGUMENT);
  EXPECT_THAT(adze_last_error(), HasSubstr("[1, 28, 14, 2]"));
  // A refused run leaves the model as good as new.
  ASSERT_EQ(Feed(pixels, {1, 28, 28, 1}), ADZE_OK);
  EXPECT_EQ(adze_run(model_), ADZE_OK) << adze_last_error();
}

TEST(CApiLoad, TellsWhatIsWrong) {
  adze_model* model = reinterpret_cast<adze_model*>(1);
  EXPECT_EQ(adze_load("/no/such/model.pb", nullptr, &model), ADZE_NOT_FOUND);
  EXPECT_EQ(model, nullptr);
  EXPECT_THAT(adze_last_error(), HasSubstr("/no/such/model.pb"));
  EXPECT_EQ(adze_load(nullptr, nullptr, &model), ADZE_INVALID_ARGUMENT);
  EXPECT_EQ(adze_load(ExampleModel().c_str(), nullptr, nullptr), ADZE_INVALID_ARGUMENT);

  const std::filesystem::path file = TestFolder() / "bad.pb";
  std::ofstream(file) << "\xff\xff\xff\xff\xff\xff not a graph";
  EXPECT_EQ(adze_load(file.c_str(), nullptr, &model), ADZE_BAD_FILE);
  EXPECT_THAT(adze_last_error(), HasSubstr(file.string()));

  adze_options options = {ADZE_ENGINE_INT8, 0, nullptr, 0};
  EXPECT_EQ(adze_load(ExampleModel().c_str(), &options, &model), ADZE_INVALID_ARGUMENT);
  EXPECT_THAT(adze_last_error(), HasSubstr("PREFIX_quantized.pb"));
  const char* const outputs[] = {"logit"};
  options = {ADZE_ENGINE_AUTO, 0, outputs, 1};
  EXPECT_EQ(adze_load(ExampleModel().c_str(), &options, &model), ADZE_NOT_FOUND);
  EXPECT_THAT(adze_last_error(), HasSubstr("logits"));
  options = {ADZE_ENGINE_AUTO, -1, nullptr, 0};
  EXPECT_EQ(adze_load(ExampleModel().c_str(), &options, &model), ADZE_INVALID_ARGUMENT);
  EXPECT_STREQ(adze_version(), "0.1.0");
  adze_free(nullptr);
}

}  // namespace
}  // namespace adze
