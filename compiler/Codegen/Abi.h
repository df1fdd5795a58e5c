//===- Abi.h - the model ABI as generated code sees it -------------------------------------===//
//
// Offsets and types of runtime/include/tenon/model_abi.h, and calls through the host table. The layout is the same on
// all 64-bit targets: it is taken from the header at hand.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_CODEGEN_ABI_H
#define TENON_COMPILER_CODEGEN_ABI_H

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Builders.h"
#include "runtime/include/tenon/model_abi.h"

namespace tenon::codegen {

static_assert(sizeof(void *) == 8 && sizeof(tenon_model) == 208 && sizeof(tenon_tensor_spec) == 32 &&
                  sizeof(tenon_kernel_info) == 16 && sizeof(tenon_value_spec) == 32 && sizeof(tenon_host) == 72,
              "the descriptor's LLVM types follow model_abi.h");

/// Bytes of an argument slot and of a table slot.
inline constexpr int64_t slotBytes = 8;

/// Types of ABI functions and structs.
struct Abi {
  explicit Abi(mlir::MLIRContext *context);

  mlir::LLVM::LLVMPointerType pointer;
  mlir::IntegerType i8, i32, i64;
  mlir::LLVM::LLVMFunctionType task;    ///< tenon_task_fn
  mlir::LLVM::LLVMFunctionType kernel;  ///< i32 (host, args)
  mlir::LLVM::LLVMFunctionType scratch; ///< i64 (args)
  mlir::LLVM::LLVMFunctionType plan, run;
  mlir::LLVM::LLVMStructType tensorSpec, kernelInfo, valueSpec, model;
};

/// Emits constants, addresses and calls of the ABI at a builder's insertion point.
class AbiBuilder {
public:
  AbiBuilder(mlir::OpBuilder &builder, const Abi &abi) : builder(builder), abi(abi) {}

  mlir::Value i32(mlir::Location loc, int64_t value);
  mlir::Value i64(mlir::Location loc, int64_t value);
  mlir::Value null(mlir::Location loc);
  mlir::Value addressOf(mlir::Location loc, llvm::StringRef symbol);
  /// base + bytes.
  mlir::Value offset(mlir::Location loc, mlir::Value base, int64_t bytes);
  mlir::Value offset(mlir::Location loc, mlir::Value base, mlir::Value bytes);

  /// Reads slot `index` of `slots` as a value of `type` (index, a number, or a pointer). `invariant`: it never changes,
  /// also not between calls of the function that this one may be inlined into.
  mlir::Value loadSlot(mlir::Location loc, mlir::Value slots, int64_t index, mlir::Type type, bool invariant = false);
  void storeSlot(mlir::Location loc, mlir::Value slots, int64_t index, mlir::Value value);

  mlir::Value callParallel(mlir::Location loc, mlir::Value host, mlir::Value task, mlir::Value args, mlir::Value tasks,
                           mlir::Value work, int64_t kernel);
  /// The profiler's function, or null.
  mlir::Value loadAccount(mlir::Location loc, mlir::Value host);
  void callAccount(mlir::Location loc, mlir::Value account, mlir::Value host, int64_t kernel, mlir::Value flops,
                   mlir::Value bytes);
  mlir::Value callOutput(mlir::Location loc, mlir::Value host, int64_t index, mlir::Value dims);
  mlir::Value callAllocate(mlir::Location loc, mlir::Value host, mlir::Value bytes);
  /// A status.
  mlir::Value callReserve(mlir::Location loc, mlir::Value host, mlir::Value scratchBytes);
  mlir::Value callFail(mlir::Location loc, mlir::Value host, mlir::Value status, mlir::Value message, mlir::Value a,
                       mlir::Value b);

private:
  mlir::Value callHost(mlir::Location loc, mlir::Value host, int64_t member, mlir::Type result,
                       mlir::ValueRange arguments);

  mlir::OpBuilder &builder;
  const Abi &abi;
};

/// How a scalar lies in a slot: i1 takes a byte, index is i64.
mlir::Type slotType(mlir::Type type);

/// A constant global with the bytes of `text` and a NUL, made once per text and module. Returns its symbol.
llvm::StringRef getOrCreateString(mlir::ModuleOp module, llvm::StringRef text);

} // namespace tenon::codegen

#endif // TENON_COMPILER_CODEGEN_ABI_H
