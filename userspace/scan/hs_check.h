// What to do when a Vectorscan call fails that cannot.
#pragma once

#include <hs.h>

#include <cstdio>
#include <cstdlib>
#include <new>

namespace writ::scan {

// A scan that did not happen must never look like one that found nothing. Out of memory is what it
// is for `new`; all else (a scratch in use, a null stream) is a mistake of ours, also in a release
// build.
inline void check(hs_error_t error) {
  if (error == HS_SUCCESS) return;
  if (error == HS_NOMEM) throw std::bad_alloc();
  (void)std::fprintf(stderr, "writ: Vectorscan call failed: %d\n", error);
  std::abort();
}

}  // namespace writ::scan
