// Inputs and outputs that are more than one tensor: checks of what the caller gives, packing and unpacking; see
// tenon_value_spec.
#include "runtime/Values.h"

#include "runtime/Session.h"
#include "runtime/Strides.h"
#include "runtime/Types.h"

#include <string.h>

namespace tenon::runtime {

namespace {

/// The tensors of a sequence: those of an input or output from `data` on.
struct SequenceParts {
  const int64_t *extents;
  const int64_t *ranks; // null if all have `columns` extents
  int64_t length;
  uint32_t columns;

  uint32_t rankOf(int64_t element) const { return ranks ? static_cast<uint32_t>(ranks[element]) : columns; }
  const int64_t *extentsOf(int64_t element) const { return extents + element * columns; }
};

bool isSequence(const tenon_value_spec &value) { return value.kind == TENON_SEQUENCE; }

/// The element that `element` numbers has extents that a tensor can have; adds its size to `total`.
bool isSound(const SequenceParts &parts, int64_t element, int64_t &total) {
  if (parts.ranks && (parts.ranks[element] < 0 || parts.ranks[element] > parts.columns))
    return false;
  const int64_t *extents = parts.extentsOf(element);
  for (uint32_t d = parts.rankOf(element); d < parts.columns; ++d)
    if (extents[d] != 1)
      return false;
  int64_t size;
  for (uint32_t d = 0; d < parts.columns; ++d)
    if (extents[d] < 0)
      return false;
  return denseBytes(parts.columns, extents, 1, size) && !__builtin_add_overflow(total, size, &total);
}

int32_t checkSequence(tenon_session &session, const tenon_value_spec &value, uint32_t first) {
  const tenon_tensor *tensors = session.callerInputs + first;
  SequenceParts parts = {};
  parts.extents = static_cast<const int64_t *>(session.inputs[first + 1].data);
  parts.length = tensors[1].dims[0];
  parts.columns = static_cast<uint32_t>(tensors[1].dims[1]);
  if (first + 2 < value.first_tensor + value.num_tensors) {
    parts.ranks = static_cast<const int64_t *>(session.inputs[first + 2].data);
    if (tensors[2].dims[0] != parts.length)
      return session.error.fail(TENON_INVALID_ARGUMENT, "input '%s' has extents of %lld elements and ranks of %lld",
                                value.name, static_cast<long long>(parts.length),
                                static_cast<long long>(tensors[2].dims[0]));
  }
  int64_t total = 0;
  for (int64_t i = 0; i < parts.length; ++i)
    if (!isSound(parts, i, total))
      return session.error.fail(TENON_INVALID_ARGUMENT, "input '%s' element %lld has no valid rank or extents",
                                value.name, static_cast<long long>(i));
  if (total != tensors[0].dims[0])
    return session.error.fail(TENON_INVALID_ARGUMENT, "input '%s' has data of %lld numbers but its elements have %lld",
                              value.name, static_cast<long long>(tensors[0].dims[0]), static_cast<long long>(total));
  return TENON_OK;
}

/// Two keys of a map that follow each other.
int32_t checkTexts(tenon_session &session, const char *name, const int64_t *numbers) {
  tenon_string first = {}, second = {};
  session.strings.find(numbers[0], first);
  session.strings.find(numbers[1], second);
  uint64_t common = first.bytes < second.bytes ? first.bytes : second.bytes;
  int order = common == 0 ? 0 : memcmp(first.data, second.data, static_cast<size_t>(common));
  if (order < 0 || (order == 0 && first.bytes < second.bytes))
    return TENON_OK;
  static constexpr uint64_t shown = 40;
  auto length = [](const tenon_string &text) { return static_cast<int>(text.bytes < shown ? text.bytes : shown); };
  return session.error.fail(TENON_INVALID_ARGUMENT, "input '%s' has key '%.*s' before '%.*s', expected ascending keys",
                            name, length(first), first.data ? first.data : "", length(second),
                            second.data ? second.data : "");
}

int32_t checkMap(tenon_session &session, const tenon_value_spec &value, uint32_t first) {
  const tenon_tensor &keys = session.callerInputs[first], &values = session.callerInputs[first + 1];
  if (keys.dims[0] != values.dims[values.rank - 1])
    return session.error.fail(TENON_INVALID_ARGUMENT, "input '%s' has %lld keys and %lld values", value.name,
                              static_cast<long long>(keys.dims[0]),
                              static_cast<long long>(values.dims[values.rank - 1]));
  const auto *list = static_cast<const int64_t *>(session.inputs[first].data);
  bool areTexts = keys.dtype == TENON_STRING;
  for (int64_t i = 1; areTexts && i < keys.dims[0]; ++i)
    if (int32_t status = checkTexts(session, value.name, list + i - 1))
      return status;
  for (int64_t i = 1; !areTexts && i < keys.dims[0]; ++i)
    if (list[i - 1] >= list[i])
      return session.error.fail(TENON_INVALID_ARGUMENT, "input '%s' has key %lld before %lld, expected ascending keys",
                                value.name, static_cast<long long>(list[i - 1]), static_cast<long long>(list[i]));
  return TENON_OK;
}

/// Fills `parts` for `count` elements of one sequence.
int32_t packElements(tenon_session &session, uint32_t index, const tenon_tensor *elements, int64_t count,
                     tenon_tensor *parts) {
  const tenon_value_spec &value = session.model->values[index];
  const tenon_tensor_spec *specs = session.model->inputs + value.first_tensor + value.is_optional;
  bool hasRanks = value.num_tensors - value.is_optional > 2;
  auto columns = static_cast<uint32_t>(specs[1].dims[1]);
  uint32_t elementBytes = tenon_dtype_bytes(specs[0].dtype);
  int64_t total = 0;
  for (int64_t i = 0; i < count; ++i) {
    const tenon_tensor &element = elements[i];
    if (element.dtype != specs[0].dtype)
      return session.error.fail(TENON_INVALID_ARGUMENT, "input '%s' element %lld has type %s but expected %s",
                                value.name, static_cast<long long>(i), tenon_dtype_name(element.dtype),
                                tenon_dtype_name(specs[0].dtype));
    if (hasRanks ? element.rank > columns : element.rank != columns)
      return session.error.fail(TENON_INVALID_ARGUMENT, "input '%s' element %lld has rank %u but expected %s%u",
                                value.name, static_cast<long long>(i), element.rank, hasRanks ? "at most " : "",
                                columns);
    int64_t bytes;
    bool isNegative = false;
    for (uint32_t d = 0; d < element.rank; ++d)
      isNegative |= element.dims[d] < 0;
    if (isNegative || !denseBytes(element.rank, element.dims, elementBytes, bytes) ||
        __builtin_add_overflow(total, bytes, &total) || (!element.data && bytes > 0))
      return session.error.fail(TENON_INVALID_ARGUMENT, "input '%s' element %lld (%s) has no data or no valid extents",
                                value.name, static_cast<long long>(i), ShapeText(element.rank, element.dims).text);
  }
  int64_t tableBytes;
  ValueState &state = session.values[index];
  if (__builtin_mul_overflow(count, int64_t(columns + hasRanks) * 8, &tableBytes) ||
      !state.table.reserve(static_cast<size_t>(tableBytes)) || !state.data.reserve(static_cast<size_t>(total)))
    return session.error.fail(TENON_OUT_OF_MEMORY, "no memory for the elements of input '%s'", value.name);
  auto *extents = static_cast<int64_t *>(state.table.data()), *ranks = extents + count * columns;
  auto *data = static_cast<char *>(state.data.data());
  for (int64_t i = 0; i < count; ++i) {
    const tenon_tensor &element = elements[i];
    int64_t bytes, strides[TENON_MAX_RANK];
    denseBytes(element.rank, element.dims, elementBytes, bytes);
    denseStrides(element.rank, element.dims, elementBytes, strides);
    copyStrided(element.rank, element.dims, elementBytes, data, strides, element.data, element.byte_strides);
    data += bytes;
    for (uint32_t d = 0; d < columns; ++d)
      extents[i * columns + d] = d < element.rank ? element.dims[d] : 1;
    if (hasRanks)
      ranks[i] = element.rank;
  }
  int64_t dataDims[] = {total / elementBytes}, tableDims[] = {count, columns};
  parts[0] = tenon_dense_tensor(specs[0].dtype, 1, dataDims, state.data.data());
  parts[1] = tenon_dense_tensor(TENON_I64, 2, tableDims, extents);
  if (hasRanks)
    parts[2] = tenon_dense_tensor(TENON_I64, 1, tableDims, ranks);
  return TENON_OK;
}

/// A tensor that stands for an optional one that is absent.
int32_t packNothing(tenon_session &session, uint32_t index, tenon_tensor *part) {
  const tenon_value_spec &value = session.model->values[index];
  const tenon_tensor_spec &spec = session.model->inputs[value.first_tensor + 1];
  int64_t dims[TENON_MAX_RANK] = {}, bytes;
  for (uint32_t d = 0; d < spec.rank; ++d)
    dims[d] = spec.dims[d] < 0 ? 0 : spec.dims[d];
  Buffer &data = session.values[index].data;
  if (!denseBytes(spec.rank, dims, tenon_dtype_bytes(spec.dtype), bytes) || !data.reserve(static_cast<size_t>(bytes)))
    return session.error.fail(TENON_OUT_OF_MEMORY, "no memory for input '%s'", value.name);
  memset(data.data(), 0, static_cast<size_t>(bytes));
  *part = tenon_dense_tensor(spec.dtype, spec.rank, dims, data.data());
  return TENON_OK;
}

} // namespace

int32_t checkValues(tenon_session &session) {
  const tenon_model &model = *session.model;
  for (uint32_t i = 0; i < model.num_values; ++i) {
    const tenon_value_spec &value = model.values[i];
    if (value.is_output)
      continue;
    uint32_t first = value.first_tensor + value.is_optional;
    int32_t status = TENON_OK;
    if (value.is_optional && *static_cast<const uint8_t *>(session.inputs[value.first_tensor].data) > 1)
      status = session.error.fail(TENON_INVALID_ARGUMENT, "input '%s' is neither present nor absent", value.name);
    else if (isSequence(value))
      status = checkSequence(session, value, first);
    else if (value.kind == TENON_MAP || value.kind == TENON_MAPS)
      status = checkMap(session, value, first);
    if (status != TENON_OK)
      return status;
  }
  return TENON_OK;
}

} // namespace tenon::runtime

using namespace tenon::runtime;

extern "C" {

uint32_t tenon_num_values(const tenon_module *module) { return module->model->num_values; }

const tenon_value_spec *tenon_value(const tenon_module *module, uint32_t index) {
  return index < module->model->num_values ? &module->model->values[index] : nullptr;
}

int32_t tenon_find_value(const tenon_module *module, const char *name, int32_t is_output) {
  const tenon_model &model = *module->model;
  for (uint32_t i = 0; i < model.num_values; ++i)
    if ((model.values[i].is_output != 0) == (is_output != 0) && strcmp(model.values[i].name, name) == 0)
      return static_cast<int32_t>(i);
  return -1;
}

int32_t tenon_pack(tenon_session *session, uint32_t index, const tenon_tensor *elements, int64_t count,
                   tenon_tensor *parts) {
  const tenon_model &model = *session->model;
  session->error.clear();
  if (index >= model.num_values || model.values[index].is_output)
    return session->error.fail(TENON_INVALID_ARGUMENT, "value %u of the model is no input", index);
  const tenon_value_spec &value = model.values[index];
  bool isPresent = count >= 0;
  if (value.kind != TENON_SEQUENCE && value.kind != TENON_OPTIONAL_TENSOR)
    return session->error.fail(TENON_INVALID_ARGUMENT, "input '%s' is a map: its tensors are passed as they are",
                               value.name);
  if (count < 0 && !value.is_optional)
    return session->error.fail(TENON_INVALID_ARGUMENT, "input '%s' is not optional", value.name);
  if (value.is_optional) {
    session->values[index].isPresent = isPresent;
    *parts++ = tenon_dense_tensor(TENON_BOOL, 0, nullptr, &session->values[index].isPresent);
  }
  if (isSequence(value))
    return packElements(*session, index, elements, isPresent ? count : 0, parts);
  if (!isPresent)
    return packNothing(*session, index, parts);
  if (count != 1)
    return session->error.fail(TENON_INVALID_ARGUMENT, "input '%s' is one tensor but got %lld", value.name,
                               static_cast<long long>(count));
  *parts = *elements;
  return TENON_OK;
}

int64_t tenon_count(const tenon_value_spec *value, const tenon_tensor *parts) {
  if (value->is_optional && !*static_cast<const uint8_t *>(parts->data))
    return -1;
  parts += value->is_optional;
  switch (value->kind) {
  case TENON_SEQUENCE:
    return parts[1].dims[0];
  case TENON_MAP:
    return parts[0].dims[0];
  case TENON_MAPS:
    return parts[1].dims[0];
  default:
    return 1;
  }
}

void tenon_unpack(const tenon_value_spec *value, const tenon_tensor *parts, tenon_tensor *elements) {
  int64_t count = tenon_count(value, parts);
  bool hasRanks = value->num_tensors - value->is_optional > 2;
  parts += value->is_optional;
  if (value->kind == TENON_OPTIONAL_TENSOR && count == 1)
    *elements = *parts;
  if (value->kind != TENON_SEQUENCE)
    return;
  const auto *extents = static_cast<const int64_t *>(parts[1].data);
  const auto *data = static_cast<const char *>(parts[0].data);
  for (int64_t i = 0; i < count; ++i) {
    auto rank = static_cast<uint32_t>(hasRanks ? static_cast<const int64_t *>(parts[2].data)[i] : parts[1].dims[1]);
    elements[i] = tenon_dense_tensor(parts[0].dtype, rank, extents, data);
    elements[i].flags = parts[0].flags;
    data += elements[i].capacity_bytes;
    extents += parts[1].dims[1];
  }
}
}
