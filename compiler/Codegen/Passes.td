//===- Passes.td - from scheduled kernels to the LLVM dialect ------------------------------===//

#ifndef TENON_COMPILER_CODEGEN_PASSES
#define TENON_COMPILER_CODEGEN_PASSES

include "mlir/Pass/PassBase.td"

def OutlinePhases : Pass<"tenon-outline-phases", "::mlir::ModuleOp"> {
  let summary = "Turn every phase of a kernel into a task function, and the kernel into a function that starts them";
  let description = [{
    Why here: after the target's lowering of `ukernel` ops, because a phase's body moves and must not change its captures any
    more; before PlanMemory and LowerMain, which want to know how many argument slots a kernel takes.

    A kernel function `@k` keeps its name and attributes but loses its body; `tenon.slots` says how many 8-byte slots its
    arguments take: buffers (arguments, then results), scalars, then values that the kernel hands to its phases.

    ```
    func.func private @k(%x: memref<?xf32>, %y: memref<?xf32>, %n: index) attributes {nn.kernel, nn.results = 1} {
      ukernel.phase tasks(%n) work(%w) scratch(%b) { ^bb0(%begin: index, %end: index, %s: memref<?xi8>): ... }
      return
    }
      ==>
    func.func private @k(...) attributes {nn.kernel, nn.results = 1, tenon.slots = 3, ...}
    llvm.func internal @k_kernel(%host: !llvm.ptr, %args: !llvm.ptr) -> i32            // host->parallel(@k_0, ...)
    llvm.func internal @k_0(%args: !llvm.ptr, %begin: i64, %end: i64, %scratch: !llvm.ptr) -> i32   // loads the slots
    llvm.func internal @k_0_body(%x: !llvm.ptr {llvm.noalias}, %y: ..., %n: i64, %begin, %end, %scratch) -> i32
    llvm.func internal @k_scratch(%args: !llvm.ptr) -> i64                          // if it is not a constant: tenon.scratch
    ```
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect",
                           "::mlir::memref::MemRefDialect"];
}

def PlanMemory : Pass<"tenon-plan-memory", "::mlir::ModuleOp"> {
  let summary = "Decide where every tensor of main lives";
  let description = [{
    Why here: after OutlinePhases (the last pass that changes kernels' signatures), before LowerMain, which only carries
    out what is decided here.

    Each op of `@main` that makes tensors gets `tenon.storage`, one entry per tensor:
    `{arena = 1024}` at that offset; `{planned = 2}` in the arena at an offset that the model's plan finds, because sizes depend on
    the inputs' extents (`tenon.conflicts` of the function lists for each the earlier ones that are alive with it);
    `{output = 0}` in the memory of that output; `{operand = 1}` over that tensor operand; `{heap}` in memory from the host,
    because the size depends on data. What lies in a join (nn.join) has the join's entry and the `offset` of its rows there, in bytes.
    The function gets `tenon.arena_bytes` (the constant part) and `tenon.buffers`
    (for the manifest).

    ```
    %0 = nn.launch @k(%x) : (tensor<4xf32>) -> tensor<4xf32>
      ==>
    %0 = nn.launch @k(%x) {tenon.storage = [{arena = 0 : i64} ]} : (tensor<4xf32>) -> tensor<4xf32>
    ```
  }];
}

def LowerMain : Pass<"tenon-lower-main", "::mlir::ModuleOp"> {
  let summary = "Turn main into the functions plan and run of the model ABI";
  let description = [{
    Why here: after PlanMemory; before BuildDescriptor, which describes what was lowered.

    Launches become stores to argument slots and calls; tensors become pointers; scalar work that depends on the inputs'
    extents only moves to `@tenon_plan`, whose table `@tenon_run` reads. What the descriptor needs to know of `@main` is left
    in module attributes (`tenon.inputs`, `tenon.outputs`, `tenon.kernels`, `tenon.table_slots`), constants in `tenon.weights`.

    ```
    func.func @main(%x: tensor<?xf32>) -> tensor<?xf32> { %0 = nn.launch @k(%x) scalars(%n) extents(%n) ... }
      ==>
    llvm.func internal @tenon_plan(%host: !llvm.ptr, %dims: !llvm.ptr, %table: !llvm.ptr) -> i32
    llvm.func internal @tenon_run(%host, %inputs, %table, %arena, %weights: !llvm.ptr) -> i32   // calls @k_kernel
    ```
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect",
                           "::mlir::scf::SCFDialect"];
}

def BuildDescriptor : Pass<"tenon-build-descriptor", "::mlir::ModuleOp"> {
  let summary = "Write the model's descriptor, its names and its manifest as constant globals";
  let description = [{
    Why here: after LowerMain, from whose module attributes (`tenon.inputs` ...) the descriptor is made; they are removed.

    ```
    module attributes {tenon.inputs = [...], ...}
      ==>
    llvm.mlir.global external constant @tenon_model() : !llvm.struct<(i32, i32, ptr, ...)>
    ```
  }];
  let options = [
    Option<"symbol", "symbol", "std::string", [{"tenon_model"}], "name of the descriptor">,
    Option<"modelName", "name", "std::string", [{"model"}], "name of the model, for people">,
    Option<"producer", "producer", "std::string", [{"tenon"}], "version and revision of the compiler">,
    Option<"triple", "triple", "std::string", [{""}], "LLVM target triple">,
    Option<"cpu", "cpu", "std::string", [{""}], "LLVM processor name">,
    ListOption<"features", "features", "std::string", "processor features that the code needs at load, LLVM's names">
  ];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def LowerMath : Pass<"tenon-lower-math", "::mlir::ModuleOp"> {
  let summary = "Call the C library for math ops that LLVM has no intrinsic for";
  let description = [{
    Why here: before LowerToLlvm, and on the module because the library's functions are declared in it. Vectors are taken
    apart: what is fast was expanded by the schedules.

    ```
    %1 = math.erf %0 : f32   ==>   %1 = llvm.call @erff(%0) : (f32) -> f32
    ```
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::arith::ArithDialect", "::mlir::vector::VectorDialect"];
}

def LowerVectors : Pass<"tenon-lower-vectors", "::mlir::LLVM::LLVMFuncOp"> {
  let summary = "Take vector ops of higher rank and composite vector ops apart into one-dimensional ones";
  let description = [{
    Why here: before LowerToLlvm, which has patterns for one-dimensional vectors only; on functions, so that they are lowered
    side by side.

    ```
    %1 = vector.outerproduct %a, %b, %acc : vector<2xf32>, vector<8xf32>
      ==>
    two of: vector.fma %broadcast, %b, %row : vector<8xf32>
    ```
  }];
  let options = [Option<"halfConversion", "half-conversion", "bool", "false",
                        "the processor converts between f16 and f32 itself">];
  let dependentDialects = ["::mlir::vector::VectorDialect", "::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::affine::AffineDialect"];
}

def LowerToLlvm : Pass<"tenon-lower-to-llvm", "::mlir::LLVM::LLVMFuncOp"> {
  let summary = "Convert the body of a function to the LLVM dialect";
  let description = [{
    Why here: last; everything above has been reduced to scf, cf, arith, math, one-dimensional vector, and memref ops.

    ```
    %v = vector.load %m[%i] : memref<?xf32>, vector<8xf32>
      ==>
    %p = llvm.getelementptr %base[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
    %v = llvm.load %p {alignment = 4 : i64} : !llvm.ptr -> vector<8xf32>
    ```
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::cf::ControlFlowDialect", "::mlir::arith::ArithDialect"];
}

def AttachTarget : Pass<"tenon-attach-target", "::mlir::ModuleOp"> {
  let summary = "Say on every function what processor it is for";
  let description = [{
    Why here: after every function exists.

    ```
    llvm.func internal @k_0(...)   ==>   llvm.func internal @k_0(...) attributes {target_cpu = "znver4", no_unwind, ...}
    ```
  }];
  let options = [
    Option<"triple", "triple", "std::string", [{""}], "LLVM target triple">,
    Option<"cpu", "cpu", "std::string", [{""}], "LLVM processor name">,
    Option<"featureString", "feature-string", "std::string", [{""}], "features as LLVM's target machines take them">,
    Option<"vectorBytes", "vector-bytes", "int64_t", "16", "bytes of a vector register">
  ];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

#endif // TENON_COMPILER_CODEGEN_PASSES
