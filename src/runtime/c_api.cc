#include "adze/c_api.h"

#include <algorithm>
#include <exception>
#include <string>

#include "adze/error.h"
#include "adze/near_names.h"
#include "adze/runtime.h"

struct adze_model {
  adze::Model model;
  std::map<std::string, adze::Tensor> feeds = {};
  std::vector<adze::Tensor> results = {};  // of the outputs, in their order
};

namespace {

using adze::ErrorCode;
using adze::Require;

thread_local std::string last_error;

adze_status StatusOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return ADZE_INVALID_ARGUMENT;
    case ErrorCode::kNotFound:
      return ADZE_NOT_FOUND;
    case ErrorCode::kUnsupported:
      return ADZE_UNSUPPORTED;
    case ErrorCode::kBadFile:
      return ADZE_BAD_FILE;
    default:
      return ADZE_INTERNAL;
  }
}

// No exception leaves it.
template <typename Body>
adze_status Guard(const Body& body) noexcept {
  try {
    body();
    return ADZE_OK;
  } catch (const adze::Error& error) {
    last_error = error.what();
    return StatusOf(error.code());
  } catch (const std::bad_alloc&) {
    last_error = "not enough memory";
  } catch (const std::exception& error) {
    last_error = error.what();
  }
  return ADZE_INTERNAL;
}

void RequireGiven(const void* pointer, const char* what) {
  Require(pointer != nullptr, ErrorCode::kInvalidArgument, what, " is a null pointer");
}

adze::ModelOptions OptionsFrom(const adze_options* given) {
  adze::ModelOptions options;
  if (!given) return options;
  Require(given->engine >= ADZE_ENGINE_AUTO && given->engine <= ADZE_ENGINE_INT8,
          ErrorCode::kInvalidArgument, "there is no engine ", static_cast<int>(given->engine));
  Require(given->num_threads >= 0, ErrorCode::kInvalidArgument, "num_threads is ",
          given->num_threads, ", but must be 0 (all cores) or more");
  options.engine = static_cast<adze::Engine>(given->engine);
  options.num_threads = given->num_threads;
  if (given->num_outputs > 0) RequireGiven(given->outputs, "outputs");
  for (size_t i = 0; i < given->num_outputs; ++i) {
    RequireGiven(given->outputs[i], "an output's name");
    options.outputs.emplace_back(given->outputs[i]);
  }
  return options;
}

static_assert(static_cast<int>(adze::Engine::kInt8) == ADZE_ENGINE_INT8);
static_assert(static_cast<int>(adze::DType::kUint16) == ADZE_UINT16);

// Index of the entry of that name; kNotFound with near names.
template <typename Names>
size_t IndexOf(const Names& names, const std::string& name, const char* what) {
  const auto found = std::find(names.begin(), names.end(), name);
  Require(found != names.end(), ErrorCode::kNotFound, "the model has no ", what, " '", name, "'",
          adze::DidYouMean(name, names));
  return found - names.begin();
}

std::vector<std::string> InputNames(const adze::Model& model) {
  std::vector<std::string> names;
  for (const adze::ModelInput& input : model.inputs()) names.push_back(input.name);
  return names;
}

}  // namespace

extern "C" {

const char* adze_version(void) { return ADZE_VERSION; }
const char* adze_last_error(void) { return last_error.c_str(); }

adze_status adze_load(const char* path, const adze_options* options, adze_model** model) {
  return Guard([&] {
    RequireGiven(model, "the place for the model");
    *model = nullptr;
    RequireGiven(path, "the path");
    *model = new adze_model{adze::Model(path, OptionsFrom(options))};
  });
}

void adze_free(adze_model* model) { delete model; }

adze_status adze_engine_of(const adze_model* model, adze_engine* engine) {
  return Guard([&] {
    RequireGiven(model, "the model");
    RequireGiven(engine, "the place for the engine");
    *engine = static_cast<adze_engine>(model->model.engine());
  });
}

size_t adze_num_inputs(const adze_model* model) { return model ? model->model.inputs().size() : 0; }

const char* adze_input_name(const adze_model* model, size_t index) {
  return index < adze_num_inputs(model) ? model->model.inputs()[index].name.c_str() : nullptr;
}

size_t adze_num_outputs(const adze_model* model) {
  return model ? model->model.outputs().size() : 0;
}

const char* adze_output_name(const adze_model* model, size_t index) {
  return index < adze_num_outputs(model) ? model->model.outputs()[index].c_str() : nullptr;
}

adze_status adze_input_spec(const adze_model* model, size_t index, adze_dtype* dtype, int* rank,
                            int64_t* dims, size_t capacity) {
  return Guard([&] {
    RequireGiven(model, "the model");
    Require(index < adze_num_inputs(model), ErrorCode::kNotFound, "the model has no input number ",
            index, ", it has ", adze_num_inputs(model));
    const adze::ModelInput& input = model->model.inputs()[index];
    if (dtype) *dtype = static_cast<adze_dtype>(input.dtype);
    if (rank) *rank = input.shape.known_rank() ? input.shape.rank() : -1;
    if (!dims) return;
    const std::vector<int64_t>& known = input.shape.dims();
    std::copy_n(known.begin(), std::min(known.size(), capacity), dims);
  });
}

adze_status adze_feed(adze_model* model, const char* name, adze_dtype dtype, const int64_t* dims,
                      size_t rank, const void* data) {
  return Guard([&] {
    RequireGiven(model, "the model");
    RequireGiven(name, "the input's name");
    const std::vector<std::string> names = InputNames(model->model);
    const adze::ModelInput& input = model->model.inputs()[IndexOf(names, name, "input")];
    adze::ErrorScope scope("input", name);
    Require(static_cast<int>(dtype) == static_cast<int>(input.dtype), ErrorCode::kInvalidArgument,
            "is fed ", adze::Name(static_cast<adze::DType>(dtype)), ", needs ",
            adze::Name(input.dtype));
    Require(adze::SizeOf(input.dtype) > 0, ErrorCode::kUnsupported, "elements of type ",
            adze::Name(input.dtype), " cannot be fed from C");
    if (rank > 0) RequireGiven(dims, "the shape");
    const adze::Shape shape(std::vector<int64_t>(dims, dims + rank));
    for (const int64_t dim : shape.dims()) {
      Require(dim >= 0, ErrorCode::kInvalidArgument, "is fed a dimension of ", dim);
    }
    if (shape.num_elements() > 0) RequireGiven(data, "the data");
    model->feeds[name] =
        adze::Tensor::Borrow(input.dtype, shape, const_cast<void*>(data), nullptr);  // only read
  });
}

adze_status adze_run(adze_model* model) {
  return Guard([&] {
    RequireGiven(model, "the model");
    model->results.clear();
    model->results = model->model.Run(model->feeds);
  });
}

adze_status adze_fetch(const adze_model* model, const char* name, adze_tensor* result) {
  return Guard([&] {
    RequireGiven(model, "the model");
    RequireGiven(name, "the output's name");
    RequireGiven(result, "the place for the result");
    const size_t index = IndexOf(model->model.outputs(), name, "output");
    Require(!model->results.empty(), ErrorCode::kInvalidArgument,
            "there is no result yet; call adze_run, and see whether it fails");
    const adze::Tensor& tensor = model->results[index];
    Require(adze::SizeOf(tensor.dtype()) > 0, ErrorCode::kUnsupported, "output '", name, "' is ",
            adze::Name(tensor.dtype()), ", which cannot be fetched from C");
    *result = {static_cast<adze_dtype>(tensor.dtype()), tensor.shape().dims().size(),
               tensor.shape().dims().data(), tensor.raw(), tensor.num_bytes()};
  });
}

}  // extern "C"
