#include "SessionTable.h"

#include <stdlib.h>
#include <string.h>

void guard_sessions_init(guard_sessions *table, guard_hash_key key) {
    memset(table, 0, sizeof *table);
    table->hash_key = key;
    guard_pool_init(&table->sessions, sizeof(guard_session));
}

void guard_sessions_clear(guard_sessions *table) {
    guard_pool_clear(&table->sessions);
    free(table->buckets);
    table->buckets = NULL;
    table->bucket_count = 0;
}

guard_session *guard_session_at(const guard_sessions *table, uint32_t session) {
    return guard_pool_at(&table->sessions, session);
}

uint64_t guard_session_hash(const guard_sessions *table, const char *id) {
    return guard_hash(table->hash_key, id, strlen(id));
}

static uint32_t first(const guard_sessions *table, uint64_t hash) {
    return table->bucket_count ? table->buckets[hash & (table->bucket_count - 1)] : 0;
}

bool guard_id_is_anothers(const guard_sessions *table, const char *id, uint32_t device) {
    uint64_t hash = guard_session_hash(table, id);
    for (uint32_t at = first(table, hash); at; at = guard_session_at(table, at)->next_in_bucket) {
        const guard_session *session = guard_session_at(table, at);
        if (session->id_hash == hash && session->device != device) return true;
    }
    return false;
}

uint32_t guard_session_of(const guard_sessions *table, const char *id, const void *client) {
    uint64_t hash = guard_session_hash(table, id);
    for (uint32_t at = first(table, hash); at; at = guard_session_at(table, at)->next_in_bucket) {
        const guard_session *session = guard_session_at(table, at);
        if (session->id_hash == hash && session->client == client) return at;
    }
    return 0;
}

uint32_t guard_session_resting(const guard_sessions *table, const char *id) {
    return guard_session_of(table, id, NULL);
}

static bool grow(guard_sessions *table) {
    uint32_t count = table->bucket_count ? table->bucket_count * 2 : 256;
    uint32_t *buckets = calloc(count, sizeof *buckets);
    if (buckets == NULL) return table->bucket_count > 0;
    for (uint32_t bucket = 0; bucket < table->bucket_count; bucket++) {
        for (uint32_t at = table->buckets[bucket]; at;) {
            guard_session *session = guard_session_at(table, at);
            uint32_t next = session->next_in_bucket;
            uint32_t *head = &buckets[session->id_hash & (count - 1)];
            session->next_in_bucket = *head;
            *head = at;
            at = next;
        }
    }
    free(table->buckets);
    table->buckets = buckets;
    table->bucket_count = count;
    return true;
}

uint32_t guard_session_open(guard_sessions *table, const char *id, const void *client, uint32_t device) {
    if (table->sessions.in_use >= table->bucket_count && !grow(table)) return 0;
    uint32_t number = guard_pool_take(&table->sessions);
    if (number == 0) return 0;
    guard_session *session = guard_session_at(table, number);
    session->client = client;
    session->device = device;
    session->id_hash = guard_session_hash(table, id);
    uint32_t *head = &table->buckets[session->id_hash & (table->bucket_count - 1)];
    session->next_in_bucket = *head;
    *head = number;
    return number;
}

void guard_session_close(guard_sessions *table, uint32_t number) {
    guard_session *session = guard_session_at(table, number);
    // It may still stand among the doomed, and there is no client to disconnect any more.
    session->is_doomed = false;
    uint32_t *link = &table->buckets[session->id_hash & (table->bucket_count - 1)];
    while (*link != number) link = &guard_session_at(table, *link)->next_in_bucket;
    *link = session->next_in_bucket;
    guard_pool_give(&table->sessions, number);
}

size_t guard_sessions_bytes(const guard_sessions *table) {
    return guard_pool_bytes(&table->sessions) + table->bucket_count * sizeof *table->buckets;
}
