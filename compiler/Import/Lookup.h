//===- Lookup.h - texts as constants, and where a value stands in a list -------------------===//

#ifndef TENON_COMPILER_IMPORT_LOOKUP_H
#define TENON_COMPILER_IMPORT_LOOKUP_H

#include "compiler/Import/Expression.h"
#include "compiler/Import/Node.h"

#include <string>
#include <vector>

namespace tenon::importer {

/// The numbers that stand for texts.
std::vector<int64_t> textNumbers(Builder &b, llvm::ArrayRef<std::string> texts);

/// Texts in row-major order, and as a vector.
mlir::Value stringConstant(Builder &b, llvm::ArrayRef<std::string> texts, llvm::ArrayRef<int64_t> shape);
mlir::Value stringVector(Builder &b, llvm::ArrayRef<std::string> texts);

/// A vector of i64.
Expression integerVector(Builder &b, llvm::ArrayRef<int64_t> numbers);

/// A tensor of strings or integers as i64.
Expression asNumbers(Expression x);

/// For each element of x (i64) the last i with keys[i] == x, -1 where there is none: a binary search with as many steps
/// as the number of keys has bits.
Expression placesIn(llvm::ArrayRef<int64_t> keys, Expression x);

} // namespace tenon::importer

#endif // TENON_COMPILER_IMPORT_LOOKUP_H
