// Topics, filters, user names and client ids of any bytes: a device gets its own topics and no others.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "Control.h"

static const char *const own[] = {
    "telemetry", "status", "config/reported", "firmware/status", "commands/status",
    "config", "firmware", "commands", "receipts", "notices",
};

static bool is_own(const char *topic) {
    for (size_t at = 0; at < sizeof own / sizeof *own; at++) {
        if (strncmp(topic, "devices/d1/", 11) == 0 && strcmp(topic + 11, own[at]) == 0) return true;
    }
    return false;
}

// A guard that knows the device d1 with the key "k" and a certificate whose SHA-256 is that of "c".
static guard *filled(guard_time now) {
    guard *guard = guard_create("fleetlog", "secret");
    uint8_t begin[] = "FG\1B12345678\0\0\0\0\1\0", commit[] = "FG\1C12345678\0\0\0\1\0\0\0\0\0\0\0\1";
    enum { keys = 4 + 8 + 3 + 8 + 2 + 16, key = 7 + GUARD_DIGEST_BYTES };
    uint8_t entries[keys + 1 + 2 * key] = "FG\1E12345678\2d1\0\0\0\0\0\0\0\1";
    uint8_t *first = entries + keys + 1, *second = first + key;
    entries[keys] = 2;
    first[1] = 1;
    first[6] = guard_by_digest;
    guard_digest("k", 1, first + 7);
    second[1] = 2;
    second[6] = guard_by_certificate;
    guard_digest("c", 1, second + 7);
    if (guard == NULL || guard_control(guard, begin, sizeof begin - 1, now) != guard_control_done
        || guard_control(guard, entries, sizeof entries, now) != guard_control_done
        || guard_control(guard, commit, sizeof commit - 1, now) != guard_control_done || !guard->is_ready) {
        abort();
    }
    return guard;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    static guard *guard;
    guard_time now = {.ms = 1000, .s = 1, .unix_ms = 1700000000000};
    if (guard == NULL) guard = filled(now);
    char *text = malloc(length + 1);
    memcpy(text, bytes, length);
    text[length] = 0;
    if (guard_publish(guard, "d1", text, 10, false, true, now) == guard_allowed && !is_own(text)) abort();
    if (guard_publish(guard, "d1", text, 10, true, true, now) == guard_allowed && strcmp(text, "devices/d1/status") != 0) abort();
    if (guard_subscribe(guard, "d1", text, now) && !is_own(text)) abort();
    if (guard_read(guard, "d1", text) && !is_own(text)) abort();
    bool is_gateway = strcmp(text, "fleetlog") == 0;
    if (!is_gateway && guard_subscribe(guard, text, "#", now)) abort();
    if (!is_gateway && guard_read(guard, text, "$SYS/broker/version")) abort();
    if (!is_gateway && guard_publish(guard, text, "$CONTROL/fleetlog/v1", 1, false, true, now) == guard_allowed) abort();
    // A key is no certificate and a certificate no key, whatever their digests.
    guard_login login = {.client = text, .client_id = text, .user = "d1", .password = text, .address = text};
    if (guard_connect(guard, &login, now) == guard_admitted && strcmp(text, "k") != 0) abort();
    guard_disconnected(guard, text, text, guard_session_kept);
    uint8_t digest[GUARD_DIGEST_BYTES];
    guard_digest(text, strlen(text), digest);
    login.password = NULL;
    login.certificate = digest;
    if (guard_connect(guard, &login, now) == guard_admitted && strcmp(text, "c") != 0) abort();
    guard_disconnected(guard, text, text, guard_session_kept);
    login.user = text;
    if (guard_connect(guard, &login, now) == guard_admitted) abort();
    login.certificate = NULL;
    login.password = text;
    if (guard_connect(guard, &login, now) == guard_admitted) abort();
    free(text);
    return 0;
}
