// What a model is missing; see Features.h.
#include "runtime/Features.h"

#include "tenon/model_abi.h"

#include <string.h>

namespace tenon::runtime {

static const char *const *hiddenNames = nullptr;
static uint32_t numHidden = 0;

void hideFeaturesForTest(const char *const *names, uint32_t count) {
  hiddenNames = names;
  numHidden = count;
}

static const FeatureRow *findRow(const char *name) {
  const FeatureTable &table = hostFeatureTable();
  for (uint32_t i = 0; i < table.numRows; ++i)
    if (strcmp(table.rows[i].name, name) == 0)
      return &table.rows[i];
  return nullptr;
}

bool hasFeature(const char *name) {
  for (uint32_t i = 0; i < numHidden; ++i)
    if (strcmp(hiddenNames[i], name) == 0)
      return false;
  const FeatureRow *row = findRow(name);
  if (!row)
    return false;
  // Asked anew each time: opening a model is rare, and there is no state to keep consistent.
  uint64_t words[kMaxFeatureWords] = {0};
  const FeatureTable &table = hostFeatureTable();
  table.read(words);
  return (words[row->word] & row->mask) == row->mask &&
         (row->registers == 0 || table.registersEnabled(row->registers, words));
}

int32_t checkFeatures(const char *const *features, uint32_t count, ErrorText &error) {
  uint32_t missing = 0;
  for (uint32_t i = 0; i < count; ++i) {
    if (hasFeature(features[i]))
      continue;
    if (missing++ == 0)
      error.fail(TENON_INCOMPATIBLE, "the model needs processor features that are missing here: %s", features[i]);
    else
      error.append(", %s", features[i]);
    if (!findRow(features[i]))
      error.append(" (unknown to this runtime)");
  }
  if (missing == 0)
    return TENON_OK;
  error.append("; compile it with --cpu %s", hostFeatureTable().bestCpu(hasFeature));
  return TENON_INCOMPATIBLE;
}

} // namespace tenon::runtime
