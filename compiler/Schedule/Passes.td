//===- Passes.td - kernel bodies become loops, vectors and microkernels --------------------===//

#ifndef TENON_COMPILER_SCHEDULE_PASSES
#define TENON_COMPILER_SCHEDULE_PASSES

include "mlir/Pass/PassBase.td"

def ScheduleKernels : Pass<"tenon-schedule-kernels", "::mlir::ModuleOp"> {
  let summary = "Replace the tensor body of every kernel by phases over flat buffers.";
  let description = [{
    After FormKernels, because a kernel is the unit of scheduling; before Codegen, which knows no tensors inside kernels.
    The schedule follows from the ops in the body: contractions on microkernels, rows with reductions, ordered steps, or a plain
    sweep over elements. Facts about the processor come from Target.h.

    ```
    func.func private @k(%x: tensor<64xf32>) -> tensor<64xf32> attributes {nn.kernel} {
      %0 = nn.exp %x : (tensor<64xf32>) -> tensor<64xf32>
      return %0 : tensor<64xf32>
    }
    ==>
    func.func private @k(%x: memref<?xf32>, %out: memref<?xf32>) attributes {nn.kernel, nn.results = 1} {
      ukernel.phase tasks(%c1) work(%c10) scratch(%c0) { scf.for ... vector.load, math.exp, vector.store }
      return
    }
    ```
  }];
  let options = [
    Option<"reference", "reference", "bool", "false", "every op by its definition, one element after the other">,
    Option<"vectorBytes", "vector-bytes", "int64_t", "32", "bytes of a vector register">,
    Option<"maskedMemory", "masked-memory", "bool", "false", "masked loads and stores of every type">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect", "::tenon::ukernel::UkernelDialect"];
}

def ApproximateMath : Pass<"tenon-approximate-math", "::mlir::func::FuncOp"> {
  let summary = "Replace transcendental functions of f32 and f64 by polynomials with stated error bounds.";
  let description = [{
    After ScheduleKernels, which makes vectors of them; before Codegen, which would call the C library element by element. Not run for
    the reference lowering.

    ```
    %y = math.exp %x : vector<16xf32>
    ==>
    multiplications, additions and shifts of vector<16xf32>
    ```
  }];
  let options = [
    Option<"scaling", "scaling", "bool", "false", "the machine has an instruction for ukernel.scale">,
    Option<"lookup", "lookup", "bool", "false", "the machine has an instruction for ukernel.lookup">,
    Option<"vectorBytes", "vector-bytes", "int64_t", "64", "size of a vector register">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect", "::tenon::ukernel::UkernelDialect"];
}

#endif // TENON_COMPILER_SCHEDULE_PASSES
