#ifndef GUARD_GUARD_H
#define GUARD_GUARD_H

#include "Arrival.h"
#include "DeviceTable.h"
#include "PenaltyTable.h"
#include "SessionTable.h"
#include "TopicRules.h"

// Monotonic milliseconds and seconds, and the time of day, all given from outside.
typedef struct {
    uint32_t ms, s;
    uint64_t unix_ms;
} guard_time;

typedef enum {
    guard_admitted,
    guard_not_ready,
    guard_unknown_user,
    guard_wrong_key,
    guard_penalised,
    guard_shut_out,
    guard_foreign_client_id,
    guard_too_many_sessions,
    guard_no_memory,
    guard_outcomes,
} guard_outcome;

typedef enum { guard_allowed, guard_denied, guard_cut_off } guard_verdict;

// What the broker does with a session whose connection has ended.
typedef enum { guard_session_over, guard_session_doubtful, guard_session_kept } guard_keeping;

typedef struct {
    const void *client;
    const char *client_id, *user, *password, *address;
    // SHA-256 of the certificate that the client has proved to hold; null where none was asked for.
    const uint8_t *certificate;
} guard_login;

// What a message may carry beside its payload.
enum { guard_properties_limit = 16, guard_property_bytes_limit = 4096 };
// Sessions of one device that are remembered while it is away: one that changes its client id at each connection would
// fill the memory.
enum { guard_resting_limit = 4 };
// Connections of one device at once: a few programs on it, and those that the network has lost.
enum { guard_live_limit = 16 };
enum { guard_user_limit = 63, guard_password_limit = 128, guard_reserved_limit = 8, guard_client_id_limit = 127 };

// Servers that may send the whole table at the same time.
enum { guard_loads_limit = 8 };

// One that a gateway has begun; 0 is no number.
typedef struct {
    uint64_t id;
    uint32_t number, chunks;
} guard_load;

// Everything the plugin knows. Knows nothing of the broker, so that it can be tried without one.
typedef struct {
    guard_table table;
    guard_sessions sessions;
    guard_penalties penalties;
    guard_hash_key hash_key, arrival_key;
    uint64_t boot;
    char gateway_user[guard_user_limit + 1];
    uint8_t gateway_digest[GUARD_DIGEST_BYTES];
    char reserved[guard_reserved_limit][guard_client_id_limit + 1];
    uint32_t reserved_count;
    // Devices are refused until the gateway has committed a whole table.
    bool is_ready;
    // The newest revision of any entry.
    uint64_t revision;
    // The loads that were begun last, and how many there were in all.
    guard_load loads[guard_loads_limit];
    uint32_t load;
    // Clients to be disconnected at the next tick.
    uint32_t *doomed;
    uint32_t doomed_count, doomed_capacity;
    // Devices to be reported: those that may be at once, and those reported lately, in the order of their turn.
    uint32_t due_first, due_last, later_first, later_last;
    uint64_t outcomes[guard_outcomes];
    uint64_t denied, limited, malformed;
} guard;

// Null without memory or randomness.
guard *guard_create(const char *gateway_user, const char *gateway_password);
void guard_destroy(guard *guard);

bool guard_is_gateway(const guard *guard, const char *user);
guard_outcome guard_connect(guard *guard, const guard_login *login, guard_time now);
// Whether a client that is connected may stay so. Sessions that rest are not asked about: nobody is there.
guard_outcome guard_recheck(guard *guard, const guard_login *login, guard_time now);
// The session rests if the broker may keep it for the device's return.
void guard_disconnected(guard *guard, const void *client, const char *client_id, guard_keeping keeping);

// A message too many is not dropped unless the client hears of it, or does not ask (is_heard): who takes an
// acknowledgement for its due would lose it.
guard_verdict guard_publish(
    guard *guard, const char *user, const char *topic, uint32_t bytes, bool is_retained, bool is_heard, guard_time now);
// Whether an allowed message may carry so much beside its payload; false ends the connection, and counts like a login
// that fails. The gateway's may.
bool guard_carry(
    guard *guard, const char *user, const char *address, uint32_t properties, uint32_t bytes, guard_time now);
bool guard_subscribe(guard *guard, const char *user, const char *filter, guard_time now);
bool guard_read(const guard *guard, const char *user, const char *topic);

// Marks the live sessions of a device that may not go on.
void guard_doom(guard *guard, uint32_t device);
// The next client to disconnect; null when there is none.
const void *guard_next_doomed(guard *guard);
void guard_wants_report(guard *guard, guard_device *device, uint32_t number, guard_time now);

#endif
