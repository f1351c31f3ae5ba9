// HttpFetch against servers on loopback, in the clear and over TLS.
#include "identity/http_fetch.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <functional>
#include <thread>

#include "identity/http_url.h"
#include "identity/token_maker.h"
#include "util/unique_fd.h"

namespace writ::identity {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

std::string ok(const std::string& body, const std::string& headers = "") {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + headers +
         "\r\n" + body;
}

// A certificate for 127.0.0.1 that signs itself.
class Certificate {
 public:
  Certificate() : key_(test::Key::ec()), x509_(X509_new(), X509_free) {
    X509* x509 = x509_.get();
    X509_set_version(x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), -60);
    X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
    X509_set_pubkey(x509, key_.get());
    X509_NAME* name = X509_get_subject_name(x509);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
    X509_set_issuer_name(x509, name);
    for (const auto& [nid, value] : {std::pair{NID_subject_alt_name, "IP:127.0.0.1"},
                                     std::pair{NID_basic_constraints, "critical,CA:TRUE"}}) {
      X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
      X509_add_ext(x509, extension, -1);
      X509_EXTENSION_free(extension);
    }
    X509_sign(x509, key_.get(), EVP_sha256());
    path_ = std::filesystem::temp_directory_path() /
            ("writ-http-fetch-" + std::to_string(::getpid()) + ".pem");
    FILE* file = std::fopen(path_.c_str(), "we");
    PEM_write_X509(file, x509);
    std::fclose(file);
  }
  ~Certificate() { std::filesystem::remove(path_); }

  [[nodiscard]] X509* x509() const { return x509_.get(); }
  [[nodiscard]] EVP_PKEY* key() const { return key_.get(); }
  [[nodiscard]] std::string path() const { return path_; }

 private:
  test::Key key_;
  std::unique_ptr<X509, decltype(&X509_free)> x509_;
  std::filesystem::path path_;
};

// Answers each connection with what `answer` makes of the request's head; "": never.
class Server {
 public:
  using Answer = std::function<std::string(const std::string&)>;

  explicit Server(Answer answer, const Certificate* certificate = nullptr)
      : answer_(std::move(answer)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* raw = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_.get(), raw, size) != 0 || ::listen(listener_.get(), 16) != 0 ||
        ::getsockname(listener_.get(), raw, &size) != 0) {
      std::abort();
    }
    port_ = ntohs(address.sin_port);
    if (certificate != nullptr) {
      tls_.reset(SSL_CTX_new(TLS_server_method()));
      SSL_CTX_use_certificate(tls_.get(), certificate->x509());
      SSL_CTX_use_PrivateKey(tls_.get(), certificate->key());
    }
    thread_ = std::thread([this] { serve(); });
  }
  ~Server() {
    stopping_ = true;
    thread_.join();
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] std::string url(const std::string& path = "/x") const {
    return (tls_ ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(port_) + path;
  }
  [[nodiscard]] int requests() const { return requests_; }

 private:
  void serve() {
    std::vector<UniqueFd> silent;
    while (!stopping_) {
      pollfd ready{.fd = listener_.get(), .events = POLLIN, .revents = 0};
      if (::poll(&ready, 1, 10) != 1) continue;
      UniqueFd peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!talk(peer.get())) silent.push_back(std::move(peer));
    }
  }

  bool talk(int fd) {
    std::unique_ptr<SSL, decltype(&SSL_free)> ssl(nullptr, SSL_free);
    if (tls_) {
      ssl.reset(SSL_new(tls_.get()));
      SSL_set_fd(ssl.get(), fd);
      if (SSL_accept(ssl.get()) != 1) return true;
    }
    std::string head;
    char buffer[4096];
    while (head.find("\r\n\r\n") == std::string::npos) {
      const auto got = ssl ? SSL_read(ssl.get(), buffer, sizeof buffer)
                           : static_cast<int>(::recv(fd, buffer, sizeof buffer, 0));
      if (got <= 0) return true;
      head.append(buffer, static_cast<std::size_t>(got));
    }
    ++requests_;
    std::string text = answer_(head);
    if (text.empty()) return false;
    while (!text.empty()) {
      const auto sent = ssl ? SSL_write(ssl.get(), text.data(), static_cast<int>(text.size()))
                            : static_cast<int>(::send(fd, text.data(), text.size(), MSG_NOSIGNAL));
      if (sent <= 0) break;
      text.erase(0, static_cast<std::size_t>(sent));
    }
    if (ssl) SSL_shutdown(ssl.get());
    return true;
  }

  Answer answer_;
  UniqueFd listener_;
  std::uint16_t port_ = 0;
  struct FreeTls {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  std::unique_ptr<SSL_CTX, FreeTls> tls_;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> requests_ = 0;
  std::thread thread_;
};

class HttpFetchTest : public testing::Test {
 protected:
  HttpFetchTest() : fetch_(std::move(*HttpFetch::open(milliseconds(700)))) {
    (void)std::signal(SIGPIPE, SIG_IGN);  // of the test's TLS server
  }

  bool wait_ready() const {
    pollfd ready{.fd = fetch_->fd(), .events = POLLIN, .revents = 0};
    return ::poll(&ready, 1, 5000) == 1;
  }

  Result<FetchedDocument> get(const std::string& url, const std::string& ca_file = "") {
    fetch_->start(7, {.url = url, .ca_file = ca_file});
    if (!wait_ready()) return fail(ErrorCode::kInternal, "no answer");
    auto done = fetch_->take();
    EXPECT_EQ(done.size(), 1u);
    EXPECT_EQ(done.front().id, 7u);
    return std::move(done.front().result);
  }
  std::string refusal(const std::string& url, const std::string& ca_file = "") {
    const auto result = get(url, ca_file);
    return result ? "" : result.error().message;
  }

  std::unique_ptr<HttpFetch> fetch_;
};

TEST_F(HttpFetchTest, BringsADocument) {
  std::string head;
  const Server server([&](const std::string& request) {
    head = request;
    return ok("{}", "Cache-Control: public, max-age=900\r\nAge: 100\r\n");
  });
  const auto document = get(server.url("/a?b=c"));
  ASSERT_TRUE(document) << document.error().message;
  EXPECT_EQ(document->body, "{}");
  EXPECT_EQ(document->max_age, seconds(800));
  EXPECT_THAT(head, HasSubstr("GET /a?b=c HTTP/1.1\r\n"));
  EXPECT_THAT(head, testing::Not(HasSubstr("Authorization")));
  EXPECT_THAT(fetch_->take(), testing::IsEmpty());
  pollfd ready{.fd = fetch_->fd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&ready, 1, 0), 0);  // taken: no longer readable
}

TEST_F(HttpFetchTest, FetchesSideBySide) {
  const Server slow([](const std::string&) { return ""; });
  const Server quick([](const std::string&) { return ok("quick"); });
  fetch_->start(1, {.url = slow.url()});
  fetch_->start(2, {.url = quick.url()});
  ASSERT_TRUE(wait_ready());
  const auto first = fetch_->take();
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first.front().id, 2u);
  ASSERT_TRUE(wait_ready());
  const auto second = fetch_->take();
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(second.front().id, 1u);
  EXPECT_THAT(second.front().result.error().message, HasSubstr("Timeout"));
}

TEST_F(HttpFetchTest, FollowsNoRedirect) {
  const Server target([](const std::string&) { return ok("secret"); });
  const Server server([&](const std::string&) {
    return "HTTP/1.1 302 Found\r\nLocation: " + target.url() + "\r\nContent-Length: 0\r\n\r\n";
  });
  EXPECT_THAT(refusal(server.url()), HasSubstr("status 302 (redirects are not followed"));
  EXPECT_EQ(target.requests(), 0);
}

TEST_F(HttpFetchTest, TakesStatus200Only) {
  const Server server([](const std::string& head) {
    return "HTTP/1.1 " + head.substr(5, 3) + " X\r\nContent-Length: 0\r\n\r\n";
  });
  EXPECT_EQ(refusal(server.url("/200")), "");
  for (const char* status : {"201", "204", "304", "401", "404", "500", "503"}) {
    EXPECT_THAT(refusal(server.url("/" + std::string(status))),
                HasSubstr("answered with status " + std::string(status)));
  }
}

TEST_F(HttpFetchTest, BoundsTheBody) {
  const std::string most(HttpFetch::kMaxBody, 'x');
  const Server server([&](const std::string& head) {
    if (head.starts_with("GET /most")) return ok(most);
    if (head.starts_with("GET /more")) return ok(most + "x");
    return "HTTP/1.1 200 OK\r\n\r\n" + most + most;  // without saying how long
  });
  const auto fits = get(server.url("/most"));
  ASSERT_TRUE(fits) << fits.error().message;
  EXPECT_EQ(fits->body, most);
  EXPECT_THAT(refusal(server.url("/more")), HasSubstr("more than 256 KiB"));
  EXPECT_THAT(refusal(server.url("/endless")), HasSubstr("more than 256 KiB"));
}

TEST_F(HttpFetchTest, VerifiesThePeer) {
  const Certificate certificate;
  const Server server([](const std::string&) { return ok("over tls"); }, &certificate);
  EXPECT_THAT(refusal(server.url()), HasSubstr("certificate"));
  EXPECT_EQ(server.requests(), 0);
  const auto document = get(server.url(), certificate.path());
  ASSERT_TRUE(document) << document.error().message;
  EXPECT_EQ(document->body, "over tls");
  // The certificate is for 127.0.0.1, not for this name of it.
  std::string by_name = server.url();
  by_name.replace(by_name.find("127.0.0.1"), 9, "localhost");
  EXPECT_NE(refusal(by_name, certificate.path()), "");
  EXPECT_EQ(server.requests(), 1);
  EXPECT_NE(refusal(server.url(), "/nonexistent/ca.pem"), "");
}

TEST_F(HttpFetchTest, SaysWhenNobodyAnswers) {
  std::string url;
  {
    const Server gone([](const std::string&) { return ok(""); });
    url = gone.url();
  }
  EXPECT_THAT(refusal(url), HasSubstr("connect"));
}

TEST_F(HttpFetchTest, RefusesOtherAddresses) {
  EXPECT_THAT(refusal("http://192.0.2.1/"), HasSubstr("not https"));
  EXPECT_THAT(refusal("file:///etc/passwd"), HasSubstr("not an https address"));
}

TEST(HttpFetch, EndsWhileItFetches) {
  const Server silent([](const std::string&) { return ""; });
  auto fetch = HttpFetch::open(seconds(60));
  ASSERT_TRUE(fetch);
  (*fetch)->start(1, {.url = silent.url()});
  const auto before = std::chrono::steady_clock::now();
  fetch->reset();
  EXPECT_LT(std::chrono::steady_clock::now() - before, seconds(5));
}

TEST(HttpUrl, KnowsThisHost) {
  const auto loopback = [](const char* url) {
    const auto parsed = parse_http_url(url);
    return parsed && parsed->loopback;
  };
  for (const char* here : {"http://127.0.0.1/", "http://127.9.9.9:80", "http://[::1]:1/x",
                           "http://LOCALHOST/", "https://127.0.0.1", "http://0x7f.1/"}) {
    EXPECT_TRUE(loopback(here)) << here;
  }
  for (const char* away : {"https://127.0.0.1.evil.test/", "https://localhost.evil.test",
                           "https://[::2]/", "https://128.0.0.1/"}) {
    EXPECT_FALSE(loopback(away)) << away;
    EXPECT_TRUE(parse_http_url(away)) << away;
  }
  for (const char* bad :
       {"", "x", "//one.test", "https://", "http://one.test", "http://0.0.0.0/", "ftp://127.0.0.1",
        "https://a b.test", "https://a.test/\r\nX: y", "https://user@a.test/", "https://u:p@a.test",
        "https://a.test/#x", "https://\xc3\xa9.test"}) {
    EXPECT_FALSE(parse_http_url(bad)) << bad;
  }
  EXPECT_TRUE(parse_http_url("https://a.test/path@2?x=1"));
}

TEST(Freshness, FollowsRfc9111) {
  EXPECT_EQ(remaining_freshness("", ""), std::nullopt);
  EXPECT_EQ(remaining_freshness("public", "5"), std::nullopt);
  EXPECT_EQ(remaining_freshness("max-age=60", ""), seconds(60));
  EXPECT_EQ(remaining_freshness("Public , Max-Age=\"60\" ,must-revalidate", "15"), seconds(45));
  EXPECT_EQ(remaining_freshness("max-age=60", "600"), seconds(0));
  EXPECT_EQ(remaining_freshness("max-age=60, no-store", ""), seconds(0));
  EXPECT_EQ(remaining_freshness("no-cache", ""), seconds(0));
  EXPECT_EQ(remaining_freshness("max-age=99999999999999999999", ""),
            seconds(std::int64_t{1} << 31));
  EXPECT_EQ(remaining_freshness("max-age=-1", ""), std::nullopt);
  EXPECT_EQ(remaining_freshness("max-age=x", ""), std::nullopt);
  EXPECT_EQ(remaining_freshness("max-age=60", "x"), seconds(60));
  EXPECT_EQ(remaining_freshness(",,,", ""), std::nullopt);
}

}  // namespace
}  // namespace writ::identity
