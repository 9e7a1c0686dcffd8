#ifndef GUARD_TOKEN_BUCKET_H
#define GUARD_TOKEN_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

// What one device may send; a rate of 0 is no limit.
typedef struct {
    uint32_t messages_per_minute;
    uint32_t message_burst;
    uint32_t bytes_per_second;
    uint32_t byte_burst;
} guard_limit;

typedef struct {
    uint64_t micro_messages;
    uint64_t milli_bytes;
    uint32_t filled_ms;
} guard_bucket;

void guard_bucket_fill(guard_bucket *bucket, const guard_limit *limit, uint32_t now_ms);

// Takes one message of so many bytes out of the bucket; takes nothing and answers false if it does not hold them.
bool guard_bucket_take(guard_bucket *bucket, const guard_limit *limit, uint32_t bytes, uint32_t now_ms);

// Takes bytes out of the bucket, at most what it holds.
void guard_bucket_charge(guard_bucket *bucket, uint32_t bytes);

#endif
