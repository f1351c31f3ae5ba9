#include "identity/writ_book.h"

#include <algorithm>

#include "identity/delegation.h"

namespace writ::identity {
namespace {

// After a search for room that found none, the next one waits so long: it looks at every writ.
constexpr std::chrono::seconds kNoRoomFor{1};

std::string user_key(const Writ& writ) { return writ.tenant + "/" + writ.user.id; }

std::string cut_printable(std::string_view text, std::size_t max) {
  std::string out(text.substr(0, max));
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return out;
}

}  // namespace

std::string_view to_text(WritState state) {
  switch (state) {
    case WritState::kRevoked:
      return "revoked";
    case WritState::kExpired:
      return "expired";
    case WritState::kNotYet:
      return "not_yet";
    case WritState::kActive:
      return "active";
  }
  return "";
}

const WritBook::Slot* WritBook::slot_of(WritHandle handle) const {
  if (handle.slot >= slots_.size()) return nullptr;
  const Slot& slot = slots_[handle.slot];
  return slot.writ && slot.generation == handle.generation ? &slot : nullptr;
}

WritBook::Slot* WritBook::slot_of(WritHandle handle) {
  return const_cast<Slot*>(std::as_const(*this).slot_of(handle));
}

bool WritBook::active(WritHandle handle, TimePoint now) const {
  const Slot* slot = slot_of(handle);
  return slot != nullptr && !slot->revoked && slot->begins <= now && now < slot->ends;
}

WritState WritBook::state(WritHandle handle, TimePoint now) const {
  const Slot* slot = slot_of(handle);
  if (slot == nullptr) return WritState::kExpired;
  if (slot->revoked) return WritState::kRevoked;
  if (slot->ends <= now) return WritState::kExpired;
  return now < slot->begins ? WritState::kNotYet : WritState::kActive;
}

const Writ* WritBook::get(WritHandle handle) const {
  const Slot* slot = slot_of(handle);
  return slot == nullptr ? nullptr : slot->writ.get();
}

std::optional<WritEntry> WritBook::entry(WritHandle handle, TimePoint now) const {
  const Slot* slot = slot_of(handle);
  if (slot == nullptr) return std::nullopt;
  return WritEntry{.handle = handle,
                   .writ = slot->writ.get(),
                   .state = state(handle, now),
                   .revocation = slot->revocation.get()};
}

Result<WritHandle> WritBook::find(std::optional<std::string_view> tenant,
                                  std::string_view id_or_prefix) const {
  if (id_or_prefix.size() < kMinPrefix ||
      id_or_prefix.find_first_not_of("0123456789abcdef") != std::string_view::npos) {
    return fail(ErrorCode::kInvalid, "a writ is named by its id or at least {} digits of it",
                kMinPrefix);
  }
  std::optional<WritHandle> found;
  for (auto at = by_id_.lower_bound(id_or_prefix);
       at != by_id_.end() && at->first.starts_with(id_or_prefix); ++at) {
    if (tenant && slots_[at->second].writ->tenant != *tenant) continue;
    if (found) {
      return fail(ErrorCode::kInvalid, "more than one writ begins with {} (say more of it)",
                  id_or_prefix);
    }
    found = handle_of(at->second);
  }
  if (!found) return fail(ErrorCode::kNotFound, "there is no writ {}", id_or_prefix.substr(0, 32));
  return *found;
}

std::vector<WritEntry> WritBook::list(std::optional<std::string_view> tenant, TimePoint now) const {
  std::vector<WritEntry> entries;
  for (const auto& [id, slot] : by_id_) {
    if (tenant && slots_[slot].writ->tenant != *tenant) continue;
    entries.push_back(*entry(handle_of(slot), now));
  }
  std::stable_sort(entries.begin(), entries.end(), [](const WritEntry& a, const WritEntry& b) {
    return a.writ->not_before < b.writ->not_before;
  });
  return entries;
}

const WritBook::Slot* WritBook::parent_of(const Writ& writ) const {
  const auto found = by_id_.find(writ.parent);
  return found == by_id_.end() ? nullptr : &slots_[found->second];
}

Status WritBook::check_parent(const Writ& writ, TimePoint now) const {
  if (writ.parent.empty()) return {};
  const Slot* parent = parent_of(writ);
  if (parent == nullptr || parent->writ->tenant != writ.tenant) {
    return fail(ErrorCode::kDenied, "the writ {} that it is delegated from is not known",
                writ.parent);
  }
  if (dead(*parent, now) || now < parent->begins) {
    return fail(ErrorCode::kDenied, "the writ {} that it is delegated from is {}", writ.parent,
                parent->revoked        ? "revoked"
                : now < parent->begins ? "not valid yet"
                                       : "expired");
  }
  return check_link(*parent->writ, writ);
}

Status WritBook::make_room(const Writ& writ, TimePoint now) {
  if (changes_.size() >= kMaxPending) {
    return fail(ErrorCode::kUnavailable,
                "{} changes wait to be written down, no more writs until they are (is the disk "
                "full?)",
                changes_.size());
  }
  const auto full = [&] {
    const auto user = per_user_.find(user_key(writ));
    return by_id_.size() >= options_.max_writs ||
           (user != per_user_.end() && user->second >= options_.max_writs_per_user);
  };
  if (!full()) return {};
  const bool looked = now < no_room_until_ && no_room_until_ - now <= kNoRoomFor;
  if (!looked) prune_older(now, now);
  if (!full()) return {};
  if (!looked) no_room_until_ = now + kNoRoomFor;
  return fail(
      ErrorCode::kUnavailable,
      "there are as many writs as can be ({}, of one user {}): revoke some that nobody needs",
      options_.max_writs, options_.max_writs_per_user);
}

WritHandle WritBook::insert(Writ writ) {
  std::uint32_t index = 0;
  if (free_.empty()) {
    index = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  const Slot* parent = writ.parent.empty() ? nullptr : parent_of(writ);
  const bool orphan =
      !writ.parent.empty() && (parent == nullptr || !check_link(*parent->writ, writ));
  Slot& slot = slots_[index];
  slot.revoked = false;
  slot.begins = writ.not_before;
  slot.ends = orphan ? TimePoint::min() : writ.not_after.value_or(TimePoint::max());
  if (parent != nullptr && !orphan) {
    slot.begins = std::max(slot.begins, parent->begins);
    slot.ends = std::min(slot.ends, parent->ends);
    if (slot.ends != TimePoint::max()) writ.not_after = std::max(writ.not_before, slot.ends);
    slots_[by_id_.find(writ.parent)->second].children.push_back(handle_of(index));
  }
  by_id_.emplace(writ.id, index);
  ++per_user_[user_key(writ)];
  slot.writ = std::make_unique<Writ>(std::move(writ));
  return handle_of(index);
}

Result<WritHandle> WritBook::add(Writ writ, TimePoint now) {
  if (Status checked = check_writ(writ); !checked) return tl::unexpected(checked.error());
  if (by_id_.contains(writ.id))
    return fail(ErrorCode::kInvalid, "there is a writ {} already", writ.id);
  // First, since pruning could forget a parent: one that is dead, so the order only sharpens.
  if (Status room = make_room(writ, now); !room) return tl::unexpected(room.error());
  if (Status parent = check_parent(writ, now); !parent) return tl::unexpected(parent.error());
  const WritHandle handle = insert(std::move(writ));
  changed(*slot_of(handle)->writ);
  return handle;
}

void WritBook::restore(StoredWrits stored, TimePoint now) {
  // Parents before children, so that each finds its own.
  std::sort(stored.writs.begin(), stored.writs.end(),
            [](const Writ& a, const Writ& b) { return a.chain.size() < b.chain.size(); });
  for (Writ& writ : stored.writs) {
    if (!by_id_.contains(writ.id)) (void)insert(std::move(writ));
  }
  // What was revoked by itself first: it then is its own reason, and that of all below it.
  std::stable_partition(stored.revocations.begin(), stored.revocations.end(),
                        [](const Revocation& each) { return each.cause.empty(); });
  for (const Revocation& each : stored.revocations) {
    const auto found = by_id_.find(each.writ);
    if (found == by_id_.end()) continue;
    (void)revoke_below(handle_of(found->second), each.at, each.by, each.cause, false);
  }
  prune_older(now - options_.keep_dead, now);
  if (by_id_.size() > options_.max_writs) prune_older(now, now);
}

std::vector<std::uint32_t> WritBook::with_descendants(WritHandle handle) const {
  std::vector<std::uint32_t> all;
  if (slot_of(handle) == nullptr) return all;
  all.push_back(handle.slot);
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (const WritHandle child : slots_[all[i]].children) {
      if (slot_of(child) != nullptr) all.push_back(child.slot);
    }
  }
  return all;
}

std::size_t WritBook::revoke_below(WritHandle handle, TimePoint at, std::string_view by,
                                   std::string_view cause, bool write_down) {
  std::size_t count = 0;
  for (const std::uint32_t index : with_descendants(handle)) {
    Slot& slot = slots_[index];
    if (slot.revoked) continue;
    slot.revoked = true;
    slot.revocation = std::make_unique<Revocation>(
        Revocation{.writ = slot.writ->id,
                   .at = at,
                   .by = std::string(by),
                   .cause = index == handle.slot || !cause.empty() ? std::string(cause)
                                                                   : slots_[handle.slot].writ->id});
    if (write_down) changed(*slot.revocation);
    ++count;
  }
  return count;
}

std::size_t WritBook::revoke(WritHandle handle, std::string_view by, TimePoint now) {
  return revoke_below(handle, now, cut_printable(by, kMaxRevokedBy), "", true);
}

void WritBook::end(WritHandle handle, TimePoint now) {
  for (const std::uint32_t index : with_descendants(handle)) {
    Slot& slot = slots_[index];
    if (dead(slot, now)) continue;
    slot.ends = now;
    slot.writ->not_after = std::max(now, slot.writ->not_before);
    changed(Ending{.writ = slot.writ->id, .at = now});
  }
}

WritBook::Batch WritBook::take_changes() {
  return {.revision = revision_, .changes = std::exchange(changes_, {})};
}

void WritBook::changed(Change change) {
  changes_.push_back(std::move(change));
  ++revision_;
}

void WritBook::prune(TimePoint now) { prune_older(now - options_.keep_dead, now); }

void WritBook::prune_older(TimePoint than, TimePoint now) {
  bool any = false;
  for (std::uint32_t index = 0; index < slots_.size(); ++index) {
    const Slot& slot = slots_[index];
    if (!slot.writ || !dead(slot, now)) continue;
    const TimePoint died = slot.revoked ? std::min(slot.revocation->at, slot.ends) : slot.ends;
    if (died > than) continue;
    forget(index);
    any = true;
  }
  if (!any) return;
  for (Slot& slot : slots_) {
    std::erase_if(slot.children, [&](WritHandle child) { return slot_of(child) == nullptr; });
  }
}

// All below it is as dead as it is, so nothing is cut loose that could still count.
void WritBook::forget(std::uint32_t index) {
  Slot& slot = slots_[index];
  const auto user = per_user_.find(user_key(*slot.writ));
  if (--user->second == 0) per_user_.erase(user);
  by_id_.erase(slot.writ->id);
  slot.writ.reset();
  slot.revocation.reset();
  slot.children.clear();
  ++slot.generation;
  free_.push_back(index);
}

}  // namespace writ::identity
