/* The streams of study/streams.py on a GPU: the words of streams.c, from the same Threefry. */
#ifdef EMULATE
#include "emulate.h"
#else
#define HAS_INTEGERS /* a compiler for GPUs has no stdint.h */
typedef unsigned int uint32_t;
typedef unsigned long long uint64_t;
typedef long long int64_t;
#endif
#include "streams.h"

/* The words [T, count, 2] of `count` counters under each of T keys [T, 2]: stream_blocks of streams.c, a thread each. */
extern "C" __global__ void stream_words(const int64_t *keys, int64_t members, int64_t low, int64_t high, int64_t count,
                                        int64_t *words) {
    const int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x, t = i / count;
    if (t >= members) return;
    const uint32_t key[2] = {(uint32_t)keys[2 * t], (uint32_t)keys[2 * t + 1]};
    uint32_t out[2];
    threefry(key, (uint32_t)(low + i % count), (uint32_t)high, out);
    words[2 * i] = out[0], words[2 * i + 1] = out[1];
}
