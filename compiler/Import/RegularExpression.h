//===- RegularExpression.h - patterns as programs of runtime/text --------------------------===//

#ifndef TENON_COMPILER_IMPORT_REGULAREXPRESSION_H
#define TENON_COMPILER_IMPORT_REGULAREXPRESSION_H

#include <cstdint>
#include <string>
#include <vector>

namespace tenon::importer {

/// The program of nn.string_match that accepts what `pattern`, in RE2's syntax, matches as a whole. Throws ImportError.
std::vector<int64_t> compilePattern(const std::string &pattern);

} // namespace tenon::importer

#endif // TENON_COMPILER_IMPORT_REGULAREXPRESSION_H
