// Changes reach the disk in order, once asked for; a disk that fails loses none.
#include "daemon/state_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace writ::daemon {
namespace {

using ::testing::ElementsAre;
using namespace std::chrono_literals;

struct Disk {
  std::mutex mutex;
  std::vector<std::string> written;
  std::atomic<bool> broken = false;
  std::atomic<bool> slow = false;
  std::atomic<int> prunes = 0;

  std::vector<std::string> look() {
    const std::scoped_lock lock(mutex);
    return written;
  }
};

class FakeSink : public identity::ChangeSink {
 public:
  explicit FakeSink(Disk& disk) : disk_(disk) {}
  Status apply(std::span<const identity::Change> changes) override {
    if (disk_.slow) std::this_thread::sleep_for(50ms);
    if (disk_.broken) return fail(ErrorCode::kIo, "no space left");
    const std::scoped_lock lock(disk_.mutex);
    for (const identity::Change& change : changes) {
      disk_.written.push_back(std::get<identity::SessionGone>(change).id);
    }
    return {};
  }
  Status prune(identity::TimePoint /*now*/) override {
    ++disk_.prunes;
    return {};
  }

 private:
  Disk& disk_;
};

identity::Change gone(const std::string& id) { return identity::SessionGone{.id = id}; }

class StateKeeperTest : public testing::Test {
 protected:
  void SetUp() override {
    auto keeper = StateKeeper::start(std::make_unique<FakeSink>(disk_));
    ASSERT_TRUE(keeper);
    keeper_ = std::move(*keeper);
  }
  // Until `count` answers have come.
  void wait_for(const std::vector<std::string>& answers, std::size_t count) {
    const auto deadline = std::chrono::steady_clock::now() + 5s;
    while (answers.size() < count && std::chrono::steady_clock::now() < deadline) {
      pollfd ready{.fd = keeper_->fd(), .events = POLLIN, .revents = 0};
      if (::poll(&ready, 1, 100) > 0) keeper_->on_ready();
    }
    ASSERT_EQ(answers.size(), count);
  }

  Disk disk_;
  std::unique_ptr<StateKeeper> keeper_;
  std::vector<std::string> answers_;
};

TEST_F(StateKeeperTest, AnswersWhenItIsWritten) {
  keeper_->keep({gone("a"), gone("b")}, [&](const Status& kept) {
    EXPECT_TRUE(kept);
    EXPECT_THAT(disk_.look(), ElementsAre("a", "b")) << "told before it was so";
    answers_.push_back("first");
  });
  wait_for(answers_, 1);
  EXPECT_EQ(keeper_->unsaved(), 0u);
}

TEST_F(StateKeeperTest, KeepsTheOrder) {
  disk_.slow = true;
  for (const char* id : {"a", "b", "c", "d"}) {
    keeper_->keep({gone(id)}, [this, id](const Status&) { answers_.emplace_back(id); });
  }
  wait_for(answers_, 4);
  EXPECT_THAT(answers_, ElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(disk_.look(), ElementsAre("a", "b", "c", "d"));
}

TEST_F(StateKeeperTest, TellsAFailureAndTriesAgain) {
  disk_.broken = true;
  keeper_->keep({gone("a")}, [&](const Status& kept) {
    answers_.push_back(kept ? "kept" : kept.error().message);
  });
  wait_for(answers_, 1);
  EXPECT_THAT(answers_, ElementsAre("no space left"));
  EXPECT_EQ(keeper_->unsaved(), 1u);
  disk_.broken = false;
  keeper_->keep({gone("b")}, [&](const Status& kept) { answers_.push_back(kept ? "kept" : "no"); });
  wait_for(answers_, 2);
  EXPECT_THAT(disk_.look(), ElementsAre("a", "b")) << "nothing was lost, nothing came twice";
}

TEST_F(StateKeeperTest, PrunesNowAndThen) {
  keeper_->keep({gone("a")}, [this](const Status&) { answers_.emplace_back("a"); });
  wait_for(answers_, 1);
  EXPECT_EQ(disk_.prunes, 0) << "an hour has not passed";
  auto keeper = StateKeeper::start(std::make_unique<FakeSink>(disk_), 0s);
  ASSERT_TRUE(keeper);
  keeper_ = std::move(*keeper);
  keeper_->keep({gone("b")}, [this](const Status&) { answers_.emplace_back("b"); });
  wait_for(answers_, 2);
  EXPECT_EQ(disk_.prunes, 1);
}

TEST_F(StateKeeperTest, TriesAgainByItself) {
  disk_.broken = true;
  keeper_->keep({gone("a")}, {});
  std::this_thread::sleep_for(100ms);
  disk_.broken = false;
  for (int i = 0; i < 50 && disk_.look().empty(); ++i) std::this_thread::sleep_for(100ms);
  EXPECT_THAT(disk_.look(), ElementsAre("a"));
}

TEST_F(StateKeeperTest, WritesWhatIsLeftWhenItEnds) {
  disk_.slow = true;
  keeper_->keep({gone("a")}, {});
  keeper_->keep({gone("b")}, {});
  keeper_.reset();
  EXPECT_THAT(disk_.look(), ElementsAre("a", "b"));
}

TEST_F(StateKeeperTest, EndsWithABrokenDisk) {
  disk_.broken = true;
  keeper_->keep({gone("a")}, {});
  keeper_.reset();  // returns
  EXPECT_TRUE(disk_.look().empty());
}

}  // namespace
}  // namespace writ::daemon
