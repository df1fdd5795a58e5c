/* The public C API of Tenon's runtime: open a compiled model, create sessions, run them.
 *
 *   tenon_module *module;
 *   tenon_session *session;
 *   char error[256];
 *   if (tenon_open("./model.so", NULL, &module, error, sizeof error) != TENON_OK) ...
 *   if (tenon_session_create(module, 1, &session, error, sizeof error) != TENON_OK) ...
 *   int64_t dims[] = {1, 10};
 *   tenon_tensor x = tenon_dense_tensor(TENON_F32, 2, dims, data), y = {0};
 *   if (tenon_run(session, &x, 1, &y, 1) != TENON_OK) puts(tenon_session_error(session));
 *   tenon_session_destroy(session);
 *   tenon_close(module);
 *
 * Usable from C99 and C++17. The library needs libc, libm, pthread and dl, and no C++ library.
 *
 * Words used below. "Status": an enum tenon_status as int32_t. "Any thread": callable from any thread at any time.
 * "One thread": the caller makes sure that no two threads use the same object at once; different threads may use it one
 * after another. "Borrowed": the object that is named owns the memory; do not free it.
 *
 * Nothing here aborts, prints, reads an environment variable or changes the floating-point state. After fork(), the
 * child may go on using modules and sessions that no other thread was using at that moment.
 */
#ifndef TENON_TENON_H
#define TENON_TENON_H

#include <stddef.h>
#include <stdint.h>

#include "tenon/model_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The most threads a session can have. */
#define TENON_MAX_THREADS 256u

/* How many sets of input dimensions a session keeps plans for; the least recently used one makes room. */
#define TENON_MAX_PLANS 16u

/* An opened model: descriptor, weights, library. Immutable and counted: sessions keep it alive. */
typedef struct tenon_module tenon_module;

/* What one run at a time needs: plans, arena, scratch, staging buffers, output buffers, error text. */
typedef struct tenon_session tenon_session;

/* Where the memory of a tensor lives. */
enum tenon_device { TENON_CPU = 0 };

/* tenon_tensor.flags: the memory of this output belongs to the session (set by tenon_run). */
#define TENON_SESSION_OWNED 1u

/* A tensor, as passed to and returned from tenon_run. The struct owns nothing. */
typedef struct tenon_tensor {
  uint32_t size_bytes; /* sizeof(tenon_tensor) */
  uint32_t abi_version;
  uint32_t dtype;  /* enum tenon_dtype */
  uint32_t device; /* enum tenon_device */
  uint32_t flags;
  uint32_t rank;
  void *data;              /* element (0, ..., 0) */
  uint64_t capacity_bytes; /* bytes that may be accessed from `data` on; 0: as many as dimensions and strides reach */
  int64_t dims[TENON_MAX_RANK];
  int64_t byte_strides[TENON_MAX_RANK]; /* any sign, any order; 0 repeats an element (inputs only) */
} tenon_tensor;

/* A tensor with its name, for tenon_run_named. `name` is read during the call only. */
typedef struct tenon_named_tensor {
  const char *name;
  tenon_tensor tensor;
} tenon_named_tensor;

/* Time spent in one kernel, in the order of tenon_model.kernels. */
typedef struct tenon_profile {
  uint64_t calls;          /* phases started */
  uint64_t total_ns;       /* wall time of these phases */
  uint64_t estimated_ns;   /* what the compiler had estimated, for one thread */
  uint64_t parallel_calls; /* phases that ran on more than one thread */
  uint64_t launches;       /* of the kernel, each of one or more phases */
  uint64_t flops;          /* of these launches: twice the multiply-adds of their contractions, by definition */
  uint64_t bytes;          /* of the tensors that they read and wrote, each counted once */
} tenon_profile;

/* Memory held by a session, in bytes. */
typedef struct tenon_memory {
  uint64_t arena_bytes;   /* intermediate values */
  uint64_t scratch_bytes; /* private memory of all threads together */
  uint64_t staging_bytes; /* dense copies of strided inputs and of aliased outputs */
  uint64_t output_bytes;  /* outputs that the session owns */
  uint64_t dynamic_bytes; /* values whose size depends on data, texts among them */
  uint64_t plan_bytes;    /* cached plans */
} tenon_memory;

/* Memory for output `index`, or NULL for failure. `tensor` has type, rank, dimensions and dense byte strides; at least
 * `size_bytes` bytes (may be 0), aligned to the element size, are to be returned. Called on the thread that called
 * tenon_run, during that call; the caller owns the memory. */
typedef void *(*tenon_output_fn)(void *user, uint32_t index, const tenon_tensor *tensor, uint64_t size_bytes);

/* ---- Types. Any thread; the strings are static. ---- */

/* "0.1.0" */
const char *tenon_version(void);

/* "ok", "invalid argument", ...; "unknown status" for any other number. */
const char *tenon_status_name(int32_t status);

/* "f32", "i64", "bool", ...; "unknown type" for any other number. */
const char *tenon_dtype_name(uint32_t dtype);

/* Bytes per element; 0 for a number that is no enum tenon_dtype. An element of type TENON_STRING is a tenon_string. */
uint32_t tenon_dtype_bytes(uint32_t dtype);

/* ---- Modules ---- */

/* Opens a compiled shared library. `path` is a file (never searched for in library paths); `symbol` names the
 * descriptor, NULL stands for "tenon_model". On success *module is to be given to tenon_close; otherwise it is NULL and
 * `error`, when it is not NULL, holds a text of at most error_bytes - 1 bytes. Weights in a file of their own are
 * looked for in the folder of `path`, checked and mapped. Fails with TENON_IO_ERROR (cannot be read),
 * TENON_INCOMPATIBLE (processor, ABI version, not a model, damaged weights), TENON_OUT_OF_MEMORY. Any thread. Opening a
 * library runs code of its choosing: open only what you trust. */
int32_t tenon_open(const char *path, const char *symbol, tenon_module **module, char *error, size_t error_bytes);

/* The same for a model that is linked into the program (`tenon compile --emit lib`). The descriptor has to outlive the
 * module. `weights_folder` is where a weights file lies; NULL when the weights are linked in as well. */
int32_t tenon_open_linked(const tenon_model *descriptor, const char *weights_folder, tenon_module **module, char *error,
                          size_t error_bytes);

/* Gives up the caller's hold. The library is unloaded when the last session on it is gone. NULL is allowed. */
void tenon_close(tenon_module *module);

/* The descriptor: name, manifest, kernels, symbols. Borrowed from the module. Any thread, as the rest of this group. */
const tenon_model *tenon_descriptor(const tenon_module *module);

uint32_t tenon_num_inputs(const tenon_module *module);
uint32_t tenon_num_outputs(const tenon_module *module);

/* Name, type and dimensions of an input or output; NULL when there is no such index. Borrowed from the module. */
const tenon_tensor_spec *tenon_input(const tenon_module *module, uint32_t index);
const tenon_tensor_spec *tenon_output(const tenon_module *module, uint32_t index);

/* The index of the input or output of that name, or -1. */
int32_t tenon_find_input(const tenon_module *module, const char *name);
int32_t tenon_find_output(const tenon_module *module, const char *name);

/* The name of a symbolic dimension (an entry of tenon_tensor_spec.symbols); NULL for -1. Borrowed from the module. */
const char *tenon_symbol_name(const tenon_module *module, int32_t symbol);

/* ---- Sessions ---- */

/* Creates a session that uses up to `threads` threads, the calling one among them; 0 stands for the number of
 * processors the process may use. Threads are shared by all sessions of the process; there are as many as the largest
 * session asks for, and they end with the last session that has more than one. When two sessions run at the same time,
 * the one that finds the threads taken computes that phase alone. Fails with TENON_INVALID_ARGUMENT (more than
 * TENON_MAX_THREADS) or TENON_OUT_OF_MEMORY. Any thread. */
int32_t tenon_session_create(tenon_module *module, uint32_t threads, tenon_session **session, char *error,
                             size_t error_bytes);

/* Frees the session and every output it owns. NULL is allowed. One thread. */
void tenon_session_destroy(tenon_session *session);

/* Runs the model: inputs and outputs in the order of the descriptor. One thread per session.
 *
 * Inputs are never written and may have any strides; what is not dense and row-major (or not aligned to its element
 * size) is copied first, into memory the session keeps. capacity_bytes, when it is not 0, is checked.
 *
 * Each output tensor says where the result goes:
 *   - TENON_SESSION_OWNED set, or data NULL (a zeroed struct) without an allocator: memory of the session, valid until
 * the next tenon_run or tenon_session_destroy;
 *   - data NULL with an allocator: memory of the allocator, see tenon_set_output_allocator;
 *   - data not NULL: the caller's buffer of capacity_bytes, aligned to the element size, apart from every input.
 * Strings: the elements of inputs are read during the call, texts included, and have to be UTF-8. Those of outputs are
 * written to wherever the result goes, but the texts that they point to belong to the session: they are valid until the
 * next tenon_run or tenon_session_destroy.
 *
 * On return all fields are filled in; outputs are dense and row-major (except aliased ones). After a failure they hold
 * nothing useful, except that an output whose buffer was too small says its dimensions.
 *
 * Fails with TENON_INVALID_ARGUMENT (rank, type, dimensions, buffer), TENON_OUT_OF_RANGE (an index in the data),
 * TENON_OUT_OF_MEMORY, TENON_INTERNAL; the text is at tenon_session_error. The session stays usable.
 * A set of input dimensions that is among the last TENON_MAX_PLANS ones is run without any allocation. */
int32_t tenon_run(tenon_session *session, const tenon_tensor *inputs, uint32_t num_inputs, tenon_tensor *outputs,
                  uint32_t num_outputs);

/* The same with names, in any order. Every input has to be given; outputs that are not asked for are computed into
 * memory of the session. A name that the model lacks, or that is given twice, is TENON_INVALID_ARGUMENT. */
int32_t tenon_run_named(tenon_session *session, const tenon_named_tensor *inputs, uint32_t num_inputs,
                        tenon_named_tensor *outputs, uint32_t num_outputs);

/* What went wrong in the last call on this session; "" after a success. Borrowed, valid until the next call. One
 * thread. */
const char *tenon_session_error(const tenon_session *session);

/* From now on outputs whose data is NULL get their memory from `allocate`; NULL goes back to memory of the session.
 * `user` is passed on. One thread. */
void tenon_set_output_allocator(tenon_session *session, tenon_output_fn allocate, void *user);

/* Lets output `output` be written into the buffer of input `input`: a decoder's cache grows in place. The input's
 * buffer holds capacity_bytes; its strides may leave room for larger extents, and the result is laid out with the same
 * strides. After a run the output tensor shows the input's memory with the new extents. The input's buffer is written
 * when everything else is computed. `input` -1 takes the alias back. Fails with TENON_INVALID_ARGUMENT: no such index,
 * strings, types or ranks differ, the input has an alias already; tenon_run fails so when the result does not fit. One
 * thread.
 */
int32_t tenon_alias(tenon_session *session, uint32_t output, int32_t input);

/* From now on adds the time of every phase to entries[kernel]; `count` must be the model's number of kernels. The
 * caller owns the array, clears it, and keeps it until it is replaced; NULL turns profiling off, which costs nothing
 * then. Fails with TENON_INVALID_ARGUMENT on a wrong count. One thread. */
int32_t tenon_set_profile(tenon_session *session, tenon_profile *entries, uint32_t count);

/* Memory held at the moment. One thread. */
tenon_memory tenon_session_memory(const tenon_session *session);

/* How many threads the session uses at most. Any thread. */
uint32_t tenon_session_threads(const tenon_session *session);

/* ---- Sequences, optional values and maps ----
 *
 * Each is several tensors among the inputs or outputs (tenon_value_spec). Those of maps are passed and read as they
 * are; the functions below make those of sequences and optional values, and take them apart. */

/* How many inputs and outputs are more than one tensor, inputs first. Any thread, as the next two. */
uint32_t tenon_num_values(const tenon_module *module);

/* NULL when there is no such index. Borrowed from the module. */
const tenon_value_spec *tenon_value(const tenon_module *module, uint32_t index);

/* The index of the input (or, if `is_output` is not 0, the output) of that name, or -1. */
int32_t tenon_find_value(const tenon_module *module, const char *name, int32_t is_output);

/* Makes the num_tensors tensors `parts` of input value `index` from `count` elements (one for an optional tensor),
 * which may have any strides and are copied; -1 elements: the optional value is absent. The parts are in memory of the
 * session until the same value is packed again. Fails with TENON_INVALID_ARGUMENT (the type or rank of an element, an
 * absent value that is not optional) or TENON_OUT_OF_MEMORY. One thread. */
int32_t tenon_pack(tenon_session *session, uint32_t index, const tenon_tensor *elements, int64_t count,
                   tenon_tensor *parts);

/* How many elements the tensors `parts` of a value hold: those of a sequence, 1 for a tensor, the keys of a map, the
 * maps of a sequence of maps; -1 if it is absent. `parts` are dense: results of tenon_run or of tenon_pack. Any thread.
 */
int64_t tenon_count(const tenon_value_spec *value, const tenon_tensor *parts);

/* Fills in tenon_count elements of a sequence or an optional tensor. They are views of the parts' memory. Any thread.
 */
void tenon_unpack(const tenon_value_spec *value, const tenon_tensor *parts, tenon_tensor *elements);

/* ---- Helpers ---- */

/* A dense row-major tensor over `data`; the capacity is what its dimensions need. `rank` is at most TENON_MAX_RANK. A
 * type or an extent that makes no sense is found by tenon_run. Any thread. */
tenon_tensor tenon_dense_tensor(uint32_t dtype, uint32_t rank, const int64_t *dims, const void *data);

#ifdef __cplusplus
}
#endif

#endif /* TENON_TENON_H */
