#include "Report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { pause_s = 60 };

typedef struct {
    char *at;
    size_t room;
    bool is_full;
} writer;

__attribute__((format(printf, 2, 3))) static void add(writer *to, const char *format, ...) {
    if (to->is_full) return;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(to->at, to->room, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= to->room) {
        to->is_full = true;
        return;
    }
    to->at += length;
    to->room -= (size_t)length;
}

size_t guard_write_status(const guard *guard, char *into, size_t room) {
    writer to = {.at = into, .room = room};
    const uint64_t *outcomes = guard->outcomes;
    add(&to, "{\"boot\":\"%016" PRIx64 "\",\"ready\":%s,\"revision\":%" PRIu64, guard->boot,
        guard->is_ready ? "true" : "false", guard->revision);
    add(&to, ",\"devices\":%u,\"keys\":%u,\"sessions\":%u,\"tableBytes\":%zu,\"sessionBytes\":%zu",
        guard->table.devices.in_use, guard->table.keys.in_use, guard->sessions.sessions.in_use,
        guard_table_bytes(&guard->table), guard_sessions_bytes(&guard->sessions));
    add(&to, ",\"admitted\":%" PRIu64 ",\"notReady\":%" PRIu64 ",\"unknownUser\":%" PRIu64 ",\"wrongKey\":%" PRIu64,
        outcomes[guard_admitted], outcomes[guard_not_ready], outcomes[guard_unknown_user], outcomes[guard_wrong_key]);
    add(&to, ",\"penalised\":%" PRIu64 ",\"shutOut\":%" PRIu64 ",\"foreignClientID\":%" PRIu64,
        outcomes[guard_penalised], outcomes[guard_shut_out], outcomes[guard_foreign_client_id]);
    add(&to, ",\"tooManySessions\":%" PRIu64, outcomes[guard_too_many_sessions]);
    add(&to, ",\"denied\":%" PRIu64 ",\"limited\":%" PRIu64 "}", guard->denied, guard->limited);
    return to.is_full ? 0 : (size_t)(to.at - into);
}

static void add_keys(writer *to, const guard *guard, const guard_device *device) {
    const char *separator = "";
    add(to, ",\"used\":[");
    for (uint32_t at = device->keys; at; at = guard_table_key(&guard->table, at)->next) {
        const guard_key *key = guard_table_key(&guard->table, at);
        if (!key->is_used) continue;
        add(to, "%s%u", separator, key->number);
        separator = ",";
    }
    add(to, "],\"learned\":[");
    separator = "";
    for (uint32_t at = device->keys; at; at = guard_table_key(&guard->table, at)->next) {
        const guard_key *key = guard_table_key(&guard->table, at);
        if (!key->is_learned) continue;
        add(to, "%s{\"key\":%u,\"digest\":\"", separator, key->number);
        for (size_t byte = 0; byte < GUARD_DIGEST_BYTES; byte++) add(to, "%02x", key->by.digest[byte]);
        add(to, "\"}");
        separator = ",";
    }
    add(to, "]}");
}

static void settle(const guard *guard, guard_device *device, guard_time now) {
    device->is_waiting_to_report = false;
    device->next_to_report = 0;
    device->reported_s = now.s ? now.s : 1;
    device->limited = device->denied = device->wrong_keys = 0;
    for (uint32_t at = device->keys; at; at = guard_table_key(&guard->table, at)->next) {
        guard_table_key(&guard->table, at)->is_used = guard_table_key(&guard->table, at)->is_learned = false;
    }
}

// Reports the first of a queue; false if it does not fit.
static bool report_first(guard *guard, writer *to, uint32_t *first, uint32_t *last, const char *separator, guard_time now) {
    guard_device *device = guard_table_device(&guard->table, *first);
    writer attempt = *to;
    add(&attempt, "%s{\"device\":\"%s\",\"limited\":%u,\"denied\":%u,\"wrongKey\":%u", separator, device->id,
        device->limited, device->denied, device->wrong_keys);
    add_keys(&attempt, guard, device);
    // Room for the end.
    if (attempt.is_full || attempt.room < 8) return false;
    *to = attempt;
    *first = device->next_to_report;
    if (*first == 0) *last = 0;
    settle(guard, device, now);
    return true;
}

size_t guard_write_report(guard *guard, char *into, size_t room, guard_time now) {
    writer to = {.at = into, .room = room};
    bool is_empty = true;
    add(&to, "{\"reports\":[");
    while (guard->later_first) {
        if (now.s - guard_table_device(&guard->table, guard->later_first)->reported_s < pause_s) break;
        if (!report_first(guard, &to, &guard->later_first, &guard->later_last, is_empty ? "" : ",", now)) break;
        is_empty = false;
    }
    while (guard->due_first) {
        if (!report_first(guard, &to, &guard->due_first, &guard->due_last, is_empty ? "" : ",", now)) break;
        is_empty = false;
    }
    add(&to, "]}");
    return is_empty || to.is_full ? 0 : (size_t)(to.at - into);
}
