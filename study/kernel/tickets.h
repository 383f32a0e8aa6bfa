/* The order of rows: tickets, each a uniform word over a row's number, sorted. relu_step.c includes this file. */
#ifndef STUDY_TICKETS_H
#define STUDY_TICKETS_H
#include <stdint.h>
#include <string.h>

/* How many leading bits of N uniform tickets tell about all of them apart. */
static inline int telling_bits(int64_t N) {
    int bits = 1;
    while (bits < 16 && (int64_t)1 << bits < 2 * N) bits++;
    return bits;
}

/* Sorts N tickets whose leading bits are uniform into `sorted`. Counting by the telling bits leaves less than a ticket
 * for each bucket on average, so insertion moves few. `next` has room for 1 << telling_bits(N) numbers. */
static inline void sort_tickets(const uint64_t *tickets, uint64_t *sorted, uint32_t *next, int64_t N) {
    int bits = telling_bits(N), shift = 64 - bits;
    uint32_t sum = 0;
    memset(next, 0, sizeof *next << bits);
    for (int64_t i = 0; i < N; i++) next[tickets[i] >> shift]++;
    for (int64_t bucket = 0; bucket < (int64_t)1 << bits; bucket++) {
        uint32_t count = next[bucket];
        next[bucket] = sum, sum += count;
    }
    for (int64_t i = 0; i < N; i++) sorted[next[tickets[i] >> shift]++] = tickets[i];
    for (int64_t i = 1; i < N; i++) {
        uint64_t ticket = sorted[i];
        int64_t j = i;
        for (; j && sorted[j - 1] > ticket; j--) sorted[j] = sorted[j - 1];
        sorted[j] = ticket;
    }
}
#endif
