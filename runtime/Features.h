// Processor features by LLVM's names: what the processor offers, and what a model is missing.
//
// What it expects: names as in tenon_model.features.
// What it guarantees: a feature counts as present only if the operating system has switched its registers on; a name
// that is not known counts as missing, so that no model runs on guesswork.
#ifndef TENON_RUNTIME_FEATURES_H
#define TENON_RUNTIME_FEATURES_H

#include "runtime/ErrorText.h"

#include <stdint.h>

namespace tenon::runtime {

/// A feature is present when all bits of `mask` are set in word `word` of the processor's answers and the registers it
/// needs are enabled.
struct FeatureRow {
  const char *name;
  uint8_t word;
  uint8_t registers; // an index into the target's list of register states; 0: none beyond the base
  uint64_t mask;
};

/// The target's table and its questions to the processor (FeaturesX86.cpp, FeaturesAArch64.cpp).
struct FeatureTable {
  const FeatureRow *rows;
  uint32_t numRows;
  /// Fills all words.
  void (*read)(uint64_t *words);
  /// Whether the operating system keeps these registers; may ask it for permission.
  bool (*registersEnabled)(uint8_t registers, const uint64_t *words);
  /// What to pass as `--cpu`, best first: a level is usable when the processor has all features of a level.
  const char *(*bestCpu)(bool (*has)(const char *name));
  const char *architecture;
};

/// The most words a target's `read` fills.
constexpr uint32_t kMaxFeatureWords = 16;

const FeatureTable &hostFeatureTable();

/// Whether the processor this runs on has the feature.
bool hasFeature(const char *name);

/// TENON_OK, or TENON_INCOMPATIBLE with a text that names every missing feature and the `--cpu` to use.
int32_t checkFeatures(const char *const *features, uint32_t count, ErrorText &error);

/// For tests only: these features count as missing from now on. `names` is kept, not copied; (nullptr, 0) ends it.
void hideFeaturesForTest(const char *const *names, uint32_t count);

} // namespace tenon::runtime

#endif // TENON_RUNTIME_FEATURES_H
