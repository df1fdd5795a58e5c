// Creating, destroying and configuring sessions; see Session.h.
#include "runtime/Session.h"

#include "runtime/Pool.h"

#include <stdlib.h>

namespace tenon::runtime {

// calloc of 0 elements may be null, which would read as a failure.
template <typename T> static bool allocateArray(T *&array, size_t count) {
  array = static_cast<T *>(calloc(count ? count : 1, sizeof(T)));
  return array != nullptr;
}

template <typename T> static bool createArray(T *&array, size_t count) {
  if (!allocateArray(array, count))
    return false;
  for (size_t i = 0; i < count; ++i)
    new (&array[i], InPlace()) T;
  return true;
}

template <typename T> static void destroyArray(T *array, size_t count) {
  for (size_t i = 0; array && i < count; ++i)
    array[i].~T();
  free(array);
}

static void destroySession(tenon_session *session) {
  if (session->joinedPool)
    poolLeave();
  destroyArray(session->inputs, session->model->num_inputs);
  destroyArray(session->outputs, session->model->num_outputs);
  destroyArray(session->values, session->model->num_values);
  free(session->inputData);
  free(session->inputDims);
  free(session->symbolValues);
  free(session->namedTensors);
  releaseModule(session->module);
  destroy(session);
}

static bool createTables(tenon_session &session) {
  const tenon_model &model = *session.model;
  size_t inputRanks = 0;
  for (uint32_t i = 0; i < model.num_inputs; ++i)
    inputRanks += model.inputs[i].rank;
  session.plans.init(inputRanks, model.table_slots);
  return createArray(session.inputs, model.num_inputs) && createArray(session.outputs, model.num_outputs) &&
         createArray(session.values, model.num_values) && allocateArray(session.inputData, model.num_inputs) &&
         allocateArray(session.inputDims, inputRanks) && allocateArray(session.symbolValues, model.num_symbols) &&
         allocateArray(session.namedTensors, size_t(model.num_inputs) + model.num_outputs);
}

// Where every dynamic dimension has an upper bound, takes the memory for the largest extents now, so that runs take
// none. Failures do not matter: such extents may not go together, and a run reserves what it needs itself.
static void reserveForLargest(tenon_session &session) {
  const tenon_model &model = *session.model;
  if (!model.symbol_ranges)
    return;
  int64_t *dims = session.inputDims;
  for (uint32_t i = 0; i < model.num_inputs; ++i)
    for (uint32_t d = 0; d < model.inputs[i].rank; ++d) {
      int64_t extent = model.inputs[i].dims[d];
      int32_t symbol = model.inputs[i].symbols[d];
      if (extent < 0 && symbol >= 0)
        extent = model.symbol_ranges[symbol].largest;
      if (extent < 0 || extent == INT64_MAX)
        return;
      *dims++ = extent;
    }
  int32_t status;
  if (const int64_t *table = findPlan(session, status))
    reserveMemory(session, table);
  session.failedStatus = TENON_OK;
  session.error.clear();
}

static int32_t createSession(tenon_module *module, uint32_t threads, tenon_session *&session, ErrorText &error) {
  if (threads == 0)
    threads = availableProcessors();
  if (threads > TENON_MAX_THREADS)
    return error.fail(TENON_INVALID_ARGUMENT, "got %u threads but at most %u are supported", threads,
                      TENON_MAX_THREADS);
  auto *created = create<tenon_session>();
  if (!created)
    return error.fail(TENON_OUT_OF_MEMORY, "no memory for a session");
  retainModule(module);
  created->host = makeHost();
  created->module = module;
  created->model = module->model;
  created->threads = threads;
  created->strings.extend(&module->strings);
  int32_t status = TENON_OK;
  if (!createTables(*created))
    status = error.fail(TENON_OUT_OF_MEMORY, "no memory for a session");
  else if (threads > 1 && !(created->joinedPool = poolJoin(threads)))
    status = error.fail(TENON_OUT_OF_MEMORY, "cannot start %u threads", threads - 1);
  if (status != TENON_OK) {
    destroySession(created);
    return status;
  }
  reserveForLargest(*created);
  session = created;
  return TENON_OK;
}

} // namespace tenon::runtime

using namespace tenon::runtime;

extern "C" {

int32_t tenon_session_create(tenon_module *module, uint32_t threads, tenon_session **session, char *error,
                             size_t error_bytes) {
  ErrorText text;
  *session = nullptr;
  int32_t status = createSession(module, threads, *session, text);
  text.copyTo(error, error_bytes);
  return status;
}

void tenon_session_destroy(tenon_session *session) {
  if (session)
    destroySession(session);
}

const char *tenon_session_error(const tenon_session *session) { return session->error.text(); }

uint32_t tenon_session_threads(const tenon_session *session) { return session->threads; }

void tenon_set_output_allocator(tenon_session *session, tenon_output_fn allocate, void *user) {
  session->allocateOutput = allocate;
  session->allocatorUser = user;
}

int32_t tenon_alias(tenon_session *session, uint32_t output, int32_t input) {
  const tenon_model &model = *session->model;
  session->error.clear();
  if (output >= model.num_outputs)
    return session->error.fail(TENON_INVALID_ARGUMENT, "got output %u but the model has %u", output, model.num_outputs);
  if (input < -1 || input >= static_cast<int64_t>(model.num_inputs))
    return session->error.fail(TENON_INVALID_ARGUMENT, "got input %d but the model has %u", input, model.num_inputs);
  if (input >= 0) {
    const tenon_tensor_spec &in = model.inputs[input], &out = model.outputs[output];
    if (in.dtype == TENON_STRING)
      return session->error.fail(TENON_INVALID_ARGUMENT, "input '%s' holds strings, which cannot be written in place",
                                 in.name);
    if (in.dtype != out.dtype || in.rank != out.rank)
      return session->error.fail(
          TENON_INVALID_ARGUMENT, "output '%s' (%s, rank %u) cannot share the buffer of input '%s' (%s, rank %u)",
          out.name, tenon_dtype_name(out.dtype), out.rank, in.name, tenon_dtype_name(in.dtype), in.rank);
    int32_t other = session->inputs[input].aliasedOutput;
    if (other >= 0 && other != static_cast<int32_t>(output))
      return session->error.fail(TENON_INVALID_ARGUMENT, "the buffer of input '%s' is taken by output '%s'", in.name,
                                 model.outputs[other].name);
  }
  OutputState &state = session->outputs[output];
  if (state.aliasedInput >= 0)
    session->inputs[state.aliasedInput].aliasedOutput = -1;
  state.aliasedInput = input;
  if (input >= 0)
    session->inputs[input].aliasedOutput = static_cast<int32_t>(output);
  return TENON_OK;
}

int32_t tenon_set_profile(tenon_session *session, tenon_profile *entries, uint32_t count) {
  session->error.clear();
  if (entries && count != session->model->num_kernels)
    return session->error.fail(TENON_INVALID_ARGUMENT, "got %u profile entries but the model has %u kernels", count,
                               session->model->num_kernels);
  session->profile = entries;
  session->host.account = entries ? account : nullptr;
  return TENON_OK;
}

tenon_memory tenon_session_memory(const tenon_session *session) {
  tenon_memory memory = {};
  memory.arena_bytes = session->arena.capacityBytes();
  memory.scratch_bytes = session->scratch.capacityBytes();
  for (uint32_t i = 0; i < session->model->num_inputs; ++i)
    memory.staging_bytes += session->inputs[i].staging.capacityBytes();
  for (uint32_t i = 0; i < session->model->num_values; ++i)
    memory.staging_bytes += session->values[i].data.capacityBytes() + session->values[i].table.capacityBytes();
  for (uint32_t i = 0; i < session->model->num_outputs; ++i) {
    const OutputState &output = session->outputs[i];
    memory.staging_bytes += output.numbers.capacityBytes();
    (output.aliasedInput >= 0 ? memory.staging_bytes : memory.output_bytes) += output.memory.capacityBytes();
  }
  memory.dynamic_bytes = session->region.heldBytes() + session->strings.heldBytes();
  memory.plan_bytes = session->plans.heldBytes();
  return memory;
}
}
