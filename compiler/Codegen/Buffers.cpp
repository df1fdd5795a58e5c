//===- Buffers.cpp - memrefs made of pointers ----------------------------------------------===//

#include "compiler/Codegen/Buffers.h"

#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"

using namespace mlir;

namespace tenon::codegen {

LowerToLLVMOptions loweringOptions(MLIRContext *context) {
  LowerToLLVMOptions options(context);
  options.overrideIndexBitwidth(64);
  // Kernels have no heap: memory comes from main's plan.
  options.allocLowering = LowerToLLVMOptions::AllocLowering::None;
  return options;
}

Value memrefFromPointer(OpBuilder &builder, Location loc, const LLVMTypeConverter &converter, MemRefType type,
                        Value pointer) {
  Value descriptor;
  if (type.hasStaticShape()) {
    descriptor = MemRefDescriptor::fromStaticShape(builder, loc, converter, type, pointer);
  } else {
    auto memref = MemRefDescriptor::poison(builder, loc, converter.convertType(type));
    memref.setAllocatedPtr(builder, loc, pointer);
    memref.setAlignedPtr(builder, loc, pointer);
    memref.setConstantOffset(builder, loc, 0);
    memref.setConstantSize(builder, loc, 0, uint64_t(1) << 62);
    memref.setConstantStride(builder, loc, 0, 1);
    descriptor = memref;
  }
  return UnrealizedConversionCastOp::create(builder, loc, type, descriptor).getResult(0);
}

} // namespace tenon::codegen
