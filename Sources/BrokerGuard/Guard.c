#include "Guard.h"

#include <stdlib.h>
#include <string.h>

enum { retained_limit = 4096, report_pause_s = 60 };

static const char own_clients[] = "fleetlog-";
static const char key_prefix[] = "flk_";

guard *guard_create(const char *gateway_user, const char *gateway_password) {
    if (strlen(gateway_user) > guard_user_limit) return NULL;
    guard *made = calloc(1, sizeof *made);
    if (made == NULL) return NULL;
    if (!guard_random(&made->hash_key, sizeof made->hash_key) || !guard_random(&made->boot, sizeof made->boot)) {
        free(made);
        return NULL;
    }
    guard_table_init(&made->table, made->hash_key);
    guard_sessions_init(&made->sessions, made->hash_key);
    memcpy(made->gateway_user, gateway_user, strlen(gateway_user) + 1);
    guard_digest(gateway_password, strlen(gateway_password), made->gateway_digest);
    made->arrival_key = guard_arrival_key(gateway_password);
    return made;
}

void guard_destroy(guard *guard) {
    guard_table_clear(&guard->table);
    guard_sessions_clear(&guard->sessions);
    free(guard->doomed);
    free(guard);
}

bool guard_is_gateway(const guard *guard, const char *user) { return user && strcmp(user, guard->gateway_user) == 0; }

static uint32_t device_of(const guard *guard, const char *user) {
    return user ? guard_table_find(&guard->table, user, strnlen(user, guard_id_limit + 1)) : 0;
}

static bool is_reserved(const guard *guard, const char *client_id) {
    if (strncmp(client_id, own_clients, sizeof own_clients - 1) == 0) return true;
    for (uint32_t at = 0; at < guard->reserved_count; at++) {
        if (strcmp(client_id, guard->reserved[at]) == 0) return true;
    }
    return false;
}

static uint64_t who(const guard *guard, const char *address, const char *user) {
    uint64_t from = address ? guard_hash(guard->hash_key, address, strlen(address)) : 0;
    uint64_t name = guard_hash(guard->hash_key, user, strlen(user));
    return from ^ (name << 1 | name >> 63);
}

// The device's key or certificate that the login proves; 0 if none.
static uint32_t proven_key(guard *guard, const guard_device *device, const guard_login *login, guard_time now) {
    const char *password = login->password ? login->password : "";
    size_t length = strlen(password);
    // Two proofs might not agree.
    if (login->certificate && length > 0) return 0;
    uint8_t digest[GUARD_DIGEST_BYTES];
    if (login->certificate) memcpy(digest, login->certificate, sizeof digest);
    else guard_digest(password, length, digest);
    for (uint32_t number = device->keys; number; number = guard_table_key(&guard->table, number)->next) {
        guard_key *key = guard_table_key(&guard->table, number);
        if (key->expires && now.unix_ms / 1000 >= key->expires) continue;
        if ((key->kind == guard_by_certificate) != (login->certificate != NULL)) continue;
        if (key->kind != guard_by_derivation) {
            if (guard_equal(key->by.digest, digest, sizeof digest)) return number;
        } else if (guard_derives(key->by.derived, password, length)) {
            // From now on the fast way; the gateway is told, and stores the digest.
            free(key->by.derived);
            key->kind = guard_by_digest;
            memcpy(key->by.digest, digest, sizeof digest);
            key->is_learned = true;
            return number;
        }
    }
    return 0;
}

static uint32_t next_of(const guard *guard, uint32_t session) {
    return guard_session_at(&guard->sessions, session)->next_of_device;
}

static uint32_t count_of(const guard *guard, uint32_t first) {
    uint32_t count = 0;
    for (uint32_t at = first; at; at = next_of(guard, at)) count++;
    return count;
}

static bool has_live(const guard *guard, const guard_device *device, const char *client_id) {
    uint64_t hash = guard_session_hash(&guard->sessions, client_id);
    for (uint32_t at = device->sessions; at; at = next_of(guard, at)) {
        if (guard_session_at(&guard->sessions, at)->id_hash == hash) return true;
    }
    return false;
}

// One whose id is in use replaces that session, so it is never one more.
static bool has_room(const guard *guard, const guard_device *device, const char *client_id) {
    return count_of(guard, device->sessions) < guard_live_limit || has_live(guard, device, client_id);
}

static guard_outcome checked(guard *guard, const guard_login *login, uint32_t *device, uint32_t *key, guard_time now) {
    *device = *key = 0;
    if (login->user == NULL || login->client_id == NULL) return guard_unknown_user;
    if (login->password == NULL && login->certificate == NULL) return guard_unknown_user;
    if (strlen(login->user) > guard_user_limit) return guard_unknown_user;
    if (login->password && strlen(login->password) > guard_password_limit) return guard_unknown_user;
    if (guard_is_gateway(guard, login->user)) {
        // Where certificates are asked for there are devices only.
        if (login->certificate) return guard_wrong_key;
        uint8_t digest[GUARD_DIGEST_BYTES];
        guard_digest(login->password, strlen(login->password), digest);
        return guard_equal(digest, guard->gateway_digest, sizeof digest) ? guard_admitted : guard_wrong_key;
    }
    if (!guard->is_ready) return guard_not_ready;
    if (guard_is_penalised(&guard->penalties, who(guard, login->address, login->user), now.s)) return guard_penalised;
    *device = device_of(guard, login->user);
    if (*device == 0) return guard_unknown_user;
    guard_device *known = guard_table_device(&guard->table, *device);
    *key = proven_key(guard, known, login, now);
    if (*key == 0) return guard_wrong_key;
    if (known->state != guard_active) return guard_shut_out;
    // An id is written into the broker's log, a key must not be.
    if (is_reserved(guard, login->client_id) || strstr(login->client_id, key_prefix)) return guard_foreign_client_id;
    // Many devices connect under their own id: whoever took it would keep them out.
    uint32_t named = device_of(guard, login->client_id);
    if (named && named != *device) return guard_foreign_client_id;
    if (guard_id_is_anothers(&guard->sessions, login->client_id, *device)) return guard_foreign_client_id;
    return has_room(guard, known, login->client_id) ? guard_admitted : guard_too_many_sessions;
}

// Takes a session out of its device's list.
static void unlink_session(guard *guard, uint32_t *link, uint32_t number) {
    while (*link && *link != number) link = &guard_session_at(&guard->sessions, *link)->next_of_device;
    if (*link) *link = next_of(guard, number);
}

static void forget_resting(guard *guard, uint32_t number) {
    uint32_t owner = guard_session_at(&guard->sessions, number)->device;
    unlink_session(guard, &guard_table_device(&guard->table, owner)->resting, number);
    guard_session_close(&guard->sessions, number);
}

static void rest(guard *guard, guard_device *device, uint32_t number, bool is_doubtful) {
    guard_session *session = guard_session_at(&guard->sessions, number);
    session->client = NULL;
    session->is_doomed = false;
    session->is_doubtful = is_doubtful;
    session->next_of_device = device->resting;
    device->resting = number;
    if (count_of(guard, device->resting) <= guard_resting_limit) return;
    // The oldest goes, one in doubt before one that is surely there.
    uint32_t oldest = 0, doubtful = 0;
    for (uint32_t at = device->resting; at; at = next_of(guard, at)) {
        oldest = at;
        if (guard_session_at(&guard->sessions, at)->is_doubtful) doubtful = at;
    }
    forget_resting(guard, doubtful ? doubtful : oldest);
}

static bool opened(guard *guard, const guard_login *login, uint32_t device, uint32_t key) {
    uint32_t resting = guard_session_resting(&guard->sessions, login->client_id);
    if (resting) forget_resting(guard, resting);
    uint32_t number = guard_session_open(&guard->sessions, login->client_id, login->client, device);
    if (number == 0) return false;
    if (device) {
        guard_device *owner = guard_table_device(&guard->table, device);
        guard_session *session = guard_session_at(&guard->sessions, number);
        session->key_number = guard_table_key(&guard->table, key)->number;
        session->next_of_device = owner->sessions;
        owner->sessions = number;
    }
    return true;
}

// What of a login its device is told, and its account.
static void note(guard *guard, guard_outcome outcome, uint32_t device, uint32_t key, guard_time now) {
    guard_device *known = guard_table_device(&guard->table, device);
    switch (outcome) {
    case guard_admitted: guard_table_key(&guard->table, key)->is_used = true; break;
    case guard_wrong_key: known->wrong_keys++; break;
    case guard_foreign_client_id:
    case guard_too_many_sessions: known->denied++; break;
    default: return;
    }
    guard_wants_report(guard, known, device, now);
}

guard_outcome guard_connect(guard *guard, const guard_login *login, guard_time now) {
    uint32_t device, key;
    guard_outcome outcome = checked(guard, login, &device, &key, now);
    if (outcome == guard_admitted && !opened(guard, login, device, key)) outcome = guard_no_memory;
    guard->outcomes[outcome]++;
    if (outcome == guard_unknown_user || outcome == guard_wrong_key) {
        if (login->user) guard_note_failure(&guard->penalties, who(guard, login->address, login->user), now.s);
    }
    if (device) note(guard, outcome, device, key, now);
    return outcome;
}

guard_outcome guard_recheck(guard *guard, const guard_login *login, guard_time now) {
    uint32_t device, key;
    if (login->client_id == NULL) return guard_unknown_user;
    if (guard_session_of(&guard->sessions, login->client_id, login->client) == 0) return guard_admitted;
    return checked(guard, login, &device, &key, now);
}

void guard_disconnected(guard *guard, const void *client, const char *client_id, guard_keeping keeping) {
    if (client_id == NULL) return;
    uint32_t number = guard_session_of(&guard->sessions, client_id, client);
    if (number == 0) return;
    guard_session *session = guard_session_at(&guard->sessions, number);
    if (session->device == 0) {
        guard_session_close(&guard->sessions, number);
        return;
    }
    guard_device *device = guard_table_device(&guard->table, session->device);
    unlink_session(guard, &device->sessions, number);
    // Whoever has taken the session over holds its id already.
    if (keeping == guard_session_over || device->state == guard_removed || has_live(guard, device, client_id)) {
        guard_session_close(&guard->sessions, number);
        return;
    }
    rest(guard, device, number, keeping == guard_session_doubtful);
}

static void note_excess(guard *guard, guard_device *device, uint32_t number, guard_time now) {
    guard->limited++;
    device->limited++;
    guard_wants_report(guard, device, number, now);
}

guard_verdict guard_publish(
    guard *guard, const char *user, const char *topic, uint32_t bytes, bool is_retained, bool is_heard, guard_time now) {
    if (guard_is_gateway(guard, user)) return guard_allowed;
    uint32_t number = device_of(guard, user);
    if (number == 0 || !guard->is_ready) return guard_denied;
    guard_device *device = guard_table_device(&guard->table, number);
    if (device->state != guard_active) return guard_denied;
    // What is not allowed takes its share too: it keeps the broker as busy.
    if (!guard_bucket_take(&device->bucket, &device->limit, bytes, now.ms)) {
        note_excess(guard, device, number, now);
        return device->action == guard_disconnect || !is_heard ? guard_cut_off : guard_denied;
    }
    bool is_too_large = is_retained && bytes > retained_limit;
    if (is_too_large || !guard_may_write(device->id, device->id_length, topic, is_retained)) {
        guard->denied++;
        device->denied++;
        guard_wants_report(guard, device, number, now);
        return guard_denied;
    }
    return guard_allowed;
}

bool guard_carry(
    guard *guard, const char *user, const char *address, uint32_t properties, uint32_t bytes, guard_time now) {
    if (properties == 0 || guard_is_gateway(guard, user)) return true;
    uint32_t number = device_of(guard, user);
    if (number == 0) return false;
    guard_device *device = guard_table_device(&guard->table, number);
    guard_bucket_charge(&device->bucket, bytes);
    if (properties <= guard_properties_limit && bytes <= guard_property_bytes_limit) return true;
    // The broker reads them all before it asks; who comes back at once with as many would keep it busy.
    guard_note_failure(&guard->penalties, who(guard, address, user), now.s);
    note_excess(guard, device, number, now);
    return false;
}

bool guard_subscribe(guard *guard, const char *user, const char *filter, guard_time now) {
    if (guard_is_gateway(guard, user)) return true;
    uint32_t number = device_of(guard, user);
    if (number == 0 || !guard->is_ready) return false;
    guard_device *device = guard_table_device(&guard->table, number);
    if (device->state != guard_active) return false;
    if (guard_may_read(device->id, device->id_length, filter)) return true;
    guard->denied++;
    device->denied++;
    guard_wants_report(guard, device, number, now);
    return false;
}

bool guard_read(const guard *guard, const char *user, const char *topic) {
    if (user == NULL) return false;
    // The name alone decides: what waits for a device that is away must not be lost while the table is filled anew.
    return guard_is_gateway(guard, user) || guard_may_read(user, strlen(user), topic);
}

static bool holds_key(const guard *guard, const guard_device *device, uint16_t key_number) {
    for (uint32_t number = device->keys; number; number = guard_table_key(&guard->table, number)->next) {
        if (guard_table_key(&guard->table, number)->number == key_number) return true;
    }
    return false;
}

void guard_doom(guard *guard, uint32_t number) {
    guard_device *device = guard_table_device(&guard->table, number);
    for (uint32_t at = device->sessions; at; at = guard_session_at(&guard->sessions, at)->next_of_device) {
        guard_session *session = guard_session_at(&guard->sessions, at);
        if (session->is_doomed) continue;
        if (device->state == guard_active && holds_key(guard, device, session->key_number)) continue;
        if (guard->doomed_count == guard->doomed_capacity) {
            uint32_t capacity = guard->doomed_capacity ? guard->doomed_capacity * 2 : 64;
            uint32_t *doomed = realloc(guard->doomed, capacity * sizeof *doomed);
            // It stays connected then, but every publish is still denied.
            if (doomed == NULL) return;
            guard->doomed = doomed;
            guard->doomed_capacity = capacity;
        }
        session->is_doomed = true;
        guard->doomed[guard->doomed_count++] = at;
    }
    if (device->state == guard_removed) {
        while (device->resting) forget_resting(guard, device->resting);
    }
}

const void *guard_next_doomed(guard *guard) {
    while (guard->doomed_count) {
        guard_session *session = guard_session_at(&guard->sessions, guard->doomed[--guard->doomed_count]);
        // The number may be another session's by now.
        if (!session->is_doomed || session->client == NULL) continue;
        session->is_doomed = false;
        return session->client;
    }
    return NULL;
}

void guard_wants_report(guard *guard, guard_device *device, uint32_t number, guard_time now) {
    if (device->is_waiting_to_report) return;
    device->is_waiting_to_report = true;
    device->next_to_report = 0;
    bool is_early = device->reported_s && now.s - device->reported_s < report_pause_s;
    uint32_t *first = is_early ? &guard->later_first : &guard->due_first;
    uint32_t *last = is_early ? &guard->later_last : &guard->due_last;
    // From now on, so that those who wait stand in the order of their turn.
    if (is_early) device->reported_s = now.s;
    if (*last) guard_table_device(&guard->table, *last)->next_to_report = number;
    else *first = number;
    *last = number;
}
