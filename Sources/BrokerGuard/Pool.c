#include "Pool.h"

#include <stdlib.h>
#include <string.h>

// The fuzzers make it 1, so that Address Sanitizer sees who writes past the end of an item.
#ifndef GUARD_POOL_PAGE_ITEMS
#define GUARD_POOL_PAGE_ITEMS 512
#endif

enum { page_items = GUARD_POOL_PAGE_ITEMS };

void guard_pool_init(guard_pool *pool, size_t item_bytes) {
    memset(pool, 0, sizeof *pool);
    pool->item_bytes = item_bytes;
}

static uint32_t made_item(guard_pool *pool) {
    if (pool->made == pool->page_count * page_items) {
        uint8_t **pages = realloc(pool->pages, (pool->page_count + 1) * sizeof *pages);
        if (pages == NULL) return 0;
        pool->pages = pages;
        uint8_t *page = calloc(page_items, pool->item_bytes);
        if (page == NULL) return 0;
        pages[pool->page_count++] = page;
    }
    return ++pool->made;
}

uint32_t guard_pool_take(guard_pool *pool) {
    uint32_t number = pool->free_head;
    if (number) {
        void *item = guard_pool_at(pool, number);
        memcpy(&pool->free_head, item, sizeof pool->free_head);
        memset(item, 0, pool->item_bytes);
    } else {
        number = made_item(pool);
        if (number == 0) return 0;
    }
    pool->in_use++;
    return number;
}

void guard_pool_give(guard_pool *pool, uint32_t number) {
    memcpy(guard_pool_at(pool, number), &pool->free_head, sizeof pool->free_head);
    pool->free_head = number;
    pool->in_use--;
}

void *guard_pool_at(const guard_pool *pool, uint32_t number) {
    uint32_t at = number - 1;
    return pool->pages[at / page_items] + (size_t)(at % page_items) * pool->item_bytes;
}

size_t guard_pool_bytes(const guard_pool *pool) {
    return pool->page_count * (page_items * pool->item_bytes + sizeof *pool->pages);
}

void guard_pool_clear(guard_pool *pool) {
    for (uint32_t at = 0; at < pool->page_count; at++) free(pool->pages[at]);
    free(pool->pages);
    guard_pool_init(pool, pool->item_bytes);
}
