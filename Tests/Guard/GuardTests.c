// What the broker's guard decides, without a broker.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "Control.h"

#define check(condition) \
    ((condition) ? (void)0 : (fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition), exit(1)))

static const guard_time now = {.ms = 1000, .s = 1, .unix_ms = 1700000000000};

typedef struct {
    uint8_t bytes[1024];
    size_t length;
} message;

static void put(message *to, uint64_t value, size_t count) {
    while (count--) to->bytes[to->length++] = (uint8_t)(value >> 8 * count);
}

static void put_bytes(message *to, const void *bytes, size_t count) {
    memcpy(to->bytes + to->length, bytes, count);
    to->length += count;
}

static message of_kind(char kind) {
    message made = {0};
    put_bytes(&made, "FG\1", 3);
    put(&made, (uint8_t)kind, 1);
    return made;
}

static void tell(guard *guard, const message *what) {
    check(guard_control(guard, what->bytes, what->length, now) == guard_control_done);
}

static void begin(guard *guard, uint64_t load) {
    message made = of_kind('B');
    put(&made, load, 8);
    put(&made, 0, 1);
    put(&made, 2, 4);
    put(&made, 0, 1);
    tell(guard, &made);
}

// A device whose key is "k".
static void put_device(message *to, const char *id, guard_limit limit) {
    put(to, strlen(id), 1);
    put_bytes(to, id, strlen(id));
    put(to, 1, 8);
    put(to, guard_active, 1);
    put(to, guard_disconnect, 1);
    put(to, limit.messages_per_minute, 4);
    put(to, limit.message_burst, 4);
    put(to, limit.bytes_per_second, 4);
    put(to, limit.byte_burst, 4);
    put(to, 1, 1);
    put(to, 1, 2);
    put(to, 0, 4);
    put(to, guard_by_digest, 1);
    uint8_t digest[GUARD_DIGEST_BYTES];
    guard_digest("k", 1, digest);
    put_bytes(to, digest, sizeof digest);
}

static void entry(guard *guard, uint64_t load, const char *id, guard_limit limit) {
    message made = of_kind('E');
    put(&made, load, 8);
    put_device(&made, id, limit);
    tell(guard, &made);
}

static void commit(guard *guard, uint64_t load, uint32_t chunks) {
    message made = of_kind('C');
    put(&made, load, 8);
    put(&made, chunks, 4);
    put(&made, 1, 8);
    tell(guard, &made);
}

// One that knows d1 and d2.
static guard *filled(guard_limit limit) {
    guard *made = guard_create("fleetlog", "secret");
    check(made != NULL);
    begin(made, 1);
    entry(made, 1, "d1", limit);
    entry(made, 1, "d2", limit);
    commit(made, 1, 2);
    check(made->is_ready);
    return made;
}

static const guard_limit none;

static guard_outcome connect(guard *guard, const void *client, const char *user, const char *client_id) {
    guard_login login = {.client = client, .client_id = client_id, .user = user, .password = "k", .address = "1"};
    return guard_connect(guard, &login, now);
}

static void a_message_carries_little_beside_its_payload(void) {
    guard *guard = filled(none);
    check(guard_carry(guard, "d1", "1", 0, 0, now));
    check(guard_carry(guard, "d1", "1", guard_properties_limit, guard_property_bytes_limit, now));
    check(guard->limited == 0);
    check(!guard_carry(guard, "d1", "1", guard_properties_limit + 1, 85, now));
    check(!guard_carry(guard, "d1", "1", 1, guard_property_bytes_limit + 1, now));
    check(guard->limited == 2);
    check(!guard_carry(guard, "unknown", "1", 1, 1, now));
    check(guard_carry(guard, "fleetlog", "1", 200000, 1 << 20, now));
    guard_destroy(guard);
}

static void who_often_carries_too_much_is_kept_out_for_a_while(void) {
    guard *guard = filled(none);
    for (int round = 0; round < 10; round++) {
        check(connect(guard, "a", "d1", "a") == guard_admitted);
        check(!guard_carry(guard, "d1", "1", guard_properties_limit + 1, 85, now));
        guard_disconnected(guard, "a", "a", guard_session_over);
    }
    check(connect(guard, "a", "d1", "a") == guard_penalised);
    check(connect(guard, "b", "d2", "b") == guard_admitted);
    guard_destroy(guard);
}

static void what_a_message_carries_counts_as_its_bytes_do(void) {
    guard *guard = filled((guard_limit){.bytes_per_second = 1, .byte_burst = 1000});
    check(guard_carry(guard, "d1", "1", 1, 900, now));
    check(guard_publish(guard, "d1", "devices/d1/telemetry", 200, false, true, now) == guard_cut_off);
    check(guard_publish(guard, "d2", "devices/d2/telemetry", 200, false, true, now) == guard_allowed);
    guard_destroy(guard);
}

static void what_is_not_allowed_is_limited_too(void) {
    guard *guard = filled((guard_limit){.messages_per_minute = 60, .message_burst = 2});
    for (int round = 0; round < 2; round++) {
        check(guard_publish(guard, "d1", "devices/d2/telemetry", 10, false, true, now) == guard_denied);
    }
    check(guard_publish(guard, "d1", "devices/d2/telemetry", 10, false, true, now) == guard_cut_off);
    check(guard->denied == 2 && guard->limited == 1);
    guard_destroy(guard);
}

static void nobody_takes_the_id_of_another_device(void) {
    guard *guard = filled(none);
    check(connect(guard, "a", "d2", "d1") == guard_foreign_client_id);
    check(connect(guard, "b", "d1", "d1") == guard_admitted);
    check(connect(guard, "c", "d2", "d3") == guard_admitted);
    guard_destroy(guard);
}

static void a_device_has_sixteen_connections_at_most(void) {
    guard *guard = filled(none);
    char clients[guard_live_limit + 1], id[8];
    for (int at = 0; at < guard_live_limit; at++) {
        snprintf(id, sizeof id, "c%d", at);
        check(connect(guard, &clients[at], "d1", id) == guard_admitted);
    }
    const void *last = &clients[guard_live_limit];
    check(connect(guard, last, "d1", "c16") == guard_too_many_sessions);
    check(connect(guard, "other", "d2", "c17") == guard_admitted);
    // It replaces one that the network may have lost.
    check(connect(guard, last, "d1", "c3") == guard_admitted);
    guard_disconnected(guard, &clients[3], "c3", guard_session_over);
    check(connect(guard, "next", "d1", "c16") == guard_too_many_sessions);
    guard_disconnected(guard, &clients[4], "c4", guard_session_over);
    check(connect(guard, "next", "d1", "c16") == guard_admitted);
    guard_destroy(guard);
}

static void a_session_that_may_be_kept_stays_its_device_s(void) {
    guard *guard = filled(none);
    for (guard_keeping keeping = guard_session_doubtful; keeping <= guard_session_kept; keeping++) {
        check(connect(guard, "a", "d1", "sensor") == guard_admitted);
        guard_disconnected(guard, "a", "sensor", keeping);
        check(connect(guard, "b", "d2", "sensor") == guard_foreign_client_id);
    }
    check(connect(guard, "a", "d1", "sensor") == guard_admitted);
    guard_disconnected(guard, "a", "sensor", guard_session_over);
    check(connect(guard, "b", "d2", "sensor") == guard_admitted);
    guard_destroy(guard);
}

static void a_session_that_was_taken_over_leaves_nothing(void) {
    guard *guard = filled(none);
    check(connect(guard, "a", "d1", "sensor") == guard_admitted);
    check(connect(guard, "b", "d1", "sensor") == guard_admitted);
    guard_disconnected(guard, "a", "sensor", guard_session_doubtful);
    check(guard->sessions.sessions.in_use == 1);
    guard_disconnected(guard, "b", "sensor", guard_session_over);
    check(guard->sessions.sessions.in_use == 0);
    guard_destroy(guard);
}

static void of_sessions_that_rest_those_in_doubt_are_forgotten_first(void) {
    guard *guard = filled(none);
    check(connect(guard, "a", "d1", "sensor") == guard_admitted);
    guard_disconnected(guard, "a", "sensor", guard_session_kept);
    char id[8];
    for (int at = 0; at < 20; at++) {
        snprintf(id, sizeof id, "c%d", at);
        check(connect(guard, "a", "d1", id) == guard_admitted);
        guard_disconnected(guard, "a", id, guard_session_doubtful);
    }
    check(guard->sessions.sessions.in_use == guard_resting_limit);
    check(connect(guard, "b", "d2", "sensor") == guard_foreign_client_id);
    check(connect(guard, "b", "d2", "c19") == guard_foreign_client_id);
    check(connect(guard, "b", "d2", "c0") == guard_admitted);
    guard_destroy(guard);
}

static void a_load_counts_though_another_was_begun_and_never_ended(void) {
    guard *guard = guard_create("fleetlog", "secret");
    check(guard != NULL);
    begin(guard, 1);
    entry(guard, 1, "d1", none);
    begin(guard, 2);
    entry(guard, 1, "d2", none);
    commit(guard, 1, 2);
    check(guard->is_ready);
    check(connect(guard, "a", "d1", "a") == guard_admitted);
    check(connect(guard, "b", "d2", "b") == guard_admitted);
    // A commit counts once, and only for whom its load has not named.
    entry(guard, 2, "d1", none);
    commit(guard, 2, 1);
    check(connect(guard, "c", "d1", "c") == guard_admitted);
    check(connect(guard, "d", "d2", "d") == guard_admitted);
    begin(guard, 3);
    entry(guard, 3, "d1", none);
    commit(guard, 3, 1);
    check(connect(guard, "e", "d2", "e") == guard_wrong_key);
    guard_destroy(guard);
}

static void a_load_that_lacks_a_message_does_not_count(void) {
    guard *guard = guard_create("fleetlog", "secret");
    check(guard != NULL);
    begin(guard, 1);
    entry(guard, 1, "d1", none);
    commit(guard, 1, 2);
    check(!guard->is_ready);
    guard_destroy(guard);
}

// The gateway's tests have the same words: both must write them alike.
static void the_arrival_bears_a_tag_of_password_topic_and_time(void) {
    guard *guard = guard_create("fleetlog", "secret");
    check(guard != NULL);
    char said[guard_arrival_room], other[guard_arrival_room];
    guard_write_arrival(guard->arrival_key, "devices/d1/telemetry", 1700000000000, said);
    check(strcmp(said, "1700000000000:2741792a6954af4a") == 0);
    guard_write_arrival(guard->arrival_key, "devices/device-7/telemetry", 1700000000000, other);
    check(strcmp(other, "1700000000000:70bd3ccdc17be7c1") == 0);
    guard_write_arrival(guard_arrival_key("another"), "devices/d1/telemetry", 1700000000000, other);
    check(strcmp(said, other) != 0);
    guard_write_arrival(guard->arrival_key, "", UINT64_MAX, said);
    check(strlen(said) == 37);
    guard_destroy(guard);
}

int main(void) {
    the_arrival_bears_a_tag_of_password_topic_and_time();
    a_message_carries_little_beside_its_payload();
    who_often_carries_too_much_is_kept_out_for_a_while();
    what_a_message_carries_counts_as_its_bytes_do();
    what_is_not_allowed_is_limited_too();
    nobody_takes_the_id_of_another_device();
    a_device_has_sixteen_connections_at_most();
    a_session_that_may_be_kept_stays_its_device_s();
    a_session_that_was_taken_over_leaves_nothing();
    of_sessions_that_rest_those_in_doubt_are_forgotten_first();
    a_load_counts_though_another_was_begun_and_never_ended();
    a_load_that_lacks_a_message_does_not_count();
    return 0;
}
