// Texts by number; see StringTable.h. Open addressing with linear steps over places in a list of entries.
#include "runtime/StringTable.h"

#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

namespace tenon::runtime {

//===-- UTF-8 ---------------------------------------------------------------------------===//

bool isUtf8(const char *data, uint64_t bytes) {
  auto *at = reinterpret_cast<const unsigned char *>(data), *end = at + bytes;
  while (at != end) {
    unsigned char first = *at++;
    if (first < 0x80)
      continue;
    if (first < 0xc2 || first > 0xf4)
      return false;
    int following = first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    if (end - at < following)
      return false;
    // The second byte tells overlong forms, surrogates and what lies beyond U+10FFFF.
    unsigned char low = first == 0xe0   ? 0xa0
                        : first == 0xf0 ? 0x90
                                        : 0x80,
                  high = first == 0xed   ? 0x9f
                         : first == 0xf4 ? 0x8f
                                         : 0xbf;
    if (*at < low || *at > high)
      return false;
    for (int i = 1; i < following; ++i)
      if ((at[i] & 0xc0) != 0x80)
        return false;
    at += following;
  }
  return true;
}

//===-- Hash ----------------------------------------------------------------------------===//

static uint64_t rotate(uint64_t x, int bits) { return x << bits | x >> (64 - bits); }

static void sipRound(uint64_t (&v)[4]) {
  v[0] += v[1], v[1] = rotate(v[1], 13) ^ v[0], v[0] = rotate(v[0], 32);
  v[2] += v[3], v[3] = rotate(v[3], 16) ^ v[2];
  v[0] += v[3], v[3] = rotate(v[3], 21) ^ v[0];
  v[2] += v[1], v[1] = rotate(v[1], 17) ^ v[2], v[2] = rotate(v[2], 32);
}

// SipHash-1-3 (Aumasson and Bernstein, 2012), keyed with what the kernel drew for this process: inputs are not trusted.
static uint64_t hashOf(const char *data, uint64_t bytes) {
  uint64_t key[2] = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
  if (auto *random = reinterpret_cast<const void *>(getauxval(AT_RANDOM)))
    memcpy(key, random, sizeof key);
  uint64_t v[4] = {key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d, key[0] ^ 0x6c7967656e657261,
                   key[1] ^ 0x7465646279746573};
  for (uint64_t left = bytes;; left -= 8, data += 8) {
    uint64_t word = left < 8 ? bytes << 56 : 0;
    if (left != 0)
      memcpy(&word, data, left < 8 ? left : 8);
    v[3] ^= word;
    sipRound(v);
    v[0] ^= word;
    if (left < 8)
      break;
  }
  v[2] ^= 0xff;
  for (int i = 0; i < 3; ++i)
    sipRound(v);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

//===-- The table -----------------------------------------------------------------------===//

StringTable::~StringTable() {
  free(entries);
  free(slots);
}

int64_t StringTable::lookup(const char *data, uint64_t bytes, uint64_t hash) const {
  if (base) {
    int64_t number = base->lookup(data, bytes, hash);
    if (number >= 0)
      return number;
  }
  size_t mask = 2 * capacity - 1;
  for (size_t slot = hash; capacity != 0 && slots[slot & mask] != 0; ++slot) {
    size_t place = slots[slot & mask] - 1;
    const Entry &entry = entries[place];
    if (entry.hash == hash && entry.text.bytes == bytes && memcmp(entry.text.data, data, bytes) == 0)
      return firstNumber() + static_cast<int64_t>(place);
  }
  return -1;
}

void StringTable::place(size_t entry) {
  size_t mask = 2 * capacity - 1, slot = entries[entry].hash;
  while (slots[slot & mask] != 0)
    ++slot;
  slots[slot & mask] = entry + 1;
}

bool StringTable::grow() {
  size_t wanted = capacity == 0 ? 64 : 2 * capacity;
  if (wanted > SIZE_MAX / (4 * sizeof(Entry)))
    return false;
  auto *moreSlots = static_cast<size_t *>(calloc(2 * wanted, sizeof(size_t)));
  auto *moreEntries = static_cast<Entry *>(malloc(wanted * sizeof(Entry)));
  if (!moreSlots || !moreEntries) {
    free(moreSlots);
    free(moreEntries);
    return false;
  }
  if (count != 0)
    memcpy(moreEntries, entries, count * sizeof(Entry));
  free(entries);
  free(slots);
  slots = moreSlots;
  entries = moreEntries;
  capacity = wanted;
  for (size_t entry = 0; entry < count; ++entry)
    place(entry);
  return true;
}

int64_t StringTable::add(tenon_string text, uint64_t hash) {
  if (count == capacity && !grow())
    return -1;
  entries[count] = {text, hash};
  place(count);
  return firstNumber() + static_cast<int64_t>(count++);
}

bool StringTable::addConstants(const tenon_model &model) {
  uint64_t begin = 0;
  for (uint64_t i = 0; i < model.num_strings; ++i) {
    tenon_string text = {model.string_bytes + begin, model.string_ends[i] - begin};
    uint64_t hash = hashOf(text.data, text.bytes);
    if (add(text, hash) < 0)
      return false;
    begin = model.string_ends[i];
  }
  return true;
}

char *StringTable::copy(const char *data, uint64_t bytes) {
  // Short texts share pieces: the region hands out whole cache lines.
  constexpr size_t pieceBytes = 4096;
  if (bytes > chunkBytes) {
    size_t wanted = bytes > pieceBytes / 4 ? bytes : pieceBytes;
    auto *piece = static_cast<char *>(region.allocate(wanted));
    if (!piece)
      return nullptr;
    if (wanted == bytes) {
      memcpy(piece, data, bytes);
      return piece;
    }
    chunk = piece;
    chunkBytes = wanted;
  }
  char *target = chunk;
  memcpy(target, data, bytes);
  chunk += bytes;
  chunkBytes -= bytes;
  return target;
}

int64_t StringTable::intern(const char *data, uint64_t bytes) {
  if (bytes == 0)
    return 0;
  uint64_t hash = hashOf(data, bytes);
  int64_t number = lookup(data, bytes, hash);
  if (number >= 0)
    return number;
  char *kept = copy(data, bytes);
  return kept ? add({kept, bytes}, hash) : -1;
}

bool StringTable::find(int64_t number, tenon_string &text) const {
  text = {nullptr, 0};
  if (number == 0)
    return true;
  int64_t own = number - firstNumber();
  if (base && own < 0)
    return base->find(number, text);
  if (own < 0 || own >= static_cast<int64_t>(count))
    return false;
  text = entries[own].text;
  return true;
}

void StringTable::reset() {
  if (count == 0)
    return;
  memset(slots, 0, 2 * capacity * sizeof *slots);
  count = 0;
  chunkBytes = 0;
  region.reset();
}

size_t StringTable::heldBytes() const { return region.heldBytes() + capacity * (sizeof(Entry) + 2 * sizeof *slots); }

} // namespace tenon::runtime
