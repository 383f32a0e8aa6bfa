/* The fused CPU kernel: an epoch or a reading of a pack, one network at a time.
 *
 * One at a time, so that a member's numbers cannot depend on its neighbours, and fast because one network
 * fits the caches. relu_step.h has the kernel; here is what all its versions share (what Python hands over,
 * losses, the order of rows) and the choice among them. Letters: T networks, N rows, B rows
 * a batch, n input bits, p neurons. Sums run in a fixed order; nothing here is reordered by -ffast-math,
 * because a NaN must be seen.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PASTE_(a, b, c) a##_##b##_##c
#define PASTE(a, b, c) PASTE_(a, b, c)
#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")
#define GROUP 16      /* neurons side by side in the weights */
#define READ_ROWS 256 /* rows that share a set of tables in a reading: no result depends on it, rows do not meet */
#define FEW_ROWS 64   /* the same in a glance, which can then stop early */
#define ORDER 7       /* streams.Purpose.ORDER */

/* What Python hands over; fused.py mirrors it. Arrays are C-contiguous, T first. */
struct pack {
    int64_t members, rows, batch, bits, width; /* T, N, B, n, and p rounded up to GROUP */
    int64_t epoch, loss;                       /* loss: HINGE and so on */
    const uint8_t *inputs;                     /* [T, N, ceil(n / 4)] four bits a byte, set for +1 */
    const int8_t *labels;                      /* [T, N] of -1 and +1 */
    const uint32_t *keys;                      /* [T, 2] of the trials' streams; NULL: rows as they lie */
    const double *rate, *decay;                /* [T] */
    const int64_t *allowed;                    /* [T] a reading stops when more rows than so many are wrong and a
                                                  neuron was active, at once below 0; NULL: it reads all */
    uint32_t *ranks;                           /* [T, N] the order in which a glance meets the rows; it moves the
                                                  wrong ones to the front, for the next; NULL: rows as they lie */
    void *weights, *outgoing;                  /* [T, p / GROUP, n + 1, GROUP] and [T, p], zero beyond p; an epoch
                                                  changes them where they lie */
    int64_t *correct;                          /* [T] rows predicted right; in an epoch, when the pass met them */
    int64_t *used;                             /* [T] an epoch's rows with a slope; a reading's rows looked at */
    double *mean_loss;                         /* [T] a reading's, as is; NULL where it is not wanted */
    double *weight_norm;                       /* [T] over W, b and u; NULL where it is not wanted */
    uint8_t *any_active;                       /* [T] whether any neuron is active on any row */
};

/* Losses as functions of the margin m = f(x) y, and their slopes; in the order of study/nets/losses.py. */
enum { HINGE, LOGISTIC, SQUARE };
static inline double loss_at(int64_t loss, double m) {
    if (loss == HINGE) return 1 - m < 0 ? 0 : 1 - m; /* a maximum, not a branch: margins are hard to predict */
    if (loss == LOGISTIC) return m > 0 ? log1p(exp(-m)) : log1p(exp(m)) - m;
    return (1 - m) * (1 - m);
}
static inline double slope_at(int64_t loss, double m) {
    if (loss == HINGE) return m >= 1 ? 0 : m * 0 - 1; /* so that NaN stays NaN */
    if (loss == LOGISTIC) return -1 / (1 + exp(m));
    return -2 * (1 - m);
}

/* Threefry-2x32-20, as in study/streams.py. */
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

/* Threefry of `count` counters from (low, high) on, under T keys [T, 2]: words [T, count, 2], as in study/streams.py. */
void stream_blocks(const int64_t *keys, int64_t T, int64_t low, int64_t high, int64_t count, uint32_t *words) {
    for (int64_t t = 0; t < T; t++) {
        const uint32_t key[2] = {(uint32_t)keys[2 * t], (uint32_t)keys[2 * t + 1]};
        for (int64_t i = 0; i < count; i++, words += 2) threefry(key, (uint32_t)(low + i), (uint32_t)high, words);
    }
}

/* Radix sort by the high half, byte by byte: stable, so equal keys stay in the order of their low halves. */
static const uint64_t *sorted(uint64_t *from, uint64_t *to, int64_t N) {
    int64_t places[4][256] = {{0}};
    for (int64_t i = 0; i < N; i++)
        for (int byte = 0; byte < 4; byte++) places[byte][from[i] >> (32 + 8 * byte) & 255]++;
    for (int byte = 0; byte < 4; byte++) {
        for (int64_t digit = 0, sum = 0, here; digit < 256; digit++, sum += here)
            here = places[byte][digit], places[byte][digit] = sum;
        for (int64_t i = 0; i < N; i++) to[places[byte][from[i] >> (32 + 8 * byte) & 255]++] = from[i];
        uint64_t *swap = from;
        from = to, to = swap;
    }
    return from;
}

#if defined(__x86_64__)
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,avx512vl,avx512bw,avx2,fma")
#define ISA avx512
#define VECTOR_BYTES 64
#define WIDE 4
#define REAL float
#define INT int32_t
#include "relu_step.h"
#define REAL double
#define INT int64_t
#include "relu_step.h"
#undef ISA
#undef VECTOR_BYTES
#undef WIDE
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx2,fma")
#define ISA avx2
#define VECTOR_BYTES 32
#define WIDE 2
#define REAL float
#define INT int32_t
#include "relu_step.h"
#define REAL double
#define INT int64_t
#include "relu_step.h"
#undef ISA
#undef VECTOR_BYTES
#undef WIDE
#pragma GCC pop_options
#endif

/* Vectors that any compiler target has: SSE2, NEON, or plain numbers in groups of four. */
#define ISA plain
#define VECTOR_BYTES 16
#if defined(__aarch64__)
#define WIDE 4
#else
#define WIDE 2
#endif
#define REAL float
#define INT int32_t
#include "relu_step.h"
#define REAL double
#define INT int64_t
#include "relu_step.h"

static const struct {
    const char *name;
    int (*run[2])(const struct pack *, int); /* for float, for double */
    int64_t (*peak[2])(int64_t);
} VERSIONS[] = {
#if defined(__x86_64__)
    {"avx512", {run_float_avx512, run_double_avx512}, {peak_float_avx512, peak_double_avx512}},
    {"avx2", {run_float_avx2, run_double_avx2}, {peak_float_avx2, peak_double_avx2}},
    {"sse2", {run_float_plain, run_double_plain}, {peak_float_plain, peak_double_plain}},
#elif defined(__aarch64__)
    {"neon", {run_float_plain, run_double_plain}, {peak_float_plain, peak_double_plain}},
#else
    {"plain", {run_float_plain, run_double_plain}, {peak_float_plain, peak_double_plain}},
#endif
};

static int runs_here(int version) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (version == 0)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") && runs_here(1);
    if (version == 1) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
    return version >= 0;
}

/* The names of the versions, fastest first: NULL for one that this machine cannot run, "" after the last. */
const char *relu_version(int version) {
    if (version >= (int)(sizeof VERSIONS / sizeof *VERSIONS)) return "";
    return runs_here(version) ? VERSIONS[version].name : NULL;
}

/* One epoch of every member, or where `reads` a reading of its first N rows. Returns 0, or -1 without memory.
 *
 * Denormals are flushed meanwhile: dying neurons get there, and a product with them is 87 times slower. */
int relu_run(const struct pack *asked, int version, int doubles, int reads) {
    struct pack pack = *asked;
    if (reads) pack.batch = READ_ROWS;
#if defined(__x86_64__)
    unsigned mode = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr(mode | 0x8040); /* FTZ and DAZ */
#elif defined(__aarch64__)
    uint64_t mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    __asm__ volatile("msr fpcr, %0" : : "r"(mode | 1 << 24)); /* FZ */
#endif
    int failed = VERSIONS[version].run[doubles](&pack, reads);
#if defined(__x86_64__)
    __builtin_ia32_ldmxcsr(mode);
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" : : "r"(mode));
#endif
    return failed;
}

/* Rounds of the fastest arithmetic of a version on floats; returns how many operations these were. */
int64_t relu_peak(int version, int64_t rounds) { return VERSIONS[version].peak[0](rounds); }
