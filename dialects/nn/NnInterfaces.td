//===- NnInterfaces.td - questions that ops of nn answer -----------------------------------===//

#ifndef TENON_DIALECTS_NN_INTERFACES
#define TENON_DIALECTS_NN_INTERFACES

include "mlir/IR/OpBase.td"

def NN_ExtentRequirements : OpInterface<"ExtentRequirements"> {
  let cppNamespace = "::tenon::nn";
  let description = [{
    An op whose operands' extents have to agree. Types show it where extents are static; what they leave open has to be
    checked when the model runs, or kernels would read outside their operands.
  }];
  let methods = [
    InterfaceMethod<"Appends what has to hold of the operands' extents; those are made by `builder`.", "void",
                    "appendExtentRequirements",
                    (ins "::mlir::OpBuilder &":$builder,
                         "::llvm::SmallVectorImpl<::tenon::nn::ExtentRequirement> &":$requirements)>
  ];
}

#endif // TENON_DIALECTS_NN_INTERFACES
