//===- Expression.h - formulas over tensors ------------------------------------------------===//
//
// Arithmetic operators that build elementwise nn ops, so that an operator's formula reads like one. Operands broadcast;
// a number takes the element type of the other operand.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_IMPORT_EXPRESSION_H
#define TENON_COMPILER_IMPORT_EXPRESSION_H

#include "compiler/Import/Builder.h"

namespace tenon::importer {

class Expression {
public:
  Expression(Builder &builder, mlir::Value tensor) : builder(&builder), tensor(tensor) {}
  /// A tensor of rank 0.
  Expression(Builder &builder, double number, mlir::Type type) : Expression(builder, builder.constant(number, type)) {}
  Expression(Builder &builder, Scalar scalar, mlir::Type type)
      : Expression(builder, builder.scalarTensor(scalar, type)) {}

  operator mlir::Value() const { return tensor; }
  Builder &b() const { return *builder; }
  mlir::Type type() const { return elementOf(tensor); }
  Expression with(mlir::Value other) const { return {*builder, other}; }
  Expression with(double number) const { return {*builder, number, type()}; }
  Expression cast(mlir::Type to) const { return with(builder->cast(tensor, to)); }
  Expression reshape(llvm::ArrayRef<Scalar> sizes) const { return with(builder->reshape(tensor, sizes)); }

private:
  Builder *builder;
  mlir::Value tensor;
};

// A boolean operand would be taken for a number.
#define TENON_BINARY(name, Op)                                                                                         \
  inline Expression name(Expression x, Expression y) { return x.with(x.b().make<nn::Op>(x, y)); }                      \
  inline Expression name(Expression x, double y) { return name(x, x.with(y)); }                                        \
  inline Expression name(double x, Expression y) { return name(y.with(x), y); }
TENON_BINARY(operator+, AddOp)
TENON_BINARY(operator-, SubOp)
TENON_BINARY(operator*, MulOp)
TENON_BINARY(operator/, DivOp)
TENON_BINARY(max, MaxOp)
TENON_BINARY(min, MinOp)
TENON_BINARY(mod, ModOp)
TENON_BINARY(pow, PowOp)
#undef TENON_BINARY

#define TENON_COMPARISON(name, predicate)                                                                              \
  inline Expression name(Expression x, Expression y) {                                                                 \
    return x.with(x.b().make<nn::CompareOp>(nn::ComparePredicate::predicate, x, y));                                   \
  }                                                                                                                    \
  inline Expression name(Expression x, double y) { return name(x, x.with(y)); }
TENON_COMPARISON(operator<, lt)
TENON_COMPARISON(operator<=, le)
TENON_COMPARISON(operator>, gt)
TENON_COMPARISON(operator>=, ge)
TENON_COMPARISON(operator==, eq)
TENON_COMPARISON(operator!=, ne)
#undef TENON_COMPARISON

#define TENON_BITWISE(name, Op)                                                                                        \
  inline Expression name(Expression x, Expression y) { return x.with(x.b().make<nn::Op>(x, y)); }
TENON_BITWISE(operator&, AndOp)
TENON_BITWISE(operator|, OrOp)
TENON_BITWISE(operator^, XorOp)
#undef TENON_BITWISE

#define TENON_UNARY(name, Op)                                                                                          \
  inline Expression name(Expression x) { return x.with(x.b().make<nn::Op>(x)); }
TENON_UNARY(abs, AbsOp)
TENON_UNARY(ceil, CeilOp)
TENON_UNARY(cos, CosOp)
TENON_UNARY(exp, ExpOp)
TENON_UNARY(expm1, Expm1Op)
TENON_UNARY(floor, FloorOp)
TENON_UNARY(isNan, IsNanOp)
TENON_UNARY(log, LogOp)
TENON_UNARY(log1p, Log1pOp)
TENON_UNARY(negate, NegOp)
TENON_UNARY(operator~, NotOp)
TENON_UNARY(round, RoundOp)
TENON_UNARY(sigmoid, SigmoidOp)
TENON_UNARY(sin, SinOp)
TENON_UNARY(sqrt, SqrtOp)
TENON_UNARY(tanh, TanhOp)
#undef TENON_UNARY

inline Expression select(Expression condition, Expression onTrue, Expression onFalse) {
  return condition.with(condition.b().make<nn::SelectOp>(condition, onTrue, onFalse));
}
inline Expression select(Expression condition, Expression onTrue, double onFalse) {
  return select(condition, onTrue, onTrue.with(onFalse));
}
inline Expression reduce(nn::ReduceKind kind, Expression x, llvm::ArrayRef<int64_t> axes, bool keepDims = false) {
  return x.with(x.b().reduce(kind, x, axes, keepDims));
}
/// 0, 1, ... along dimension `axis` of a tensor of `rank` whose other extents are 1; i64.
inline Expression positions(Builder &b, Scalar size, int64_t axis = 0, int64_t rank = 1) {
  return {b, b.alignAt(b.make<nn::IotaOp>(b.values({size}), 0), axis, rank)};
}
/// x[indices] along `axis`.
inline Expression gather(Expression x, Expression indices, int64_t axis = 0) {
  return x.with(x.b().make<nn::GatherOp>(x, indices, axis));
}

} // namespace tenon::importer

#endif // TENON_COMPILER_IMPORT_EXPRESSION_H
