//===- Descriptor.cpp - the descriptor as a constant of LLVM IR ----------------------------===//

#include "compiler/Emit/Descriptor.h"
#include "compiler/Support/Weights.h"
#include "tenon/model_abi.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/Constants.h"
#include "llvm/Support/FormatVariadic.h"

using namespace llvm;

namespace tenon::emit {

static_assert(weightAlignment == TENON_ALIGNMENT, "Support and the ABI must agree");

namespace {

/// The members of tenon_model in order, for the few that are used here.
enum Field {
  NumInputs = 8,
  Inputs = 9,
  NumOutputs = 10,
  Outputs = 12,
  Weights = 18,
  WeightsBytes = 19,
  WeightsFile = 20,
  WeightsDigest = 21,
  NumFields = 30
};

Error shapeError() {
  return createStringError("the model's descriptor does not have the shape of the model ABI, version %u",
                           unsigned(TENON_ABI_VERSION));
}

bool isPlausible(const ConstantStruct *fields) {
  if (!fields || fields->getNumOperands() != NumFields)
    return false;
  auto isPointer = [&](unsigned field) { return fields->getOperand(field)->getType()->isPointerTy(); };
  auto isInteger = [&](unsigned field, unsigned bits) {
    return fields->getOperand(field)->getType()->isIntegerTy(bits);
  };
  return isInteger(NumInputs, 32) && isPointer(Inputs) && isInteger(NumOutputs, 32) && isPointer(Outputs) &&
         isPointer(Weights) && isInteger(WeightsBytes, 64) && isPointer(WeightsFile) && isInteger(WeightsDigest, 64);
}

/// The name in element `index` of an array of tenon_tensor_spec.
std::optional<StringRef> readName(const Constant *specs, unsigned index) {
  auto *global = dyn_cast<GlobalVariable>(specs->stripPointerCasts());
  if (!global || !global->hasInitializer())
    return std::nullopt;
  const Constant *spec = global->getInitializer()->getAggregateElement(index);
  const Constant *pointer = spec ? spec->getAggregateElement(0u) : nullptr;
  auto *text = pointer ? dyn_cast<GlobalVariable>(pointer->stripPointerCasts()) : nullptr;
  if (!text || !text->hasInitializer())
    return std::nullopt;
  if (auto *characters = dyn_cast<ConstantDataSequential>(text->getInitializer());
      characters && characters->isCString())
    return characters->getAsCString();
  if (isa<ConstantAggregateZero>(text->getInitializer()))
    return StringRef("");
  return std::nullopt;
}

/// An upper-case C identifier part for any UTF-8 name.
std::string sanitize(StringRef name) {
  std::string result;
  for (char c : name)
    result += isAlnum(c) ? toUpper(c) : '_';
  return result;
}

/// A text for a comment of C: whatever could end or confuse it is replaced.
std::string commentText(StringRef name) {
  std::string result;
  for (char c : name)
    result += c == '*' || c == '/' || c == '\\' || c == '?' || static_cast<unsigned char>(c) < 0x20 ? '_' : c;
  return result;
}

Error writeIndices(raw_ostream &os, const ConstantStruct &fields, Field count, Field specs, StringRef symbol,
                   StringRef kind) {
  std::string stem = sanitize(symbol) + "_" + kind.upper() + "_";
  uint64_t number = cast<ConstantInt>(fields.getOperand(count))->getZExtValue();
  os << formatv("/* Indices of {0}s, in the order of tenon_run. */\n#define {1}_NUM_{2}S {3}\n", kind, sanitize(symbol),
                kind.upper(), number);
  StringSet<> used;
  for (uint64_t i = 0; i < number; ++i) {
    std::optional<StringRef> name = readName(fields.getOperand(specs), i);
    if (!name)
      return shapeError();
    std::string macro = stem + sanitize(*name);
    if (!used.insert(macro).second) {
      macro += formatv("_{0}", i);
      used.insert(macro);
    }
    os << formatv("#define {0} {1} /* {2} */\n", macro, i, commentText(*name));
  }
  os << "\n";
  return Error::success();
}

} // namespace

GlobalVariable *findDescriptor(Module &module, StringRef symbol) {
  GlobalVariable *global = module.getGlobalVariable(symbol);
  return global && global->hasInitializer() ? global : nullptr;
}

Error placeWeights(GlobalVariable &descriptor, const WeightPlacement &weights) {
  auto *fields = dyn_cast<ConstantStruct>(descriptor.getInitializer());
  if (!isPlausible(fields))
    return shapeError();
  SmallVector<Constant *> values;
  for (const Use &operand : fields->operands())
    values.push_back(cast<Constant>(operand));
  Module &module = *descriptor.getParent();
  LLVMContext &context = module.getContext();
  auto *pointerType = cast<PointerType>(values[Weights]->getType());
  auto setInteger = [&](Field field, uint64_t value) {
    values[field] = ConstantInt::get(values[field]->getType(), value);
  };

  values[Weights] = values[WeightsFile] = ConstantPointerNull::get(pointerType);
  if (weights.file) {
    Constant *text = ConstantDataArray::getString(context, *weights.file);
    values[WeightsFile] =
        new GlobalVariable(module, text->getType(), true, GlobalValue::PrivateLinkage, text, "tenon_weights_file");
  } else if (weights.sizeBytes != 0) {
    GlobalVariable *section = module.getGlobalVariable(weightsSymbolName);
    if (!section)
      section = new GlobalVariable(module, Type::getInt8Ty(context), true, GlobalValue::ExternalLinkage, nullptr,
                                   weightsSymbolName);
    values[Weights] = section;
  }
  setInteger(WeightsBytes, weights.sizeBytes);
  setInteger(WeightsDigest, weights.digest);
  descriptor.setInitializer(ConstantStruct::get(fields->getType(), values));
  return Error::success();
}

Expected<std::string> writeHeader(const GlobalVariable &descriptor, StringRef symbol) {
  auto *fields = dyn_cast<ConstantStruct>(descriptor.getInitializer());
  if (!isPlausible(fields))
    return shapeError();
  std::string text;
  raw_string_ostream os(text);
  std::string guard = "TENON_MODEL_" + sanitize(symbol) + "_H";
  os << "/* Generated by tenon. A compiled model: give it to tenon_open_linked of <tenon/tenon.h>. */\n";
  os << formatv("#ifndef {0}\n#define {0}\n\n#include <tenon/model_abi.h>\n\n", guard);
  os << "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n";
  os << formatv("extern const tenon_model {0};\n\n", symbol);
  os << "#ifdef __cplusplus\n}\n#endif\n\n";
  if (Error error = writeIndices(os, *fields, NumInputs, Inputs, symbol, "input"))
    return error;
  if (Error error = writeIndices(os, *fields, NumOutputs, Outputs, symbol, "output"))
    return error;
  os << formatv("#endif /* {0} */\n", guard);
  return text;
}

} // namespace tenon::emit
