//===- NnStructure.td - how a model is put together from kernels -----------------------------===//

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
    `extents`.
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
