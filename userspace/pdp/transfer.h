// One request in libcurl's hands, and what came back so far. Only http_post.cpp includes it.
#pragma once

#include <curl/curl.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "pdp/http_post.h"

namespace writ::pdp {

struct FreeEasy {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

// libcurl points into it, so it does not move. Used again for later requests.
struct Transfer {
  std::uint64_t id = 0;
  std::string request;
  std::string body;
  std::size_t max_body = 0;
  std::size_t head_bytes = 0;
  bool head_whole = false;  // libcurl takes a head that was cut for one without further fields
  bool too_large = false;
  std::array<char, CURL_ERROR_SIZE> error = {};
  std::unique_ptr<CURL, FreeEasy> easy;
};

// Sets everything up for `request`. False: libcurl does not take it. `options`, `headers` and the
// transfer must outlive the request.
bool prepare(Transfer& transfer, const HttpPost::Options& options, curl_slist* headers);

// What became of it; takes the body out.
HttpPost::Done outcome(Transfer& transfer, CURLcode code);

// Lets go of what the request has left behind.
void clear(Transfer& transfer);

}  // namespace writ::pdp
