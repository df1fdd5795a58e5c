/* What gate.py loads twice, once built against each of two revisions: runs a compiled model with that revision's
 * runtime and measures it, behind an interface that does not change with the runtime's.
 *
 *   cc -shared -fPIC -O2 -Irevision/runtime/include gate_host.c libtenon_runtime.a -Wl,--exclude-libs,ALL -o host.so
 *
 * Functions return 0 or fill in `error`. Inputs are borrowed until the model is closed; outputs until the next run.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tenon/tenon.h"

struct gate_model {
  tenon_module *module;
  tenon_session *session;
  tenon_tensor *inputs, *outputs;
  uint32_t num_inputs, num_outputs;
};

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static int fail(char *error, size_t error_bytes, const char *text) {
  snprintf(error, error_bytes, "%s", text);
  return 1;
}

void gate_close(struct gate_model *model) {
  if (!model)
    return;
  tenon_session_destroy(model->session);
  tenon_close(model->module);
  free(model->inputs);
  free(model->outputs);
  free(model);
}

struct gate_model *gate_open(const char *library, uint32_t threads, char *error, size_t error_bytes) {
  struct gate_model *model = calloc(1, sizeof *model);
  if (!model) {
    fail(error, error_bytes, "out of memory");
    return NULL;
  }
  if (tenon_open(library, NULL, &model->module, error, error_bytes) != TENON_OK ||
      tenon_session_create(model->module, threads, &model->session, error, error_bytes) != TENON_OK) {
    gate_close(model);
    return NULL;
  }
  model->num_inputs = tenon_num_inputs(model->module);
  model->num_outputs = tenon_num_outputs(model->module);
  model->inputs = calloc(model->num_inputs + 1u, sizeof *model->inputs);
  model->outputs = calloc(model->num_outputs + 1u, sizeof *model->outputs);
  if (!model->inputs || !model->outputs) {
    fail(error, error_bytes, "out of memory");
    gate_close(model);
    return NULL;
  }
  return model;
}

int gate_input(struct gate_model *model, const char *name, uint32_t element_bytes, uint32_t rank, const int64_t *dims,
               const void *data, char *error, size_t error_bytes) {
  int32_t index = tenon_find_input(model->module, name);
  if (index < 0)
    return fail(error, error_bytes, "the model has no input of that name");
  uint32_t dtype = tenon_input(model->module, (uint32_t)index)->dtype;
  if (tenon_dtype_bytes(dtype) != element_bytes || rank > TENON_MAX_RANK)
    return fail(error, error_bytes, "an input has the wrong type or too high a rank");
  model->inputs[index] = tenon_dense_tensor(dtype, rank, dims, data);
  return 0;
}

int gate_run(struct gate_model *model, char *error, size_t error_bytes) {
  if (tenon_run(model->session, model->inputs, model->num_inputs, model->outputs, model->num_outputs) == TENON_OK)
    return 0;
  return fail(error, error_bytes, tenon_session_error(model->session));
}

/* The name of an output, its type, dimensions (`dims` has room for 16) and dense data; NULL when there is no such
 * index. */
const char *gate_output(struct gate_model *model, uint32_t index, const char **dtype, uint32_t *rank, int64_t *dims,
                        const void **data) {
  if (index >= model->num_outputs || model->outputs[index].rank > 16)
    return NULL;
  const tenon_tensor *tensor = &model->outputs[index];
  *dtype = tenon_dtype_name(tensor->dtype);
  *rank = tensor->rank;
  memcpy(dims, tensor->dims, tensor->rank * sizeof *dims);
  *data = tensor->data;
  return tenon_output(model->module, index)->name;
}

/* Runs for `seconds`, three times at least, after a tenth of that time that does not count. Stores the time of each run
 * in nanoseconds, of the first `capacity` ones, and their number. */
int gate_time(struct gate_model *model, double seconds, uint64_t *times, uint64_t capacity, uint64_t *count,
              char *error, size_t error_bytes) {
  uint64_t begin = now(), warm = begin + (uint64_t)(seconds * 1e8);
  do
    if (gate_run(model, error, error_bytes))
      return 1;
  while (now() < warm);
  *count = 0;
  uint64_t end = now() + (uint64_t)(seconds * 1e9);
  for (uint64_t before = now(); *count < 3 || (before < end && *count < capacity); ++*count) {
    if (gate_run(model, error, error_bytes))
      return 1;
    uint64_t after = now();
    times[*count] = after - before;
    before = after;
  }
  return 0;
}
