// A stream gives the same events however it is cut: whole, byte by byte, and at every offset.
#include <gtest/gtest.h>

#include <numeric>

#include "protocol/event_log.h"

namespace writ::protocol {
namespace {

// Small enough that samples reach every limit.
constexpr Http1Limits kSmall{.start_line = 64,
                             .header_bytes = 160,
                             .headers = 6,
                             .chunk_line = 20,
                             .trailer_bytes = 32,
                             .pipelined = 8};

struct Sample {
  std::string name;
  std::string bytes;
  std::string code;  // of the Problem that it ends with, or ""
  std::vector<Expected> expected = {};
};

void PrintTo(const Sample& sample, std::ostream* out) { *out << sample.name; }
std::string name_of(const ::testing::TestParamInfo<Sample>& info) { return info.param.name; }

template <class Events>
void expect_same_however_cut(const Sample& sample, const Events& events) {
  const std::string& bytes = sample.bytes;
  const std::vector<std::string> whole = events({});
  std::string code;
  for (const std::string& line : whole) {
    if (line.starts_with("problem ")) code = line.substr(8, line.rfind(" @") - 8);
  }
  EXPECT_EQ(code, sample.code);
  EXPECT_GT(whole.size(), 2U) << "a sample that shows nothing";

  std::vector<std::size_t> every(bytes.size());
  std::iota(every.begin(), every.end(), 0U);
  EXPECT_EQ(events(every), whole) << "byte by byte";
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    EXPECT_EQ(events({cut}), whole) << "cut at " << cut;
    EXPECT_EQ(events({cut, std::min(cut + 3, bytes.size())}), whole) << "three pieces at " << cut;
  }
}

class RequestSplit : public ::testing::TestWithParam<Sample> {};

TEST_P(RequestSplit, GivesTheSameEvents) {
  expect_same_however_cut(GetParam(), [](const std::vector<std::size_t>& cuts) {
    return request_events(GetParam().bytes, cuts, kSmall);
  });
}

const std::string kPost = "POST /p HTTP/1.1\r\nHost: a\r\n";
const std::string kChunked = kPost + "Transfer-Encoding: chunked\r\n\r\n";

INSTANTIATE_TEST_SUITE_P(
    Samples, RequestSplit,
    ::testing::Values(
        Sample{"get", "GET / HTTP/1.1\r\nHost: a\r\nX:  y \r\n\r\n", ""},
        Sample{"length", kPost + "Content-Length: 11\r\n\r\nhello\r\nworl", ""},
        Sample{"incomplete", kPost + "Content-Length: 11\r\n\r\nhello", ""},
        Sample{"chunks", kChunked + "3\r\nabc\r\na\r\n0123456789\r\n0\r\nX: y\r\n\r\n", ""},
        Sample{"pipelined",
               kPost + "Content-Length: 3\r\n\r\nabc\r\n" + kChunked + "1\r\nx\r\n0\r\n\r\n" +
                   "GET /3 HTTP/1.1\r\nHost: a\r\n\r\nGET /4",
               ""},
        Sample{"expect", kPost + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nok", ""},
        Sample{"upgrade", "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: w\r\n\r\n",
               ""},
        Sample{"utf8", "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\nX: \xe2\x82\xac\r\n\r\n", ""},
        Sample{"connect_then_bytes", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\nabc",
               "bytes_before_tunnel"},
        Sample{"after_close", "GET / HTTP/1.0\r\n\r\n\r\nGET", "bytes_after_close"},
        Sample{"two_empty_lines", "\r\n\r\nGET / HTTP/1.1\r\n", "bad_start_line"},
        Sample{"tls", std::string("\x16\x03\x01\x00\xa5\x01\r\n", 8), "control_byte"},
        Sample{"http2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "unsupported_version"},
        Sample{"long_start", "GET /" + std::string(90, 'a') + " HTTP/1.1\r\n",
               "start_line_too_long"},
        Sample{"long_start_control", "GET /" + std::string(90, 'a') + "\n", "start_line_too_long"},
        Sample{"control_before_long", "GET /\x01" + std::string(90, 'a') + "\n", "control_byte"},
        Sample{"large_header", kPost + "X: " + std::string(200, 'a') + "\r\n\r\n",
               "header_section_too_large"},
        Sample{"exact_header_then_more",
               "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(146, 'a') + "\r\n\r\n",
               "header_section_too_large"},
        Sample{"many_headers", kPost + "A:\r\nB:\r\nC:\r\nD:\r\nE:\r\nF:\r\n\r\n",
               "too_many_headers"},
        Sample{"bare_lf", kPost + "X: a\nY: b\r\n\r\n", "bare_lf"},
        Sample{"bare_cr", kPost + "X: a\rb\r\n\r\n", "bare_cr"},
        Sample{"nul", kPost + std::string("X: a\0b\r\n\r\n", 10), "control_byte"},
        Sample{"not_utf8", kPost + "X: \xc3(\r\n\r\n", "not_utf8"},
        Sample{"fold", kPost + "X: a\r\n\tb\r\n\r\n", "obs_fold"},
        Sample{"space_colon", kPost + "X : a\r\n\r\n", "space_before_colon"},
        Sample{"cl_te", kPost + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0",
               "length_and_transfer_encoding"},
        Sample{"cl_cl", kPost + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxy",
               "content_length_conflict"},
        Sample{"bad_chunk_size", kChunked + "3\r\nabc\r\n-1\r\n", "bad_chunk_size"},
        Sample{"bad_chunk_end", kChunked + "3\r\nabcd\r\n0\r\n\r\n", "bad_chunk_end"},
        Sample{"chunk_cr_x", kChunked + "3\r\nabc\rx0\r\n\r\n", "bad_chunk_end"},
        Sample{"chunk_extension", kChunked + "3;a\r\nabc\r\n0\r\n\r\n", "chunk_extension"},
        Sample{"long_chunk_line", kChunked + std::string(30, '0') + "\r\n", "chunk_line_too_long"},
        Sample{"large_trailer", kChunked + "0\r\nX: " + std::string(40, 'a') + "\r\n\r\n",
               "trailer_too_large"},
        Sample{"forbidden_trailer", kChunked + "0\r\nHost: b\r\n\r\n", "forbidden_trailer"}),
    name_of);

class ResponseSplit : public ::testing::TestWithParam<Sample> {};

TEST_P(ResponseSplit, GivesTheSameEvents) {
  expect_same_however_cut(GetParam(), [](const std::vector<std::size_t>& cuts) {
    return response_events(GetParam().bytes, GetParam().expected, cuts, kSmall);
  });
}

const std::string kOk = "HTTP/1.1 200 OK\r\n";
const std::string kOkChunked = kOk + "Transfer-Encoding: chunked\r\n\r\n";
const std::vector<Expected> kOne = {{}};

INSTANTIATE_TEST_SUITE_P(
    Samples, ResponseSplit,
    ::testing::Values(
        Sample{"length", kOk + "Content-Length: 3\r\n\r\nabc", "", kOne},
        Sample{"chunks", kOkChunked + "3 ;x=y\r\nabc\r\n0\r\nA: b\r\n\r\n", "", kOne},
        Sample{"until_close", kOk + "\r\nall\r\n\r\n", "", kOne},
        Sample{"interim", "HTTP/1.1 100 Continue\r\n\r\n" + kOk + "Content-Length: 1\r\n\r\nx", "",
               kOne},
        Sample{"head_then_get",
               kOk + "Content-Length: 9\r\n\r\n" + kOk + "Content-Length: 1\r\n\r\nx",
               "",
               {{.head = true}, {}}},
        Sample{"tunnel", kOk + "\r\n\x16\x03\r\n", "", {{.connect = true}}},
        Sample{"upgrade", "HTTP/1.1 101 S\r\n\r\n\x81\x01", "", {{.upgrade = true}}},
        Sample{"latin1", "HTTP/1.1 200 \xe9\r\nX: \xe9\r\nContent-Length: 0\r\n\r\n", "", kOne},
        Sample{"unexpected", kOk, "unexpected_response"},
        Sample{"second_unexpected", kOk + "Content-Length: 0\r\n\r\nHTTP", "unexpected_response",
               kOne},
        Sample{"after_close",
               kOk + "Connection: close\r\nContent-Length: 0\r\n\r\nx",
               "bytes_after_close",
               {{}, {}}},
        Sample{"bad_status", "HTTP/1.1 20x OK\r\n", "bad_status_line", kOne},
        Sample{"not_http", "SSH-2.0-OpenSSH\r\n", "bad_start_line", kOne},
        Sample{"cl_te", kOk + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
               "length_and_transfer_encoding", kOne},
        Sample{"chunk_overflow", kOkChunked + "ffffffffffffffff\r\nx", "bad_chunk_size", kOne},
        Sample{"large_header", kOk + "X: " + std::string(200, 'a') + "\r\n\r\n",
               "header_section_too_large", kOne}),
    name_of);

}  // namespace
}  // namespace writ::protocol
