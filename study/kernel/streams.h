/* Threefry-2x32-20: what the streams of study/streams.py and the kernels' order of rows share.
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
#endif
