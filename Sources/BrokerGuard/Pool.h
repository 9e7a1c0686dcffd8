#ifndef GUARD_POOL_H
#define GUARD_POOL_H

#include <stddef.h>
#include <stdint.h>

// Items of one size, named by numbers from 1 that stay; 0 is none. It grows by pages, so that nothing is ever moved.
typedef struct {
    uint8_t **pages;
    uint32_t page_count;
    uint32_t made;
    uint32_t free_head;
    uint32_t in_use;
    size_t item_bytes;
} guard_pool;

void guard_pool_init(guard_pool *pool, size_t item_bytes);
// A zeroed item's number; 0 if there is no memory.
uint32_t guard_pool_take(guard_pool *pool);
void guard_pool_give(guard_pool *pool, uint32_t number);
void *guard_pool_at(const guard_pool *pool, uint32_t number);
size_t guard_pool_bytes(const guard_pool *pool);
void guard_pool_clear(guard_pool *pool);

#endif
