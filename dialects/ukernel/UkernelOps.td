//===- UkernelOps.td - how a target computes: phases, packed tiles, microkernels -----------===//

#ifndef TENON_DIALECTS_UKERNEL_OPS
#define TENON_DIALECTS_UKERNEL_OPS

include "mlir/IR/OpBase.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
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
                                 "::llvm::function_ref<void(::mlir::OpBuilder &, ::mlir::Location, ::mlir::Value, ::mlir::Value, ::mlir::Value)>":$fill)>];
  let skipDefaultBuilders = 1;
}

def Ukernel_EndOp : Ukernel_Op<"end", [Terminator, HasParent<"PhaseOp">]> {
  let summary = "ends a phase's range; `status` (a tenon_status, 0 is success) if the tasks can fail";
  let arguments = (ins Optional<I32>:$status);
  let assemblyFormat = "($status^)? attr-dict";
  let builders = [OpBuilder<(ins)>];
}

def Ukernel_CostOp : Ukernel_Op<"cost", [MemoryEffects<[MemWrite]>]> {
  let summary = "what a launch of the kernel amounts to, for profiles";
  let description = [{
    `flops` is twice the number of multiply-adds of the kernel's contractions by their definition, `bytes` what its tensors hold: each one that
    is read or written counts once. The profiler is told, if there is one; the op does nothing else.
  }];
  let arguments = (ins Index:$flops, Index:$bytes);
  let assemblyFormat = "`flops` `(` $flops `)` `bytes` `(` $bytes `)` attr-dict";
}

def Ukernel_ScaleOp : Ukernel_Op<"scale", [Pure, SameOperandsAndResultType]> {
  let summary = "x 2^floor(n), for machines with an instruction for it";
  let description = [{
    The result is rounded once: denormals, zero and infinity come out as they should. A NaN stays. Made only
    where Machine::scaling says that the target lowers it.

    C1: vectors of f32 or f64 of 16, 32 or 64 bytes.
  }];
  let arguments = (ins VectorOfRankAndType<[1], [F32, F64]>:$x, VectorOfRankAndType<[1], [F32, F64]>:$n);
  let results = (outs VectorOfRankAndType<[1], [F32, F64]>:$result);
  let assemblyFormat = "$x `,` $n attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Ukernel_LookupOp : Ukernel_Op<"lookup", [Pure, SameOperandsAndResultType]> {
  let summary = "entries of a small table, for machines that hold it in one register";
  let description = [{
    Lane l of the result is table[index[l] mod L], where L is the number of lanes and of entries: the low bits of an index count. Made only
    where Machine::lookup says that the target lowers it.

    ```
    ukernel.lookup [0, 1, 4, 9, 16, 25, 36, 49] at %index : vector<8xi32>
    ```

    C1: vectors of 8 or 16 lanes. C2: the table has as many entries.
  }];
  let arguments = (ins DenseI32ArrayAttr:$table, VectorOfRankAndType<[1], [I32]>:$index);
  let results = (outs VectorOfRankAndType<[1], [I32]>:$result);
  let assemblyFormat = "$table `at` $index attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Ukernel_Buffer : MemRefRankOf<[AnyType], [1]>;

def Ukernel_CallOp : Ukernel_Op<"call", [MemoryEffects<[MemRead, MemWrite]>, AttrSizedOperandSegments]> {
  let summary = "a call of a function that is compiled ahead, on the thread that runs the model";
  let description = [{
    `callee` is a C function `int32_t (tenon_host *, const char *node, <pointer per buffer>, <int64_t per scalar>)`; `node` says which node the
    kernel computes. It returns a tenon_status, and has recorded what went wrong. Outside of phases. Such functions are in runtime/text, whose
    object code Emit adds to a model that calls one.

    C1: `callee` starts with `tenon_text_`.
  }];
  let arguments = (ins StrAttr:$callee, Variadic<Ukernel_Buffer>:$buffers, Variadic<Index>:$scalars);
  let assemblyFormat = "$callee `(` $buffers `)` `scalars` `(` $scalars `)` attr-dict `:` type($buffers)";
  let hasVerifier = 1;
}

def Ukernel_BrgemmOp : Ukernel_Op<"brgemm", [AttrSizedOperandSegments, SingleBlock]> {
  let summary = "batch-reduce GEMM on one register tile, with an epilogue on the accumulators";
  let description = [{
    Computes, for MR rows and `vectors` vectors of L columns each (NR = vectors * L columns),

        acc[m, n] = sum over i in batch, kk < k of A(i, m, kk) * B(i, kk, n)

        A(i, m, kk) = a[a_offset + rows[m] + sum over d of i_d * a_steps[d] + kk * a_k_step]
        B(i, kk, n) = b[b_offset + sum over d of i_d * b_steps[d] + kk * b_k_step + (n / nr) * panel_step + n % nr]

    where i runs over the index space `batch` (no entry: one product). MR is the number of `rows`, which are offsets in
    elements: constants become immediates of the addresses, other values take a general register each. A row-major A has a_k_step = 1, a
    transposed one the length of its rows. A right-hand side packed with `nn.packing<nr = 16>` has b_k_step = 16 and
    panel_step = K * 16; a row-major one has b_k_step = N and `nr` = NR.

    The region is then applied once per accumulator vector, row by row: its arguments are the vector (type
    vector<L x acc>), the row number m and the column n of its first lane. It stores the result. With `columns`, only that many
    columns (1 to NR) are wanted and the region takes a fourth argument, a mask vector<L x i1> of the wanted ones; B is read in
    whole vectors all the same, unless `mask_b` says that there is no memory behind the last column.

    With `k_group` = g, B holds the elements of g steps of k side by side, in panels packed with `nn.packing<group = g>`:

        B(i, kk, n) = b[... + (kk - kk % g) * b_k_step + (n / nr) * panel_step + n % nr * g + kk % g]

    so that vectors of L * g lanes are multiplied and added, their factors g elements of A, and the g lanes of a column are added before
    the region sees them. This is for panels narrower than a vector.

    With `prefetch` elements of B are asked for ahead, at that distance from those that are read, because they come from far and are read few
    times. Where `prefetch_shares` tiles in a row read the same elements of B, each asks for one of so many parts of what follows: the distance
    then leads to that part, and its elements are passed at that part of the speed.

    The product is taken in the type of the accumulator: f16 and bf16 operands are converted when loaded; integers wrap.

    C1: `rows` is not empty, `vectors` is positive. C2: `batch`, `a_steps` and `b_steps` have the same length. C3: L divides `nr`.
    C4: the region's arguments are as said. C5: the elements of `a` and of `b` widen to the accumulator's. C6: `k_group` is a power of two;
    above 1, a_k_step is 1, k is a multiple of it, both operands have the accumulator's elements, which are floats, and `mask_b` is not set.

    The number of accumulators is the caller's choice; the lowering keeps them in registers and knows only how to feed them.
  }];
  let arguments = (ins Ukernel_Buffer:$a, Index:$a_offset, Variadic<Index>:$rows, Index:$a_k_step, Ukernel_Buffer:$b,
                       Index:$b_offset, Index:$b_k_step, Index:$panel_step, Index:$k, Variadic<Index>:$batch, Variadic<Index>:$a_steps,
                       Variadic<Index>:$b_steps, Optional<Index>:$columns, Optional<Index>:$prefetch, I64Attr:$vectors, I64Attr:$nr,
                       DefaultValuedAttr<I64Attr, "1">:$k_group, UnitAttr:$mask_b, DefaultValuedAttr<I64Attr, "1">:$prefetch_shares);
  let regions = (region SizedRegion<1>:$epilogue);
  let assemblyFormat = [{
    $a `[` $a_offset `]` `rows` `(` $rows `)` `step` `(` $a_k_step `)` `,` $b `[` $b_offset `]` `steps` `(` $b_k_step `,` $panel_step `)`
    `k` `(` $k `)` (`batch` `(` $batch^ `)` `a_steps` `(` $a_steps `)` `b_steps` `(` $b_steps `)`)? (`columns` `(` $columns^ `)`)? (`prefetch` `(` $prefetch^ `)`)?
    attr-dict `:` type($a) `,` type($b) $epilogue
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The type of an accumulator: vector<L x acc>.
    ::mlir::VectorType getAccumulatorType() {
      return ::mlir::cast<::mlir::VectorType>(getEpilogue().front().getArgument(0).getType());
    }
  }];
  let skipDefaultBuilders = 1;
  let builders = [OpBuilder<(ins "const ::tenon::ukernel::BrgemmShape &":$shape,
      "::llvm::function_ref<void(::mlir::OpBuilder &, ::mlir::Location, ::mlir::Value, ::mlir::Value, ::mlir::Value, ::mlir::Value)>":$epilogue)>];
}

def Ukernel_YieldOp : Ukernel_Op<"yield", [Terminator, HasParent<"BrgemmOp">, Pure]> {
  let summary = "ends an epilogue";
  let assemblyFormat = "attr-dict";
  let builders = [OpBuilder<(ins)>];
}

#endif // TENON_DIALECTS_UKERNEL_OPS
