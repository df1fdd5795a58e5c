// The text operators: functions that a compiled model with strings contains and calls. They are compiled ahead for each
// target and linked into the models that use them (compiler/Emit), not into the runtime.
//
// What they expect: buffers of `count` elements, where a string is the number of a text (tenon_host.intern); one
// thread, the one that called the model's run function. `node` names the node in failures. What they guarantee: a
// tenon_status; on a failure the text is recorded with the host. No call into the C library but those that compilers
// make themselves (memcpy, memset, memcmp, strlen); nothing depends on a locale of the process.
#ifndef TENON_RUNTIME_TEXT_TEXT_H
#define TENON_RUNTIME_TEXT_TEXT_H

#include "tenon/model_abi.h"

// A program may link several models that contain them.
#pragma clang attribute push(__attribute__((weak)), apply_to = function)
extern "C" {

/// result[i] = lhs[i] followed by rhs[i].
int32_t tenon_text_concat(tenon_host *host, const char *node, const int64_t *lhs, const int64_t *rhs, int64_t *result,
                          int64_t count);

/// result[i] = input[i] in upper or lower case: Unicode's full mappings, context of the final sigma included. `turkic`:
/// dotted and dotless i are two letters.
int32_t tenon_text_case(tenon_host *host, const char *node, const int64_t *input, int64_t *result, int64_t count,
                        int64_t upper, int64_t turkic);

/// result[i] = 1 if all of input[i] matches the program (see Match.cpp), else 0.
int32_t tenon_text_match(tenon_host *host, const char *node, const int64_t *input, const int64_t *program,
                         uint8_t *result, int64_t count);

/// result[i] = how many parts input[i] has. Parts lie between occurrences of the delimiter or, if that is empty, of
/// runs of white space, which also bound no part at the ends; at most `most` separators are used, all if it is
/// negative.
int32_t tenon_text_split_count(tenon_host *host, const char *node, const int64_t *input, const int64_t *delimiter,
                               int64_t *result, int64_t count, int64_t most);

/// result[i, k] = part k of input[i] for k < width, the empty text where there are fewer.
int32_t tenon_text_split(tenon_host *host, const char *node, const int64_t *input, const int64_t *delimiter,
                         int64_t *result, int64_t count, int64_t width, int64_t most);

/// result[i] = how many different texts of input come before input[i], by code points.
int32_t tenon_text_rank(tenon_host *host, const char *node, const int64_t *input, int64_t *result, int64_t count);

/// result[i] = the number that input[i] says, as an element of `dtype` (enum tenon_dtype).
int32_t tenon_text_parse(tenon_host *host, const char *node, const int64_t *input, void *result, int64_t count,
                         int64_t dtype);

/// result[i] = input[i], an element of `dtype`, as text.
int32_t tenon_text_format(tenon_host *host, const char *node, const void *input, int64_t *result, int64_t count,
                          int64_t dtype);
}
#pragma clang attribute pop

#endif // TENON_RUNTIME_TEXT_TEXT_H
