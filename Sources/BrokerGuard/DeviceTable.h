#ifndef GUARD_DEVICE_TABLE_H
#define GUARD_DEVICE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "KeyedHash.h"
#include "Pool.h"
#include "TokenBucket.h"
#include "Verifier.h"

enum { guard_id_limit = 31, guard_keys_limit = 16 };

typedef enum { guard_active = 0, guard_quarantined = 1, guard_removed = 2 } guard_state;
typedef enum { guard_drop = 0, guard_disconnect = 1 } guard_action;
typedef enum { guard_by_digest = 1, guard_by_derivation = 2, guard_by_certificate = 3 } guard_key_kind;

typedef struct {
    uint32_t next;
    // Seconds since 1970; 0 for never.
    uint32_t expires;
    uint16_t number;
    uint8_t kind;
    // What is still to be reported: that it was used, and that its digest is known now.
    bool is_used, is_learned;
    union {
        // Of the key, or of the certificate.
        uint8_t digest[GUARD_DIGEST_BYTES];
        guard_derived *derived;
    } by;
} guard_key;

typedef struct {
    char id[guard_id_limit + 1];
    uint8_t id_length, state, action;
    bool is_waiting_to_report;
    // Those that are connected, and those that the broker keeps for it, the last first.
    uint32_t keys, sessions, resting;
    uint64_t revision;
    guard_limit limit;
    guard_bucket bucket;
    // Since the last report.
    uint32_t limited, denied, wrong_keys;
    uint32_t next_to_report, reported_s;
    uint32_t load;
} guard_device;

// All devices by id. A device that is removed stays as such, so that an older word about it changes nothing.
typedef struct {
    guard_pool devices, keys;
    uint32_t *index;
    uint32_t index_size;
    guard_hash_key hash_key;
} guard_table;

void guard_table_init(guard_table *table, guard_hash_key key);
void guard_table_clear(guard_table *table);
// Makes room, so that the index does not have to grow on the way.
bool guard_table_reserve(guard_table *table, uint32_t count);
// 0 if there is no such device.
uint32_t guard_table_find(const guard_table *table, const char *id, size_t length);
// The device of this id, made if there is none; 0 if there is no memory.
uint32_t guard_table_admit(guard_table *table, const char *id, size_t length);
guard_device *guard_table_device(const guard_table *table, uint32_t device);
guard_key *guard_table_key(const guard_table *table, uint32_t key);
bool guard_table_add_key(guard_table *table, guard_device *device, const guard_key *key);
void guard_table_drop_keys(guard_table *table, guard_device *device);
size_t guard_table_bytes(const guard_table *table);

#endif
