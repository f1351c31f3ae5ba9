// What the kernel must have, asked one by one, each with what to do when it is not there.
#pragma once

#include <string>
#include <vector>

namespace writ::kernel {

struct Feature {
  std::string name;
  bool present = false;
  bool needed = true;  // false: something is worse without it, nothing is unsafe
  std::string detail;
  std::string hint;
};

std::vector<Feature> check_features();

}  // namespace writ::kernel
