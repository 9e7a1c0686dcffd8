#ifndef GUARD_PENALTY_TABLE_H
#define GUARD_PENALTY_TABLE_H

#include <stdbool.h>
#include <stdint.h>

// Who failed too often lately, by a hash of address and user name. Of a fixed size: a newcomer takes the place of one
// who came before, so that a flood of names costs no memory.
enum { guard_penalty_slots = 8192, guard_penalty_failures = 10, guard_penalty_seconds = 10 };

typedef struct {
    uint64_t who;
    uint32_t since_s;
    uint32_t failures;
} guard_penalty;

typedef struct {
    guard_penalty slots[guard_penalty_slots];
} guard_penalties;

// Whether logins are refused unseen: ten failures have come within ten seconds, and the ten seconds are not over.
bool guard_is_penalised(const guard_penalties *table, uint64_t who, uint32_t now_s);
void guard_note_failure(guard_penalties *table, uint64_t who, uint32_t now_s);

#endif
