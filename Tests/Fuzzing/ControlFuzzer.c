// Control messages of any bytes, several after each other, must neither break memory nor let a device in unnamed.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "Control.h"
#include "Report.h"

enum { report_room = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    guard *guard = guard_create("fleetlog", "secret");
    if (guard == NULL) return 0;
    guard_time now = {.ms = 1000, .s = 1, .unix_ms = 1700000000000};
    char report[report_room];
    int client, other;
    bool is_open = false, other_is_open = false;
    // Two bytes say how long each message is.
    for (size_t at = 0; at + 2 <= length;) {
        size_t rest = (size_t)bytes[at] << 8 | bytes[at + 1];
        at += 2;
        if (rest > length - at) rest = length - at;
        // A copy of its own: reading past its end is seen by Address Sanitizer.
        uint8_t *message = malloc(rest);
        memcpy(message, bytes + at, rest);
        guard_control(guard, message, rest, now);
        free(message);
        at += rest;
        // Who was doomed may leave by itself before its turn comes.
        if (is_open && rest % 2 == 0) {
            guard_disconnected(guard, &client, "c", guard_session_over);
            is_open = false;
        }
        for (const void *doomed; (doomed = guard_next_doomed(guard));) {
            if (doomed == &client && is_open) is_open = false;
            else if (doomed == &other && other_is_open) other_is_open = false;
            else abort();
            guard_disconnected(guard, doomed, doomed == &client ? "c" : "d", (guard_keeping)(rest % 3));
        }
        if (is_open) guard_disconnected(guard, &client, "c", guard_session_kept);
        if (other_is_open) guard_disconnected(guard, &other, "d", guard_session_over);
        guard_login login = {.client = &client, .client_id = "c", .user = "d1", .password = "k", .address = "1"};
        is_open = guard_connect(guard, &login, now) == guard_admitted;
        if (is_open && !guard->is_ready) abort();
        uint8_t certificate[GUARD_DIGEST_BYTES] = {1};
        login = (guard_login){
            .client = &other, .client_id = "d", .user = "d1", .address = "2", .certificate = certificate};
        other_is_open = guard_connect(guard, &login, now) == guard_admitted;
        if (other_is_open && !guard->is_ready) abort();
        guard_publish(guard, "d1", "devices/d1/telemetry", 10, false, true, now);
        // Whoever would not hear of it must not have a message too many acknowledged.
        uint64_t limited = guard->limited;
        guard_verdict verdict = guard_publish(guard, "d1", "devices/d1/telemetry", 10, false, false, now);
        if (guard->limited > limited && verdict != guard_cut_off) abort();
        if (guard_carry(guard, "d1", "3", guard_properties_limit + 1, (uint32_t)rest, now)) abort();
        now.ms += 700;
        now.s += 40;
        guard_write_report(guard, report, sizeof report, now);
        guard_write_status(guard, report, sizeof report);
    }
    guard_destroy(guard);
    return 0;
}
