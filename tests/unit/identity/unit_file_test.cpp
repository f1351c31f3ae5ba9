// What units say of their person: which files count, in which order, and who may have written them.
#include "identity/unit_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "daemon/temp_dir.h"

namespace writ::identity {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;  // NOLINT(google-build-using-namespace)
using testing::AllOf;
using testing::HasSubstr;

// In order of precedence, systemd.unit(5).
constexpr const char* kEtc = "etc/systemd/system/";
constexpr const char* kRun = "run/systemd/system/";
constexpr const char* kLocal = "usr/local/lib/systemd/system/";
constexpr const char* kUsr = "usr/lib/systemd/system/";
constexpr const char* kLib = "lib/systemd/system/";

class UnitFileTest : public testing::Test {
 protected:
  std::string path(const std::string& below) {
    const std::string path = root_.path() + "/" + below;
    fs::create_directories(fs::path(path).parent_path());
    return path;
  }

  std::string put(const std::string& below, const std::string& text, mode_t mode = 0644) {
    const std::string file = path(below);
    std::ofstream(file) << text;
    EXPECT_EQ(chmod(file.c_str(), mode), 0);
    return file;
  }

  std::string user(const std::string& below, const std::string& user) {
    return put(below, "[X-Writ]\nUser=" + user + "\n");
  }

  void link(const std::string& below, const std::string& target) {
    fs::create_symlink(target, path(below));
  }

  // "user task"; "-": it says nothing; else the error's message.
  std::string said(const std::string& unit = "a.service") {
    const auto person = read_unit_person(root_.path(), unit);
    if (!person) return person.error().message;
    return *person ? (*person)->user + " " + (*person)->task : "-";
  }

  ErrorCode code(const std::string& unit = "a.service") {
    const auto person = read_unit_person(root_.path(), unit);
    EXPECT_FALSE(person);
    return person ? ErrorCode::kInternal : person.error().code;
  }

  daemon::TempDir root_;
};

// --- The section ---

TEST_F(UnitFileTest, NoFileSaysNothing) { EXPECT_EQ(said(), "-"); }

TEST_F(UnitFileTest, ItsSectionAlone) {
  put(kEtc + "a.service"s,
      "User=none\n"
      "[Service]\nUser=www-data\nTask=x\n"
      "[X-Writ]\nUser=sarah\nTask=nightly report\n"
      "[X-Writ-2]\nUser=nora\n"
      "[x-writ]\nUser=nora\n"
      "[Install]\nUser=nora\n");
  EXPECT_EQ(said(), "sarah nightly report");
}

TEST_F(UnitFileTest, NoSectionOrNoUserSaysNothing) {
  put(kEtc + "a.service"s, "[Service]\nUser=www-data\n");
  EXPECT_EQ(said(), "-");
  put(kEtc + "a.service"s, "");
  EXPECT_EQ(said(), "-");
  put(kEtc + "a.service"s, "[X-Writ]\nTask=alone\n");
  EXPECT_EQ(said(), "-");
}

TEST_F(UnitFileTest, BlanksCommentsAndLineEnds) {
  put(kEtc + "a.service"s,
      "# [X-Writ]\r\n\r\n  [X-Writ]\t\r\n#User=nora\n;User=nora\n \t# User=nora\n"
      "  User =\tsarah \r\n\n Task= a=b # c ");
  EXPECT_EQ(said(), "sarah a=b # c");
}

TEST_F(UnitFileTest, LaterLinesWinAndAnEmptyOneTakesBack) {
  put(kEtc + "a.service"s, "[X-Writ]\nUser=nora\nUser=bob\n[Unit]\n[X-Writ]\nUser=sarah\n");
  EXPECT_EQ(said(), "sarah ");
  put(kEtc + "a.service"s, "[X-Writ]\nUser=sarah\nTask=x\nUser=\n");
  EXPECT_EQ(said(), "-");
}

TEST_F(UnitFileTest, WhatIsNotKnownIsAnError) {
  for (const char* line : {"Users=sarah", "user=sarah", "User", "User sarah", "=sarah", "x"}) {
    put(kEtc + "a.service"s, "[X-Writ]\nUser=sarah\n"s + line + "\n");
    EXPECT_THAT(said(), AllOf(HasSubstr("a.service:3: in [X-Writ] there are"))) << line;
    EXPECT_EQ(code(), ErrorCode::kInvalid);
  }
}

// --- Which file counts ---

TEST_F(UnitFileTest, TheFirstFolderThatHasIt) {
  for (const char* folder : {kLib, kUsr, kLocal, kRun, kEtc}) {
    user(folder + "a.service"s, folder);
    EXPECT_EQ(said(), folder + " "s);
  }
  put(kEtc + "a.service"s, "[Service]\n");
  EXPECT_EQ(said(), "-") << "it says nothing, so nothing is said";
}

TEST_F(UnitFileTest, AMaskedUnitSaysNothing) {
  user(kUsr + "a.service"s, "sarah");
  link(kEtc + "a.service"s, "/dev/null");
  EXPECT_EQ(said(), "-");
}

TEST_F(UnitFileTest, ALinkCountsAsWhatItLeadsTo) {
  link(kEtc + "a.service"s, user("opt/agent/a.service", "sarah"));
  EXPECT_EQ(said(), "sarah ");
  ASSERT_EQ(chmod(path("opt/agent/a.service").c_str(), 0666), 0);
  EXPECT_EQ(code(), ErrorCode::kDenied);
}

TEST_F(UnitFileTest, ALinkToNowhereIsNoFile) {
  user(kUsr + "a.service"s, "sarah");
  link(kEtc + "a.service"s, root_.path() + "/gone");
  EXPECT_EQ(said(), "sarah ");
  link(kRun + "a.service"s, "a.service");
  EXPECT_EQ(said(), "sarah ") << "a link to itself";
}

TEST_F(UnitFileTest, WhatIsNoFileIsNotRead) {
  ASSERT_EQ(mkfifo(path(kEtc + "a.service"s).c_str(), 0644), 0);
  EXPECT_EQ(said(), "-") << "and nobody waits for a writer";
  fs::create_directories(path(kEtc + "b.service"s));
  EXPECT_EQ(said("b.service"), "-");
}

// --- Drop-ins ---

TEST_F(UnitFileTest, DropInsComeAfterTheFileWhateverTheFolder) {
  user(kEtc + "a.service"s, "file");
  put(kLib + "a.service.d/10.conf"s, "[X-Writ]\nUser=drop-in\nTask=t\n");
  EXPECT_EQ(said(), "drop-in t");
  user(kRun + "a.service.d/20.conf"s, "later");
  EXPECT_EQ(said(), "later t");
  user(kEtc + "a.service.d/15.conf"s, "between");
  EXPECT_EQ(said(), "later t") << "the file's name orders them, not the folder's";
}

TEST_F(UnitFileTest, ADropInAlone) {
  user(kEtc + "a.service.d/10.conf"s, "sarah");
  EXPECT_EQ(said(), "sarah ");
}

TEST_F(UnitFileTest, OfOneNameTheFirstFolderHasIt) {
  put(kUsr + "a.service.d/10.conf"s, "[X-Writ]\nUser=usr\nTask=usr\n");
  user(kRun + "a.service.d/10.conf"s, "run");
  EXPECT_EQ(said(), "run ");
  link(kEtc + "a.service.d/10.conf"s, "/dev/null");
  EXPECT_EQ(said(), "-") << "masked";
}

TEST_F(UnitFileTest, WhatIsNoDropIn) {
  user(kEtc + "a.service.d/10.con"s, "nora");
  user(kEtc + "a.service.d/conf"s, "nora");
  user(kEtc + "a.service.d/.conf"s, "nora");
  user(kEtc + "a.service.d/.10.conf"s, "nora");
  user(kEtc + "a.service.d/10.conf~"s, "nora");
  user(kEtc + "a.service.d/x/10.conf"s, "nora");
  user(kEtc + "b.service.d/10.conf"s, "nora");
  user(kEtc + "service.d/10.conf"s, "nora");
  EXPECT_EQ(said(), "-");
}

TEST_F(UnitFileTest, DropInsThatLeadNowhereHideThoseOfTheirName) {
  user(kEtc + "a.service"s, "sarah");
  user(kRun + "a.service.d/10.conf"s, "nora");
  user(kRun + "a.service.d/20.conf"s, "nora");
  link(kEtc + "a.service.d/10.conf"s, root_.path() + "/gone");
  link(kEtc + "a.service.d/20.conf"s, "20.conf");
  EXPECT_EQ(said(), "sarah ");
}

TEST_F(UnitFileTest, TooManyDropIns) {
  for (int i = 0; i < 256; ++i) {
    user(kEtc + "a.service.d/"s + std::to_string(1000 + i) + ".conf", "u" + std::to_string(i));
  }
  EXPECT_EQ(said(), "u255 ");
  user(kRun + "a.service.d/1255.conf"s, "hidden");
  EXPECT_EQ(said(), "u255 ") << "of a name that is there already";
  user(kRun + "a.service.d/2000.conf"s, "one");
  EXPECT_EQ(said(), "more than 256 drop-ins of a.service");
  EXPECT_EQ(code(), ErrorCode::kInvalid);
}

// --- Templates ---

TEST_F(UnitFileTest, AnInstanceHasItsTemplatesFile) {
  user(kEtc + "a@.service"s, "template");
  EXPECT_EQ(said("a@b.service"), "template ");
  EXPECT_EQ(said("a@b@c.service"), "template ");
  EXPECT_EQ(said("a@b.c.service"), "template ");
  EXPECT_EQ(said("ab@b.service"), "-");
  EXPECT_EQ(said("a.service"), "-");
  EXPECT_EQ(said("a@b.scope"), "-");
  user(kLib + "a@b.service"s, "instance");
  EXPECT_EQ(said("a@b.service"), "instance ") << "its own file, in whatever folder";
  EXPECT_EQ(said("a@c.service"), "template ");
}

// The order is that of systemd's src/shared/dropin.c: by file name over all folders.
TEST_F(UnitFileTest, AnInstanceHasItsTemplatesDropIns) {
  put(kEtc + "a@.service.d/50.conf"s, "[X-Writ]\nUser=template\nTask=t\n");
  EXPECT_EQ(said("a@b.service"), "template t");
  user(kEtc + "a@b.service.d/40.conf"s, "before");
  EXPECT_EQ(said("a@b.service"), "template t");
  user(kEtc + "a@b.service.d/60.conf"s, "after");
  EXPECT_EQ(said("a@b.service"), "after t");
  EXPECT_EQ(said("a@c.service"), "template t");
}

TEST_F(UnitFileTest, AnInstancesDropInHidesItsTemplatesOfThatName) {
  put(kEtc + "a@.service.d/50.conf"s, "[X-Writ]\nUser=template\nTask=t\n");
  user(kEtc + "a@b.service.d/50.conf"s, "instance");
  EXPECT_EQ(said("a@b.service"), "instance ");
  fs::remove_all(path(kEtc + "a@b.service.d"s));
  user(kRun + "a@b.service.d/50.conf"s, "instance");
  EXPECT_EQ(said("a@b.service"), "template t") << "of one name, the folder goes first";
}

// --- Who wrote it ---

TEST_F(UnitFileTest, AFileThatOthersCanWriteIsAnError) {
  user(kUsr + "a.service"s, "sarah");
  for (const mode_t mode : {0646, 0664, 0622}) {
    put(kEtc + "a.service"s, "[X-Writ]\nUser=nora\n", mode);
    EXPECT_THAT(said(), HasSubstr("can be written by others")) << mode;
    EXPECT_EQ(code(), ErrorCode::kDenied);
  }
  user(kEtc + "a.service"s, "bob");
  ASSERT_EQ(chmod(path(kEtc + "a.service"s).c_str(), 0644), 0);
  put(kEtc + "a.service.d/10.conf"s, "", 0666);
  EXPECT_EQ(code(), ErrorCode::kDenied) << "even one that says nothing";
}

TEST_F(UnitFileTest, AFileOfAnotherOwnerIsAnError) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  const std::string file = user(kEtc + "a.service"s, "sarah");
  ASSERT_EQ(chown(file.c_str(), 65534, 0), 0);
  EXPECT_EQ(code(), ErrorCode::kDenied);
}

TEST_F(UnitFileTest, AnOverlongFileIsAnError) {
  const std::string text = "[X-Writ]\nUser=sarah\n";
  put(kEtc + "a.service"s, text + std::string((256u << 10) - text.size(), '\n'));
  EXPECT_EQ(said(), "sarah ");
  put(kEtc + "a.service"s, text + std::string((256u << 10) - text.size() + 1, '\n'));
  EXPECT_THAT(said(), HasSubstr("is over 262144 bytes"));
  EXPECT_EQ(code(), ErrorCode::kInvalid);
}

TEST_F(UnitFileTest, NamesThatAreNoUnits) {
  user("etc/systemd/x.service", "nora");
  for (const std::string& unit : {""s, "."s, ".."s, "../x.service"s, ".a.service"s, "a/b.service"s,
                                  "a b.service"s, "a\n.service"s, "a\0.service"s, "a*.service"s,
                                  "\xc3\xa4.service"s, std::string(256, 'a')}) {
    EXPECT_EQ(said(unit), "that is no unit's name") << unit;
    EXPECT_EQ(code(unit), ErrorCode::kInvalid);
  }
  EXPECT_EQ(said(std::string(255, 'a')), "-");
  user(kEtc + "a\\x2db:c_1.service"s, "sarah");
  EXPECT_EQ(said("a\\x2db:c_1.service"), "sarah ");
}

}  // namespace
}  // namespace writ::identity
