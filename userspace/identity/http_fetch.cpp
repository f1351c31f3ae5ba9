#include "identity/http_fetch.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <map>
#include <mutex>
#include <thread>

#include "identity/http_url.h"
#include "identity/printable.h"
#include "util/unique_fd.h"

namespace writ::identity {
namespace {

struct FreeEasy {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

// One fetch that runs; curl points into it.
struct Transfer {
  std::uint64_t id = 0;
  FetchRequest request;
  HttpUrl url;
  std::unique_ptr<CURL, FreeEasy> easy;
  std::string body;
  bool too_large = false;
  bool not_here = false;  // http went to another host
};

std::size_t on_body(char* bytes, std::size_t, std::size_t size, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  if (transfer.body.size() + size > HttpFetch::kMaxBody) {
    transfer.too_large = true;
    return 0;  // ends the transfer
  }
  transfer.body.append(bytes, size);
  return size;
}

// Before the request goes out: a name like localhost may have been led elsewhere.
int on_connected(void* context, char* peer, char*, int, int) {
  auto& transfer = *static_cast<Transfer*>(context);
  const std::string_view address = peer == nullptr ? "" : peer;
  if (transfer.url.https || address == "::1" || address.starts_with("127.")) {
    return CURL_PREREQFUNC_OK;
  }
  transfer.not_here = true;
  return CURL_PREREQFUNC_ABORT;
}

std::string header(CURL* easy, const char* name) {
  curl_header* found = nullptr;
  if (curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &found) != CURLHE_OK) return "";
  return found->value;
}

bool set_up(Transfer& transfer, const curl_slist* headers, std::chrono::milliseconds timeout) {
  CURL* easy = transfer.easy.get();
  const auto set = [easy](CURLoption option, auto value) {
    return curl_easy_setopt(easy, option, value) == CURLE_OK;
  };
  bool good = set(CURLOPT_URL, transfer.request.url.c_str()) &&
              set(CURLOPT_PROTOCOLS_STR, transfer.url.https ? "https" : "http") &&
              set(CURLOPT_FOLLOWLOCATION, 0L) && set(CURLOPT_NOSIGNAL, 1L) &&
              set(CURLOPT_SSL_VERIFYPEER, 1L) && set(CURLOPT_SSL_VERIFYHOST, 2L) &&
              set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2)) &&
              set(CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count())) &&
              set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED)) &&
              set(CURLOPT_HTTPHEADER, headers) && set(CURLOPT_USERAGENT, "writ") &&
              set(CURLOPT_WRITEFUNCTION, &on_body) && set(CURLOPT_WRITEDATA, &transfer) &&
              set(CURLOPT_PREREQFUNCTION, &on_connected) && set(CURLOPT_PREREQDATA, &transfer) &&
              set(CURLOPT_PRIVATE, &transfer);
  if (transfer.url.loopback) good = good && set(CURLOPT_PROXY, "");
  if (!transfer.request.ca_file.empty()) {
    good = good && set(CURLOPT_CAINFO, transfer.request.ca_file.c_str()) &&
           set(CURLOPT_CAPATH, static_cast<char*>(nullptr));
  }
  return good;
}

Result<FetchedDocument> outcome(Transfer& transfer, CURLcode code) {
  const std::string url = printable(transfer.request.url);
  if (transfer.too_large) {
    return fail(ErrorCode::kUnavailable, "{} sent more than {} KiB", url,
                HttpFetch::kMaxBody >> 10);
  }
  if (transfer.not_here) {
    return fail(ErrorCode::kUnavailable, "{} is not on this host, and http is for this host only",
                url);
  }
  if (code != CURLE_OK) {
    return fail(ErrorCode::kUnavailable, "{}: {}", url, curl_easy_strerror(code));
  }
  long status = 0;
  if (curl_easy_getinfo(transfer.easy.get(), CURLINFO_RESPONSE_CODE, &status) != CURLE_OK) {
    status = 0;
  }
  if (status != 200) {
    return fail(ErrorCode::kUnavailable, "{} answered with status {}{}", url, status,
                status >= 300 && status < 400 ? " (redirects are not followed: write the address "
                                                "that it leads to)"
                                              : "");
  }
  return FetchedDocument{
      .body = std::move(transfer.body),
      .max_age = remaining_freshness(header(transfer.easy.get(), "Cache-Control"),
                                     header(transfer.easy.get(), "Age"))};
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    text = text.substr(1, text.size() - 2);
  }
  std::int64_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code == std::errc::result_out_of_range && end == text.data() + text.size()) {
    return std::int64_t{1} << 31;  // RFC 9111 section 1.2.2
  }
  if (code != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return std::min(value, std::int64_t{1} << 31);
}

}  // namespace

std::optional<std::chrono::seconds> remaining_freshness(std::string_view cache_control,
                                                        std::string_view age) {
  std::optional<std::int64_t> max_age;
  while (!cache_control.empty()) {
    std::string directive;
    for (const char c : cache_control.substr(0, cache_control.find(','))) {
      if (c != ' ' && c != '\t') {
        directive += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      }
    }
    cache_control.remove_prefix(std::min(cache_control.find(','), cache_control.size() - 1) + 1);
    if (directive == "no-store" || directive == "no-cache") return std::chrono::seconds(0);
    constexpr std::string_view kMaxAge = "max-age=";
    if (directive.starts_with(kMaxAge)) {
      max_age = whole_number(std::string_view(directive).substr(kMaxAge.size()));
    }
  }
  if (!max_age) return std::nullopt;
  const std::int64_t spent = whole_number(age).value_or(0);
  return std::chrono::seconds(std::max<std::int64_t>(*max_age - spent, 0));
}

// What the two threads share: a queue each way, and curl's multi handle, which belongs to the
// worker's thread but for waking it.
class HttpFetch::Worker {
 public:
  Worker(CURLM* multi, UniqueFd ready, std::chrono::milliseconds timeout)
      : multi_(multi), ready_(std::move(ready)), timeout_(timeout) {
    // curl copies the list's address only.
    headers_.reset(
        curl_slist_append(nullptr, "Accept: application/json, application/jwk-set+json"));
    thread_ = std::thread([this] { run(); });
  }

  ~Worker() {
    stopping_ = true;
    (void)curl_multi_wakeup(multi_);  // fails only for a bad handle
    thread_.join();
    for (auto& [easy, transfer] : running_) (void)curl_multi_remove_handle(multi_, easy);
    running_.clear();
    (void)curl_multi_cleanup(multi_);
  }

  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  [[nodiscard]] int fd() const { return ready_.get(); }

  void start(std::uint64_t id, FetchRequest request) {
    {
      const std::lock_guard lock(mutex_);
      asked_.emplace_back(id, std::move(request));
    }
    (void)curl_multi_wakeup(multi_);
  }

  std::vector<Done> take() {
    std::uint64_t count = 0;
    // EAGAIN: nothing is there, and the list is empty.
    if (::read(ready_.get(), &count, sizeof count) < 0) count = 0;
    std::vector<Done> done;
    const std::lock_guard lock(mutex_);
    done.swap(done_);
    return done;
  }

 private:
  void run() {
    while (!stopping_) {
      begin_asked();
      int left = 0;
      (void)curl_multi_perform(multi_, &left);  // a transfer's own error comes as a message
      collect();
      constexpr int kLongMs = 60'000;  // curl shortens it to its own timers
      if (!stopping_) (void)curl_multi_poll(multi_, nullptr, 0, kLongMs, nullptr);
    }
  }

  void begin_asked() {
    std::vector<std::pair<std::uint64_t, FetchRequest>> asked;
    {
      const std::lock_guard lock(mutex_);
      asked.swap(asked_);
    }
    for (auto& [id, request] : asked) {
      auto transfer = std::make_unique<Transfer>();
      transfer->id = id;
      transfer->request = std::move(request);
      auto url = parse_http_url(transfer->request.url);
      if (!url) {
        give(id, tl::unexpected(url.error()));
        continue;
      }
      transfer->url = std::move(*url);
      transfer->easy.reset(curl_easy_init());
      CURL* easy = transfer->easy.get();
      if (easy == nullptr || !set_up(*transfer, headers_.get(), timeout_) ||
          curl_multi_add_handle(multi_, easy) != CURLM_OK) {
        give(id, fail(ErrorCode::kUnavailable, "libcurl does not take {}",
                      printable(transfer->request.url)));
        continue;
      }
      running_[easy] = std::move(transfer);
    }
  }

  void collect() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      CURL* easy = message->easy_handle;
      const CURLcode code = message->data.result;
      const auto found = running_.find(easy);
      if (found == running_.end()) continue;
      (void)curl_multi_remove_handle(multi_, easy);
      give(found->second->id, outcome(*found->second, code));
      running_.erase(found);
    }
  }

  void give(std::uint64_t id, Result<FetchedDocument> result) {
    const std::lock_guard lock(mutex_);
    done_.push_back({id, std::move(result)});
    const std::uint64_t one = 1;
    // Cannot fail: the counter holds 2^64 - 2.
    if (::write(ready_.get(), &one, sizeof one) < 0) return;
  }

  CURLM* multi_;
  UniqueFd ready_;
  const std::chrono::milliseconds timeout_;
  std::unique_ptr<curl_slist, FreeList> headers_;
  std::map<CURL*, std::unique_ptr<Transfer>> running_;  // the worker's thread
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;
  std::vector<std::pair<std::uint64_t, FetchRequest>> asked_;  // under mutex_
  std::vector<Done> done_;                                     // under mutex_
  std::thread thread_;
};

HttpFetch::HttpFetch(std::unique_ptr<Worker> worker) : worker_(std::move(worker)) {}
HttpFetch::~HttpFetch() = default;

Result<std::unique_ptr<HttpFetch>> HttpFetch::open(std::chrono::milliseconds timeout) {
  // Once, before the thread: it is not safe beside others.
  static const bool kReady = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  if (!kReady) return fail(ErrorCode::kInternal, "libcurl does not start");
  UniqueFd ready(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!ready) return fail_errno(errno, "make an eventfd");
  CURLM* multi = curl_multi_init();
  if (multi == nullptr) return fail(ErrorCode::kInternal, "libcurl does not start");
  return std::unique_ptr<HttpFetch>(
      new HttpFetch(std::make_unique<Worker>(multi, std::move(ready), timeout)));
}

void HttpFetch::start(std::uint64_t id, FetchRequest request) {
  worker_->start(id, std::move(request));
}

int HttpFetch::fd() const { return worker_->fd(); }

std::vector<Fetcher::Done> HttpFetch::take() { return worker_->take(); }

}  // namespace writ::identity
