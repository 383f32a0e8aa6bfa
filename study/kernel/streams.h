/* Threefry-2x32-20 and stable sorting: what the streams of study/streams.py and the kernel's order of rows share.
 *
 * Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
 */
#ifndef STUDY_STREAMS_H
#define STUDY_STREAMS_H
#ifndef HAS_INTEGERS
#include <stdint.h>
#endif

#define UNROLL _Pragma("GCC unroll 16")

/* The two 32-bit words of one counter (x0, x1) under a key; threefry in study/streams.py gives the same. */
static inline void threefry(const uint32_t key[2], uint32_t x0, uint32_t x1, uint32_t out[2]) {
    static const int turns[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};
    const uint32_t schedule[3] = {key[0], key[1], key[0] ^ key[1] ^ 0x1BD11BDA};
    x0 += key[0], x1 += key[1];
    UNROLL for (uint32_t group = 0; group < 5; group++) {
        UNROLL for (int i = 0; i < 4; i++) {
            int turn = turns[group % 2][i];
            x0 += x1;
            x1 = (x1 << turn | x1 >> (32 - turn)) ^ x0;
        }
        x0 += schedule[(group + 1) % 3];
        x1 += schedule[(group + 2) % 3] + group + 1;
    }
    out[0] = x0, out[1] = x1;
}

/* Sorts N tickets by their high halves; returns the sorted array, which is `tickets` or `spare`.
 *
 * A radix sort, byte by byte, is stable: tickets of equal high halves stay in the order they had. */
static inline const uint64_t *sorted_by_high_half(uint64_t *tickets, uint64_t *spare, int64_t N) {
    int64_t next[4][256] = {{0}}; /* of each byte and digit: first a count, then the index of the next ticket */
    for (int64_t i = 0; i < N; i++)
        for (int byte = 0; byte < 4; byte++) next[byte][tickets[i] >> (32 + 8 * byte) & 255]++;
    for (int byte = 0; byte < 4; byte++) {
        for (int64_t digit = 0, sum = 0, count; digit < 256; digit++, sum += count)
            count = next[byte][digit], next[byte][digit] = sum;
        for (int64_t i = 0; i < N; i++) spare[next[byte][tickets[i] >> (32 + 8 * byte) & 255]++] = tickets[i];
        uint64_t *swap = tickets;
        tickets = spare, spare = swap;
    }
    return tickets;
}
#endif
