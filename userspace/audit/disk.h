// What the writer asks of the file system, so that a test can let the n-th call fail.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace writ::audit {

// Each call returns what the system call does, with errno set. Called from several threads at once.
class Disk {
 public:
  virtual ~Disk() = default;
  virtual ssize_t write_at(int fd, const void* bytes, std::size_t count, std::uint64_t offset) = 0;
  virtual int truncate(int fd, std::uint64_t size) = 0;
  virtual int sync(int fd) = 0;  // fdatasync
};

// The real one; lives as long as the process.
Disk& real_disk();

}  // namespace writ::audit
