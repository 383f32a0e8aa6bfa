/* The fused CPU kernel: an epoch or a reading of a pack of ReLU networks, one network after the other.
 *
 * The kernel computes one network at a time, so that a network's numbers cannot depend on its neighbors. The kernel
 * is fast because one network fits the caches. relu_step.h has the arithmetic, compiled once for each instruction
 * set and number type. This file has what all these versions share: the struct that Python hands over, the losses,
 * and the choice of a version.
 *
 * Axis letters, as in study/engine/protocol.py: T networks, N rows, B rows of a batch, n input bits, p neurons.
 * Sums run in a fixed order. Never compile with -ffast-math: it reorders sums and hides NaN.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "streams.h"
#include "tickets.h"

#define PASTE_(a, b, c) a##_##b##_##c
#define PASTE(a, b, c) PASTE_(a, b, c)
#define INLINE static inline __attribute__((always_inline))
#define GROUP 16      /* neurons side by side in the weights; GROUP of study/kernel/library.py, checked at load */
#define READ_ROWS 512 /* rows of a reading that share a set of tables; results do not depend on it */
#define FEW_ROWS 48   /* the same for the first rows of a glance, so that it can stop early */
#define ORDER 7       /* Purpose.ORDER of study/streams.py */

/* What Python hands over; study/kernel/relu_kernel.py mirrors it. Arrays are C-contiguous. A call is about T networks,
 * whose rows and weights lie anywhere among those of S. */
struct rows { /* the training or the test rows */
    int64_t count;          /* N */
    const uint8_t *inputs;  /* [S, N, ceil(n / 4)] four bits a byte, set for +1 */
    const int8_t *labels;   /* [S, N] of -1 and +1 */
    const int64_t *slots;   /* [T] where each network's rows are, from 0 to S - 1 */
    uint32_t *ranks;        /* [S, N] the order in which a glance visits the rows. The kernel moves wrong rows to the
                               front, so that the next glance meets them first. NULL: rows in their stored order */
    const int64_t *allowed; /* [T] a reading stops once more rows than this are wrong and a neuron was active; below 0
                               it reads no row; NULL: it reads all rows */
    int64_t *correct;       /* [T] rows predicted right; in an epoch, when the pass met each row */
    int64_t *used;          /* [T] in an epoch: rows with a slope; in a reading: rows read */
    double *mean_loss;      /* [T] of a reading; NULL: not wanted */
    uint8_t *any_active;    /* [T] of a reading: whether any neuron is active on any row read */
};
struct pack {
    int64_t members;             /* T */
    int64_t batch, bits, width;  /* B, n, and p rounded up to a multiple of GROUP */
    int64_t epoch, loss;         /* loss: one of HINGE, LOGISTIC, SQUARE */
    const int64_t *held;         /* [T] where each network's weights are, from 0 to S - 1 */
    const uint32_t *keys;        /* [T, 2] stream keys of the trials; NULL: rows in their stored order */
    const double *learning_rate; /* [T] */
    const double *weight_decay;  /* [T] */
    const void *weights;         /* [S, p / GROUP, n + 1, GROUP], zero beyond the real neurons */
    const void *outgoing;        /* [S, p], likewise */
    void *weights_after;         /* [T, p / GROUP, n + 1, GROUP] filled by an epoch */
    void *outgoing_after;        /* [T, p] likewise */
    double *weight_norm;         /* [T] over W, b and u, of a reading; NULL: not wanted */
    struct rows train, test;     /* an epoch has no test rows */
};

/* Losses as functions of the margin m = f(x) y, and their slopes, in the order of study/nets/losses.py. */
enum { HINGE, LOGISTIC, SQUARE };
static inline double loss_at(int64_t loss, double m) {
    if (loss == HINGE) return 1 - m < 0 ? 0 : 1 - m; /* a maximum: a branch on a margin is mispredicted often */
    if (loss == LOGISTIC) return m > 0 ? log1p(exp(-m)) : log1p(exp(m)) - m;
    return (1 - m) * (1 - m);
}
static inline double slope_at(int64_t loss, double m) {
    if (loss == HINGE) return m >= 1 ? 0 : m * 0 - 1; /* m * 0: NaN stays NaN */
    if (loss == LOGISTIC) return -1 / (1 + exp(m));
    return -2 * (1 - m);
}

typedef uint8_t bytes_of_8 __attribute__((vector_size(8), aligned(1), may_alias));
typedef uint16_t shorts_of_8 __attribute__((vector_size(16), aligned(2), may_alias));

/* The byte offset of each of `numbers` in a table of numbers of some size, eight at a time. The last eight may overlap
 * those before them. */
INLINE void byte_offsets(const uint8_t *numbers, int64_t count, uint16_t size, uint16_t *offsets) {
    if (count < 8) {
        for (int64_t i = 0; i < count; i++) offsets[i] = (uint16_t)(numbers[i] * size);
        return;
    }
    for (int64_t i = 0; i < count; i += 8) {
        int64_t first = i + 8 <= count ? i : count - 8;
        *(shorts_of_8 *)(offsets + first) =
            __builtin_convertvector(*(const bytes_of_8 *)(numbers + first), shorts_of_8) * size;
    }
}

#if defined(__x86_64__)
typedef long long long_longs __attribute__((vector_size(64))); /* int64_t by another name, as the compiler wants it */
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,avx512vl,avx512bw,avx512vpopcntdq,avx2,fma")
#define ISA counting
#define VECTOR_BYTES 64
#define WIDE 4
#define REAL float
#define INT int32_t
#define POPCOUNT(bits) __builtin_ia32_vpopcountd_v16si(bits)
#include "relu_step.h"
#undef POPCOUNT
#define REAL double
#define INT int64_t
#define POPCOUNT(bits) __builtin_ia32_vpopcountq_v8di((long_longs)(bits))
#include "relu_step.h"
#undef POPCOUNT
#undef ISA
#undef VECTOR_BYTES
#undef WIDE
#pragma GCC pop_options

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

/* The version for every other target: the compiler maps 16-byte vectors to SSE2, NEON or plain numbers. */
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
    int (*run[2])(const struct pack *, int); /* [0] for float, [1] for double */
    int64_t (*peak[2])(int64_t);
} VERSIONS[] = {
#if defined(__x86_64__)
    {"avx512-popcount", {run_float_counting, run_double_counting}, {peak_float_counting, peak_double_counting}},
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
    if (version == 0) return __builtin_cpu_supports("avx512vpopcntdq") && runs_here(1);
    if (version == 1)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") && runs_here(2);
    if (version == 2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
    return version >= 0;
}

/* The name of a version, fastest first: NULL where this machine cannot run the version, "" after the last version. */
const char *relu_version(int version) {
    if (version >= (int)(sizeof VERSIONS / sizeof *VERSIONS)) return "";
    return runs_here(version) ? VERSIONS[version].name : NULL;
}

/* One epoch of every member or, where `reads`, a reading of its rows. Returns 0, or -1 where memory is short.
 *
 * Denormals are flushed to zero during the call: the weights of dying neurons become denormal, and a product with a
 * denormal is 87 times slower. The caller's mode is put back. */
int relu_run(const struct pack *pack, int version, int doubles, int reads) {
#if defined(__x86_64__)
    unsigned mode = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr(mode | 0x8040); /* FTZ and DAZ */
#elif defined(__aarch64__)
    uint64_t mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    __asm__ volatile("msr fpcr, %0" : : "r"(mode | 1 << 24)); /* FZ */
#endif
    int failed = VERSIONS[version].run[doubles](pack, reads);
#if defined(__x86_64__)
    __builtin_ia32_ldmxcsr(mode);
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" : : "r"(mode));
#endif
    return failed;
}

/* Runs `rounds` rounds of a version's fastest arithmetic on floats; returns the number of operations. */
int64_t relu_peak(int version, int64_t rounds) { return VERSIONS[version].peak[0](rounds); }

/* What study/kernel/library.py checks at load, so that Python and C agree on the layout of the arrays. */
int64_t relu_group(void) { return GROUP; }
int64_t relu_pack_bytes(void) { return sizeof(struct pack); }
