//===- NnStructure.td - how a model is put together from kernels ---------------------------===//

#ifndef TENON_DIALECTS_NN_STRUCTURE
#define TENON_DIALECTS_NN_STRUCTURE

include "dialects/nn/NnBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def NN_LaunchOp : NN_Op<"launch", [
    AttrSizedOperandSegments, DeclareOpInterfaceMethods<SymbolUserOpInterface>,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>]> {
  let summary = "runs a kernel";
  let description = [{
    `callee` is a function in the same module with the attribute `nn.kernel`: its arguments are the tensors `inputs` and then
    the scalars `scalars` (index or numbers); its results are tensors whose dynamic extents, all results in order, are
    `extents`. From Schedule on the function takes flat buffers for inputs and results, and then the scalars.

    - C1: the function exists and has the attribute.
    - C2: arguments agree in number and type (a buffer's element type is the tensor's in memory: booleans are bytes, integers signless).
    - C3: results agree in number and type.
    - C4: there is one extent for each dynamic dimension of the results.

    Made by Fuse, from no ONNX op.
    - Valid: `nn.launch @k(%x) scalars(%n : index) extents(%n) : (tensor<?xf32>) -> tensor<?xf32>` with
      `func.func private @k(%x: tensor<?xf32>, %n: index) -> tensor<?xf32> attributes {nn.kernel}`
    - Invalid: the same without `extents(%n)` (C4)
  }];
  let arguments = (ins FlatSymbolRefAttr:$callee, Variadic<NN_Tensor>:$inputs, Variadic<AnyType>:$scalars,
                       Variadic<Index>:$extents);
  let results = (outs Variadic<NN_Tensor>:$results);
  let assemblyFormat = [{
    $callee `(` $inputs `)` (`scalars` `(` $scalars^ `:` type($scalars) `)`)? (`extents` `(` $extents^ `)`)? attr-dict `:`
    functional-type($inputs, $results)
  }];
}

def NN_JoinOp : NN_Op<"join", [DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>]> {
  let summary = "tensors that lie next to each other, as one";
  let description = [{
    As nn.concat along the last dimension, but no data moves: the kernels that make `parts` write them into the memory of the result,
    with rows as far apart as the result's (`nn.pitches`, docs/architecture.md). A part is the result of a launch or of another join.

    - C1: at least two parts; element types and ranks agree, and the rank is not 0.
    - C2: last extents are known; the result's is the sum of the parts'.

    Made by Fuse, from no ONNX op; which memory it is, PlanMemory decides.
    - Valid: `nn.join %a, %b : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x7xf32>`
    - Invalid: the same with the result `tensor<?x8xf32>` (C2)
  }];
  let arguments = (ins Variadic<NN_Tensor>:$parts);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$parts attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def NN_PartOp : NN_Op<"part", [DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>]> {
  let summary = "a range of the last dimension, where it lies";
  let description = [{
    As nn.slice of `input[..., offset : offset + extent]`, but no data moves: the kernels that read the result find its rows as far apart
    as those of the input's memory (`nn.pitches`, docs/architecture.md).

    - C1: element types and ranks agree, and the rank is not 0.
    - C2: last extents are known; the range lies in the input.

    Made by Fuse, from no ONNX op.
    - Valid: `nn.part %x {offset = 4 : i64} : (tensor<?x6xf32>) -> tensor<?x2xf32>`
    - Invalid: `nn.part %x {offset = 5 : i64} : (tensor<?x6xf32>) -> tensor<?x2xf32>` (C2)
  }];
  let arguments = (ins NN_Tensor:$input, I64Attr:$offset);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def NN_FailOp : NN_Op<"fail", [MemoryEffects<[MemWrite]>]> {
  let summary = "ends the run with an error";
  let description = [{
    The run returns TENON_INVALID_ARGUMENT with `message`. It stands where a branch of the model has no meaning: a rank that a
    condition decides fits no node that follows.

    - C1: `message` is not empty.

    From no ONNX op; made by Import in regions of scf.if.
    - Valid: `nn.fail "node 'conv' (Conv): input 0 has rank 2, expected 3 or more"`
    - Invalid: `nn.fail ""` (C1)
  }];
  let arguments = (ins StrAttr:$message);
  let assemblyFormat = "$message attr-dict";
  let hasVerifier = 1;
}

def NN_RequireOp : Op<Nn_Dialect, "require", [MemoryEffects<[MemWrite]>]> {
  let summary = "ends the run with an error unless a condition holds";
  let description = [{
    Where `condition` is false, the run returns TENON_INVALID_ARGUMENT with `message`, in which each `%lld` stands for one of `values`.
    A condition on extents of the model's inputs is checked once, before anything runs. It has no region, so that ops on both sides
    of it may become one kernel.

    - C1: `message` has one `%lld` for each of at most two values and no other `%`.

    From If, where one branch cannot be imported, else from no ONNX op; made by Import for what types leave open of an op's constraints.
    - Valid: `nn.require %same, "dimensions of %lld and %lld do not broadcast"(%a, %b)`
    - Invalid: `nn.require %same, "dimensions of %lld and %lld do not broadcast"(%a)` (C1)
  }];
  let arguments = (ins I1:$condition, StrAttr:$message, Variadic<Index>:$values);
  let assemblyFormat = "$condition `,` $message (`(` $values^ `)`)? attr-dict";
  let hasVerifier = 1;
  let hasCanonicalizeMethod = 1;
}

def NN_OutputRankOp : NN_Op<"output_rank", [MemoryEffects<[MemWrite]>]> {
  let summary = "says what rank an output of the model has in this run";
  let description = [{
    The tensor that main returns as result `output` has more dimensions than the output: its first ones, of extent 1, are no
    dimensions of the output, which has the last `rank` ones. In main's own block.

    From no ONNX op; made by Import where a condition decides the rank of an output.
    - C1: `output` is not negative.
    - Valid: `nn.output_rank 0, %rank`
    - Invalid: `nn.output_rank -1, %rank` (C1)
  }];
  let arguments = (ins ConfinedAttr<I64Attr, [IntNonNegative]>:$output, Index:$rank);
  let assemblyFormat = "$output `,` $rank attr-dict";
}

#endif // TENON_DIALECTS_NN_STRUCTURE
