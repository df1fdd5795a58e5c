// The order of texts; see Text.h. The bytes of UTF-8 are in the order of code points.
#include "runtime/text/Host.h"
#include "runtime/text/Text.h"

using namespace tenon::text;

static int compare(Text x, Text y) {
  int order = memcmp(x.data, y.data, static_cast<size_t>(x.bytes < y.bytes ? x.bytes : y.bytes));
  return order != 0 ? order : x.bytes < y.bytes ? -1 : x.bytes > y.bytes;
}

/// Sorts `order` bottom-up by the texts of these places; `other` has the same size. Returns where the result is.
static int64_t *mergeSort(tenon_host *host, const int64_t *input, int64_t *order, int64_t *other, int64_t count) {
  auto text = [&](int64_t place) { return textOf(host, input[place]); };
  for (int64_t run = 1; run < count; run *= 2) {
    for (int64_t begin = 0; begin < count; begin += 2 * run) {
      int64_t middle = begin + run < count ? begin + run : count;
      int64_t end = begin + 2 * run < count ? begin + 2 * run : count;
      int64_t left = begin, right = middle;
      for (int64_t i = begin; i < end; ++i) {
        bool fromLeft = left < middle && (right == end || compare(text(order[left]), text(order[right])) <= 0);
        other[i] = fromLeft ? order[left++] : order[right++];
      }
    }
    int64_t *sorted = other;
    other = order;
    order = sorted;
  }
  return order;
}

extern "C" int32_t tenon_text_rank(tenon_host *host, const char *, const int64_t *input, int64_t *result,
                                   int64_t count) {
  auto *places = static_cast<int64_t *>(host->allocate(host, count * 2 * static_cast<int64_t>(sizeof(int64_t))));
  if (!places)
    return TENON_OUT_OF_MEMORY;
  for (int64_t i = 0; i < count; ++i)
    places[i] = i;
  int64_t *order = mergeSort(host, input, places, places + count, count);
  int64_t rank = 0;
  for (int64_t i = 0; i < count; ++i) {
    // Equal texts have equal numbers.
    rank += i > 0 && input[order[i]] != input[order[i - 1]];
    result[order[i]] = rank;
  }
  return TENON_OK;
}
