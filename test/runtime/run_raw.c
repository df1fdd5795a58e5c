/* Runs a compiled model on raw tensors from files: the smallest user of the runtime, also cross-compiled and run under
 * an emulator by tests.
 *
 *   run_raw MODEL                                  lists inputs and outputs: kind, type, rank, extents (-1 dynamic),
 * name run_raw MODEL FOLDER [OPTION]... INPUT...      writes FOLDER/0.bin, 1.bin, ... and prints one line per output:
 * type, rank, extents
 *
 * INPUT, one per input of the model in order: EXTENTS@FILE, for example 1x3x224x224@x.bin or @scalar.bin; the file
 * holds the elements dense, row-major, in the processor's byte order. Options: --threads N, --repeat N (runs N times
 * and prints the best time), --symbol NAME. Exit code 1 and a line on stderr when something fails. */
#define _POSIX_C_SOURCE 200809L
#include "tenon/tenon.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void check(int ok, const char *what, const char *detail) {
  if (ok)
    return;
  fprintf(stderr, "run_raw: %s: %s\n", what, detail);
  exit(1);
}

static void printExtents(uint32_t rank, const int64_t *dims) {
  printf(" %" PRIu32, rank);
  for (uint32_t i = 0; i < rank; ++i)
    printf(" %" PRId64, dims[i]);
}

static void list(const tenon_module *module) {
  const tenon_model *model = tenon_descriptor(module);
  for (int output = 0; output < 2; ++output)
    for (uint32_t i = 0; i < (output ? model->num_outputs : model->num_inputs); ++i) {
      const tenon_tensor_spec *spec = output ? tenon_output(module, i) : tenon_input(module, i);
      printf("%s %s", output ? "output" : "input", tenon_dtype_name(spec->dtype));
      printExtents(spec->rank, spec->dims);
      printf(" %s\n", spec->name);
    }
}

/* "2x3@file" -> a tensor of the type that the model wants; the data is never freed: the process ends soon. */
static tenon_tensor readInput(const tenon_tensor_spec *spec, const char *argument) {
  int64_t dims[TENON_MAX_RANK];
  uint32_t rank = 0;
  const char *c = argument;
  while (*c != '@') {
    char *end;
    check(rank < TENON_MAX_RANK, "too many extents", argument);
    dims[rank++] = strtoll(c, &end, 10);
    check(end != c && (*end == 'x' || *end == '@'), "expected EXTENTS@FILE but got", argument);
    c = *end == 'x' ? end + 1 : end;
  }
  tenon_tensor tensor = tenon_dense_tensor(spec->dtype, rank, dims, NULL);
  FILE *file = fopen(c + 1, "rb");
  check(file != NULL, "cannot open", c + 1);
  tensor.data = malloc(tensor.capacity_bytes + 1);
  check(tensor.data != NULL, "no memory for", argument);
  /* One byte more than wanted: a longer file is noticed. */
  size_t got = fread(tensor.data, 1, tensor.capacity_bytes + 1, file);
  fclose(file);
  check(got == tensor.capacity_bytes, "size of the file does not match", argument);
  return tensor;
}

static void writeOutput(const char *folder, uint32_t index, const tenon_tensor *tensor) {
  char path[4096];
  uint64_t bytes = tenon_dense_tensor(tensor->dtype, tensor->rank, tensor->dims, NULL).capacity_bytes;
  snprintf(path, sizeof path, "%s/%" PRIu32 ".bin", folder, index);
  FILE *file = fopen(path, "wb");
  check(file != NULL, "cannot write", path);
  check(fwrite(tensor->data, 1, bytes, file) == bytes && fclose(file) == 0, "cannot write", path);
  printf("%s", tenon_dtype_name(tensor->dtype));
  printExtents(tensor->rank, tensor->dims);
  printf("\n");
}

static double now_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int main(int argc, char **argv) {
  check(argc >= 2, "usage", "run_raw MODEL [FOLDER [--threads N] [--repeat N] [--symbol NAME] EXTENTS@FILE...]");
  const char *symbol = NULL;
  uint32_t threads = 1, repeat = 1;
  int next = 3;
  for (; next + 1 < argc && strncmp(argv[next], "--", 2) == 0; next += 2) {
    if (strcmp(argv[next], "--threads") == 0)
      threads = (uint32_t)strtoul(argv[next + 1], NULL, 10);
    else if (strcmp(argv[next], "--repeat") == 0)
      repeat = (uint32_t)strtoul(argv[next + 1], NULL, 10);
    else if (strcmp(argv[next], "--symbol") == 0)
      symbol = argv[next + 1];
    else
      check(0, "unknown option", argv[next]);
  }
  char error[1024];
  tenon_module *module;
  tenon_session *session;
  check(tenon_open(argv[1], symbol, &module, error, sizeof error) == TENON_OK, "cannot open the model", error);
  if (argc == 2) {
    list(module);
    tenon_close(module);
    return 0;
  }
  check(tenon_session_create(module, threads, &session, error, sizeof error) == TENON_OK, "cannot create a session",
        error);

  uint32_t numInputs = tenon_num_inputs(module), numOutputs = tenon_num_outputs(module);
  check((uint32_t)(argc - next) == numInputs, "wrong number of inputs for", argv[1]);
  tenon_tensor *inputs = calloc(numInputs + 1, sizeof *inputs), *outputs = calloc(numOutputs + 1, sizeof *outputs);
  check(inputs && outputs, "no memory for", "tensors");
  for (uint32_t i = 0; i < numInputs; ++i)
    inputs[i] = readInput(tenon_input(module, i), argv[next + (int)i]);
  double best_s = 1e30;
  for (uint32_t i = 0; i < repeat; ++i) {
    double start_s = now_s();
    int32_t status = tenon_run(session, inputs, numInputs, outputs, numOutputs);
    check(status == TENON_OK, tenon_status_name(status), tenon_session_error(session));
    if (now_s() - start_s < best_s)
      best_s = now_s() - start_s;
  }
  for (uint32_t i = 0; i < numOutputs; ++i)
    writeOutput(argv[2], i, &outputs[i]);
  if (repeat > 1)
    fprintf(stderr, "best of %" PRIu32 ": %.1f us\n", repeat, 1e6 * best_s);
  for (uint32_t i = 0; i < numInputs; ++i)
    free(inputs[i].data);
  free(inputs);
  free(outputs);
  tenon_session_destroy(session);
  tenon_close(module);
  return 0;
}
