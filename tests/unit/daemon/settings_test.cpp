// writ.yaml: what it may say, and that what it may not is told with its place.
#include "daemon/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "daemon/temp_dir.h"

namespace writ::daemon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SettingsTest : public testing::Test {
 protected:
  void write(const std::string& below, const std::string& text) {
    const std::filesystem::path path = dir_.path() + "/" + below;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  std::optional<Settings> load(const std::string& text) {
    write("etc/writ/writ.yaml", text);
    problems_.clear();
    return load_settings(dir_.path(), problems_);
  }

  TempDir dir_;
  Diagnostics problems_;
};

TEST_F(SettingsTest, AMissingFileIsFine) {
  const auto settings = load_settings(dir_.path(), problems_);
  ASSERT_TRUE(settings);
  EXPECT_THAT(problems_, IsEmpty());
  EXPECT_EQ(settings->hold_max, 16u << 20);
  EXPECT_EQ(settings->message_max, 16u << 20);
  EXPECT_EQ(settings->ring_bytes, 16u << 20);
  EXPECT_EQ(settings->durability, audit::Durability::kGroup);
}

TEST_F(SettingsTest, EverythingThatCanBeSaid) {
  const auto settings =
      load("hold_max: 1MiB\nmessage_max: 2MiB\nring_bytes: 64KiB\ndurability: strict\n");
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->hold_max, 1u << 20);
  EXPECT_EQ(settings->message_max, 2u << 20);
  EXPECT_EQ(settings->ring_bytes, 64u << 10);
  EXPECT_EQ(settings->durability, audit::Durability::kStrict);
}

TEST_F(SettingsTest, TheBoundsThemselvesAreFine) {
  EXPECT_TRUE(load("hold_max: 4KiB\nmessage_max: 4KiB\nring_bytes: 4KiB\ndurability: group\n"));
  EXPECT_TRUE(load("hold_max: 256MiB\nmessage_max: 1GiB\nring_bytes: 1GiB\n"));
}

TEST_F(SettingsTest, WhatIsOutOfBoundsIsToldWithItsPlace) {
  for (const char* text :
       {"hold_max: 4095\n", "hold_max: 257MiB\n", "hold_max: -1\n", "hold_max: lots\n",
        "message_max: 4095\n", "message_max: 2GiB\n", "ring_bytes: 2KiB\n", "ring_bytes: 2GiB\n",
        "ring_bytes: 5000\n", "ring_bytes: 0\n", "durability: sometimes\n", "hold_maximum: 1MiB\n",
        "hold_max: [1MiB]\n", "- hold_max\n", "hold_max: 1MiB\nhold_max: 2MiB\n",
        "hold_max: {\n"}) {
    EXPECT_FALSE(load(text)) << text;
    ASSERT_FALSE(problems_.empty()) << text;
    EXPECT_THAT(problems_[0].file, HasSubstr("etc/writ/writ.yaml"));
    EXPECT_GT(problems_[0].line, 0) << text;
    EXPECT_FALSE(problems_[0].message.empty());
  }
}

TEST_F(SettingsTest, EveryProblemIsToldAtOnce) {
  EXPECT_FALSE(load("hold_max: 1\nring_bytes: 5\nnonsense: 1\n"));
  EXPECT_EQ(problems_.size(), 3u);
}

TEST_F(SettingsTest, AFileThatCannotBeReadIsNotAMissingOne) {
  std::filesystem::create_directories(dir_.path() + "/etc/writ/writ.yaml");
  EXPECT_FALSE(load_settings(dir_.path(), problems_));
  ASSERT_EQ(problems_.size(), 1u);
}

TEST_F(SettingsTest, FilesAreSortedAndOnlyYaml) {
  EXPECT_THAT(Settings{.root = dir_.path()}.policy_files(), IsEmpty());
  write("etc/writ/policies/b.yaml", "");
  write("etc/writ/policies/a.yaml", "");
  write("etc/writ/policies/a.yaml.old", "");
  write("etc/writ/rules/r.yaml", "");
  const Settings settings{.root = dir_.path()};
  EXPECT_THAT(settings.policy_files(), ElementsAre(dir_.path() + "/etc/writ/policies/a.yaml",
                                                   dir_.path() + "/etc/writ/policies/b.yaml"));
  EXPECT_THAT(settings.rule_files(), ElementsAre(dir_.path() + "/etc/writ/rules/r.yaml"));
}

TEST_F(SettingsTest, PathsLieBelowTheRoot) {
  EXPECT_EQ(Settings{}.socket_path(), "/run/writ/control.sock");
  EXPECT_EQ(Settings{.root = "/srv/a"}.audit_dir(), "/srv/a/var/lib/writ/audit");
  EXPECT_EQ(Settings{.root = "/srv/a/"}.users_path(), "/srv/a/etc/writ/users.yaml");
}

}  // namespace
}  // namespace writ::daemon
