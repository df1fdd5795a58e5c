// Strings at the border of a model: texts of inputs become numbers, numbers of outputs become texts; see Session.h.
#include "runtime/Session.h"
#include "runtime/Strides.h"

#include <string.h>

namespace tenon::runtime {

static int32_t failNoMemory(tenon_session &session, const char *what, const char *name) {
  return session.error.fail(TENON_OUT_OF_MEMORY, "no memory for the texts of %s '%s'", what, name);
}

int32_t bindStrings(tenon_session &session, uint32_t index) {
  const tenon_tensor_spec &spec = session.model->inputs[index];
  const tenon_tensor &tensor = session.callerInputs[index];
  InputState &state = session.inputs[index];
  auto count = static_cast<size_t>(state.bytes) / sizeof(tenon_string);
  void *memory = state.staging.reserve(static_cast<size_t>(state.bytes));
  if (!memory)
    return failNoMemory(session, "input", spec.name);
  int64_t strides[TENON_MAX_RANK];
  denseStrides(spec.rank, tensor.dims, sizeof(tenon_string), strides);
  copyStrided(spec.rank, tensor.dims, sizeof(tenon_string), memory, strides, tensor.data, tensor.byte_strides);
  // Numbers are shorter than what they stand for, so they never overtake the elements that are still to be read.
  auto *bytes = static_cast<char *>(memory);
  for (size_t i = 0; i < count; ++i) {
    tenon_string text;
    memcpy(&text, bytes + i * sizeof text, sizeof text);
    if ((!text.data && text.bytes != 0) || text.bytes > INT64_MAX || !isUtf8(text.data, text.bytes))
      return session.error.fail(TENON_INVALID_ARGUMENT, "input '%s' element %llu is not a text in UTF-8", spec.name,
                                static_cast<unsigned long long>(i));
    int64_t number = session.strings.intern(text.data, text.bytes);
    if (number < 0)
      return failNoMemory(session, "input", spec.name);
    memcpy(bytes + i * sizeof number, &number, sizeof number);
  }
  state.data = memory;
  state.bytes = static_cast<int64_t>(count * sizeof(int64_t));
  return TENON_OK;
}

int32_t writeStringOutputs(tenon_session &session) {
  const tenon_model &model = *session.model;
  for (uint32_t i = 0; i < model.num_outputs; ++i) {
    if (model.outputs[i].dtype != TENON_STRING)
      continue;
    const tenon_tensor &tensor = session.callerOutputs[i];
    auto *texts = static_cast<tenon_string *>(tensor.data);
    auto *numbers = static_cast<const int64_t *>(session.outputs[i].numbers.data());
    int64_t bytes = 0;
    denseBytes(tensor.rank, tensor.dims, sizeof(tenon_string), bytes);
    for (size_t at = 0; at < static_cast<size_t>(bytes) / sizeof *texts; ++at)
      if (!session.strings.find(numbers[at], texts[at]))
        return session.error.fail(TENON_INTERNAL, "output '%s' element %llu is no text but %lld", model.outputs[i].name,
                                  static_cast<unsigned long long>(at), static_cast<long long>(numbers[at]));
  }
  return TENON_OK;
}

} // namespace tenon::runtime
