//===- Registration.cpp - dialects and passes of all stages --------------------------------===//

#include "compiler/Codegen/Passes.h"
#include "compiler/Fuse/Passes.h"
#include "compiler/Graph/Passes.h"
#include "compiler/Layout/Passes.h"
#include "compiler/Pipeline/Passes.h"
#include "compiler/Pipeline/Pipeline.h"
#include "compiler/Schedule/Passes.h"
#include "dialects/nn/Nn.h"
#include "dialects/ukernel/Ukernel.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace tenon::pipeline {

void registerDialects(DialectRegistry &registry) {
  registry
      .insert<nn::NnDialect, ukernel::UkernelDialect, affine::AffineDialect, arith::ArithDialect,
              cf::ControlFlowDialect, func::FuncDialect, LLVM::LLVMDialect, math::MathDialect, memref::MemRefDialect,
              scf::SCFDialect, tensor::TensorDialect, ub::UBDialect, vector::VectorDialect>();
}

void registerPasses() {
  graph::registerGraphPasses();
  layout::registerLayoutPasses();
  fuse::registerFusePasses();
  schedule::registerSchedulePasses();
  codegen::registerCodegenPasses();
  registerPipelinePasses();
  // Of upstream's, those that the pipeline uses.
  mlir::registerCanonicalizerPass();
  mlir::registerCSEPass();
}

} // namespace tenon::pipeline
