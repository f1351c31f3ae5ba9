#include "daemon/token_endpoint.h"

#include <sys/eventfd.h>

#include <atomic>
#include <variant>

#include "daemon/http_server.h"
#include "daemon/loop_queue.h"
#include "daemon/token_listener.h"

namespace writ::daemon {
namespace {

// A body in chunks of a few bytes has several times its size of framing; who writes so is refused.
constexpr std::size_t kMaxBytesIn = identity::kMaxExchangeBody + (32u << 10);

Result<TokenListener> listen(const TokenEndpointOptions& options) {
  if (options.unix_path.empty()) return TokenListener::tcp(options.host, options.port);
  return TokenListener::unix(options.unix_path, options.socket_mode, options.socket_group);
}

}  // namespace

TokenEndpointOptions endpoint_options(const identity::ExchangeConfig& config,
                                      const std::string& unix_path) {
  return {.unix_path = config.unix_socket ? unix_path : "",
          .socket_mode = config.socket_mode,
          .socket_group = config.socket_group,
          .host = config.host,
          .port = config.port,
          .issuer = config.issuer};
}

class TokenEndpoint::Impl {
 public:
  Impl(TokenEndpointOptions options, TokenListener listener, UniqueFd wakeup, UniqueFd stop,
       TokenHandler& handler)
      : options_(std::move(options)),
        handler_(handler),
        listener_(std::move(listener)),
        queue_(std::move(wakeup)),
        server_(listener_.fd(), std::move(stop),
                {.post_path = "/token",
                 .threads = options_.threads,
                 .max_waiting = options_.max_waiting,
                 .max_body = identity::kMaxExchangeBody,
                 .limits = {.max_bytes_in = kMaxBytesIn,
                            .read_timeout = options_.read_timeout,
                            .write_timeout = options_.write_timeout}},
                [this](const HttpRequest& request) { return handle(request); }) {}

  ~Impl() { queue_.close(); }  // whoever waits is told before server_ joins its threads
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  LoopQueue& queue() { return queue_; }
  [[nodiscard]] const TokenListener& listener() const { return listener_; }
  [[nodiscard]] const TokenEndpointOptions& options() const { return options_; }
  [[nodiscard]] TokenEndpointCounters counters() const {
    return {.connections = server_.connections(),
            .issued = issued_,
            .refused = refused_,
            .malformed = server_.malformed() + unknown_,
            .busy = server_.busy(),
            .timed_out = timed_out_};
  }

 private:
  HttpResponse handle(const HttpRequest& request);
  HttpResponse token(const HttpRequest& request);
  HttpResponse keys();
  HttpResponse unknown(int status);
  std::optional<identity::TokenResponse> ask(LoopQueue::Question question);

  const TokenEndpointOptions options_;
  TokenHandler& handler_;
  TokenListener listener_;
  LoopQueue queue_;
  std::atomic<std::uint64_t> issued_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<std::uint64_t> unknown_{0};
  std::atomic<std::uint64_t> timed_out_{0};
  HttpServer server_;  // last: its threads use all the others
};

HttpResponse TokenEndpoint::Impl::handle(const HttpRequest& request) {
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (request.path == "/token") return request.method == "POST" ? token(request) : unknown(405);
  if (request.path == "/.well-known/jwks.json") return reads ? keys() : unknown(405);
  if (request.path == "/.well-known/oauth-authorization-server") {
    if (!reads) return unknown(405);
    return {.body = identity::server_metadata(options_.issuer)};
  }
  return unknown(404);
}

HttpResponse TokenEndpoint::Impl::unknown(int status) {
  ++unknown_;
  const auto error = identity::to_response(
      {.status = status,
       .code = "invalid_request",
       .description = "there is POST /token, GET /.well-known/jwks.json and GET "
                      "/.well-known/oauth-authorization-server"});
  return {.status = status, .body = error.body};
}

std::optional<identity::TokenResponse> TokenEndpoint::Impl::ask(LoopQueue::Question question) {
  auto response = queue_.ask(std::move(question), options_.answer_timeout);
  if (!response) ++timed_out_;
  return response;
}

HttpResponse TokenEndpoint::Impl::token(const HttpRequest& request) {
  auto parsed = identity::parse_exchange_request({.content_type = request.content_type,
                                                  .authorization = request.authorization,
                                                  .body = request.body});
  identity::TokenResponse response;
  if (const auto* error = std::get_if<identity::OAuthError>(&parsed)) {
    response = identity::to_response(*error);
  } else {
    // It owns what it needs: the loop may come to it when nobody waits any more.
    response = ask([this, exchange = std::get<identity::ExchangeRequest>(std::move(parsed))](
                       LoopQueue::Answer answer) mutable {
                 handler_.exchange(std::move(exchange), std::move(answer));
               })
                   .value_or(identity::to_response({.status = 503,
                                                    .code = "temporarily_unavailable",
                                                    .description = "writd is busy; try again"}));
  }
  ++(response.error.empty() ? issued_ : refused_);
  HttpResponse out{.status = response.status, .body = std::move(response.body)};
  out.headers = {{"Cache-Control", "no-store"}, {"Pragma", "no-cache"}};
  if (response.status == 401) out.headers.emplace_back("WWW-Authenticate", "Basic realm=\"writ\"");
  if (response.status == 503) out.headers.emplace_back("Retry-After", "1");
  return out;
}

HttpResponse TokenEndpoint::Impl::keys() {
  auto response =
      ask([this](const LoopQueue::Answer& answer) { answer({.body = handler_.jwks()}); });
  if (!response) return {.status = 503, .body = "{}", .headers = {{"Retry-After", "1"}}};
  const auto age = std::to_string(identity::kJwksMaxAge.count());
  return {.body = std::move(response->body), .headers = {{"Cache-Control", "max-age=" + age}}};
}

Result<std::unique_ptr<TokenEndpoint>> TokenEndpoint::open(TokenEndpointOptions options,
                                                           TokenHandler& handler) {
  auto listener = listen(options);
  if (!listener) return context(listener.error(), "open the token endpoint");
  UniqueFd wakeup(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  UniqueFd stop(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wakeup || !stop) return fail_errno(errno, "make an eventfd for the token endpoint");
  if (options.issuer.empty()) options.issuer = "http://" + listener->address();
  return std::unique_ptr<TokenEndpoint>(new TokenEndpoint(std::make_unique<Impl>(
      std::move(options), std::move(*listener), std::move(wakeup), std::move(stop), handler)));
}

TokenEndpoint::TokenEndpoint(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TokenEndpoint::~TokenEndpoint() = default;

int TokenEndpoint::fd() const { return impl_->queue().fd(); }
void TokenEndpoint::on_ready() { impl_->queue().run(); }
std::uint16_t TokenEndpoint::port() const { return impl_->listener().port(); }
const std::string& TokenEndpoint::issuer() const { return impl_->options().issuer; }
TokenEndpointCounters TokenEndpoint::counters() const { return impl_->counters(); }

}  // namespace writ::daemon
