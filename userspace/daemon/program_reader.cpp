#include "daemon/program_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

namespace writ::daemon {
namespace {

struct DigestDelete {
  void operator()(EVP_MD_CTX* digest) const { EVP_MD_CTX_free(digest); }
};

std::string hex_of(const unsigned char* bytes, unsigned size) {
  std::string text;
  for (unsigned i = 0; i < size; ++i) text += fmt::format("{:02x}", bytes[i]);
  return text;
}

// Empty: it cannot be read to its end.
std::string digest_of(int fd) {
  const std::unique_ptr<EVP_MD_CTX, DigestDelete> digest(EVP_MD_CTX_new());
  if (!digest || EVP_DigestInit_ex(digest.get(), EVP_sha256(), nullptr) != 1) return {};
  std::vector<unsigned char> piece(1u << 20);
  for (;;) {
    const ssize_t got = ::read(fd, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return {};
    if (got == 0) break;
    if (EVP_DigestUpdate(digest.get(), piece.data(), static_cast<std::size_t>(got)) != 1) return {};
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned size = 0;
  if (EVP_DigestFinal_ex(digest.get(), bytes.data(), &size) != 1) return {};
  return "sha256:" + hex_of(bytes.data(), size);
}

ProgramFacts look_at(const std::string& proc, const ProgramReader::Program& program) {
  ProgramFacts facts;
  const std::string link = fmt::format("{}/{}/exe", proc, program.pid);
  const UniqueFd fd(::open(link.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  struct stat runs = {};
  if (!fd || ::fstat(fd.get(), &runs) != 0) return facts;
  facts.inode = runs.st_ino;
  // The name is that of the process's own mounts, where anything can be put over anything.
  struct stat here = {};
  facts.on_host = ::lstat(program.link.c_str(), &here) == 0 && here.st_dev == runs.st_dev &&
                  here.st_ino == runs.st_ino;
  if (static_cast<std::uint64_t>(runs.st_size) <= ProgramReader::kMaxProgramBytes) {
    facts.digest = digest_of(fd.get());
  }
  return facts;
}

}  // namespace

Result<std::unique_ptr<ProgramReader>> ProgramReader::start(std::string proc) {
  std::unique_ptr<ProgramReader> reader(new ProgramReader(std::move(proc)));
  reader->done_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!reader->done_) return fail_errno(errno, "make an eventfd");
  reader->thread_ = std::thread([raw = reader.get()] { raw->work(); });
  return reader;
}

ProgramReader::~ProgramReader() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void ProgramReader::read(Program program, Then then) {
  const std::scoped_lock lock(mutex_);
  wanted_.push_back({.program = std::move(program), .then = std::move(then), .facts = {}});
  changed_.notify_one();
}

void ProgramReader::on_ready() {
  std::uint64_t count = 0;
  (void)!::read(done_.get(), &count, sizeof count);  // only says that there is something
  std::vector<Wanted> finished;
  {
    const std::scoped_lock lock(mutex_);
    finished.swap(finished_);
  }
  for (const Wanted& one : finished) one.then(one.facts);
}

void ProgramReader::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stopping_ || !wanted_.empty(); });
    if (stopping_) return;
    Wanted one = std::move(wanted_.front());
    wanted_.pop_front();
    lock.unlock();
    one.facts = look_at(proc_, one.program);
    lock.lock();
    finished_.push_back(std::move(one));
    const std::uint64_t something = 1;
    (void)!::write(done_.get(), &something, sizeof something);  // full means readable already
  }
}

}  // namespace writ::daemon
