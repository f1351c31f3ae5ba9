#include "pdp/http_post.h"

#include <curl/curl.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>

#include "pdp/transfer.h"
#include "util/unique_fd.h"

namespace writ::pdp {
namespace {

struct FreeMulti {
  void operator()(CURLM* multi) const { (void)curl_multi_cleanup(multi); }
};

using Done = HttpPost::Done;

}  // namespace

// curl's multi handle over an epoll of our own, which the caller's loop watches as one descriptor.
class HttpPost::Curl {
 public:
  Curl(Options options, UniqueFd epoll, UniqueFd timer, std::unique_ptr<CURLM, FreeMulti> multi)
      : options_(std::move(options)),
        epoll_(std::move(epoll)),
        timer_(std::move(timer)),
        multi_(std::move(multi)) {}

  ~Curl() {
    for (auto& [id, transfer] : running_) {
      (void)curl_multi_remove_handle(multi_.get(), transfer->easy.get());
    }
  }

  Curl(const Curl&) = delete;
  Curl& operator=(const Curl&) = delete;

  Status set_up() {
    // No wait for "100 Continue", whatever the size.
    for (const char* line :
         {"Content-Type: application/json", "Accept: application/json", "Expect:"}) {
      curl_slist* longer = curl_slist_append(headers_.get(), line);
      if (longer == nullptr) return fail(ErrorCode::kInternal, "libcurl has no memory");
      (void)headers_.release();
      headers_.reset(longer);
    }
    epoll_event event = {};
    event.events = EPOLLIN;
    event.data.fd = timer_.get();
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, timer_.get(), &event) != 0) {
      return fail_errno(errno, "watch a timer");
    }
    const auto set = [this](CURLMoption option, auto value) {
      return curl_multi_setopt(multi_.get(), option, value) == CURLM_OK;
    };
    if (!set(CURLMOPT_SOCKETFUNCTION, &on_socket) || !set(CURLMOPT_SOCKETDATA, this) ||
        !set(CURLMOPT_TIMERFUNCTION, &on_timer) || !set(CURLMOPT_TIMERDATA, this) ||
        !set(CURLMOPT_MAXCONNECTS, static_cast<long>(options_.most)) ||
        !set(CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_NOTHING))) {
      return fail(ErrorCode::kInternal, "libcurl does not take its options");
    }
    return {};
  }

  void start(std::uint64_t id, std::string body) {
    std::unique_ptr<Transfer> transfer = unused_transfer();
    transfer->id = id;
    transfer->request = std::move(body);
    if (prepare(*transfer, options_, headers_.get()) &&
        curl_multi_add_handle(multi_.get(), transfer->easy.get()) == CURLM_OK) {
      running_[id] = std::move(transfer);
      run_due();
      collect();
      return arm();
    }
    done_.push_back({.id = id, .body = "libcurl does not take the request"});
    arm();
  }

  void cancel(std::uint64_t id) {
    std::erase_if(done_, [id](const Done& done) { return done.id == id; });
    const auto found = running_.find(id);
    if (found == running_.end()) return;
    retire(found);
    arm();
  }

  std::vector<Done> take() {
    std::array<epoll_event, 64> events;  // what does not fit is there the next time
    const int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      if (event.data.fd == timer_.get()) {
        std::uint64_t expirations = 0;
        (void)!::read(timer_.get(), &expirations, sizeof expirations);  // arm() looks at the time
        armed_.reset();
        continue;
      }
      int mask = 0;
      if ((event.events & EPOLLIN) != 0) mask |= CURL_CSELECT_IN;
      if ((event.events & EPOLLOUT) != 0) mask |= CURL_CSELECT_OUT;
      if ((event.events & (EPOLLERR | EPOLLHUP)) != 0) mask |= CURL_CSELECT_ERR;
      int left = 0;
      // A transfer's own error comes as a message.
      (void)curl_multi_socket_action(multi_.get(), event.data.fd, mask, &left);
    }
    run_due();
    collect();
    std::vector<Done> done;
    done.swap(done_);
    arm();
    return done;
  }

  void wake_at(std::optional<Time> when) {
    wake_ = when;
    arm();
  }

  [[nodiscard]] int fd() const { return epoll_.get(); }
  [[nodiscard]] std::size_t under_way() const { return running_.size(); }
  [[nodiscard]] std::uint64_t connections() const { return connections_; }

 private:
  using Running = std::map<std::uint64_t, std::unique_ptr<Transfer>>;

  static int on_socket(CURL*, curl_socket_t fd, int what, void* context, void*) {
    auto& self = *static_cast<Curl*>(context);
    epoll_event event = {};
    event.data.fd = fd;
    if (what == CURL_POLL_REMOVE) {
      // A descriptor that is closed already has left by itself.
      (void)epoll_ctl(self.epoll_.get(), EPOLL_CTL_DEL, fd, &event);
      return 0;
    }
    if ((what & CURL_POLL_IN) != 0) event.events |= EPOLLIN;
    if ((what & CURL_POLL_OUT) != 0) event.events |= EPOLLOUT;
    if (epoll_ctl(self.epoll_.get(), EPOLL_CTL_MOD, fd, &event) == 0) return 0;
    return epoll_ctl(self.epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -1;
  }

  static int on_timer(CURLM*, long wait_ms, void* context) {
    auto& self = *static_cast<Curl*>(context);
    self.due_.reset();
    if (wait_ms >= 0) {
      self.due_ = std::chrono::steady_clock::now() + std::chrono::milliseconds(wait_ms);
    }
    return 0;
  }

  std::unique_ptr<Transfer> unused_transfer() {
    if (idle_.empty()) return std::make_unique<Transfer>();
    std::unique_ptr<Transfer> transfer = std::move(idle_.back());
    idle_.pop_back();
    return transfer;
  }

  void run_due() {
    if (!due_ || *due_ > std::chrono::steady_clock::now()) return;
    due_.reset();
    int left = 0;
    (void)curl_multi_socket_action(multi_.get(), CURL_SOCKET_TIMEOUT, 0, &left);
  }

  void collect() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const CURLcode code = message->data.result;
      Transfer* transfer = nullptr;
      if (curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer) != CURLE_OK ||
          transfer == nullptr) {
        continue;
      }
      Done done = outcome(*transfer, code);
      retire(running_.find(done.id));
      done_.push_back(std::move(done));
    }
  }

  // Takes a transfer out of curl's hands and keeps its handle for a later one.
  void retire(Running::iterator at) {
    std::unique_ptr<Transfer> transfer = std::move(at->second);
    running_.erase(at);
    long made = 0;
    if (curl_easy_getinfo(transfer->easy.get(), CURLINFO_NUM_CONNECTS, &made) == CURLE_OK) {
      connections_ += static_cast<std::uint64_t>(std::max(made, 0L));
    }
    (void)curl_multi_remove_handle(multi_.get(), transfer->easy.get());
    clear(*transfer);
    idle_.push_back(std::move(transfer));
  }

  // Sets the timer to whatever comes first.
  void arm() {
    std::optional<Time> when = due_;
    if (wake_ && (!when || *wake_ < *when)) when = wake_;
    if (!done_.empty()) when = Time(std::chrono::nanoseconds(1));  // at once
    if (when == armed_) return;
    itimerspec at = {};
    if (when) {
      // Zero would turn the timer off.
      const auto ns = std::max<std::int64_t>(
          std::chrono::duration_cast<std::chrono::nanoseconds>(when->time_since_epoch()).count(),
          1);
      at.it_value.tv_sec = ns / 1'000'000'000;
      at.it_value.tv_nsec = ns % 1'000'000'000;
    }
    // steady_clock is CLOCK_MONOTONIC. It fails for a bad descriptor or time only.
    (void)timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &at, nullptr);
    armed_ = when;
  }

  const Options options_;
  const UniqueFd epoll_;
  const UniqueFd timer_;
  std::unique_ptr<curl_slist, FreeList> headers_;
  std::unique_ptr<CURLM, FreeMulti> multi_;
  Running running_;
  std::vector<std::unique_ptr<Transfer>> idle_;
  std::vector<Done> done_;
  std::optional<Time> due_;    // when curl wants to be called
  std::optional<Time> wake_;   // when the caller does
  std::optional<Time> armed_;  // what the timer is set to
  std::uint64_t connections_ = 0;
};

HttpPost::HttpPost(std::unique_ptr<Curl> curl) : curl_(std::move(curl)) {}
HttpPost::~HttpPost() = default;

Result<std::unique_ptr<HttpPost>> HttpPost::open(Options options) {
  static const bool kReady = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  std::unique_ptr<CURLM, FreeMulti> multi(kReady ? curl_multi_init() : nullptr);
  if (!multi) return fail(ErrorCode::kInternal, "libcurl does not start");
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return fail_errno(errno, "make an epoll descriptor");
  UniqueFd timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!timer) return fail_errno(errno, "make a timer");
  auto curl = std::make_unique<Curl>(std::move(options), std::move(epoll), std::move(timer),
                                     std::move(multi));
  if (Status ready = curl->set_up(); !ready) return tl::unexpected(ready.error());
  return std::unique_ptr<HttpPost>(new HttpPost(std::move(curl)));
}

void HttpPost::start(std::uint64_t id, std::string body) { curl_->start(id, std::move(body)); }
void HttpPost::cancel(std::uint64_t id) { curl_->cancel(id); }
int HttpPost::fd() const { return curl_->fd(); }
void HttpPost::wake_at(std::optional<Time> when) { curl_->wake_at(when); }
std::vector<Done> HttpPost::take() { return curl_->take(); }
std::size_t HttpPost::under_way() const { return curl_->under_way(); }
std::uint64_t HttpPost::connections() const { return curl_->connections(); }

}  // namespace writ::pdp
