/* A model written by hand with an input and an output of every element type: out:T[n] = in:T[n]. In addition
 * negated[m,k] = -matrix[m,k], and "scalar" (f64, rank 0) is doubled; a negative scalar is an index out of range. */
#include "tenon/model_abi.h"

enum { NUM_TYPES = 27, MATRIX = NUM_TYPES, SCALAR, NUM_TENSORS };

static const int64_t any[] = {-1, -1};
static const int32_t n[] = {0, -1}, mk[] = {1, -1};
static const char *const symbolNames[] = {"n", "m"};

#define SPECS(prefix, matrix, scalar)                                                                                  \
  {{prefix ":f32", TENON_F32, 1, any, n},                                                                              \
   {prefix ":f64", TENON_F64, 1, any, n},                                                                              \
   {prefix ":f16", TENON_F16, 1, any, n},                                                                              \
   {prefix ":bf16", TENON_BF16, 1, any, n},                                                                            \
   {prefix ":i8", TENON_I8, 1, any, n},                                                                                \
   {prefix ":i16", TENON_I16, 1, any, n},                                                                              \
   {prefix ":i32", TENON_I32, 1, any, n},                                                                              \
   {prefix ":i64", TENON_I64, 1, any, n},                                                                              \
   {prefix ":u8", TENON_U8, 1, any, n},                                                                                \
   {prefix ":u16", TENON_U16, 1, any, n},                                                                              \
   {prefix ":u32", TENON_U32, 1, any, n},                                                                              \
   {prefix ":u64", TENON_U64, 1, any, n},                                                                              \
   {prefix ":bool", TENON_BOOL, 1, any, n},                                                                            \
   {prefix ":f8e4m3fn", TENON_F8E4M3FN, 1, any, n},                                                                    \
   {prefix ":f8e4m3fnuz", TENON_F8E4M3FNUZ, 1, any, n},                                                                \
   {prefix ":f8e5m2", TENON_F8E5M2, 1, any, n},                                                                        \
   {prefix ":f8e5m2fnuz", TENON_F8E5M2FNUZ, 1, any, n},                                                                \
   {prefix ":f8e8m0fnu", TENON_F8E8M0FNU, 1, any, n},                                                                  \
   {prefix ":f6e2m3fn", TENON_F6E2M3FN, 1, any, n},                                                                    \
   {prefix ":f6e3m2fn", TENON_F6E3M2FN, 1, any, n},                                                                    \
   {prefix ":f4e2m1fn", TENON_F4E2M1FN, 1, any, n},                                                                    \
   {prefix ":i4", TENON_I4, 1, any, n},                                                                                \
   {prefix ":u4", TENON_U4, 1, any, n},                                                                                \
   {prefix ":i2", TENON_I2, 1, any, n},                                                                                \
   {prefix ":u2", TENON_U2, 1, any, n},                                                                                \
   {prefix ":c64", TENON_C64, 1, any, n},                                                                              \
   {prefix ":c128", TENON_C128, 1, any, n},                                                                            \
   {matrix, TENON_F32, 2, any, mk},                                                                                    \
   {scalar, TENON_F64, 0, 0, 0}}

static const tenon_tensor_spec inputs[] = SPECS("in", "matrix", "scalar");
static const tenon_tensor_spec outputs[] = SPECS("out", "negated", "doubled \xc3\xa4");
static const int64_t typeBytes[] = {4, 8, 2, 2, 1, 2, 4, 8, 1, 2, 4, 8, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 8, 16};

static int32_t plan(tenon_host *host, const int64_t *inputDims, int64_t *table) {
  (void)host;
  table[TENON_TABLE_FIRST_FREE] = inputDims[0];
  table[TENON_TABLE_FIRST_FREE + 1] = inputDims[NUM_TYPES];
  table[TENON_TABLE_FIRST_FREE + 2] = inputDims[NUM_TYPES + 1];
  return TENON_OK;
}

static int32_t run(tenon_host *host, const void *const *in, const int64_t *table, void *arena, const void *weights) {
  const int64_t *dims = table + TENON_TABLE_FIRST_FREE;
  double scalar = *(const double *)in[SCALAR];
  (void)arena;
  (void)weights;
  if (scalar < 0)
    return host->fail(host, TENON_OUT_OF_RANGE, "node 'gather': index %lld is outside [0, %lld)", (int64_t)scalar,
                      dims[0]);
  for (uint32_t type = 0; type < NUM_TYPES; ++type) {
    char *out = host->output(host, type, dims);
    if (!out)
      return TENON_INTERNAL;
    for (int64_t i = 0; i < dims[0] * typeBytes[type]; ++i)
      out[i] = ((const char *)in[type])[i];
  }
  float *negated = host->output(host, MATRIX, dims + 1);
  double *doubled = host->output(host, SCALAR, dims);
  if (!negated || !doubled)
    return TENON_INTERNAL;
  for (int64_t i = 0; i < dims[1] * dims[2]; ++i)
    negated[i] = -((const float *)in[MATRIX])[i];
  *doubled = 2 * scalar;
  return TENON_OK;
}

__attribute__((visibility("default"))) const tenon_model tenon_model_descriptor __asm__(TENON_MODEL_SYMBOL) = {
    .size_bytes = sizeof(tenon_model),
    .abi_version = TENON_ABI_VERSION,
    .name = "echo",
    .producer = "hand",
    .triple = "none",
    .cpu = "generic",
    .num_inputs = NUM_TENSORS,
    .inputs = inputs,
    .num_outputs = NUM_TENSORS,
    .num_symbols = 2,
    .outputs = outputs,
    .symbols = symbolNames,
    .table_slots = TENON_TABLE_FIRST_FREE + 3,
    .manifest = "{\"name\": \"echo\"}",
    .plan = plan,
    .run = run,
};
