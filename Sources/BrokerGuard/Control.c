#include "Control.h"

#include <string.h>

enum { entry_count_limit = 10000000 };

typedef struct {
    const uint8_t *at, *end;
    bool is_broken;
} reader;

typedef struct {
    const uint8_t *bytes;
    uint8_t length;
} text;

typedef struct {
    text id;
    uint64_t revision;
    uint8_t state, action, key_count;
    guard_limit limit;
    guard_key keys[guard_keys_limit];
    guard_derived derived[guard_keys_limit];
} entry;

static const uint8_t *taken(reader *from, size_t count) {
    if (from->is_broken || (size_t)(from->end - from->at) < count) {
        from->is_broken = true;
        return NULL;
    }
    const uint8_t *bytes = from->at;
    from->at += count;
    return bytes;
}

static uint64_t number(reader *from, size_t count) {
    const uint8_t *bytes = taken(from, count);
    uint64_t value = 0;
    for (size_t at = 0; bytes && at < count; at++) value = value << 8 | bytes[at];
    return value;
}

static text short_text(reader *from) {
    text value = {.length = (uint8_t)number(from, 1)};
    value.bytes = taken(from, value.length);
    return value;
}

static void copy(reader *from, uint8_t *to, size_t count) {
    const uint8_t *bytes = taken(from, count);
    if (bytes) memcpy(to, bytes, count);
}

static void read_key(reader *from, guard_key *key, guard_derived *derived) {
    memset(key, 0, sizeof *key);
    key->number = (uint16_t)number(from, 2);
    key->expires = (uint32_t)number(from, 4);
    key->kind = (uint8_t)number(from, 1);
    if (key->kind == guard_by_digest || key->kind == guard_by_certificate) {
        copy(from, key->by.digest, sizeof key->by.digest);
    } else if (key->kind == guard_by_derivation) {
        derived->rounds = (uint32_t)number(from, 4);
        text salt = short_text(from);
        if (salt.length > GUARD_SALT_LIMIT || derived->rounds == 0 || derived->rounds > GUARD_ROUNDS_LIMIT) {
            from->is_broken = true;
        }
        if (from->is_broken) return;
        derived->salt_length = salt.length;
        memcpy(derived->salt, salt.bytes, salt.length);
        copy(from, derived->hash, sizeof derived->hash);
        key->by.derived = derived;
    } else {
        from->is_broken = true;
    }
}

static void read_entry(reader *from, entry *into) {
    into->id = short_text(from);
    into->revision = number(from, 8);
    into->state = (uint8_t)number(from, 1);
    into->action = (uint8_t)number(from, 1);
    into->limit.messages_per_minute = (uint32_t)number(from, 4);
    into->limit.message_burst = (uint32_t)number(from, 4);
    into->limit.bytes_per_second = (uint32_t)number(from, 4);
    into->limit.byte_burst = (uint32_t)number(from, 4);
    into->key_count = (uint8_t)number(from, 1);
    if (from->is_broken || into->key_count > guard_keys_limit || into->state > guard_removed
        || into->action > guard_disconnect || into->id.length > guard_id_limit
        || !guard_is_device_id((const char *)into->id.bytes, into->id.length)) {
        from->is_broken = true;
        return;
    }
    for (uint8_t at = 0; at < into->key_count; at++) read_key(from, &into->keys[at], &into->derived[at]);
}

// Keeps of the old keys what is still to be reported.
static void carry_over(const guard *guard, const guard_device *device, entry *from) {
    for (uint32_t number = device->keys; number; number = guard_table_key(&guard->table, number)->next) {
        const guard_key *old = guard_table_key(&guard->table, number);
        for (uint8_t at = 0; at < from->key_count; at++) {
            guard_key *key = &from->keys[at];
            if (key->number != old->number) continue;
            key->is_used = old->is_used;
            if (key->kind == guard_by_derivation && old->is_learned) {
                key->kind = guard_by_digest;
                memcpy(key->by.digest, old->by.digest, sizeof key->by.digest);
                key->is_learned = true;
            }
        }
    }
}

static bool apply(guard *guard, entry *from, guard_time now) {
    uint32_t number = guard_table_admit(&guard->table, (const char *)from->id.bytes, from->id.length);
    if (number == 0) return false;
    guard_device *device = guard_table_device(&guard->table, number);
    device->load = guard->load;
    if (from->revision < device->revision) return true;
    bool is_new = device->revision == 0;
    device->revision = from->revision;
    if (from->revision > guard->revision) guard->revision = from->revision;
    device->state = from->state;
    device->action = from->action;
    if (is_new || memcmp(&device->limit, &from->limit, sizeof from->limit) != 0) {
        device->limit = from->limit;
        guard_bucket_fill(&device->bucket, &device->limit, now.ms);
    }
    carry_over(guard, device, from);
    guard_table_drop_keys(&guard->table, device);
    for (uint8_t at = 0; at < from->key_count; at++) {
        if (!guard_table_add_key(&guard->table, device, &from->keys[at])) return false;
    }
    guard_doom(guard, number);
    return true;
}

static guard_control_outcome apply_all(guard *guard, reader entries, guard_time now) {
    entry read;
    for (reader look = entries; look.at < look.end;) {
        read_entry(&look, &read);
        if (look.is_broken) return guard_control_malformed;
    }
    while (entries.at < entries.end) {
        read_entry(&entries, &read);
        if (!apply(guard, &read, now)) return guard_control_no_memory;
    }
    return guard_control_done;
}

// The load of this id; null if there is none, or too many have begun since.
static guard_load *load_of(guard *guard, uint64_t id) {
    guard_load *found = NULL;
    for (size_t at = 0; at < guard_loads_limit; at++) {
        guard_load *load = &guard->loads[at];
        if (load->number && load->id == id && (found == NULL || load->number > found->number)) found = load;
    }
    return found;
}

static guard_control_outcome begin(guard *guard, reader from) {
    uint64_t load_id = number(&from, 8);
    bool is_reset = number(&from, 1) != 0;
    uint64_t count = number(&from, 4);
    text reserved[guard_reserved_limit];
    uint64_t reserved_count = number(&from, 1);
    if (reserved_count > guard_reserved_limit || count > entry_count_limit) return guard_control_malformed;
    for (uint64_t at = 0; at < reserved_count; at++) {
        reserved[at] = short_text(&from);
        if (reserved[at].length > guard_client_id_limit) return guard_control_malformed;
    }
    if (from.is_broken || from.at != from.end) return guard_control_malformed;
    if (is_reset) {
        // What was known counts for less than anything said from now on, and ends with the commit.
        guard->revision = 0;
        for (uint32_t device = 1; device <= guard->table.devices.made; device++) {
            guard_table_device(&guard->table, device)->revision = 0;
        }
    }
    if (!guard_table_reserve(&guard->table, (uint32_t)count)) return guard_control_no_memory;
    memset(guard->reserved, 0, sizeof guard->reserved);
    for (uint64_t at = 0; at < reserved_count; at++) {
        memcpy(guard->reserved[at], reserved[at].bytes, reserved[at].length);
    }
    guard->reserved_count = (uint32_t)reserved_count;
    guard->load++;
    guard->loads[guard->load % guard_loads_limit] = (guard_load){.id = load_id, .number = guard->load};
    return guard_control_done;
}

static guard_control_outcome commit(guard *guard, reader from) {
    uint64_t load_id = number(&from, 8);
    uint64_t chunks = number(&from, 4);
    uint64_t revision = number(&from, 8);
    if (from.is_broken || from.at != from.end) return guard_control_malformed;
    guard_load *load = load_of(guard, load_id);
    if (load == NULL || chunks != load->chunks) return guard_control_done;
    for (uint32_t device = 1; device <= guard->table.devices.made; device++) {
        guard_device *known = guard_table_device(&guard->table, device);
        // Who was named since its begin, by whichever gateway, stays: another may have begun one meanwhile, and have died.
        if (known->load >= load->number || known->revision > revision) continue;
        known->state = guard_removed;
        guard_table_drop_keys(&guard->table, known);
        guard_doom(guard, device);
    }
    load->number = 0;
    guard->is_ready = true;
    return guard_control_done;
}

guard_control_outcome guard_control(guard *guard, const void *message, size_t length, guard_time now) {
    reader from = {.at = message, .end = (const uint8_t *)message + length};
    const uint8_t *head = taken(&from, 4);
    guard_control_outcome outcome = guard_control_malformed;
    if (head && head[0] == 'F' && head[1] == 'G' && head[2] == 1) {
        switch (head[3]) {
        case 'H': outcome = from.at == from.end ? guard_control_hello : guard_control_malformed; break;
        case 'B': outcome = begin(guard, from); break;
        case 'E': {
            guard_load *load = load_of(guard, number(&from, 8));
            if (load) load->chunks++;
            outcome = from.is_broken ? guard_control_malformed : apply_all(guard, from, now);
            break;
        }
        case 'C': outcome = commit(guard, from); break;
        case 'U': outcome = apply_all(guard, from, now); break;
        default: break;
        }
    }
    if (outcome == guard_control_malformed) guard->malformed++;
    return outcome;
}
