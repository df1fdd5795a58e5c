//===- Abi.cpp - the model ABI as generated code sees it -----------------------------------===//

#include "compiler/Codegen/Abi.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/xxhash.h"
#include <cstddef>
#include <limits>

using namespace mlir;

namespace tenon::codegen {

Abi::Abi(MLIRContext *context)
    : pointer(LLVM::LLVMPointerType::get(context)), i8(IntegerType::get(context, 8)),
      i32(IntegerType::get(context, 32)), i64(IntegerType::get(context, 64)) {
  task = LLVM::LLVMFunctionType::get(i32, {pointer, i64, i64, pointer});
  kernel = LLVM::LLVMFunctionType::get(i32, {pointer, pointer});
  scratch = LLVM::LLVMFunctionType::get(i64, {pointer});
  plan = LLVM::LLVMFunctionType::get(i32, {pointer, pointer, pointer});
  run = LLVM::LLVMFunctionType::get(i32, {pointer, pointer, pointer, pointer, pointer});
  // name, dtype, rank, dims, symbols
  tensorSpec = LLVM::LLVMStructType::getLiteral(context, {pointer, i32, i32, pointer, pointer});
  // name, nodes
  kernelInfo = LLVM::LLVMStructType::getLiteral(context, {pointer, pointer});
  // name, kind, is_output, is_optional, first_tensor, num_tensors
  valueSpec = LLVM::LLVMStructType::getLiteral(context, {pointer, i32, i32, i32, i32, i32});
  model = LLVM::LLVMStructType::getLiteral(
      context,
      {i32,     i32,     pointer, pointer, pointer, pointer, // size_bytes, abi_version, name, producer, triple, cpu
       pointer, i32,     i32,     pointer,                   // features, num_features, num_inputs, inputs
       i32,     i32,     pointer, pointer, pointer, // num_outputs, num_symbols, outputs, symbols, symbol_ranges
       i32,     i32,     pointer,                   // num_kernels, table_slots, kernels
       pointer, i64,     pointer, i64,              // weights, weights_bytes, weights_file, weights_digest
       i64,     pointer, pointer,                   // num_strings, string_bytes, string_ends
       pointer, pointer, pointer, pointer, i32});   // manifest, plan, run, values, num_values
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

Value AbiBuilder::i32(Location loc, int64_t value) {
  return LLVM::ConstantOp::create(builder, loc, abi.i32, builder.getI32IntegerAttr(value));
}

Value AbiBuilder::i64(Location loc, int64_t value) {
  return LLVM::ConstantOp::create(builder, loc, abi.i64, builder.getI64IntegerAttr(value));
}

Value AbiBuilder::null(Location loc) { return LLVM::ZeroOp::create(builder, loc, abi.pointer); }

Value AbiBuilder::addressOf(Location loc, StringRef symbol) {
  return LLVM::AddressOfOp::create(builder, loc, abi.pointer, symbol);
}

Value AbiBuilder::offset(Location loc, Value base, int64_t bytes) {
  if (bytes == 0)
    return base;
  // Constants in the op itself have few bits.
  if (bytes >= int64_t(1) << (LLVM::kGEPConstantBitWidth - 1))
    return offset(loc, base, i64(loc, bytes));
  return LLVM::GEPOp::create(builder, loc, abi.pointer, abi.i8, base,
                             ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(bytes)});
}

Value AbiBuilder::offset(Location loc, Value base, Value bytes) {
  return LLVM::GEPOp::create(builder, loc, abi.pointer, abi.i8, base, ValueRange(bytes));
}

//===----------------------------------------------------------------------===//
// Slots
//===----------------------------------------------------------------------===//

Type slotType(Type type) {
  MLIRContext *context = type.getContext();
  if (isa<IndexType>(type))
    return IntegerType::get(context, 64);
  if (type.isInteger(1))
    return IntegerType::get(context, 8);
  return type;
}

Value AbiBuilder::loadSlot(Location loc, Value slots, int64_t index, Type type, bool invariant) {
  Type stored = slotType(type);
  auto load =
      LLVM::LoadOp::create(builder, loc, stored, offset(loc, slots, index * slotBytes), /*alignment=*/slotBytes);
  load.setInvariant(invariant);
  if (isa<IndexType>(type))
    return arith::IndexCastOp::create(builder, loc, type, load);
  if (type.isInteger(1))
    return LLVM::TruncOp::create(builder, loc, type, load);
  return load;
}

void AbiBuilder::storeSlot(Location loc, Value slots, int64_t index, Value value) {
  if (isa<IndexType>(value.getType()))
    value = builder.createOrFold<arith::IndexCastOp>(loc, abi.i64, value);
  else if (value.getType().isInteger(1))
    value = LLVM::ZExtOp::create(builder, loc, abi.i8, value);
  LLVM::StoreOp::create(builder, loc, value, offset(loc, slots, index * slotBytes), /*alignment=*/slotBytes);
}

//===----------------------------------------------------------------------===//
// Calls through the host table
//===----------------------------------------------------------------------===//

Value AbiBuilder::callHost(Location loc, Value host, int64_t member, Type result, ValueRange arguments) {
  SmallVector<Type> types{abi.pointer};
  llvm::append_range(types, arguments.getTypes());
  auto load = LLVM::LoadOp::create(builder, loc, abi.pointer, offset(loc, host, member), /*alignment=*/8);
  load.setInvariant(true);
  SmallVector<Value> operands{load, host};
  llvm::append_range(operands, arguments);
  return LLVM::CallOp::create(builder, loc, LLVM::LLVMFunctionType::get(result, types), operands).getResult();
}

Value AbiBuilder::callParallel(Location loc, Value host, Value task, Value args, Value tasks, Value work,
                               int64_t kernel) {
  return callHost(loc, host, offsetof(tenon_host, parallel), abi.i32, {task, args, tasks, work, i32(loc, kernel)});
}

Value AbiBuilder::loadAccount(Location loc, Value host) {
  return LLVM::LoadOp::create(builder, loc, abi.pointer, offset(loc, host, offsetof(tenon_host, account)),
                              /*alignment=*/8);
}

void AbiBuilder::callAccount(Location loc, Value account, Value host, int64_t kernel, Value flops, Value bytes) {
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(builder.getContext()),
                                          {abi.pointer, abi.i32, abi.i64, abi.i64});
  LLVM::CallOp::create(builder, loc, type, ValueRange{account, host, i32(loc, kernel), flops, bytes});
}

Value AbiBuilder::callOutput(Location loc, Value host, int64_t index, Value dims) {
  return callHost(loc, host, offsetof(tenon_host, output), abi.pointer, {i32(loc, index), dims});
}

Value AbiBuilder::callAllocate(Location loc, Value host, Value bytes) {
  return callHost(loc, host, offsetof(tenon_host, allocate), abi.pointer, {bytes});
}

Value AbiBuilder::callReserve(Location loc, Value host, Value scratchBytes) {
  return callHost(loc, host, offsetof(tenon_host, reserve), abi.i32, {scratchBytes});
}

Value AbiBuilder::callFail(Location loc, Value host, Value status, Value message, Value a, Value b) {
  return callHost(loc, host, offsetof(tenon_host, fail), abi.i32, {status, message, a, b});
}

//===----------------------------------------------------------------------===//
// Data
//===----------------------------------------------------------------------===//

StringRef getOrCreateString(ModuleOp module, StringRef text) {
  std::string bytes = text.str() + '\0';
  std::string base = "text_" + llvm::utohexstr(llvm::xxh3_64bits(bytes), /*LowerCase=*/true);
  for (std::string name = base;; name += '_') {
    if (auto global = module.lookupSymbol<LLVM::GlobalOp>(name)) {
      auto value = dyn_cast_if_present<StringAttr>(global.getValueOrNull());
      if (value && value.getValue() == bytes)
        return global.getSymName();
      continue;
    }
    OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
    auto type = LLVM::LLVMArrayType::get(builder.getI8Type(), bytes.size());
    auto global = LLVM::GlobalOp::create(builder, module.getLoc(), type, /*isConstant=*/true, LLVM::Linkage::Internal,
                                         name, builder.getStringAttr(bytes));
    global.setUnnamedAddr(LLVM::UnnamedAddr::Global);
    return global.getSymName();
  }
}

} // namespace tenon::codegen
