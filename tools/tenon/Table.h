//===- Table.h - tables of text for people -------------------------------------------------===//

#ifndef TENON_TOOLS_TENON_TABLE_H
#define TENON_TOOLS_TENON_TABLE_H

#include <string>
#include <vector>

namespace tenon::cli {

/// Rows under a heading, columns as wide as their widest cell. A heading that starts with '>' is right-aligned.
class Table {
public:
  explicit Table(std::vector<std::string> headings);
  void add(std::vector<std::string> cells);
  bool empty() const { return rows.size() == 1; }
  std::string text() const;

private:
  std::vector<std::vector<std::string>> rows;
  std::vector<bool> right;
};

/// A number with `digits` decimals.
std::string fixed(double number, int digits);

/// "12.3 MiB"
std::string bytesText(double bytes);

/// "4.5 G": a count with a decimal prefix.
std::string countText(double count);

/// At most `length` characters, "..." at the end of what was cut.
std::string shorten(const std::string &text, size_t length);

} // namespace tenon::cli

#endif // TENON_TOOLS_TENON_TABLE_H
