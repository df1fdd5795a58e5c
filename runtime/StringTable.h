// The texts of a model and of a session by number: equal texts have one number.
//
// What it expects: one thread at a time, but a table that is complete may be read by many.
// What it guarantees: 0 is the empty text, others count from 1 on; a number's text stays where it is until the next
// reset; a failed request leaves the table usable. What callers may choose cannot make lookups slow: the hash is keyed.
#ifndef TENON_RUNTIME_STRINGTABLE_H
#define TENON_RUNTIME_STRINGTABLE_H

#include "runtime/Memory.h"
#include "tenon/model_abi.h"

namespace tenon::runtime {

/// Whether `data` is well-formed UTF-8 (Unicode 15.0, table 3-7: no surrogates, no overlong forms).
bool isUtf8(const char *data, uint64_t bytes);

class StringTable {
public:
  StringTable() = default;
  StringTable(const StringTable &) = delete;
  StringTable &operator=(const StringTable &) = delete;
  ~StringTable();

  /// Numbers of `table` and its texts count as this one's; it must be complete and outlive this one.
  void extend(const StringTable *table) { base = table; }

  /// Adds a model's constants, which stay where they are; false if there is no memory.
  bool addConstants(const tenon_model &model);

  /// The text's number, -1 if there is no memory. The text is copied if it is new.
  int64_t intern(const char *data, uint64_t bytes);

  /// False for a number that stands for no text.
  bool find(int64_t number, tenon_string &text) const;

  /// Forgets all texts but those of the table that this one extends.
  void reset();

  size_t heldBytes() const;

private:
  struct Entry {
    tenon_string text;
    uint64_t hash;
  };
  int64_t firstNumber() const { return base ? static_cast<int64_t>(base->count) + 1 : 1; }
  int64_t lookup(const char *data, uint64_t bytes, uint64_t hash) const;
  int64_t add(tenon_string text, uint64_t hash);
  bool grow();
  void place(size_t entry);
  char *copy(const char *data, uint64_t bytes);

  const StringTable *base = nullptr;
  Entry *entries = nullptr;
  size_t count = 0, capacity = 0;
  size_t *slots = nullptr; // twice the capacity, a power of two: 1 + an entry's place, or 0
  Region region;
  char *chunk = nullptr; // what is left of the region's last piece
  size_t chunkBytes = 0;
};

} // namespace tenon::runtime

#endif // TENON_RUNTIME_STRINGTABLE_H
