#include "DeviceTable.h"

#include <stdlib.h>
#include <string.h>

void guard_table_init(guard_table *table, guard_hash_key key) {
    memset(table, 0, sizeof *table);
    table->hash_key = key;
    guard_pool_init(&table->devices, sizeof(guard_device));
    guard_pool_init(&table->keys, sizeof(guard_key));
}

void guard_table_clear(guard_table *table) {
    for (uint32_t device = 1; device <= table->devices.made; device++) {
        guard_table_drop_keys(table, guard_table_device(table, device));
    }
    guard_pool_clear(&table->devices);
    guard_pool_clear(&table->keys);
    free(table->index);
    table->index = NULL;
    table->index_size = 0;
}

guard_device *guard_table_device(const guard_table *table, uint32_t device) {
    return guard_pool_at(&table->devices, device);
}

guard_key *guard_table_key(const guard_table *table, uint32_t key) { return guard_pool_at(&table->keys, key); }

static bool is_named(const guard_device *device, const char *id, size_t length) {
    return device->id_length == length && memcmp(device->id, id, length) == 0;
}

// Where the device stands in the index, or the free place where it would.
static uint32_t *place(const guard_table *table, const char *id, size_t length) {
    uint32_t mask = table->index_size - 1;
    uint32_t at = (uint32_t)guard_hash(table->hash_key, id, length) & mask;
    while (table->index[at] && !is_named(guard_table_device(table, table->index[at]), id, length)) at = (at + 1) & mask;
    return &table->index[at];
}

bool guard_table_reserve(guard_table *table, uint32_t count) {
    uint32_t size = 1024;
    while (size / 4 * 3 < count) {
        if (size > UINT32_MAX / 4) return false;
        size *= 2;
    }
    if (size <= table->index_size) return true;
    uint32_t *index = calloc(size, sizeof *index);
    if (index == NULL) return false;
    free(table->index);
    table->index = index;
    table->index_size = size;
    for (uint32_t number = 1; number <= table->devices.made; number++) {
        const guard_device *device = guard_table_device(table, number);
        *place(table, device->id, device->id_length) = number;
    }
    return true;
}

uint32_t guard_table_find(const guard_table *table, const char *id, size_t length) {
    if (table->index_size == 0 || length == 0 || length > guard_id_limit) return 0;
    return *place(table, id, length);
}

uint32_t guard_table_admit(guard_table *table, const char *id, size_t length) {
    if (length == 0 || length > guard_id_limit) return 0;
    if (!guard_table_reserve(table, table->devices.in_use + 1)) return 0;
    uint32_t *slot = place(table, id, length);
    if (*slot) return *slot;
    uint32_t number = guard_pool_take(&table->devices);
    if (number == 0) return 0;
    guard_device *device = guard_table_device(table, number);
    memcpy(device->id, id, length);
    device->id_length = (uint8_t)length;
    device->state = guard_removed;
    *slot = number;
    return number;
}

bool guard_table_add_key(guard_table *table, guard_device *device, const guard_key *key) {
    guard_derived *derived = NULL;
    if (key->kind == guard_by_derivation) {
        derived = malloc(sizeof *derived);
        if (derived == NULL) return false;
        *derived = *key->by.derived;
    }
    uint32_t number = guard_pool_take(&table->keys);
    if (number == 0) {
        free(derived);
        return false;
    }
    guard_key *kept = guard_table_key(table, number);
    *kept = *key;
    if (derived) kept->by.derived = derived;
    kept->next = device->keys;
    device->keys = number;
    return true;
}

void guard_table_drop_keys(guard_table *table, guard_device *device) {
    while (device->keys) {
        uint32_t number = device->keys;
        guard_key *key = guard_table_key(table, number);
        device->keys = key->next;
        if (key->kind == guard_by_derivation) free(key->by.derived);
        guard_pool_give(&table->keys, number);
    }
}

size_t guard_table_bytes(const guard_table *table) {
    return guard_pool_bytes(&table->devices) + guard_pool_bytes(&table->keys) + table->index_size * sizeof *table->index;
}
