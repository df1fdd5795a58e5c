// Checks that a descriptor fits this runtime and this processor, and answers questions about it; see Module.h.
#include "runtime/Features.h"
#include "runtime/Module.h"
#include "runtime/Types.h"

#include <string.h>

namespace tenon::runtime {

static int32_t checkSpec(const tenon_model &model, const tenon_tensor_spec &spec, const char *what, uint32_t index,
                         ErrorText &error) {
  if (!spec.name)
    return error.fail(TENON_INCOMPATIBLE, "%s %u of the model has no name", what, index);
  if (tenon_dtype_bytes(spec.dtype) == 0)
    return error.fail(TENON_INCOMPATIBLE, "%s '%s' has element type %u, which this runtime does not know", what,
                      spec.name, spec.dtype);
  if (spec.rank > TENON_MAX_RANK)
    return error.fail(TENON_INCOMPATIBLE, "%s '%s' has rank %u but at most %u is supported", what, spec.name, spec.rank,
                      TENON_MAX_RANK);
  if (spec.rank > 0 && (!spec.dims || !spec.symbols))
    return error.fail(TENON_INCOMPATIBLE, "%s '%s' has no dimensions", what, spec.name);
  for (uint32_t i = 0; i < spec.rank; ++i) {
    if (spec.dims[i] < -1)
      return error.fail(TENON_INCOMPATIBLE, "%s '%s' dimension %u is %lld", what, spec.name, i,
                        static_cast<long long>(spec.dims[i]));
    if (spec.symbols[i] < -1 || spec.symbols[i] >= static_cast<int64_t>(model.num_symbols))
      return error.fail(TENON_INCOMPATIBLE, "%s '%s' dimension %u names symbol %d of %u", what, spec.name, i,
                        spec.symbols[i], model.num_symbols);
  }
  return TENON_OK;
}

static int32_t checkValue(const tenon_model &model, const tenon_value_spec &value, ErrorText &error) {
  static constexpr uint32_t mostTensors[] = {0, 1, 3, 2, 2}; // by enum tenon_value_kind
  uint32_t tensors = value.num_tensors - value.is_optional;
  uint32_t count = value.is_output ? model.num_outputs : model.num_inputs;
  const tenon_tensor_spec *specs = value.is_output ? model.outputs : model.inputs;
  if (!value.name || value.kind < TENON_OPTIONAL_TENSOR || value.kind > TENON_MAPS || value.is_optional > 1 ||
      value.num_tensors < value.is_optional || tensors > mostTensors[value.kind] || tensors == 0 ||
      (tensors == 1) != (value.kind == TENON_OPTIONAL_TENSOR) || value.first_tensor > count ||
      value.num_tensors > count - value.first_tensor)
    return error.fail(TENON_INCOMPATIBLE, "the model describes a value that this runtime does not know");
  specs += value.first_tensor;
  bool fits = !value.is_optional || (specs[0].dtype == TENON_BOOL && specs[0].rank == 0);
  specs += value.is_optional;
  if (value.kind == TENON_SEQUENCE)
    fits = fits && specs[0].rank == 1 && specs[1].dtype == TENON_I64 && specs[1].rank == 2 && specs[1].dims[1] >= 0 &&
           specs[1].dims[1] <= static_cast<int64_t>(TENON_MAX_RANK) &&
           (tensors == 2 || (specs[2].dtype == TENON_I64 && specs[2].rank == 1));
  if (value.kind == TENON_MAP || value.kind == TENON_MAPS)
    fits = fits && (specs[0].dtype == TENON_I64 || specs[0].dtype == TENON_STRING) && specs[0].rank == 1 &&
           specs[1].rank == value.kind - TENON_MAP + 1;
  return fits ? static_cast<int32_t>(TENON_OK)
              : error.fail(TENON_INCOMPATIBLE, "the tensors of value '%s' are not those of its kind", value.name);
}

static int32_t checkStrings(const tenon_model &model, ErrorText &error) {
  if (model.num_strings > 0 && (!model.string_bytes || !model.string_ends))
    return error.fail(TENON_INCOMPATIBLE, "the model's descriptor is incomplete");
  for (uint64_t i = 0; i < model.num_strings; ++i)
    if (model.string_ends[i] <= (i == 0 ? 0 : model.string_ends[i - 1]))
      return error.fail(TENON_INCOMPATIBLE, "text %llu of the model is empty", static_cast<unsigned long long>(i));
  return TENON_OK;
}

static int32_t checkTables(const tenon_model &model, ErrorText &error) {
  if (!model.plan || !model.run || model.table_slots < TENON_TABLE_FIRST_FREE ||
      (model.num_inputs > 0 && !model.inputs) || (model.num_outputs > 0 && !model.outputs) ||
      (model.num_symbols > 0 && !model.symbols) || (model.num_kernels > 0 && !model.kernels) ||
      (model.num_features > 0 && !model.features) || (model.num_values > 0 && !model.values))
    return error.fail(TENON_INCOMPATIBLE, "the model's descriptor is incomplete");
  if (int32_t status = checkStrings(model, error))
    return status;
  for (uint32_t i = 0; model.symbol_ranges && i < model.num_symbols; ++i)
    if (model.symbol_ranges[i].smallest < 0 || model.symbol_ranges[i].largest < model.symbol_ranges[i].smallest)
      return error.fail(TENON_INCOMPATIBLE, "dimension '%s' has the range %lld..%lld", model.symbols[i],
                        static_cast<long long>(model.symbol_ranges[i].smallest),
                        static_cast<long long>(model.symbol_ranges[i].largest));
  for (uint32_t i = 0; i < model.num_inputs; ++i)
    if (int32_t status = checkSpec(model, model.inputs[i], "input", i, error))
      return status;
  for (uint32_t i = 0; i < model.num_outputs; ++i)
    if (int32_t status = checkSpec(model, model.outputs[i], "output", i, error))
      return status;
  for (uint32_t i = 0; i < model.num_values; ++i)
    if (int32_t status = checkValue(model, model.values[i], error))
      return status;
  return TENON_OK;
}

int32_t checkDescriptor(const tenon_model *model, ErrorText &error) {
  // Nothing behind the first two fields is read before they are known to be right.
  if (model->abi_version != TENON_ABI_VERSION)
    return error.fail(TENON_INCOMPATIBLE, "the model has ABI version %u but this runtime expects %u; compile it again",
                      model->abi_version, TENON_ABI_VERSION);
  if (model->size_bytes != sizeof(tenon_model))
    return error.fail(TENON_INCOMPATIBLE,
                      "the model's descriptor has %u bytes but this runtime expects %u; compile it again",
                      model->size_bytes, static_cast<unsigned>(sizeof(tenon_model)));
  if (int32_t status = checkTables(*model, error))
    return status;
  return checkFeatures(model->features, model->num_features, error);
}

static int32_t findSpec(const tenon_tensor_spec *specs, uint32_t count, const char *name) {
  for (uint32_t i = 0; i < count; ++i)
    if (strcmp(specs[i].name, name) == 0)
      return static_cast<int32_t>(i);
  return -1;
}

} // namespace tenon::runtime

using namespace tenon::runtime;

extern "C" {

const tenon_model *tenon_descriptor(const tenon_module *module) { return module->model; }

uint32_t tenon_num_inputs(const tenon_module *module) { return module->model->num_inputs; }

uint32_t tenon_num_outputs(const tenon_module *module) { return module->model->num_outputs; }

const tenon_tensor_spec *tenon_input(const tenon_module *module, uint32_t index) {
  return index < module->model->num_inputs ? &module->model->inputs[index] : nullptr;
}

const tenon_tensor_spec *tenon_output(const tenon_module *module, uint32_t index) {
  return index < module->model->num_outputs ? &module->model->outputs[index] : nullptr;
}

int32_t tenon_find_input(const tenon_module *module, const char *name) {
  return findSpec(module->model->inputs, module->model->num_inputs, name);
}

int32_t tenon_find_output(const tenon_module *module, const char *name) {
  return findSpec(module->model->outputs, module->model->num_outputs, name);
}

const char *tenon_symbol_name(const tenon_module *module, int32_t symbol) {
  return symbol >= 0 && static_cast<uint32_t>(symbol) < module->model->num_symbols ? module->model->symbols[symbol]
                                                                                   : nullptr;
}
}
