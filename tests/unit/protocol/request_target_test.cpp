#include "protocol/request_target.h"

#include <gtest/gtest.h>

#include "protocol/authority.h"

namespace writ::protocol {
namespace {

RequestHead head_of(const std::string& method, const std::string& target,
                    const std::string& host = "api.example.com") {
  RequestHead head;
  head.method = method;
  head.target = target;
  head.connect = method == "CONNECT";
  head.headers = {{"hOsT", host}};
  head.begin = 7;
  return head;
}

std::string code_of(const RequestHead& head) {
  const auto target = read_target(head);
  if (target) return "";
  EXPECT_EQ(target.error().offset, 7U);
  EXPECT_FALSE(target.error().message.empty());
  return target.error().code;
}

std::string path_code(const std::string& path) { return code_of(head_of("GET", path)); }

std::string path_of(const std::string& raw) {
  const auto target = read_target(head_of("GET", raw));
  return target ? target->path : target.error().code;
}

TEST(RequestTarget, ReadsOriginForm) {
  const auto target = read_target(head_of("GET", "/v1/a%20b?q=%2f..&x?", "API.Example.com.:8443"));
  ASSERT_TRUE(target);
  EXPECT_EQ(target->form, TargetForm::kOrigin);
  EXPECT_EQ(target->host, "api.example.com");
  EXPECT_EQ(target->port, 8443);
  EXPECT_EQ(target->path, "/v1/a b");
  EXPECT_EQ(target->query, "q=%2f..&x?");
}

TEST(RequestTarget, ReadsAbsoluteForm) {
  const auto target = read_target(head_of("GET", "HTTP://Example.com:80/a?b", "example.com"));
  ASSERT_TRUE(target);
  EXPECT_EQ(target->form, TargetForm::kAbsolute);
  EXPECT_EQ(target->scheme, "http");
  EXPECT_EQ(target->host, "example.com");
  EXPECT_EQ(target->port, 80);
  EXPECT_EQ(target->path, "/a");
  EXPECT_EQ(target->query, "b");
  const auto bare = read_target(head_of("GET", "https://example.com?b", "example.com:443"));
  ASSERT_TRUE(bare);
  EXPECT_EQ(bare->path, "/");
  EXPECT_EQ(bare->query, "b");
  EXPECT_EQ(read_target(head_of("GET", "http://a", "a"))->path, "/");
}

TEST(RequestTarget, RefusesATargetThatContradictsHost) {
  EXPECT_EQ(code_of(head_of("GET", "http://a/", "b")), "host_mismatch");
  EXPECT_EQ(code_of(head_of("GET", "http://a:81/", "a")), "host_mismatch");
  EXPECT_EQ(code_of(head_of("GET", "https://a/", "a:80")), "host_mismatch");
  EXPECT_EQ(code_of(head_of("GET", "http://a@b/", "b")), "bad_host");
  EXPECT_EQ(code_of(head_of("GET", "http:///x", "b")), "bad_host");
  EXPECT_EQ(code_of(head_of("GET", "ftp://a/", "a")), "bad_target");
  EXPECT_EQ(code_of(head_of("GET", "a/b", "a")), "bad_target");
  EXPECT_EQ(code_of(head_of("GET", "*", "a")), "bad_target");
  EXPECT_EQ(code_of(head_of("GET", "/a#b", "a")), "bad_target");
  EXPECT_EQ(code_of(head_of("CONNECT", "a:443", "b:443")), "host_mismatch");
  EXPECT_EQ(code_of(head_of("CONNECT", "a:443", "a:444")), "host_mismatch");
  EXPECT_EQ(code_of(head_of("CONNECT", "a", "a")), "bad_target");
  EXPECT_EQ(code_of(head_of("CONNECT", "/x", "a")), "bad_host");
}

TEST(RequestTarget, ReadsAuthorityAndAsteriskForms) {
  const auto connect = read_target(head_of("CONNECT", "[2001:DB8:0::1]:443", "[2001:db8::1]"));
  ASSERT_TRUE(connect);
  EXPECT_EQ(connect->form, TargetForm::kAuthority);
  EXPECT_EQ(connect->host, "2001:db8::1");
  EXPECT_EQ(connect->port, 443);
  EXPECT_EQ(connect->path, "/");
  const auto options = read_target(head_of("OPTIONS", "*"));
  ASSERT_TRUE(options);
  EXPECT_EQ(options->form, TargetForm::kAsterisk);
  EXPECT_EQ(options->path, "/");
}

TEST(RequestTarget, NeedsAHostButForOldProxyRequests) {
  RequestHead head = head_of("GET", "/");
  head.minor_version = 0;
  head.headers.clear();
  EXPECT_EQ(code_of(head), "missing_host");
  head.target = "http://a/";
  EXPECT_EQ(code_of(head), "");
}

TEST(RequestTarget, DecodesAPathOnce) {
  EXPECT_EQ(path_of("/%41%c3%a4"), "/A\xc3\xa4");
  EXPECT_EQ(path_of("/100%25"), "/100%");
  EXPECT_EQ(path_of("/%2541"), "/%41");
  EXPECT_EQ(path_of("/a+b"), "/a+b");
  EXPECT_EQ(path_of("//a//b"), "//a//b");
  EXPECT_EQ(path_of("/a%3fb"), "/a?b");
  EXPECT_EQ(path_of("/...;v=1/.a/a./..b"), "/...;v=1/.a/a./..b");
}

TEST(RequestTarget, RefusesPathsThatServersReadDifferently) {
  for (const char* path : {"/%", "/%4", "/%zz", "/%4g", "/%%41", "/% 1"}) {
    EXPECT_EQ(path_code(path), "bad_escape") << path;
  }
  for (const char* path : {"/%00", "/a%0ab", "/%1f", "/%7F"}) {
    EXPECT_EQ(path_code(path), "control_in_path") << path;
  }
  for (const char* path : {"/a%2fb", "/a%2Fb", "/a%5cb", "/a%5Cb", "/a\\b"}) {
    EXPECT_EQ(path_code(path), "encoded_separator") << path;
  }
  for (const char* path : {"/.", "/..", "/a/../b", "/./a", "/a/%2e%2E/b", "/%2e", "/a/..;/b",
                           "/a/.%2e%3bx", "http://api.example.com/.."}) {
    EXPECT_EQ(path_code(path), "dot_segment") << path;
  }
  for (const char* path : {"/%252e%252e/", "/%252F", "/%255c", "/%2500", "/%25%32%65"}) {
    EXPECT_EQ(path_code(path), "double_escape") << path;
  }
  for (const char* path : {"/%ff", "/%c3", "/%c0%af", "/%ed%a0%80"}) {
    EXPECT_EQ(path_code(path), "not_utf8") << path;
  }
}

TEST(RequestTarget, FillsACall) {
  ToolCall call;
  call.tls = true;
  call.destination.port = 443;
  EXPECT_FALSE(fill_call(head_of("PUT", "/a%20b?c", "X.example:1"), call));
  EXPECT_EQ(call.protocol, "http/1.1");
  EXPECT_EQ(call.method, "PUT");
  EXPECT_EQ(call.host, "x.example");
  EXPECT_EQ(call.path, "/a b");
  EXPECT_EQ(call.query, "c");
  EXPECT_TRUE(call.tls);
  EXPECT_EQ(call.destination.port, 443);

  RequestHead bad = head_of("PUT", "/..");
  bad.minor_version = 0;
  const auto problem = fill_call(bad, call);
  EXPECT_EQ(problem ? problem->code : "", "dot_segment");
  EXPECT_EQ(call.method, "PUT");
  EXPECT_EQ(call.protocol, "http/1.0");
  EXPECT_EQ(call.host + call.path + call.query, "");
}

TEST(Authority, ReadsHostsIntoOneSpelling) {
  const auto text = [](std::string_view in) {
    const auto a = parse_authority(in);
    return a ? a->host + " " + std::to_string(a->port) : a.error();
  };
  EXPECT_EQ(text("A_b-1.Example"), "a_b-1.example 0");
  EXPECT_EQ(text("a.:65535"), "a 65535");
  EXPECT_EQ(text("127.0.0.1.:80"), "127.0.0.1 80");
  EXPECT_EQ(text("[::1]:1"), "::1 1");
  EXPECT_EQ(text("[::ffff:10.0.0.1]"), "10.0.0.1 0");
  EXPECT_EQ(text("[0:0:0:0:0:0:0:0]"), ":: 0");
  EXPECT_EQ(text("1a.2b"), "1a.2b 0");
}

TEST(Authority, RefusesWhatIsNoHost) {
  const std::string label(64, 'a');
  std::string long_name = "a";
  while (long_name.size() <= 253) long_name += ".a";
  for (const std::string& text : {std::string(),
                                  std::string("."),
                                  std::string("a.."),
                                  std::string(".a"),
                                  std::string("a..b"),
                                  label,
                                  long_name,
                                  std::string("a b"),
                                  std::string("u@a"),
                                  std::string("a%2eb"),
                                  std::string("\xc3\xa4.de"),
                                  std::string("a/b"),
                                  std::string("a,b"),
                                  std::string("a:"),
                                  std::string("a:0"),
                                  std::string("a:080"),
                                  std::string("a:65536"),
                                  std::string("a:+1"),
                                  std::string("a:1:2"),
                                  std::string("::1"),
                                  std::string("[::1"),
                                  std::string("[::1]x"),
                                  std::string("[::1]:"),
                                  std::string("[fe80::1%eth0]"),
                                  std::string("[1.2.3.4]"),
                                  std::string("[]"),
                                  std::string("127.1"),
                                  std::string("0x7f000001"),
                                  std::string("0x7f.1"),
                                  std::string("2130706433"),
                                  std::string("127.0.0.01"),
                                  std::string("1.2.3.256"),
                                  std::string("a.0x"),
                                  std::string("a\0b", 3)}) {
    EXPECT_FALSE(parse_authority(text)) << text;
  }
}

}  // namespace
}  // namespace writ::protocol
