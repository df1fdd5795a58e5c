// The plans of a session: for each recent set of input dimensions, the table that the model's shape plan filled.
//
// What it expects: one thread at a time; keys and tables of the lengths given to init.
// What it guarantees: at most TENON_MAX_PLANS plans, the least recently used one makes room; finding a plan allocates
// nothing; a plan that failed is not kept.
#ifndef TENON_RUNTIME_PLANCACHE_H
#define TENON_RUNTIME_PLANCACHE_H

#include "tenon/tenon.h"

namespace tenon::runtime {

class PlanCache {
public:
  PlanCache() = default;
  PlanCache(const PlanCache &) = delete;
  PlanCache &operator=(const PlanCache &) = delete;
  ~PlanCache();

  void init(size_t keySlots, size_t tableSlots);

  /// The table planned for `key`, or null.
  const int64_t *find(const int64_t *key);

  /// The table of a new plan for `key`, zeroed, to be filled and then kept; null when there is no memory.
  int64_t *begin(const int64_t *key);
  /// Keeps the plan of the last begin.
  void keep();

  size_t heldBytes() const;

private:
  struct Entry {
    int64_t *slots = nullptr; // the key, then the table; null: never used
    uint64_t lastUse = 0;     // 0: holds no plan
  };

  Entry entries[TENON_MAX_PLANS];
  Entry *latest = &entries[0]; // found or begun last
  uint64_t clock = 0;
  size_t keySlots = 0;
  size_t tableSlots = 0;
};

} // namespace tenon::runtime

#endif // TENON_RUNTIME_PLANCACHE_H
