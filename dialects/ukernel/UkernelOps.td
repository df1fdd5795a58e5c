//===- UkernelOps.td - how a target computes: phases, packed tiles, microkernels -------------------------===//

#ifndef TENON_DIALECTS_UKERNEL_OPS
#define TENON_DIALECTS_UKERNEL_OPS

include "mlir/IR/OpBase.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Ukernel_Dialect : Dialect {
  let name = "ukernel";
  let cppNamespace = "::tenon::ukernel";
  let summary = "How a target computes";
  let description = [{
    Work on flat buffers (`memref<?xT>`) inside kernels: phases that split into tasks, and microkernels on packed tiles whose
    lowering belongs to a target.
  }];
}

class Ukernel_Op<string mnemonic, list<Trait> traits = []> : Op<Ukernel_Dialect, mnemonic, traits>;

def Ukernel_PhaseOp : Ukernel_Op<"phase", [RecursiveMemoryEffects, SingleBlock]> {
  let summary = "a range of independent tasks, all ended before what follows";
  let description = [{
    The region runs for disjoint ranges [begin, end) that cover [0, tasks), in any order, on any number of threads. Its arguments are
    begin, end and private scratch memory of at least `scratch` bytes, 64-byte aligned. `work` estimates the time of all
    tasks in nanoseconds of one thread. The region captures buffers and scalars from the kernel function.
  }];
  let arguments = (ins Index:$tasks, Index:$work, Index:$scratch);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "`tasks` `(` $tasks `)` `work` `(` $work `)` `scratch` `(` $scratch `)` $body attr-dict";
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "::mlir::Value":$tasks, "::mlir::Value":$work, "::mlir::Value":$scratch,
                                 "::llvm::function_ref<void(::mlir::OpBuilder &, ::mlir::Location, ::mlir::Value, ::mlir::Value, ::mlir::Value)>":$build)>];
  let skipDefaultBuilders = 1;
}

def Ukernel_EndOp : Ukernel_Op<"end", [Terminator, HasParent<"PhaseOp">]> {
  let summary = "ends a phase's range; `status` (a tenon_status, 0 is success) if the tasks can fail";
  let arguments = (ins Optional<I32>:$status);
  let assemblyFormat = "($status^)? attr-dict";
  let builders = [OpBuilder<(ins)>];
}

#endif // TENON_DIALECTS_UKERNEL_OPS
