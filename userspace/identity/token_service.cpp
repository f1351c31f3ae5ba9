#include "identity/token_service.h"

#include <openssl/crypto.h>

#include <csignal>

#include "identity/http_fetch.h"

namespace writ::identity {
namespace {

std::string_view trimmed(std::string_view token) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t first = token.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return "";
  return token.substr(first, token.find_last_not_of(kBlank) + 1 - first);
}

}  // namespace

// A token that waits for keys; its bytes are wiped when it is done.
struct TokenService::Waiting {
  Waiting(std::string_view text, Callback callback, KeySource::Time at)
      : token(text), done(std::move(callback)), asked(at) {}
  ~Waiting() { OPENSSL_cleanse(token.data(), token.size()); }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  std::string token;
  Callback done;
  KeySource::Time asked;
};

struct TokenService::Entry {
  Entry(const Issuer& its_issuer, std::uint64_t its_id)
      : issuer(its_issuer), id(its_id), source(its_issuer) {}

  const Issuer& issuer;
  std::uint64_t id;
  KeySource source;
  std::vector<std::unique_ptr<Waiting>> waiting;
};

Result<std::unique_ptr<TokenService>> TokenService::open(Issuers issuers) {
  // The fetcher's thread must not take a signal of the program's: one that is blocked elsewhere, to
  // be read from a signalfd, would end the program there.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  if (const int error = pthread_sigmask(SIG_SETMASK, &all, &before); error != 0) {
    return fail_errno(error, "block signals");
  }
  auto fetcher = HttpFetch::open();
  (void)pthread_sigmask(SIG_SETMASK, &before, nullptr);  // what was set before can be set again
  if (!fetcher) return context(fetcher.error(), "start fetching the keys of issuers");
  return std::make_unique<TokenService>(std::move(issuers), std::move(*fetcher),
                                        std::make_unique<SystemClock>());
}

TokenService::TokenService(Issuers issuers, std::unique_ptr<Fetcher> fetcher,
                           std::unique_ptr<Clock> clock)
    : issuers_(std::make_unique<const Issuers>(std::move(issuers))),
      fetcher_(std::move(fetcher)),
      clock_(std::move(clock)),
      verifier_(*issuers_) {
  for (const Issuer& issuer : issuers_->all()) {
    entries_.push_back(std::make_unique<Entry>(issuer, entries_.size()));
  }
}

TokenService::~TokenService() = default;

void TokenService::verify(std::string_view token, Callback done) {
  const std::string_view text = trimmed(token);
  const auto read = verifier_.read(text);
  if (!read) return finish(done, tl::unexpected(read.error()));
  Entry& entry = *entry_of(read->issuer());
  const KeySource::Time asked = clock_->steady();
  if (auto result = attempt(*read, entry, asked)) return finish(done, std::move(*result));
  if (entry.waiting.size() >= kMaxWaiting) {
    return finish(done, fail(ErrorCode::kUnavailable,
                             "{} tokens of issuer {} are waiting for its keys already (try again)",
                             kMaxWaiting, entry.issuer.id));
  }
  entry.waiting.push_back(std::make_unique<Waiting>(text, std::move(done), asked));
}

std::optional<Result<VerifiedPerson>> TokenService::attempt(const UnverifiedToken& token,
                                                            Entry& entry, KeySource::Time asked) {
  const KeySource::Time now = clock_->steady();
  const KeySource::Age age = entry.source.age(now);
  if (age != KeySource::Age::kFresh) {
    fetch(entry, KeySource::Reason::kAge);
    // Stale keys are for when the issuer is away; that shows when the fetch has failed.
    if (age != KeySource::Age::kDue && entry.source.fetching()) return std::nullopt;
  }
  const Jwks* keys = entry.source.keys(now);
  if (keys == nullptr) return tl::unexpected(entry.source.trouble(now));
  const auto key = keys->find(token.kid(), token.algorithm());
  if (key) return token.verify(**key, clock_->wall());
  if (key.error().code != ErrorCode::kNotFound) {
    return context(key.error(), "issuer " + entry.issuer.id);
  }
  if (entry.source.asked_since(asked)) {
    return fail(ErrorCode::kDenied, "issuer {}: {} (get a new token)", entry.issuer.id,
                key.error().message);
  }
  fetch(entry, KeySource::Reason::kUnknownKid);
  if (entry.source.fetching()) return std::nullopt;
  return fail(ErrorCode::kDenied, "issuer {}: {}, and {}", entry.issuer.id, key.error().message,
              entry.source.trouble(now).message);
}

bool TokenService::fetch(Entry& entry, KeySource::Reason reason) {
  auto request = entry.source.begin(reason, clock_->steady());
  if (!request) return false;
  ++counters_.fetches;
  fetcher_->start(entry.id, std::move(*request));
  return true;
}

void TokenService::on_ready() {
  for (Fetcher::Done& done : fetcher_->take()) {
    if (done.id >= entries_.size()) continue;
    Entry& entry = *entries_[done.id];
    if (auto next = entry.source.on_fetched(done.result, clock_->steady())) {
      fetcher_->start(entry.id, std::move(*next));
      continue;
    }
    if (!entry.source.last_error().empty()) ++counters_.failed_fetches;
    retry_waiting(entry);
  }
}

void TokenService::retry_waiting(Entry& entry) {
  std::vector<std::unique_ptr<Waiting>> waiting;
  waiting.swap(entry.waiting);  // a callback may call verify()
  for (std::unique_ptr<Waiting>& one : waiting) {
    auto read = verifier_.read(one->token);
    auto result = read ? attempt(*read, entry, one->asked)
                       : std::optional<Result<VerifiedPerson>>(tl::unexpected(read.error()));
    if (result) {
      finish(one->done, std::move(*result));
    } else {
      entry.waiting.push_back(std::move(one));
    }
  }
}

void TokenService::tick() {
  for (const auto& entry : entries_) {
    if (entry->source.age(clock_->steady()) != KeySource::Age::kFresh) {
      fetch(*entry, KeySource::Reason::kAge);
    }
  }
}

void TokenService::finish(const Callback& done, Result<VerifiedPerson> result) {
  if (result) {
    ++counters_.verified;
    counters_.dropped_scopes += result->dropped_scopes;
    counters_.dropped_roles += result->dropped_roles;
  } else {
    ++counters_.refused;
  }
  done(std::move(result));
}

TokenService::Entry* TokenService::entry_of(const Issuer& issuer) {
  // issuer is an element of issuers_->all(), which entries_ follows.
  return entries_[static_cast<std::size_t>(&issuer - issuers_->all().data())].get();
}

std::vector<TokenService::IssuerState> TokenService::states() const {
  const KeySource::Time now = clock_->steady();
  std::vector<IssuerState> all;
  for (const auto& entry : entries_) {
    const Jwks* keys = entry->source.keys(now);
    all.push_back({.id = entry->issuer.id,
                   .issuer = entry->issuer.issuer,
                   .keys = keys == nullptr ? 0 : keys->keys().size(),
                   .refused_keys = keys == nullptr ? 0 : keys->refused().size(),
                   .age = entry->source.age(now),
                   .last_error = entry->source.last_error(),
                   .waiting = entry->waiting.size()});
  }
  return all;
}

}  // namespace writ::identity
