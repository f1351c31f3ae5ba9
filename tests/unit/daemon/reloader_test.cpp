#include "daemon/reloader.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <filesystem>
#include <fstream>
#include <future>

#include "daemon/temp_dir.h"

namespace writ::daemon {
namespace {

using std::chrono::milliseconds;

class ReloaderTest : public testing::Test {
 protected:
  ReloaderTest() {
    std::filesystem::create_directories(root_.path() + "/etc/writ/policies");
    write("users.yaml", "users: [{id: sarah, scopes: [x]}]\n");
    write("agents.yaml", "agents: [{id: helper, scopes: [x]}]\n");
    write("policies/a.yaml", "version: 1\n");
    auto started = Reloader::start({.root = root_.path()}, [this](Reloader::Outcome outcome) {
      ++outcomes_, last_ = std::move(outcome);
    });
    if (!started) std::abort();
    reloader_ = std::move(*started);
  }

  void write(const std::string& name, const std::string& text) {
    std::ofstream(root_.path() + "/etc/writ/" + name) << text;
  }

  // What the daemon's loop does, for so long or until something was read.
  void run(milliseconds time, int until) {
    const auto end = std::chrono::steady_clock::now() + time;
    while (outcomes_ < until) {
      const auto left = std::chrono::ceil<milliseconds>(end - std::chrono::steady_clock::now());
      pollfd ready{.fd = reloader_->fd(), .events = POLLIN, .revents = 0};
      if (left.count() <= 0) return;
      if (::poll(&ready, 1, static_cast<int>(left.count())) == 1) reloader_->on_ready();
    }
  }

  TempDir root_;
  int outcomes_ = 0;
  Reloader::Outcome last_;
  std::unique_ptr<Reloader> reloader_;
};

constexpr milliseconds kLong{20'000};
constexpr milliseconds kQuiet{400};  // twice what files are left alone for

TEST_F(ReloaderTest, ReadsAChangeByItself) {
  write("policies/a.yaml", "version: 1\non_opaque: allow\n");
  run(kLong, 1);
  ASSERT_TRUE(last_.configuration);
  EXPECT_EQ(last_.configuration->policies->of("default")->on_opaque(), policy::OnOpaque::kAllow);
}

TEST_F(ReloaderTest, ReadsAChangeOnceWhenItIsAskedFor) {
  write("policies/a.yaml", "version: 1\non_opaque: allow\n");
  reloader_->ask();
  run(kLong, 1);
  run(kQuiet, 2);
  EXPECT_EQ(outcomes_, 1);
  ASSERT_TRUE(last_.configuration);
  EXPECT_EQ(last_.configuration->policies->of("default")->on_opaque(), policy::OnOpaque::kAllow);
}

TEST_F(ReloaderTest, LetsGoOfWhatWasReplacedOnItsOwnThread) {
  std::promise<std::thread::id> where;
  reloader_->release(std::shared_ptr<int>(new int(1), [&](const int* replaced) {
    delete replaced;
    where.set_value(std::this_thread::get_id());
  }));
  auto gone = where.get_future();
  ASSERT_EQ(gone.wait_for(kLong), std::future_status::ready);
  EXPECT_NE(gone.get(), std::this_thread::get_id());
  EXPECT_EQ(outcomes_, 0);
}

}  // namespace
}  // namespace writ::daemon
