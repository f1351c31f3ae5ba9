// Exported functions of the real libc, and of what is no ELF file.
#include "kernel/elf_symbols.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstdio>
#include <cstring>
#include <fstream>

namespace writ::kernel {
namespace {

TEST(ElfSymbols, FindsTheBytesOfAFunctionInItsFile) {
  Dl_info info = {};
  ASSERT_NE(dladdr(reinterpret_cast<const void*>(&::free), &info), 0);
  const auto found = exported_functions(info.dli_fname, {"free", "no_such_function"});
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_EQ(found->size(), 1u);
  std::ifstream in(info.dli_fname, std::ios::binary);
  in.seekg(static_cast<std::streamoff>(found->at("free")));
  char stored[16] = {};
  ASSERT_TRUE(in.read(stored, sizeof stored));
  EXPECT_EQ(std::memcmp(stored, info.dli_saddr, sizeof stored), 0);
}

TEST(ElfSymbols, RefusesWhatIsNoElfFile) {
  const std::string path = testing::TempDir() + "script";
  std::ofstream(path) << "#!/bin/sh\n";
  const auto found = exported_functions(path, {"free"});
  (void)std::remove(path.c_str());
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::kInvalid);
  EXPECT_FALSE(exported_functions("/nonexistent", {"free"}));
}

}  // namespace
}  // namespace writ::kernel
