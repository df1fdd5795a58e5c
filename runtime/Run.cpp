// One run: inputs are checked and bound, the plan is found or made, memory is reserved, the model runs; see Session.h.
#include "runtime/Session.h"
#include "runtime/Strides.h"
#include "runtime/Types.h"

#include <string.h>

namespace tenon::runtime {

static int32_t checkStruct(tenon_session &session, const tenon_tensor &tensor, const char *what, const char *name) {
  if (tensor.size_bytes != sizeof(tenon_tensor) || tensor.abi_version != TENON_ABI_VERSION)
    return session.error.fail(
        TENON_INCOMPATIBLE, "the tensor of %s '%s' has %u bytes and ABI version %u but expected %u and %u", what, name,
        tensor.size_bytes, tensor.abi_version, static_cast<unsigned>(sizeof(tenon_tensor)), TENON_ABI_VERSION);
  if (tensor.device != TENON_CPU)
    return session.error.fail(TENON_INVALID_ARGUMENT, "%s '%s' is on device %u but this model takes only %u", what,
                              name, tensor.device, static_cast<unsigned>(TENON_CPU));
  return TENON_OK;
}

// Some earlier dimension of the same symbol has another extent; says which.
static int32_t failSymbol(tenon_session &session, uint32_t input, uint32_t dim) {
  const tenon_model &model = *session.model;
  int32_t symbol = model.inputs[input].symbols[dim];
  auto extent = static_cast<long long>(session.callerInputs[input].dims[dim]);
  for (uint32_t i = 0; i <= input; ++i)
    for (uint32_t d = 0; d < model.inputs[i].rank; ++d)
      if (model.inputs[i].symbols[d] == symbol && session.callerInputs[i].dims[d] == session.symbolValues[symbol])
        return session.error.fail(
            TENON_INVALID_ARGUMENT,
            "input '%s' dimension %u is %lld but dimension %u of input '%s' is %lld; both are '%s'",
            model.inputs[input].name, dim, extent, d, model.inputs[i].name,
            static_cast<long long>(session.symbolValues[symbol]), model.symbols[symbol]);
  return session.error.fail(TENON_INVALID_ARGUMENT, "input '%s' dimension %u is %lld but expected %lld",
                            model.inputs[input].name, dim, extent,
                            static_cast<long long>(session.symbolValues[symbol]));
}

static int32_t checkDims(tenon_session &session, uint32_t index) {
  const tenon_model &model = *session.model;
  const tenon_tensor_spec &spec = model.inputs[index];
  const tenon_tensor &tensor = session.callerInputs[index];
  for (uint32_t i = 0; i < spec.rank; ++i) {
    int64_t extent = tensor.dims[i];
    if (extent < 0 || (spec.dims[i] >= 0 && extent != spec.dims[i]))
      return session.error.fail(TENON_INVALID_ARGUMENT, "input '%s' has dimensions %s but expected %s", spec.name,
                                ShapeText(spec.rank, tensor.dims).text, ShapeText(spec, model.symbols).text);
    if (spec.symbols[i] < 0)
      continue;
    int64_t &value = session.symbolValues[spec.symbols[i]];
    if (value >= 0 && value != extent)
      return failSymbol(session, index, i);
    value = extent;
    if (!model.symbol_ranges)
      continue;
    const tenon_extent_range &range = model.symbol_ranges[spec.symbols[i]];
    if (extent < range.smallest || extent > range.largest)
      return session.error.fail(TENON_INVALID_ARGUMENT,
                                "input '%s' dimension %u ('%s') is %lld but the model was compiled for %lld..%lld",
                                spec.name, i, model.symbols[spec.symbols[i]], static_cast<long long>(extent),
                                static_cast<long long>(range.smallest), static_cast<long long>(range.largest));
  }
  return TENON_OK;
}

// Makes `data` of an input's state a dense, aligned buffer.
static int32_t bindInput(tenon_session &session, uint32_t index) {
  const tenon_tensor_spec &spec = session.model->inputs[index];
  const tenon_tensor &tensor = session.callerInputs[index];
  InputState &state = session.inputs[index];
  uint32_t elementBytes = tenon_dtype_bytes(spec.dtype);
  if (!denseBytes(spec.rank, tensor.dims, elementBytes, state.bytes))
    return session.error.fail(TENON_INVALID_ARGUMENT, "input '%s' (%s) is too large", spec.name,
                              ShapeText(spec.rank, tensor.dims).text);
  if (!tensor.data && state.bytes > 0)
    return session.error.fail(TENON_INVALID_ARGUMENT, "input '%s' has no data", spec.name);
  // A negative stride has no span from `data` on: nothing to compare.
  int64_t reach;
  if (tensor.capacity_bytes != 0 && spanBytes(spec.rank, tensor.dims, tensor.byte_strides, elementBytes, reach) &&
      static_cast<uint64_t>(reach) > tensor.capacity_bytes)
    return session.error.fail(TENON_INVALID_ARGUMENT, "input '%s' (%s) needs %lld bytes but its buffer has %llu",
                              spec.name, ShapeText(spec.rank, tensor.dims).text, static_cast<long long>(reach),
                              static_cast<unsigned long long>(tensor.capacity_bytes));
  if (spec.dtype == TENON_STRING)
    return bindStrings(session, index);
  bool aligned = reinterpret_cast<uintptr_t>(tensor.data) % elementBytes == 0;
  if (aligned && tensor.data && isDense(spec.rank, tensor.dims, tensor.byte_strides, elementBytes)) {
    state.data = tensor.data;
    return TENON_OK;
  }
  void *copy = state.staging.reserve(static_cast<size_t>(state.bytes));
  if (!copy)
    return session.error.fail(TENON_OUT_OF_MEMORY, "no memory to copy input '%s' of %lld bytes", spec.name,
                              static_cast<long long>(state.bytes));
  int64_t strides[TENON_MAX_RANK];
  denseStrides(spec.rank, tensor.dims, elementBytes, strides);
  copyStrided(spec.rank, tensor.dims, elementBytes, copy, strides, tensor.data, tensor.byte_strides);
  state.data = copy;
  return TENON_OK;
}

static int32_t bindInputs(tenon_session &session) {
  const tenon_model &model = *session.model;
  for (uint32_t i = 0; i < model.num_symbols; ++i)
    session.symbolValues[i] = -1;
  int64_t *dims = session.inputDims;
  for (uint32_t i = 0; i < model.num_inputs; ++i) {
    const tenon_tensor_spec &spec = model.inputs[i];
    const tenon_tensor &tensor = session.callerInputs[i];
    if (int32_t status = checkStruct(session, tensor, "input", spec.name))
      return status;
    if (tensor.dtype != spec.dtype)
      return session.error.fail(TENON_INVALID_ARGUMENT, "input '%s' has type %s but expected %s", spec.name,
                                tenon_dtype_name(tensor.dtype), tenon_dtype_name(spec.dtype));
    if (tensor.rank != spec.rank)
      return session.error.fail(TENON_INVALID_ARGUMENT, "input '%s' has rank %u but expected %u (%s)", spec.name,
                                tensor.rank, spec.rank, ShapeText(spec, model.symbols).text);
    if (int32_t status = checkDims(session, i))
      return status;
    for (uint32_t dim = 0; dim < spec.rank; ++dim)
      *dims++ = tensor.dims[dim];
  }
  // Nothing is copied before everything is known to be right.
  session.strings.reset();
  for (uint32_t i = 0; i < model.num_inputs; ++i) {
    if (int32_t status = bindInput(session, i))
      return status;
    session.inputData[i] = session.inputs[i].data;
  }
  return checkValues(session);
}

// The failure that was recorded, or the status itself with a text that says where it came from.
static int32_t modelFailure(tenon_session &session, int32_t status, const char *function) {
  if (session.failedStatus != TENON_OK)
    return session.failedStatus;
  return session.error.fail(status, "the model's %s function failed: %s", function, tenon_status_name(status));
}

const int64_t *findPlan(tenon_session &session, int32_t &status) {
  status = TENON_OK;
  if (const int64_t *table = session.plans.find(session.inputDims))
    return table;
  int64_t *table = session.plans.begin(session.inputDims);
  if (!table) {
    status = session.error.fail(TENON_OUT_OF_MEMORY, "no memory for a plan of %u slots", session.model->table_slots);
    return nullptr;
  }
  status = session.model->plan(&session.host, session.inputDims, table);
  if (status != TENON_OK || session.failedStatus != TENON_OK) {
    status = modelFailure(session, status, "plan");
    return nullptr;
  }
  session.plans.keep();
  return table;
}

int32_t reserveMemory(tenon_session &session, const int64_t *table) {
  int64_t arenaBytes = table[TENON_TABLE_ARENA_BYTES];
  int64_t scratchBytes = table[TENON_TABLE_SCRATCH_BYTES];
  if (arenaBytes < 0 || scratchBytes < 0)
    return session.error.fail(TENON_INTERNAL, "the plan asks for an arena of %lld and scratch of %lld bytes",
                              static_cast<long long>(arenaBytes), static_cast<long long>(scratchBytes));
  if (!session.arena.reserve(static_cast<size_t>(arenaBytes)))
    return session.error.fail(TENON_OUT_OF_MEMORY, "no memory for an arena of %lld bytes",
                              static_cast<long long>(arenaBytes));
  return reserveScratch(session, scratchBytes);
}

int32_t reserveScratch(tenon_session &session, int64_t bytes) {
  // Two cache lines apart: processors fetch lines in pairs.
  constexpr int64_t separation = 128;
  int64_t padded, total;
  if (__builtin_add_overflow(bytes, separation - 1, &padded) ||
      __builtin_mul_overflow(padded / separation * separation, static_cast<int64_t>(session.threads), &total) ||
      !session.scratch.reserve(static_cast<size_t>(total)))
    return session.error.fail(TENON_OUT_OF_MEMORY, "no memory for scratch of %lld bytes on each of %u threads",
                              static_cast<long long>(bytes), session.threads);
  session.scratchStride = static_cast<size_t>(padded / separation * separation);
  return TENON_OK;
}

static int32_t prepareOutputs(tenon_session &session) {
  const tenon_model &model = *session.model;
  for (uint32_t i = 0; i < model.num_outputs; ++i) {
    session.outputs[i].produced = false;
    const tenon_tensor &tensor = session.callerOutputs[i];
    bool callerOwned = tensor.data && !(tensor.flags & TENON_SESSION_OWNED);
    if (callerOwned)
      if (int32_t status = checkStruct(session, tensor, "output", model.outputs[i].name))
        return status;
    if (callerOwned && session.outputs[i].aliasedInput >= 0) {
      const tenon_tensor &input = session.callerInputs[session.outputs[i].aliasedInput];
      // The tensor that the run before returned may be passed again.
      if (tensor.data != input.data)
        return session.error.fail(TENON_INVALID_ARGUMENT,
                                  "output '%s' has a buffer but it is to be written into that of input '%s'",
                                  model.outputs[i].name, model.inputs[session.outputs[i].aliasedInput].name);
    }
  }
  return TENON_OK;
}

static int32_t run(tenon_session &session) {
  if (int32_t status = bindInputs(session))
    return status;
  if (int32_t status = prepareOutputs(session))
    return status;
  int32_t status;
  const int64_t *table = findPlan(session, status);
  if (!table)
    return status;
  if ((status = reserveMemory(session, table)))
    return status;
  session.region.reset();
  const tenon_model &model = *session.model;
  status = model.run(&session.host, session.inputData, table, session.arena.data(), session.module->weights);
  if (status != TENON_OK || session.failedStatus != TENON_OK)
    return modelFailure(session, status, "run");
  for (uint32_t i = 0; i < model.num_outputs; ++i)
    if (!session.outputs[i].produced)
      return session.error.fail(TENON_INTERNAL, "the model did not produce output '%s'", model.outputs[i].name);
  if ((status = writeStringOutputs(session)))
    return status;
  return writeAliasedOutputs(session);
}

// The index of the spec of that name; `hint` is where to look first.
static int32_t findNamed(tenon_session &session, const tenon_tensor_spec *specs, uint32_t count, const char *name,
                         uint32_t hint, const char *what, uint32_t &index) {
  // Callers mostly keep the model's order.
  if (hint < count && strcmp(specs[hint].name, name) == 0) {
    index = hint;
    return TENON_OK;
  }
  for (index = 0; index < count; ++index)
    if (strcmp(specs[index].name, name) == 0)
      return TENON_OK;
  return session.error.fail(TENON_INVALID_ARGUMENT, "the model has no %s '%s'", what, name);
}

} // namespace tenon::runtime

using namespace tenon::runtime;

extern "C" {

int32_t tenon_run(tenon_session *session, const tenon_tensor *inputs, uint32_t num_inputs, tenon_tensor *outputs,
                  uint32_t num_outputs) {
  const tenon_model &model = *session->model;
  session->error.clear();
  session->failedStatus = TENON_OK;
  if (num_inputs != model.num_inputs)
    return session->error.fail(TENON_INVALID_ARGUMENT, "got %u inputs but the model has %u", num_inputs,
                               model.num_inputs);
  if (num_outputs != model.num_outputs)
    return session->error.fail(TENON_INVALID_ARGUMENT, "got %u outputs but the model has %u", num_outputs,
                               model.num_outputs);
  session->callerInputs = inputs;
  session->callerOutputs = outputs;
  return run(*session);
}

int32_t tenon_run_named(tenon_session *session, const tenon_named_tensor *inputs, uint32_t num_inputs,
                        tenon_named_tensor *outputs, uint32_t num_outputs) {
  const tenon_model &model = *session->model;
  session->error.clear();
  tenon_tensor *ordered = session->namedTensors;
  memset(ordered, 0, (size_t(model.num_inputs) + model.num_outputs) * sizeof *ordered);
  uint32_t index;
  for (uint32_t i = 0; i < num_inputs; ++i) {
    if (int32_t status = findNamed(*session, model.inputs, model.num_inputs, inputs[i].name, i, "input", index))
      return status;
    if (ordered[index].size_bytes != 0)
      return session->error.fail(TENON_INVALID_ARGUMENT, "input '%s' is given twice", inputs[i].name);
    ordered[index] = inputs[i].tensor;
    if (ordered[index].size_bytes == 0)
      return session->error.fail(TENON_INVALID_ARGUMENT, "the tensor of input '%s' is not filled in", inputs[i].name);
  }
  for (uint32_t i = 0; i < model.num_inputs; ++i)
    if (ordered[i].size_bytes == 0)
      return session->error.fail(TENON_INVALID_ARGUMENT, "input '%s' is missing", model.inputs[i].name);

  tenon_tensor *results = ordered + model.num_inputs;
  for (uint32_t i = 0; i < model.num_outputs; ++i)
    results[i].flags = TENON_SESSION_OWNED;
  for (uint32_t i = 0; i < num_outputs; ++i) {
    if (int32_t status = findNamed(*session, model.outputs, model.num_outputs, outputs[i].name, i, "output", index))
      return status;
    for (uint32_t other = 0; other < i; ++other)
      if (strcmp(outputs[other].name, outputs[i].name) == 0)
        return session->error.fail(TENON_INVALID_ARGUMENT, "output '%s' is given twice", outputs[i].name);
    results[index] = outputs[i].tensor;
  }
  int32_t status = tenon_run(session, ordered, model.num_inputs, results, model.num_outputs);
  for (uint32_t i = 0; i < num_outputs; ++i) {
    findNamed(*session, model.outputs, model.num_outputs, outputs[i].name, i, "output", index);
    outputs[i].tensor = results[index];
  }
  return status;
}

tenon_tensor tenon_dense_tensor(uint32_t dtype, uint32_t rank, const int64_t *dims, const void *data) {
  tenon_tensor tensor;
  memset(&tensor, 0, sizeof tensor);
  tensor.size_bytes = sizeof tensor;
  tensor.abi_version = TENON_ABI_VERSION;
  tensor.dtype = dtype;
  tensor.device = TENON_CPU;
  tensor.rank = rank;
  // Inputs are never written; the field is not const because outputs use it as well.
  tensor.data = const_cast<void *>(data);
  if (rank > TENON_MAX_RANK)
    return tensor;
  for (uint32_t i = 0; i < rank; ++i)
    tensor.dims[i] = dims[i];
  int64_t bytes;
  if (tenon_dtype_bytes(dtype) != 0 && denseBytes(rank, dims, tenon_dtype_bytes(dtype), bytes) && bytes >= 0) {
    tensor.capacity_bytes = static_cast<uint64_t>(bytes);
    denseStrides(rank, dims, tenon_dtype_bytes(dtype), tensor.byte_strides);
  }
  return tensor;
}
}
