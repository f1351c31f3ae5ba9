#include "daemon/reloader.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <utility>

namespace writ::daemon {
namespace {

// An editor, or a tool that writes several files, is done when nothing has changed for so long.
constexpr long kQuietNs = 200'000'000;

constexpr std::uint32_t kChanges =
    IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_ONLYDIR;

}  // namespace

Result<std::unique_ptr<Reloader>> Reloader::start(const Settings& settings, Then then) {
  std::unique_ptr<Reloader> reloader(new Reloader(settings, std::move(then)));
  reloader->epoll_.reset(epoll_create1(EPOLL_CLOEXEC));
  reloader->quiet_.reset(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  reloader->done_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  reloader->files_.reset(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!reloader->epoll_ || !reloader->quiet_ || !reloader->done_ || !reloader->files_) {
    return fail_errno(errno, "watch the configuration");
  }
  if (Status watched = reloader->watch_files(); !watched) return tl::unexpected(watched.error());
  for (const int fd : {reloader->quiet_.get(), reloader->done_.get(), reloader->files_.get()}) {
    if (Status watched = reloader->watch(fd); !watched) return tl::unexpected(watched.error());
  }
  reloader->thread_ = std::thread([raw = reloader.get()] { raw->work(); });
  return reloader;
}

Reloader::~Reloader() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

// Folders, since editors write a new file and give it the old one's name.
Status Reloader::watch_files() {
  for (const char* folder : {"etc/writ", "etc/writ/policies"}) {
    const std::string path = settings_.path(folder);
    if (inotify_add_watch(files_.get(), path.c_str(), kChanges) < 0) {
      return fail_errno(errno, "watch {} for changes", path);
    }
  }
  return {};
}

Status Reloader::watch(int fd) {
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.fd = fd;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return fail_errno(errno, "watch");
  return {};
}

void Reloader::ask() {
  // What has changed until now is read by this, and needs no second time.
  (void)take_changes();
  const itimerspec never = {};
  (void)timerfd_settime(quiet_.get(), 0, &never, nullptr);  // at worst it is read once more
  const std::scoped_lock lock(mutex_);
  wanted_ = true;
  changed_.notify_one();
}

void Reloader::release(std::shared_ptr<const void> replaced) {
  const std::scoped_lock lock(mutex_);
  replaced_.push_back(std::move(replaced));
  changed_.notify_one();
}

// Which file it was does not matter, all are read together.
bool Reloader::take_changes() {
  alignas(inotify_event) std::array<char, 4096> events;
  bool changed = false;
  while (read(files_.get(), events.data(), events.size()) > 0) changed = true;
  // (void): the folder of policies may have been made anew; the old watch stays if it was not.
  if (changed) (void)watch_files();
  return changed;
}

void Reloader::on_ready() {
  if (take_changes()) {
    itimerspec once = {};
    once.it_value.tv_nsec = kQuietNs;
    if (timerfd_settime(quiet_.get(), 0, &once, nullptr) != 0) ask();
  }
  std::uint64_t count = 0;
  if (read(quiet_.get(), &count, sizeof count) > 0) ask();
  if (read(done_.get(), &count, sizeof count) <= 0) return;
  std::optional<Outcome> outcome;
  {
    const std::scoped_lock lock(mutex_);
    outcome.swap(outcome_);
  }
  if (outcome) then_(std::move(*outcome));
}

void Reloader::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return wanted_ || stopping_ || !replaced_.empty(); });
    if (stopping_) return;
    const bool wanted = std::exchange(wanted_, false);
    auto replaced = std::exchange(replaced_, {});
    lock.unlock();
    replaced.clear();
    if (wanted) read_files();
    lock.lock();
  }
}

void Reloader::read_files() {
  std::optional<Outcome> outcome(std::in_place);
  outcome->configuration = read_configuration(settings_, outcome->problems);
  const std::scoped_lock lock(mutex_);
  if (wanted_) return;  // out of date already
  outcome_.swap(outcome);
  const std::uint64_t one = 1;
  (void)!write(done_.get(), &one, sizeof one);  // full means readable already
}

}  // namespace writ::daemon
