#include "TokenBucket.h"

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

static uint64_t message_capacity(const guard_limit *limit) { return (uint64_t)limit->message_burst * 1000000; }
static uint64_t byte_capacity(const guard_limit *limit) { return (uint64_t)limit->byte_burst * 1000; }

void guard_bucket_fill(guard_bucket *bucket, const guard_limit *limit, uint32_t now_ms) {
    bucket->micro_messages = message_capacity(limit);
    bucket->milli_bytes = byte_capacity(limit);
    bucket->filled_ms = now_ms;
}

bool guard_bucket_take(guard_bucket *bucket, const guard_limit *limit, uint32_t bytes, uint32_t now_ms) {
    // The clock wraps after 49 days; a silence of that length costs its device a part of the burst.
    uint64_t elapsed = now_ms - bucket->filled_ms;
    bucket->filled_ms = now_ms;
    bucket->micro_messages =
        least(message_capacity(limit), bucket->micro_messages + elapsed * limit->messages_per_minute * 50 / 3);
    bucket->milli_bytes = least(byte_capacity(limit), bucket->milli_bytes + elapsed * limit->bytes_per_second);
    // A message larger than the whole burst may pass when the bucket is full.
    uint64_t weight = least((uint64_t)bytes * 1000, byte_capacity(limit));
    if (limit->messages_per_minute && bucket->micro_messages < 1000000) return false;
    if (limit->bytes_per_second && bucket->milli_bytes < weight) return false;
    if (limit->messages_per_minute) bucket->micro_messages -= 1000000;
    if (limit->bytes_per_second) bucket->milli_bytes -= weight;
    return true;
}

void guard_bucket_charge(guard_bucket *bucket, uint32_t bytes) {
    bucket->milli_bytes -= least(bucket->milli_bytes, (uint64_t)bytes * 1000);
}
