/* usage: classify_c MODEL.pb INPUT.f32 [OUTPUT]
 *
 * Runs a frozen graph, float or quantized, on little-endian float32 numbers and prints, for each
 * row of the output, the index of the largest value and the value. The file's size says how many
 * samples there are; the model says what shape a sample has. */
#include <adze/c_api.h>
#include <stdio.h>
#include <stdlib.h>

static int Fail(const char* what) {
  fprintf(stderr, "classify_c: %s\n", what);
  return 1;
}

/* The numbers of a file; null if it cannot be read. */
static float* ReadNumbers(const char* path, size_t* count) {
  FILE* file = fopen(path, "rb");
  float* numbers = NULL;
  long size;
  if (!file) return NULL;
  if (fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) > 0 && fseek(file, 0, SEEK_SET) == 0) {
    *count = (size_t)size / sizeof(float);
    numbers = malloc(*count * sizeof(float));
    if (numbers && fread(numbers, sizeof(float), *count, file) != *count) {
      free(numbers);
      numbers = NULL;
    }
  }
  fclose(file);
  return numbers;
}

static int Classify(adze_model* model, const char* path) {
  int64_t dims[8] = {0}, sample = 1;
  int rank = 0, axis;
  size_t count = 0, i, row, rows, row_size;
  adze_tensor result;
  adze_status status;
  const float* values;
  float* numbers;

  if (adze_input_spec(model, 0, NULL, &rank, dims, 8) != ADZE_OK) return Fail(adze_last_error());
  if (rank < 1 || rank > 8) return Fail("the model does not say what shape its input has");
  for (axis = 1; axis < rank; ++axis) sample *= dims[axis];
  if (sample < 1) return Fail("the model leaves the shape of a sample open");
  numbers = ReadNumbers(path, &count);
  if (!numbers) return Fail("cannot read the input");
  dims[0] = (int64_t)count / sample;

  status = adze_feed(model, adze_input_name(model, 0), ADZE_FLOAT32, dims, (size_t)rank, numbers);
  if (status == ADZE_OK) status = adze_run(model);
  free(numbers); /* what was fetched is the model's own */
  if (status == ADZE_OK) status = adze_fetch(model, adze_output_name(model, 0), &result);
  if (status != ADZE_OK) return Fail(adze_last_error());
  if (result.dtype != ADZE_FLOAT32 || result.rank < 1) return Fail("the output is no float array");

  values = result.data;
  row_size = (size_t)result.dims[result.rank - 1];
  rows = result.num_bytes / sizeof(float) / row_size;
  for (row = 0; row < rows; ++row, values += row_size) {
    size_t best = 0;
    for (i = 1; i < row_size; ++i) best = values[i] > values[best] ? i : best;
    printf("%zu %.9g\n", best, (double)values[best]);
  }
  return 0;
}

int main(int argc, char** argv) {
  adze_model* model = NULL;
  adze_options options = {ADZE_ENGINE_AUTO, 0, NULL, 0};
  int code;

  if (argc < 3) {
    fprintf(stderr, "usage: classify_c MODEL.pb INPUT.f32 [OUTPUT]\n");
    return 2;
  }
  if (argc > 3) {
    options.outputs = (const char* const*)&argv[3];
    options.num_outputs = 1;
  }
  if (adze_load(argv[1], &options, &model) != ADZE_OK) return Fail(adze_last_error());
  code = Classify(model, argv[2]);
  adze_free(model);
  return code;
}
