//===- Arithmetic.h - elementwise arithmetic with numbers ----------------------------------===//
//
// What importers that write formulas use: nn ops on one element type, with numbers as constants of it.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_IMPORT_ARITHMETIC_H
#define TENON_COMPILER_IMPORT_ARITHMETIC_H

#include "compiler/Import/Builder.h"

namespace tenon::importer {

inline mlir::Value add(Builder &b, mlir::Value lhs, mlir::Value rhs) { return b.make<nn::AddOp>(lhs, rhs); }
inline mlir::Value sub(Builder &b, mlir::Value lhs, mlir::Value rhs) { return b.make<nn::SubOp>(lhs, rhs); }
inline mlir::Value mul(Builder &b, mlir::Value lhs, mlir::Value rhs) { return b.make<nn::MulOp>(lhs, rhs); }
inline mlir::Value div(Builder &b, mlir::Value lhs, mlir::Value rhs) { return b.make<nn::DivOp>(lhs, rhs); }

/// Elementwise arithmetic on one element type, with numbers as constants.
class Arithmetic {
public:
  Arithmetic(Builder &b, mlir::Type type) : b(b), type(type) {}

  mlir::Value number(double value) { return b.constant(value, type); }
  mlir::Value add(mlir::Value lhs, mlir::Value rhs) { return b.make<nn::AddOp>(lhs, rhs); }
  mlir::Value add(mlir::Value lhs, double rhs) { return rhs == 0 ? lhs : add(lhs, number(rhs)); }
  mlir::Value sub(mlir::Value lhs, double rhs) { return rhs == 0 ? lhs : b.make<nn::SubOp>(lhs, number(rhs)); }
  mlir::Value mul(mlir::Value lhs, mlir::Value rhs) { return b.make<nn::MulOp>(lhs, rhs); }
  mlir::Value mul(mlir::Value lhs, double rhs) { return rhs == 1 ? lhs : mul(lhs, number(rhs)); }
  mlir::Value div(mlir::Value lhs, double rhs) { return rhs == 1 ? lhs : b.make<nn::DivOp>(lhs, number(rhs)); }
  mlir::Value max(mlir::Value lhs, double rhs) { return b.make<nn::MaxOp>(lhs, number(rhs)); }
  mlir::Value min(mlir::Value lhs, double rhs) { return b.make<nn::MinOp>(lhs, number(rhs)); }
  mlir::Value select(nn::ComparePredicate predicate, mlir::Value x, double bound, mlir::Value onTrue,
                     mlir::Value onFalse) {
    return b.make<nn::SelectOp>(b.make<nn::CompareOp>(predicate, x, number(bound)), onTrue, onFalse);
  }
  /// log(1 + exp(x)) without overflow.
  mlir::Value softplus(mlir::Value x) {
    mlir::Value tail = b.make<nn::Log1pOp>(b.make<nn::ExpOp>(b.make<nn::NegOp>(b.make<nn::AbsOp>(x))));
    return add(max(x, 0), tail);
  }

private:
  Builder &b;
  mlir::Type type;
};

} // namespace tenon::importer

#endif // TENON_COMPILER_IMPORT_ARITHMETIC_H
