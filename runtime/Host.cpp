// What a running model calls: threads, outputs, memory, failures; see Session.h and tenon/model_abi.h.
#include "runtime/Pool.h"
#include "runtime/Session.h"
#include "runtime/Strides.h"
#include "runtime/Types.h"

#include <string.h>
#include <time.h>

namespace tenon::runtime {

static tenon_session &sessionOf(tenon_host *host) { return *reinterpret_cast<tenon_session *>(host); }

int32_t recordFailure(tenon_session &session, int32_t status) {
  if (session.failedStatus == TENON_OK)
    session.failedStatus = status;
  return status;
}

static uint64_t now_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return uint64_t(now.tv_sec) * 1'000'000'000 + uint64_t(now.tv_nsec);
}

static int32_t parallel(tenon_host *host, tenon_task_fn run, const int64_t *args, int64_t tasks, int64_t work,
                        uint32_t kernel) {
  tenon_session &session = sessionOf(host);
  Phase phase = {run, args, tasks, work, static_cast<char *>(session.scratch.data()), session.scratchStride};
  uint32_t threadsUsed;
  if (__builtin_expect(!session.profile, true))
    return runPhase(phase, session.threads, threadsUsed);
  uint64_t start_ns = now_ns();
  int32_t status = runPhase(phase, session.threads, threadsUsed);
  if (kernel < session.model->num_kernels) {
    tenon_profile &entry = session.profile[kernel];
    ++entry.calls;
    entry.total_ns += now_ns() - start_ns;
    entry.estimated_ns += static_cast<uint64_t>(work);
    entry.parallel_calls += threadsUsed > 1;
  }
  return status;
}

void account(tenon_host *host, uint32_t kernel, int64_t flops, int64_t bytes) {
  tenon_session &session = sessionOf(host);
  if (!session.profile || kernel >= session.model->num_kernels)
    return;
  tenon_profile &entry = session.profile[kernel];
  ++entry.launches;
  entry.flops += static_cast<uint64_t>(flops);
  entry.bytes += static_cast<uint64_t>(bytes);
}

// Whether the caller's buffer shares memory with what the model reads or writes as well.
static int32_t checkApart(tenon_session &session, uint32_t index, const tenon_tensor &tensor, int64_t bytes) {
  const tenon_model &model = *session.model;
  auto overlaps = [&](const void *other, int64_t otherBytes) {
    auto a = reinterpret_cast<uintptr_t>(tensor.data), b = reinterpret_cast<uintptr_t>(other);
    return bytes > 0 && a < b + static_cast<uintptr_t>(otherBytes) && b < a + static_cast<uintptr_t>(bytes);
  };
  for (uint32_t i = 0; i < model.num_inputs; ++i)
    if (overlaps(session.inputs[i].data, session.inputs[i].bytes))
      return session.error.fail(TENON_INVALID_ARGUMENT, "the buffer of output '%s' overlaps input '%s'",
                                model.outputs[index].name, model.inputs[i].name);
  for (uint32_t i = 0; i < model.num_outputs; ++i) {
    const tenon_tensor &other = session.callerOutputs[i];
    int64_t otherBytes;
    if (i != index && session.outputs[i].produced && session.outputs[i].aliasedInput < 0 &&
        spanBytes(other.rank, other.dims, other.byte_strides, tenon_dtype_bytes(other.dtype), otherBytes) &&
        overlaps(other.data, otherBytes))
      return session.error.fail(TENON_INVALID_ARGUMENT, "the buffers of outputs '%s' and '%s' overlap",
                                model.outputs[index].name, model.outputs[i].name);
  }
  return TENON_OK;
}

static void *callerBuffer(tenon_session &session, uint32_t index, const tenon_tensor &tensor, int64_t bytes) {
  const char *name = session.model->outputs[index].name;
  int32_t status = TENON_OK;
  uint32_t alignment = tensor.dtype == TENON_STRING ? uint32_t(alignof(tenon_string)) : tenon_dtype_bytes(tensor.dtype);
  if (tensor.capacity_bytes < static_cast<uint64_t>(bytes))
    status = session.error.fail(TENON_INVALID_ARGUMENT, "output '%s' (%s) needs %lld bytes but its buffer has %llu",
                                name, ShapeText(tensor.rank, tensor.dims).text, static_cast<long long>(bytes),
                                static_cast<unsigned long long>(tensor.capacity_bytes));
  else if (reinterpret_cast<uintptr_t>(tensor.data) % alignment != 0)
    status = session.error.fail(TENON_INVALID_ARGUMENT, "the buffer of output '%s' is not aligned to %u bytes", name,
                                alignment);
  else
    status = checkApart(session, index, tensor, bytes);
  if (status != TENON_OK) {
    recordFailure(session, status);
    return nullptr;
  }
  return tensor.data;
}

static void *ownBuffer(tenon_session &session, uint32_t index, tenon_tensor &tensor, int64_t bytes) {
  OutputState &state = session.outputs[index];
  bool fromAllocator = session.allocateOutput && state.aliasedInput < 0 && !(tensor.flags & TENON_SESSION_OWNED);
  auto wanted = static_cast<uint64_t>(bytes);
  tensor.data = fromAllocator ? session.allocateOutput(session.allocatorUser, index, &tensor, wanted)
                              : state.memory.reserve(wanted);
  if (!tensor.data) {
    recordFailure(session, session.error.fail(TENON_OUT_OF_MEMORY, "no memory for output '%s' of %lld bytes",
                                              session.model->outputs[index].name, static_cast<long long>(bytes)));
    return nullptr;
  }
  tensor.flags = fromAllocator ? 0 : TENON_SESSION_OWNED;
  tensor.capacity_bytes = fromAllocator ? wanted : state.memory.capacityBytes();
  return tensor.data;
}

// A model that breaks its own contract: an internal error, never a wild write.
static bool checkOutputCall(tenon_session &session, uint32_t index, const int64_t *dims, uint32_t &rank,
                            int64_t &bytes) {
  const tenon_model &model = *session.model;
  if (index >= model.num_outputs) {
    session.error.fail(TENON_INTERNAL, "the model produced output %u but it has %u", index, model.num_outputs);
    return false;
  }
  const tenon_tensor_spec &spec = model.outputs[index];
  if (session.outputs[index].produced) {
    session.error.fail(TENON_INTERNAL, "the model produced output '%s' twice", spec.name);
    return false;
  }
  rank = 0;
  while (rank < spec.rank && dims[rank] != -1)
    ++rank;
  // An output of fewer dimensions lacks the first ones, whose extents are 1.
  const int64_t *declared = spec.dims + (spec.rank - rank);
  for (uint32_t i = 0; i < rank; ++i)
    if (dims[i] < 0 || (declared[i] >= 0 && dims[i] != declared[i])) {
      session.error.fail(TENON_INTERNAL, "output '%s' dimension %u became %lld but %s was expected", spec.name, i,
                         static_cast<long long>(dims[i]), ShapeText(spec, model.symbols).text);
      return false;
    }
  if (!denseBytes(rank, dims, tenon_dtype_bytes(spec.dtype), bytes)) {
    session.error.fail(TENON_INTERNAL, "output '%s' (%s) is too large", spec.name, ShapeText(rank, dims).text);
    return false;
  }
  return true;
}

static void *output(tenon_host *host, uint32_t index, const int64_t *dims) {
  tenon_session &session = sessionOf(host);
  int64_t bytes;
  uint32_t rank;
  if (session.failedStatus != TENON_OK)
    return nullptr;
  if (!checkOutputCall(session, index, dims, rank, bytes)) {
    recordFailure(session, TENON_INTERNAL);
    return nullptr;
  }
  const tenon_tensor_spec &spec = session.model->outputs[index];
  OutputState &state = session.outputs[index];
  tenon_tensor &tensor = session.callerOutputs[index];
  bool callerOwned = tensor.data && !(tensor.flags & TENON_SESSION_OWNED) && state.aliasedInput < 0;
  tensor.size_bytes = sizeof(tenon_tensor);
  tensor.abi_version = TENON_ABI_VERSION;
  tensor.dtype = spec.dtype;
  tensor.device = TENON_CPU;
  tensor.rank = rank;
  for (uint32_t i = 0; i < rank; ++i)
    tensor.dims[i] = dims[i];
  denseStrides(rank, dims, tenon_dtype_bytes(spec.dtype), tensor.byte_strides);
  void *memory = callerOwned ? callerBuffer(session, index, tensor, bytes) : ownBuffer(session, index, tensor, bytes);
  // A model writes numbers; they become texts when it has ended.
  if (memory && spec.dtype == TENON_STRING &&
      !(memory = state.numbers.reserve(static_cast<size_t>(bytes) / sizeof(tenon_string) * sizeof(int64_t))))
    recordFailure(session, session.error.fail(TENON_OUT_OF_MEMORY, "no memory for output '%s' of %lld bytes", spec.name,
                                              static_cast<long long>(bytes)));
  state.produced = memory != nullptr;
  return memory;
}

static void *allocate(tenon_host *host, int64_t sizeBytes) {
  tenon_session &session = sessionOf(host);
  void *memory = sizeBytes < 0 ? nullptr : session.region.allocate(static_cast<size_t>(sizeBytes));
  if (!memory && session.failedStatus == TENON_OK)
    recordFailure(session,
                  session.error.fail(TENON_OUT_OF_MEMORY, "no memory for %lld bytes whose size depends on data",
                                     static_cast<long long>(sizeBytes)));
  return memory;
}

static int32_t fail(tenon_host *host, int32_t status, const char *message, int64_t a, int64_t b) {
  tenon_session &session = sessionOf(host);
  if (status == TENON_OK)
    status = TENON_INTERNAL;
  if (session.failedStatus == TENON_OK)
    session.error.expandMessage(message, a, b);
  return recordFailure(session, status);
}

static int64_t intern(tenon_host *host, const char *data, int64_t bytes) {
  tenon_session &session = sessionOf(host);
  int64_t number = bytes < 0 ? -1 : session.strings.intern(data, static_cast<uint64_t>(bytes));
  if (number < 0 && session.failedStatus == TENON_OK)
    recordFailure(session, session.error.fail(TENON_OUT_OF_MEMORY, "no memory for a text of %lld bytes",
                                              static_cast<long long>(bytes)));
  return number;
}

static const char *text(tenon_host *host, int64_t number, int64_t *bytes) {
  tenon_string found = {nullptr, 0};
  sessionOf(host).strings.find(number, found);
  *bytes = static_cast<int64_t>(found.bytes);
  return found.data ? found.data : "";
}

static int32_t reserve(tenon_host *host, int64_t scratchBytes) {
  tenon_session &session = sessionOf(host);
  if (scratchBytes < 0)
    return recordFailure(session, session.error.fail(TENON_INTERNAL, "a kernel asks for scratch of %lld bytes",
                                                     static_cast<long long>(scratchBytes)));
  if (static_cast<size_t>(scratchBytes) <= session.scratchStride)
    return TENON_OK;
  int32_t status = reserveScratch(session, scratchBytes);
  return status == TENON_OK ? status : recordFailure(session, status);
}

tenon_host makeHost() {
  tenon_host host = {};
  host.size_bytes = sizeof host;
  host.abi_version = TENON_ABI_VERSION;
  host.parallel = parallel;
  host.output = output;
  host.allocate = allocate;
  host.fail = fail;
  host.intern = intern;
  host.text = text;
  host.reserve = reserve;
  return host;
}

int32_t writeAliasedOutputs(tenon_session &session) {
  const tenon_model &model = *session.model;
  // All are checked before the first is written, so that a failure leaves every cache as it was.
  for (uint32_t i = 0; i < model.num_outputs; ++i) {
    int32_t input = session.outputs[i].aliasedInput;
    if (input < 0)
      continue;
    const tenon_tensor &result = session.callerOutputs[i], &target = session.callerInputs[input];
    const char *outputName = model.outputs[i].name, *inputName = model.inputs[input].name;
    uint32_t elementBytes = tenon_dtype_bytes(result.dtype);
    int32_t dim = overlappingDimension(result.rank, result.dims, target.byte_strides, elementBytes);
    if (dim >= 0)
      return session.error.fail(
          TENON_INVALID_ARGUMENT,
          "output '%s' (%s) does not fit the strides of input '%s': dimension %d runs into the next", outputName,
          ShapeText(result.rank, result.dims).text, inputName, dim);
    int64_t bytes, capacity = static_cast<int64_t>(target.capacity_bytes);
    if (capacity == 0)
      spanBytes(target.rank, target.dims, target.byte_strides, elementBytes, capacity);
    if (!spanBytes(result.rank, result.dims, target.byte_strides, elementBytes, bytes) || bytes > capacity)
      return session.error.fail(TENON_INVALID_ARGUMENT,
                                "output '%s' (%s) needs %lld bytes but the buffer of input '%s' has %lld", outputName,
                                ShapeText(result.rank, result.dims).text, static_cast<long long>(bytes), inputName,
                                static_cast<long long>(capacity));
  }
  for (uint32_t i = 0; i < model.num_outputs; ++i) {
    int32_t input = session.outputs[i].aliasedInput;
    if (input < 0)
      continue;
    tenon_tensor &result = session.callerOutputs[i];
    const tenon_tensor &target = session.callerInputs[input];
    copyStrided(result.rank, result.dims, tenon_dtype_bytes(result.dtype), target.data, target.byte_strides,
                result.data, result.byte_strides);
    result.data = target.data;
    result.flags = 0;
    result.capacity_bytes = target.capacity_bytes;
    memcpy(result.byte_strides, target.byte_strides, sizeof result.byte_strides);
  }
  return TENON_OK;
}

} // namespace tenon::runtime
