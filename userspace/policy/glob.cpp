#include "policy/glob.h"

#include <vector>

namespace writ::policy {

bool glob_match(std::string_view glob, std::string_view text) {
  std::size_t g = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;  // the last '*' seen, and
  std::size_t resume = 0;                     // where its run would end next
  while (t < text.size()) {
    if (g < glob.size() && glob[g] == '*') {
      star = g++;
      resume = t;
    } else if (g < glob.size() && glob[g] == text[t]) {
      ++g;
      ++t;
    } else if (star != std::string_view::npos) {
      g = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (g < glob.size() && glob[g] == '*') ++g;
  return g == glob.size();
}

bool globs_overlap(std::string_view a, std::string_view b) {
  // Row i, column j: some text is read to its end by both a[0, i) and b[0, j).
  std::vector<char> above;
  std::vector<char> row;
  for (std::size_t i = 0; i <= a.size(); ++i) {
    const bool in_star = i < a.size() && a[i] == '*';
    const bool behind_star = i > 0 && a[i - 1] == '*';
    row.assign(b.size() + 1, 0);
    for (std::size_t j = 0; j <= b.size(); ++j) {
      const bool up = i > 0 && above[j] != 0;
      const bool left = j > 0 && row[j - 1] != 0;
      const bool both = i > 0 && j > 0 && above[j - 1] != 0 && a[i - 1] == b[j - 1];
      row[j] = (i == 0 && j == 0) || both ||
               (up && (behind_star || (j < b.size() && b[j] == '*'))) ||
               (left && (in_star || b[j - 1] == '*'));
    }
    above.swap(row);
  }
  return above[b.size()] != 0;
}

}  // namespace writ::policy
