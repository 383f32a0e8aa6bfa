/* The streams of study/streams.py in C: in tensor operations, drawing takes more time than training. */
#include "streams.h"

/* The words [T, count, 2] of `count` counters under each of T keys [T, 2].
 *
 * Counter i of a stream is (low + i, high). `blocks` in study/streams.py calls this. */
void stream_blocks(const int64_t *keys, int64_t T, int64_t low, int64_t high, int64_t count, uint32_t *words) {
    for (int64_t t = 0; t < T; t++) {
        const uint32_t key[2] = {(uint32_t)keys[2 * t], (uint32_t)keys[2 * t + 1]};
        for (int64_t i = 0; i < count; i++, words += 2) threefry(key, (uint32_t)(low + i), (uint32_t)high, words);
    }
}
