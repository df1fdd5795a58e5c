// The plans of a session; see PlanCache.h.
#include "runtime/PlanCache.h"

#include <stdlib.h>
#include <string.h>

namespace tenon::runtime {

PlanCache::~PlanCache() {
  for (Entry &entry : entries)
    free(entry.slots);
}

void PlanCache::init(size_t newKeySlots, size_t newTableSlots) {
  keySlots = newKeySlots;
  tableSlots = newTableSlots;
}

const int64_t *PlanCache::find(const int64_t *key) {
  auto matches = [&](const Entry &entry) {
    return entry.lastUse != 0 && memcmp(entry.slots, key, keySlots * sizeof *key) == 0;
  };
  // Most callers repeat the dimensions of the run before.
  Entry *found = matches(*latest) ? latest : nullptr;
  for (Entry *entry = entries; !found && entry != entries + TENON_MAX_PLANS; ++entry)
    if (matches(*entry))
      found = entry;
  if (!found)
    return nullptr;
  latest = found;
  found->lastUse = ++clock;
  return found->slots + keySlots;
}

int64_t *PlanCache::begin(const int64_t *key) {
  Entry *oldest = entries;
  for (Entry &entry : entries)
    if (entry.lastUse < oldest->lastUse)
      oldest = &entry;
  size_t slots = keySlots + tableSlots;
  if (!oldest->slots && !(oldest->slots = static_cast<int64_t *>(malloc(slots * sizeof *key))))
    return nullptr;
  latest = oldest;
  oldest->lastUse = 0;
  memcpy(oldest->slots, key, keySlots * sizeof *key);
  int64_t *table = oldest->slots + keySlots;
  memset(table, 0, tableSlots * sizeof *table);
  return table;
}

void PlanCache::keep() { latest->lastUse = ++clock; }

size_t PlanCache::heldBytes() const {
  size_t bytes = 0;
  for (const Entry &entry : entries)
    if (entry.slots)
      bytes += (keySlots + tableSlots) * sizeof(int64_t);
  return bytes;
}

} // namespace tenon::runtime
