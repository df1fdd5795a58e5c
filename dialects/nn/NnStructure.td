//===- NnStructure.td - how a model is put together from kernels ---------------------------===//

#ifndef TENON_DIALECTS_NN_STRUCTURE
#define TENON_DIALECTS_NN_STRUCTURE

include "dialects/nn/NnBase.td"

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

#endif // TENON_DIALECTS_NN_STRUCTURE
