/* Running models from C: load, feed, run, fetch. C99; the CMake target adze::runtime.
 *
 *   adze_model* model;
 *   if (adze_load("model_quantized.pb", NULL, &model) != ADZE_OK) puts(adze_last_error());
 *   adze_feed(model, "input", ADZE_FLOAT32, (int64_t[]){1, 224, 224, 3}, 4, pixels);
 *   adze_run(model);
 *   adze_tensor prob;
 *   adze_fetch(model, "prob", &prob);
 *   ...
 *   adze_free(model);
 *
 * Functions that can fail return a status, and adze_last_error() then says in one line which file
 * or node, what is wrong and what to do. A null pointer for a model, a name or a result is
 * ADZE_INVALID_ARGUMENT. A model is used by one thread at a time; different models are independent.
 */
#ifndef ADZE_C_API_H_
#define ADZE_C_API_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum adze_status {
  ADZE_OK = 0,
  ADZE_INVALID_ARGUMENT = 1, /* what was passed or fed does not fit the model */
  ADZE_NOT_FOUND = 2,        /* no such file, input or output */
  ADZE_UNSUPPORTED = 3,      /* an op that cannot be run */
  ADZE_BAD_FILE = 4,         /* not a GraphDef, or a damaged one */
  ADZE_INTERNAL = 5          /* a fault of this library, or no memory */
} adze_status;

/* Element types, with TensorFlow's numbers. Booleans are bytes of 0 or 1. */
typedef enum adze_dtype {
  ADZE_FLOAT32 = 1,
  ADZE_FLOAT64 = 2,
  ADZE_INT32 = 3,
  ADZE_UINT8 = 4,
  ADZE_INT16 = 5,
  ADZE_INT8 = 6,
  ADZE_INT64 = 9,
  ADZE_BOOL = 10,
  ADZE_UINT16 = 17
} adze_dtype;

typedef enum adze_engine {
  ADZE_ENGINE_AUTO = 0,    /* integers for a PREFIX_quantized.pb, else float32 */
  ADZE_ENGINE_FLOAT32 = 1, /* a quantized model is simulated */
  ADZE_ENGINE_INT8 = 2     /* ADZE_INVALID_ARGUMENT for a model that is not quantized */
} adze_engine;

typedef struct adze_options {
  adze_engine engine;
  int num_threads;            /* 0: all cores */
  const char* const* outputs; /* tensor names; only read by adze_load */
  size_t num_outputs;         /* 0: the nodes that nobody reads */
} adze_options;

typedef struct adze_model adze_model;

/* A dense row-major array that belongs to the model. */
typedef struct adze_tensor {
  adze_dtype dtype;
  size_t rank;
  const int64_t* dims; /* [rank] */
  const void* data;
  size_t num_bytes;
} adze_tensor;

/* "0.1.0". */
const char* adze_version(void);
/* Why the last call on this thread that failed did so; valid until the next one fails. Never null.
 */
const char* adze_last_error(void);

/* Loads a frozen GraphDef, float or quantized. `options` may be null: all defaults. `*model` is the
 * caller's, who frees it; null if this fails. */
adze_status adze_load(const char* path, const adze_options* options, adze_model** model);
/* Frees the model and all that was fetched from it. Null: nothing. */
void adze_free(adze_model* model);
/* ADZE_ENGINE_FLOAT32 or ADZE_ENGINE_INT8. */
adze_status adze_engine_of(const adze_model* model, adze_engine* engine);

/* Inputs and outputs are numbered from 0; names are the model's, valid until it is freed. Null, or
 * a number of 0, for a null model or an index that is too large. */
size_t adze_num_inputs(const adze_model* model);
const char* adze_input_name(const adze_model* model, size_t index);
size_t adze_num_outputs(const adze_model* model);
const char* adze_output_name(const adze_model* model, size_t index);
/* Element type and shape of an input. `*rank` is -1 if the model leaves even that open; the first
 * `capacity` dimensions go to `dims`, -1 where one is free. Any of the results may be null. */
adze_status adze_input_spec(const adze_model* model, size_t index, adze_dtype* dtype, int* rank,
                            int64_t* dims, size_t capacity);

/* Gives an input its data for the next runs: `dims` [rank], `data` row-major. The model keeps the
 * pointer, not a copy: the elements must be there in every adze_run until this input is fed again.
 */
adze_status adze_feed(adze_model* model, const char* name, adze_dtype dtype, const int64_t* dims,
                      size_t rank, const void* data);
/* Runs the model on what was fed; every input must have been. The first run on data of a shape
 * compiles the model for it and takes longer. */
adze_status adze_run(adze_model* model);
/* A result of the last run, by its output's name. Its elements are valid until the next adze_run or
 * adze_free of this model. */
adze_status adze_fetch(const adze_model* model, const char* name, adze_tensor* result);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* ADZE_C_API_H_ */
