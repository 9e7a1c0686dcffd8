#ifndef GUARD_SESSION_TABLE_H
#define GUARD_SESSION_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "KeyedHash.h"
#include "Pool.h"

// A client id in use: of a connection, or of a session that waits for its device (then without a client).
typedef struct {
    const void *client;
    uint64_t id_hash;
    // 0 for the gateway.
    uint32_t device;
    uint32_t next_of_device;
    uint32_t next_in_bucket;
    uint16_t key_number;
    bool is_doomed;
    // It rests, and the broker may have ended it with its connection: it has not said which.
    bool is_doubtful;
} guard_session;

typedef struct {
    guard_pool sessions;
    uint32_t *buckets;
    uint32_t bucket_count;
    guard_hash_key hash_key;
} guard_sessions;

void guard_sessions_init(guard_sessions *table, guard_hash_key key);
void guard_sessions_clear(guard_sessions *table);
guard_session *guard_session_at(const guard_sessions *table, uint32_t session);
// By which sessions of the same client id are told.
uint64_t guard_session_hash(const guard_sessions *table, const char *id);
// Whether somebody other than the device holds this client id.
bool guard_id_is_anothers(const guard_sessions *table, const char *id, uint32_t device);
// The session of this client; 0 if there is none.
uint32_t guard_session_of(const guard_sessions *table, const char *id, const void *client);
// The resting session of this client id; 0 if there is none.
uint32_t guard_session_resting(const guard_sessions *table, const char *id);
// 0 if there is no memory.
uint32_t guard_session_open(guard_sessions *table, const char *id, const void *client, uint32_t device);
void guard_session_close(guard_sessions *table, uint32_t session);
size_t guard_sessions_bytes(const guard_sessions *table);

#endif
