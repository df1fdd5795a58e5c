/* The contract between a compiled model and the runtime that drives it.
 *
 * A compiled model contains no runtime. It exports one symbol, a `tenon_model` (its name is chosen at compile time and
 * is `tenon_model` unless the user asks for another), and reaches threads, memory and error reporting through the
 * `tenon_host` table that the runtime passes in. This header is the whole contract; it depends on standard headers only
 * and is included both by the runtime and by the compiler.
 *
 * One run of a model, as the runtime drives it:
 *
 *   1. plan(host, input_dims, table)      once per new set of input dimensions; the filled table is cached
 *   2. run(host, inputs, table, arena, weights)
 *        parallel(host, kernel, args, ...)  for each phase of each kernel
 *        output(host, i, dims)              once per output, as soon as its dimensions are known
 *
 * Threads: plan and run are called by one thread at a time per session; task functions are called by many.
 * Ownership: every pointer in the descriptor lives as long as the loaded model. The caller owns everything passed in.
 * Versioning: every struct starts with its size and the ABI version; the runtime refuses a mismatch when it loads.
 */
#ifndef TENON_MODEL_ABI_H
#define TENON_MODEL_ABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TENON_ABI_VERSION 4u

/* Alignment in bytes of the arena, of scratch memory, of the weights and of every tensor inside them. */
#define TENON_ALIGNMENT 64u

/* The highest tensor rank. */
#define TENON_MAX_RANK 16u

/* Element types. bool takes one byte that is 0 or 1. What is below a byte takes the low bits of one, two's complement
 * for signed integers: outputs have zeros above them, what is above them in inputs is ignored. The small floats are
 * OCP's and, with FNUZ, their variants without infinity and negative zero. A complex number is its real and its
 * imaginary part, one after the other, aligned to both together. What a string is depends on who holds it:
 * outside of a model a tenon_string, inside the number of a text (see tenon_host.intern). */
enum tenon_dtype {
  TENON_F32 = 1,
  TENON_F64 = 2,
  TENON_F16 = 3,
  TENON_BF16 = 4,
  TENON_I8 = 5,
  TENON_I16 = 6,
  TENON_I32 = 7,
  TENON_I64 = 8,
  TENON_U8 = 9,
  TENON_U16 = 10,
  TENON_U32 = 11,
  TENON_U64 = 12,
  TENON_BOOL = 13,
  TENON_F8E4M3FN = 14,
  TENON_F8E4M3FNUZ = 15,
  TENON_F8E5M2 = 16,
  TENON_F8E5M2FNUZ = 17,
  TENON_F8E8M0FNU = 18, /* the power of two code - 127; 255 is NaN */
  TENON_F6E2M3FN = 19,
  TENON_F6E3M2FN = 20,
  TENON_F4E2M1FN = 21,
  TENON_I4 = 22,
  TENON_U4 = 23,
  TENON_I2 = 24,
  TENON_U2 = 25,
  TENON_C64 = 26,   /* two f32 */
  TENON_C128 = 27,  /* two f64 */
  TENON_STRING = 64 /* apart from the numbers */
};

/* A text: UTF-8, not terminated, NUL is a character like any other. `data` may be NULL if `bytes` is 0. */
typedef struct tenon_string {
  const char *data;
  uint64_t bytes;
} tenon_string;

/* Status codes: what plan, run and task functions return, and what the C API returns. */
enum tenon_status {
  TENON_OK = 0,
  TENON_INVALID_ARGUMENT = 1, /* a wrong input: rank, type, dimension, name */
  TENON_OUT_OF_RANGE = 2,     /* an index in the data lies outside its tensor */
  TENON_OUT_OF_MEMORY = 3,
  TENON_INCOMPATIBLE = 4, /* ABI version or processor features do not match */
  TENON_IO_ERROR = 5,
  TENON_INTERNAL = 6
};

/* An input or output of a model. */
typedef struct tenon_tensor_spec {
  const char *name; /* UTF-8, any characters but NUL */
  uint32_t dtype;   /* enum tenon_dtype */
  uint32_t rank;
  const int64_t *dims;    /* rank entries; -1 where the dimension is dynamic */
  const int32_t *symbols; /* rank entries: index into tenon_model.symbols, or -1; equal symbols are equal extents */
} tenon_tensor_spec;

/* What an input or output holds that is more than one tensor. */
enum tenon_value_kind {
  TENON_OPTIONAL_TENSOR = 1, /* value */
  TENON_SEQUENCE = 2,        /* data, extents, and ranks where elements may differ in it */
  TENON_MAP = 3,             /* keys, values */
  TENON_MAPS = 4             /* keys [k], values [n, k]: n maps with the same keys */
};

/* An input or output that is a sequence, an optional value or a map: several tensors one after the other among the
 * model's inputs or outputs. If it is optional, the first of them is a bool of rank 0: whether it has a value; if not,
 * the others are any tensors that fit. Then come those of its kind:
 *   data     all elements, dense and row-major, one after the other: one dimension
 *   extents  i64 [length, columns]: the extents of each element, filled up with 1
 *   ranks    i64 [length]: how many extents each element has; without this tensor all have as many as there are columns
 *   keys     i64 or strings (by their bytes), ascending, none twice;  values: one for each key
 * Names of these tensors are the value's, followed by what they are: "s[data]". */
typedef struct tenon_value_spec {
  const char *name;
  uint32_t kind;         /* enum tenon_value_kind */
  uint32_t is_output;    /* 0: an input */
  uint32_t is_optional;  /* 1: it may be absent */
  uint32_t first_tensor; /* index among inputs or outputs */
  uint32_t num_tensors;
} tenon_value_spec;

/* The extents that a symbolic dimension may have. */
typedef struct tenon_extent_range {
  int64_t smallest;
  int64_t largest; /* INT64_MAX: unbounded */
} tenon_extent_range;

/* One phase of a kernel over tasks [begin, end). `args` holds 8-byte slots: pointers and extents, laid out as the
 * compiler likes. `scratch` is private to the calling thread, aligned, and at least as large as the plan's table says
 * or `reserve` was asked for in this run. Returns a tenon_status; on failure it has stored what went wrong in the slots
 * it was given. */
typedef int32_t (*tenon_task_fn)(const int64_t *args, int64_t begin, int64_t end, void *scratch);

/* What the runtime offers to a running model. */
typedef struct tenon_host tenon_host;
struct tenon_host {
  uint32_t size_bytes;
  uint32_t abi_version;

  /* Runs fn over [0, tasks), split statically over the session's threads; returns the first status that is not
   * TENON_OK in task order, after every task has ended. `kernel` indexes tenon_model.kernels (for profiles). `work` is
   * the estimated time of all tasks together in nanoseconds of one thread: small work stays on the calling thread. */
  int32_t (*parallel)(tenon_host *host, tenon_task_fn fn, const int64_t *args, int64_t tasks, int64_t work,
                      uint32_t kernel);

  /* Tells the extents of output `index`, as many as its rank or fewer: then the rank of this run is less, and an entry
   * of -1 ends them. Returns the memory to write it to: dense, row-major, aligned to the
   * element size at least. NULL means failure (the status was recorded). Called exactly once per output and run. */
  void *(*output)(tenon_host *host, uint32_t index, const int64_t *dims);

  /* Memory whose size depends on data, valid until run returns. NULL means failure (recorded). */
  void *(*allocate)(tenon_host *host, int64_t size_bytes);

  /* Records a failure text for the caller and returns `status`. `message` may contain up to two "%lld", filled
   * with a and b. Callable from plan and run, not from task functions. */
  int32_t (*fail)(tenon_host *host, int32_t status, const char *message, int64_t a, int64_t b);

  /* NULL unless a profile is taken. Tells at the start of each launch of a kernel what it amounts to: twice the number
   * of multiply-adds of its contractions by their definition, and the bytes of the tensors that it reads and writes. */
  void (*account)(tenon_host *host, uint32_t kernel, int64_t flops, int64_t bytes);

  /* Inside a model a string is a number, an int64_t: equal texts have equal numbers during a run. 0 is the empty text,
   * 1 to num_strings are the model's constants; the texts of inputs get theirs before run is called. Returns the number
   * of a text, which is copied if it is new; -1 means failure (recorded): there is no memory. From run only, not from
   * task functions. */
  int64_t (*intern)(tenon_host *host, const char *data, int64_t bytes);

  /* The text of a number and its length, valid until run returns; the empty text for a number that stands for none. */
  const char *(*text)(tenon_host *host, int64_t number, int64_t *bytes);

  /* Makes the scratch memory of each thread at least that large for the phases that follow: for kernels whose need the
   * plan cannot know because it depends on data. Returns a tenon_status; a failure is recorded. From run only. */
  int32_t (*reserve)(tenon_host *host, int64_t scratch_bytes);
};

/* A kernel, for profiles and `tenon inspect`. */
typedef struct tenon_kernel_info {
  const char *name;  /* unique within the model */
  const char *nodes; /* names of the ONNX nodes it computes, comma separated */
} tenon_kernel_info;

/* The first entries of the plan table; the rest belongs to the compiled model. */
enum tenon_table_slot {
  TENON_TABLE_ARENA_BYTES = 0,   /* size of the arena that run needs */
  TENON_TABLE_SCRATCH_BYTES = 1, /* scratch size that any task function needs, per thread */
  TENON_TABLE_FIRST_FREE = 2
};

/* The descriptor of a compiled model. */
typedef struct tenon_model {
  uint32_t size_bytes;
  uint32_t abi_version;
  const char *name;
  const char *producer; /* compiler version and revision */
  const char *triple;   /* LLVM target triple */
  const char *cpu;      /* LLVM processor name the code was generated for */

  /* Processor features the code uses, in LLVM's spelling ("avx2", "fma", "avx512f", "neon", ...). */
  const char *const *features;
  uint32_t num_features;

  uint32_t num_inputs;
  const tenon_tensor_spec *inputs;
  uint32_t num_outputs;
  uint32_t num_symbols;
  const tenon_tensor_spec *outputs;
  const char *const *symbols;              /* names of symbolic dimensions */
  const tenon_extent_range *symbol_ranges; /* num_symbols entries; NULL if no symbol is bounded */

  uint32_t num_kernels;
  uint32_t table_slots; /* length of the plan table in int64_t */
  const tenon_kernel_info *kernels;

  /* Constants of the model. Either embedded (weights != NULL) or in a file beside the artefact (weights_file: its base
   * name). weights_digest is the FNV-1a 64-bit hash of the contents of such a file, checked when it is mapped. */
  const void *weights;
  uint64_t weights_bytes;
  const char *weights_file;
  uint64_t weights_digest;

  /* Texts that the model's constants hold, none empty and none twice: number i + 1 is the text [string_ends[i - 1],
   * string_ends[i]) of string_bytes, the first one from 0. NULL where there are none. */
  uint64_t num_strings;
  const char *string_bytes;
  const uint64_t *string_ends;

  /* What `tenon inspect` shows, as JSON text. */
  const char *manifest;

  /* Fills `table` (table_slots entries) from the extents of all inputs, concatenated in order (`input_dims`).
   * Returns a tenon_status; a shape the model cannot take is reported through host->fail. */
  int32_t (*plan)(tenon_host *host, const int64_t *input_dims, int64_t *table);

  /* Computes the outputs. `inputs`: one dense row-major buffer per input, never written. Strings are numbers here. */
  int32_t (*run)(tenon_host *host, const void *const *inputs, const int64_t *table, void *arena, const void *weights);

  /* Inputs and outputs that are more than one tensor; NULL if there are none. */
  const tenon_value_spec *values;
  uint32_t num_values;
} tenon_model;

/* Name of the exported descriptor unless another is chosen at compile time. */
#define TENON_MODEL_SYMBOL "tenon_model"

#ifdef __cplusplus
}
#endif

#endif /* TENON_MODEL_ABI_H */
