// A folder for a store, and what a kill leaves of it.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "identity/support.h"
#include "identity/writ_store.h"

namespace writ::identity {

class StoreTest : public testing::Test {
 protected:
  StoreTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "writ-store-XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) ADD_FAILURE() << "mkdtemp";
    folder_ = pattern;
  }
  ~StoreTest() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string path(const std::string& name = "writs.db") const {
    return folder_ / name;
  }

  std::unique_ptr<WritStore> open(const std::string& name = "writs.db") {
    auto store = WritStore::open(path(name));
    if (!store) ADD_FAILURE() << store.error().message;
    return store ? std::move(*store) : nullptr;
  }

  // What is on the disk at this instant, as a kill would leave it: the store stays open.
  void copy_as_killed(const std::string& name, const std::string& to) {
    for (const char* suffix : {"", "-wal"}) {
      if (std::filesystem::exists(path(name) + suffix))
        std::filesystem::copy_file(path(name) + suffix, path(to) + suffix);
    }
  }

  std::filesystem::path folder_;
};

}  // namespace writ::identity
