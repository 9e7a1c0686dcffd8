#include "PenaltyTable.h"

bool guard_is_penalised(const guard_penalties *table, uint64_t who, uint32_t now_s) {
    const guard_penalty *slot = &table->slots[who % guard_penalty_slots];
    return slot->who == who && slot->failures >= guard_penalty_failures
        && now_s - slot->since_s < guard_penalty_seconds;
}

void guard_note_failure(guard_penalties *table, uint64_t who, uint32_t now_s) {
    guard_penalty *slot = &table->slots[who % guard_penalty_slots];
    if (slot->who != who || now_s - slot->since_s >= guard_penalty_seconds) {
        *slot = (guard_penalty){.who = who, .since_s = now_s};
    }
    slot->failures++;
}
