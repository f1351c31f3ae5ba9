#include "identity/sqlite.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <cerrno>

#include "util/unique_fd.h"

namespace writ::identity {
namespace {

constexpr int kBusyTimeoutMs = 5000;

// SQLite makes -wal and -shm with the mode of the file itself, so that is set before SQLite comes.
// The file is never opened here when it exists: closing it would drop the locks that another handle
// of this process holds on it (POSIX advisory locks).
Status private_file(const std::string& path) {
  const UniqueFd made(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (made) return {};
  if (errno != EEXIST) return fail_errno(errno, "make the writ store {}", path);
  struct stat info = {};
  if (::lstat(path.c_str(), &info) != 0)
    return fail_errno(errno, "look at the writ store {}", path);
  if (!S_ISREG(info.st_mode))
    return fail(ErrorCode::kInvalid, "the writ store {} is not a file (move it away)", path);
  if ((info.st_mode & 07777) != 0600 && ::chmod(path.c_str(), 0600) != 0)
    return fail_errno(errno, "make the writ store {} private", path);
  return {};
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
  (void)sqlite3_finalize(statement);  // repeats the error of the last step
}

Statement& Statement::bind(int index, std::int64_t value) {
  const int code = sqlite3_bind_int64(statement_.get(), index, value);
  if (failed_ == 0) failed_ = code;
  return *this;
}

Statement& Statement::bind_text(int index, std::string_view value) {
  const int code = sqlite3_bind_text64(statement_.get(), index, value.data(), value.size(),
                                       SQLITE_TRANSIENT, SQLITE_UTF8);
  if (failed_ == 0) failed_ = code;
  return *this;
}

Statement& Statement::bind_blob(int index, std::string_view value) {
  const int code =
      sqlite3_bind_blob64(statement_.get(), index, value.data(), value.size(), SQLITE_TRANSIENT);
  if (failed_ == 0) failed_ = code;
  return *this;
}

Result<bool> Statement::step() {
  const int code = failed_ != 0 ? failed_ : sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return tl::unexpected(db_->error(code, "use"));
}

Status Statement::run() {
  auto stepped = step();
  if (!stepped) return tl::unexpected(stepped.error());
  return {};
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string_view Statement::bytes(int column) const {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return data == nullptr ? std::string_view()
                         : std::string_view(data, static_cast<std::size_t>(size));
}

void Database::Close::operator()(sqlite3* db) const { (void)sqlite3_close_v2(db); }

Result<std::unique_ptr<Database>> Database::open(const std::string& path) {
  if (Status made = private_file(path); !made) return tl::unexpected(made.error());
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(
      path.c_str(), &raw,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE,
      nullptr);
  // Not make_unique: the constructor is private. A handle comes back also when it fails.
  std::unique_ptr<Database> db(new Database(path, raw));
  if (code != SQLITE_OK) return tl::unexpected(db->error(code, "open"));
  if (Status configured = db->configure(); !configured) return tl::unexpected(configured.error());
  return db;
}

Status Database::configure() {
  (void)sqlite3_busy_timeout(db_.get(), kBusyTimeoutMs);  // cannot fail
  (void)sqlite3_db_config(db_.get(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  (void)sqlite3_db_config(db_.get(), SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  auto mode = text("PRAGMA journal_mode=WAL");
  if (!mode) return tl::unexpected(mode.error());
  if (*mode != "wal") {
    return fail(ErrorCode::kIo, "the writ store {} cannot have a write-ahead log (journal mode {})",
                path_, *mode);
  }
  return execute("PRAGMA synchronous=FULL; PRAGMA cell_size_check=ON");
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const int code =
      sqlite3_prepare_v2(db_.get(), sql.data(), static_cast<int>(sql.size()), &raw, nullptr);
  if (code != SQLITE_OK) return tl::unexpected(error(code, "use"));
  return Statement(*this, raw);
}

Status Database::execute(const char* sql) {
  const int code = sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return tl::unexpected(error(code, "use"));
  return {};
}

Result<std::int64_t> Database::number(std::string_view sql) {
  auto statement = prepare(sql);
  if (!statement) return tl::unexpected(statement.error());
  auto row = statement->step();
  if (!row) return tl::unexpected(row.error());
  return *row ? statement->integer(0) : 0;
}

Result<std::string> Database::text(std::string_view sql) {
  auto statement = prepare(sql);
  if (!statement) return tl::unexpected(statement.error());
  auto row = statement->step();
  if (!row) return tl::unexpected(row.error());
  return *row ? std::string(statement->bytes(0)) : std::string();
}

Error Database::damaged(std::string_view how) const {
  return {
      ErrorCode::kCorrupt,
      fmt::format("the writ store {} is damaged: {} (stop writd, move the file and its -wal and "
                  "-shm away, start writd: every writ is then unknown and denies, so grant anew "
                  "what is needed)",
                  path_, how)};
}

Error Database::error(int code, std::string_view doing) const {
  const char* why = db_ ? sqlite3_errmsg(db_.get()) : sqlite3_errstr(code);
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return damaged(why);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {
          ErrorCode::kUnavailable,
          fmt::format("{} the writ store {}: another process keeps it locked (is a second writd "
                      "running?)",
                      doing, path_)};
    case SQLITE_FULL:
      return {ErrorCode::kIo, fmt::format("{} the writ store {}: the disk is full", doing, path_)};
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      return {ErrorCode::kIo,
              fmt::format("{} the writ store {}: {} (may this account write there?)", doing, path_,
                          why)};
    default:
      return {ErrorCode::kIo, fmt::format("{} the writ store {}: {}", doing, path_, why)};
  }
}

}  // namespace writ::identity
