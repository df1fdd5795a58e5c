/* A model written by hand as the compiler would write one: y[n,3] = FACTOR * x[n,3] + w[3], with w in the weights.
 * Compiled as a shared library for tests that open files. WEIGHTS_FILE moves the weights into a file of that name;
 * FEATURES lists processor features that it claims to need. */
#include "tenon/model_abi.h"

#ifndef FACTOR
#define FACTOR 2.0f
#endif

static const int64_t dims[] = {-1, 3};
static const int32_t symbols[] = {0, -1};
static const char *const symbolNames[] = {"n"};
static const tenon_tensor_spec inputs[] = {{"x", TENON_F32, 2, dims, symbols}};
static const tenon_tensor_spec outputs[] = {{"y", TENON_F32, 2, dims, symbols}};
static const tenon_kernel_info kernels[] = {{"affine", "Mul_0,Add_1"}};

#ifdef FEATURES
static const char *const features[] = {FEATURES};
#endif

static int32_t plan(tenon_host *host, const int64_t *inputDims, int64_t *table) {
  (void)host;
  table[TENON_TABLE_FIRST_FREE] = inputDims[0];
  return TENON_OK;
}

static int32_t affine(const int64_t *args, int64_t begin, int64_t end, void *scratch) {
  const float *x = (const float *)(intptr_t)args[0], *w = (const float *)(intptr_t)args[1];
  float *y = (float *)(intptr_t)args[2];
  (void)scratch;
  for (int64_t i = begin; i < end; ++i)
    for (int c = 0; c < 3; ++c)
      y[i * 3 + c] = FACTOR * x[i * 3 + c] + w[c];
  return TENON_OK;
}

static int32_t run(tenon_host *host, const void *const *in, const int64_t *table, void *arena, const void *weights) {
  int64_t outputDims[2], args[3];
  outputDims[0] = table[TENON_TABLE_FIRST_FREE];
  outputDims[1] = 3;
  (void)arena;
  args[0] = (int64_t)(intptr_t)in[0];
  args[1] = (int64_t)(intptr_t)weights;
  args[2] = (int64_t)(intptr_t)host->output(host, 0, outputDims);
  if (!args[2])
    return TENON_INTERNAL;
  return host->parallel(host, affine, args, outputDims[0], outputDims[0] * 10, 0);
}

#ifndef WEIGHTS_FILE
static const float weights[] __attribute__((aligned(TENON_ALIGNMENT))) = {1.0f, 10.0f, 100.0f};
#endif

__attribute__((visibility("default"))) const tenon_model tenon_model_descriptor __asm__(TENON_MODEL_SYMBOL) = {
    .size_bytes = sizeof(tenon_model),
    .abi_version = TENON_ABI_VERSION,
    .name = "affine",
    .producer = "hand",
    .triple = "none",
    .cpu = "generic",
#ifdef FEATURES
    .features = features,
    .num_features = sizeof features / sizeof *features,
#endif
    .num_inputs = 1,
    .inputs = inputs,
    .num_outputs = 1,
    .num_symbols = 1,
    .outputs = outputs,
    .symbols = symbolNames,
    .num_kernels = 1,
    .table_slots = 3,
    .kernels = kernels,
#ifdef WEIGHTS_FILE
    .weights_file = WEIGHTS_FILE,
    .weights_bytes = 12,
    /* FNV-1a of the three floats 1, 10, 100 */
    .weights_digest = WEIGHTS_DIGEST,
#else
    .weights = weights,
    .weights_bytes = sizeof weights,
#endif
    .manifest = "{}",
    .plan = plan,
    .run = run,
};
