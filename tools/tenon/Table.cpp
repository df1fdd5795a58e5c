//===- Table.cpp - tables of text for people -----------------------------------------------===//

#include "tools/tenon/Table.h"
#include <algorithm>
#include <cstdio>

namespace tenon::cli {

namespace {

/// Characters, not bytes, of UTF-8 text.
size_t width(const std::string &text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
}

std::string scaled(double number, double step, const char *const *units, const char *format) {
  while (number >= step && units[1]) {
    number /= step;
    ++units;
  }
  char text[64];
  std::snprintf(text, sizeof(text), format, number, *units);
  return text;
}

} // namespace

Table::Table(std::vector<std::string> headings) {
  for (std::string &heading : headings) {
    right.push_back(heading.starts_with('>'));
    if (right.back())
      heading.erase(0, 1);
  }
  rows.push_back(std::move(headings));
}

void Table::add(std::vector<std::string> cells) {
  cells.resize(right.size());
  rows.push_back(std::move(cells));
}

std::string Table::text() const {
  std::vector<size_t> widths(right.size());
  for (const auto &row : rows)
    for (size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], width(row[i]));
  std::string result;
  for (const auto &row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      std::string space(widths[i] - width(row[i]), ' ');
      line += (i ? "  " : "") + (right[i] ? space + row[i] : row[i] + space);
    }
    result += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return result;
}

std::string fixed(double number, int digits) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.*f", digits, number);
  return text;
}

std::string bytesText(double bytes) {
  static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", nullptr};
  return scaled(bytes, 1024, units, bytes < 1024 ? "%.0f %s" : "%.1f %s");
}

std::string countText(double count) {
  static const char *const units[] = {"", "k", "M", "G", "T", "P", nullptr};
  std::string text = scaled(count, 1000, units, count < 1000 ? "%.0f %s" : "%.2f %s");
  return text.ends_with(' ') ? text.substr(0, text.size() - 1) : text;
}

std::string shorten(const std::string &text, size_t length) {
  if (text.size() <= length)
    return text;
  size_t end = length - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80)
    --end;
  return text.substr(0, end) + "...";
}

} // namespace tenon::cli
