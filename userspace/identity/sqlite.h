// SQLite as this folder needs it: statements that close themselves, errors that say what to do.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "util/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace writ::identity {

class Database;

// One prepared statement. Must not outlive its database.
class Statement {
 public:
  // Parameters count from 1. A failed bind shows at the next step().
  Statement& bind(int index, std::int64_t value);
  Statement& bind_text(int index, std::string_view value);
  Statement& bind_blob(int index, std::string_view value);

  // true: a row is there; false: it is done.
  Result<bool> step();
  // step() for what has no rows.
  Status run();

  // Of the current row; columns count from 0. Empty and 0 for NULL. Valid until the next step().
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::string_view bytes(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  Statement(Database& db, sqlite3_stmt* statement) : db_(&db), statement_(statement) {}

  Database* db_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int failed_ = 0;  // the first bind that did
};

// One open file.
class Database {
 public:
  // Makes the file with mode 0600, or narrows its mode to that. Durable at each commit.
  static Result<std::unique_ptr<Database>> open(const std::string& path);

  Result<Statement> prepare(std::string_view sql);
  Status execute(const char* sql);
  // A statement that answers with one number, like a PRAGMA.
  Result<std::int64_t> number(std::string_view sql);
  Result<std::string> text(std::string_view sql);

  // The error of an SQLite result code, as a sentence that names the file and what to do.
  [[nodiscard]] Error error(int code, std::string_view doing) const;
  [[nodiscard]] Error damaged(std::string_view how) const;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  struct Close {
    void operator()(sqlite3* db) const;
  };
  Database(std::string path, sqlite3* db) : path_(std::move(path)), db_(db) {}
  Status configure();

  std::string path_;
  std::unique_ptr<sqlite3, Close> db_;
};

}  // namespace writ::identity
