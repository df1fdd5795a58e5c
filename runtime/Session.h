// A session: everything that one run at a time needs.
//
// What it expects: one thread at a time; a module that stays open (the session holds a reference).
// What it guarantees: all memory that a plan needs is there before the model runs; the pointers that a run handed out
// stay valid until the next one.
//
// Session.cpp creates, destroys and configures; Run.cpp checks inputs and drives a run; Strings.cpp translates strings;
// Host.cpp is what the running model calls back.
#ifndef TENON_RUNTIME_SESSION_H
#define TENON_RUNTIME_SESSION_H

#include "runtime/ErrorText.h"
#include "runtime/Memory.h"
#include "runtime/Module.h"
#include "runtime/PlanCache.h"
#include "runtime/StringTable.h"
#include "runtime/Values.h"

namespace tenon::runtime {

/// What a session keeps per input.
struct InputState {
  Buffer staging;             // a dense copy, when one was needed
  const void *data = nullptr; // what the model reads in this run
  int64_t bytes = 0;          // of the dense tensor
  int32_t aliasedOutput = -1; // the output that is written into this input's buffer
};

/// What a session keeps per output.
struct OutputState {
  Buffer memory;             // outputs that the session owns, and aliased ones before they are copied
  Buffer numbers;            // of strings, while the model runs
  int32_t aliasedInput = -1; // see tenon_alias
  bool produced = false;     // in this run
};

} // namespace tenon::runtime

/// `host` is first: the model's callbacks get its address and find the session.
struct tenon_session {
  tenon_host host;
  tenon_module *module = nullptr;
  const tenon_model *model = nullptr;
  uint32_t threads = 1;
  bool joinedPool = false;

  tenon::runtime::PlanCache plans;
  tenon::runtime::Buffer arena;
  tenon::runtime::Buffer scratch; // `threads` pieces of scratchStride bytes
  size_t scratchStride = 0;
  tenon::runtime::Region region;
  tenon::runtime::StringTable strings; // of the last run, beside the model's own

  // Arrays of the model's numbers of inputs, outputs, values, symbols and input dimensions.
  tenon::runtime::InputState *inputs = nullptr;
  tenon::runtime::OutputState *outputs = nullptr;
  tenon::runtime::ValueState *values = nullptr;
  const void **inputData = nullptr;
  int64_t *inputDims = nullptr;         // all inputs' dimensions in order: the key of plans
  int64_t *symbolValues = nullptr;      // -1: not seen in this run yet
  tenon_tensor *namedTensors = nullptr; // inputs then outputs, for tenon_run_named

  // Of the run under way.
  const tenon_tensor *callerInputs = nullptr;
  tenon_tensor *callerOutputs = nullptr;

  tenon_output_fn allocateOutput = nullptr;
  void *allocatorUser = nullptr;
  tenon_profile *profile = nullptr;

  int32_t failedStatus = TENON_OK; // of the first failure that was recorded in this run
  tenon::runtime::ErrorText error;
};

namespace tenon::runtime {

/// The table of functions that the model calls.
tenon_host makeHost();

/// The host's `account` while there is a profile.
void account(tenon_host *host, uint32_t kernel, int64_t flops, int64_t bytes);

/// Records the first failure of a run; `error` has its text already.
int32_t recordFailure(tenon_session &session, int32_t status);

/// The plan for session.inputDims, made if it is new; null on failure, which is recorded.
const int64_t *findPlan(tenon_session &session, int32_t &status);

/// Makes arena and scratch as large as the plan needs.
int32_t reserveMemory(tenon_session &session, const int64_t *table);

/// Gives each thread scratch of that size. What scratch held is lost.
int32_t reserveScratch(tenon_session &session, int64_t bytes);

/// Makes `data` of an input of strings a dense buffer of their numbers. `bytes` of its state is that of the tensor.
int32_t bindStrings(tenon_session &session, uint32_t index);

/// Turns the numbers that the model wrote into texts.
int32_t writeStringOutputs(tenon_session &session);

/// Copies what aliased outputs computed into their inputs' buffers.
int32_t writeAliasedOutputs(tenon_session &session);

} // namespace tenon::runtime

#endif // TENON_RUNTIME_SESSION_H
