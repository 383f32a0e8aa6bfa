/* CUDA on a CPU, as much as the kernels of study/kernel use: every thread of a cluster of blocks is a fiber.
 *
 * A collective (a shuffle, a product, a barrier) waits until its group has arrived. Values of a warp pass through two
 * buffers in turn, so one meeting a collective is enough. Shared memory begins as NaN, and ends so with its block. With EMULATE_SEED, who
 * runs first between two collectives is shuffled, and warps fall behind: a missing barrier then shows as other numbers.
 *
 * Products round like tensor cores do, at their coarsest: the addends of a sum are aligned to the largest and cut to 24
 * bits, and the sum is cut, too. Source: arXiv 2512.07004 and 10.7717/peerj-cs.330, which measured cards.
 */
#pragma once
#include <math.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <utility>
#include <vector>

#define __device__
#define __global__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define SHARED_ROOM float4 *room = (float4 *)emulated::me().block->room

typedef unsigned int u32;
struct float4 {
    float x, y, z, w;
} __attribute__((aligned(16)));
struct uint2 {
    u32 x, y;
} __attribute__((aligned(8)));
static inline uint2 make_uint2(u32 x, u32 y) { return {x, y}; }
static inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }

namespace emulated {
struct Index {
    unsigned x;
};
struct Group {
    int size, arrived;
    long generation;
};
struct Warp {
    Group group;
    int behind; /* rounds that it does not run */
    uint64_t slot[2][32];
    float a[2][32][8], b[2][32][4];
};
struct Block {
    Group group;
    int open; /* threads that have not ended */
    size_t shared;
    std::vector<Warp> warps;
    char *room;
};
struct Fiber {
    ucontext_t start;
    jmp_buf at;
    char *stack;
    bool started, done;
    int lane, turn; /* turn: which buffer of the warp is next */
    Block *block;
    Warp *warp;
    Index thread, block_index;
};
static const size_t STACK = 1 << 16;
static std::vector<Fiber> fibers;
static std::vector<Block> blocks;
static Group cluster;
static Fiber *running;
static Index block_size;
static jmp_buf scheduler;
static void (*entry)(void **);
static void **arguments;
static long progress;

static inline Fiber &me() { return *running; }

static void meet(Group &group) {
    const long now = group.generation;
    if (++group.arrived == group.size) {
        group.arrived = 0, group.generation++, progress++;
        return;
    }
    while (group.generation == now)
        if (!_setjmp(me().at)) _longjmp(scheduler, 1);
}

static void body() {
    entry(arguments);
    me().done = true, progress++;
    if (!--me().block->open) memset(me().block->room, 0xFF, me().block->shared); /* another may still read it */
    _longjmp(scheduler, 1);
}

static void resume(Fiber &fiber) {
    running = &fiber;
    if (_setjmp(scheduler)) return;
    if (fiber.started) _longjmp(fiber.at, 1);
    fiber.started = true;
    setcontext(&fiber.start);
}

static void prepare(int base, int threads, size_t shared) {
    cluster = {(int)blocks.size() * threads, 0, 0};
    for (Block &b : blocks) {
        b.group = {threads, 0, 0}, b.open = threads, b.shared = shared;
        b.warps.assign(threads / 32, Warp());
        for (Warp &w : b.warps) w.group = {32, 0, 0};
        b.room = (char *)aligned_alloc(128, (shared + 255) / 128 * 128);
        memset(b.room, 0xFF, shared);
    }
    for (size_t i = 0; i < fibers.size(); i++) {
        Fiber &f = fibers[i];
        f.started = f.done = false, f.turn = 0;
        f.block = &blocks[i / threads], f.thread.x = i % threads, f.lane = i % 32;
        f.warp = &f.block->warps[f.thread.x / 32], f.block_index.x = base + i / threads;
        getcontext(&f.start);
        f.start.uc_stack.ss_sp = f.stack, f.start.uc_stack.ss_size = STACK, f.start.uc_link = NULL;
        makecontext(&f.start, body, 0);
    }
}

/* A source of chance: xorshift64. */
static uint64_t dice = 0;
static uint64_t roll() {
    dice ^= dice << 13, dice ^= dice >> 7, dice ^= dice << 17;
    return dice;
}

/* One round of a shuffled schedule: any order, and without the warps that are behind. */
static void shuffle(std::vector<Fiber *> &open) {
    for (size_t i = open.size(); i > 1; i--) std::swap(open[i - 1], open[roll() % i]);
    for (Block &b : blocks)
        for (Warp &w : b.warps) w.behind = w.behind ? w.behind - 1 : roll() % 8 ? 0 : roll() % 64;
}

/* Runs the fibers to their end; false where all wait for one that never comes. */
static bool run() {
    const char *seed = getenv("EMULATE_SEED");
    if (seed) dice = 0x9E3779B97F4A7C15ull * (atoi(seed) + 1);
    std::vector<Fiber *> open;
    for (Fiber &f : fibers) open.push_back(&f);
    for (int idle = 0; !open.empty() && idle < (seed ? 200 : 1);) {
        if (seed) shuffle(open);
        const long before = progress;
        for (Fiber *f : open)
            if (!f->warp->behind) resume(*f);
        idle = progress == before ? idle + 1 : 0;
        size_t left = 0;
        for (Fiber *f : open)
            if (!f->done) open[left++] = f;
        open.resize(left);
    }
    return open.empty();
}

/* All blocks of a grid, `size` of them at a time, which make a cluster. */
static bool launch(int grid, int size, int threads, size_t shared) {
    block_size.x = threads;
    blocks.assign(size, Block());
    fibers.assign((size_t)size * threads, Fiber());
    for (Fiber &f : fibers) f.stack = (char *)malloc(STACK);
    bool ended = true;
    for (int base = 0; ended && base < grid; base += size) {
        prepare(base, threads, shared);
        ended = run();
        for (Block &b : blocks) free(b.room);
    }
    for (Fiber &f : fibers) free(f.stack);
    return ended;
}

template <class V>
static V exchanged(V value, int from) {
    Fiber &f = me();
    uint64_t *slot = f.warp->slot[f.turn ^= 1];
    memcpy(&slot[f.lane], &value, sizeof value);
    meet(f.warp->group);
    memcpy(&value, &slot[from & 31], sizeof value);
    return value;
}

static uint16_t half_of(float x) {
    u32 bits;
    memcpy(&bits, &x, 4);
    const uint16_t sign = bits >> 16 & 0x8000;
    const float size = fabsf(x);
    if (x != x) return sign | 0x7E00;
    if (size >= 65520.0f) return sign | 0x7C00;
    if (size < 0x1p-14f) return sign | (uint16_t)nearbyintf(size * 0x1p24f);
    bits &= 0x7FFFFFFF;
    return sign | (uint16_t)((bits + 0xFFF + (bits >> 13 & 1) - (112u << 23)) >> 13);
}

static float float_of(uint16_t half) {
    const int exponent = half >> 10 & 31, fraction = half & 1023;
    const float size = exponent == 31 ? (fraction ? NAN : INFINITY)
                       : exponent     ? ldexpf((float)(1024 + fraction), exponent - 25)
                                      : ldexpf((float)fraction, -24);
    return half & 0x8000 ? -size : size;
}

static float decoded(uint16_t half) {
    static std::vector<float> table;
    for (u32 h = table.size(); h < 65536; h++) table.push_back(float_of(h));
    return table[half];
}

/* The sum of 17 numbers as a tensor core has it. */
static float cut_sum(const float addends[17]) {
    float largest = 0, plain = 0;
    for (int i = 0; i < 17; i++) plain += addends[i], largest = fmaxf(largest, fabsf(addends[i]));
    if (plain != plain || largest == 0 || largest == INFINITY) return plain;
    u32 bits;
    memcpy(&bits, &largest, 4);
    const int lowest = (int)(bits >> 23) - 127 - 23; /* the place value of the last bit kept */
    if (lowest < -126) return plain;
    union {
        uint64_t bits;
        double value;
    } up = {(uint64_t)(1023 - lowest) << 52}, down = {(uint64_t)(1023 + lowest) << 52};
    int64_t sum = 0;
    for (int i = 0; i < 17; i++) sum += (int64_t)(addends[i] * up.value);
    uint64_t size = sum < 0 ? -(uint64_t)sum : sum;
    const int excess = size ? 64 - __builtin_clzll(size) - 24 : 0;
    if (excess > 0) size = size >> excess << excess;
    const float result = (float)((double)size * down.value);
    return sum < 0 ? -result : result;
}
}  // namespace emulated

#define threadIdx (emulated::me().thread)
#define blockIdx (emulated::me().block_index)
#define blockDim (emulated::block_size)

static inline void __syncthreads() { emulated::meet(emulated::me().block->group); }
static inline void __syncwarp() { emulated::meet(emulated::me().warp->group); }
static inline void cluster_barrier() { emulated::meet(emulated::cluster); }
template <class V>
static inline V __shfl_sync(u32, V value, int from) {
    return emulated::exchanged(value, from);
}
template <class V>
static inline V __shfl_xor_sync(u32, V value, int far) {
    return emulated::exchanged(value, emulated::me().lane ^ far);
}
static inline u32 __ballot_sync(u32, bool vote) {
    emulated::Fiber &f = emulated::me();
    uint64_t *slot = f.warp->slot[f.turn ^= 1];
    slot[f.lane] = vote;
    emulated::meet(f.warp->group);
    u32 all = 0;
    for (int i = 0; i < 32; i++) all |= (u32)slot[i] << i;
    return all;
}
static inline int __popc(u32 v) { return __builtin_popcount(v); }

/* A number in the shared memory of another block of the cluster. */
static inline float remote(const float *mine, int rank) {
    return *(const float *)(emulated::blocks[rank].room + ((const char *)mine - emulated::me().block->room));
}

static inline u32 halves(float low, float high) {
    return emulated::half_of(low) | (u32)emulated::half_of(high) << 16;
}
static inline void floats(u32 packed, float &low, float &high) {
    low = emulated::decoded(packed & 0xFFFF), high = emulated::decoded(packed >> 16);
}

/* mma.m16n8k16 row.col f32.f16.f16.f32, by the layouts of the PTX manual. */
static inline void mma(float4 &d, const u32 a[4], const u32 b[2]) {
    emulated::Fiber &f = emulated::me();
    emulated::Warp &warp = *f.warp;
    const int turn = f.turn ^= 1, g = f.lane >> 2, t = f.lane & 3;
    for (int i = 0; i < 4; i++) floats(a[i], warp.a[turn][f.lane][2 * i], warp.a[turn][f.lane][2 * i + 1]);
    for (int i = 0; i < 2; i++) floats(b[i], warp.b[turn][f.lane][2 * i], warp.b[turn][f.lane][2 * i + 1]);
    emulated::meet(warp.group);
    float *out[4] = {&d.x, &d.y, &d.z, &d.w}, addends[17];
    for (int c = 0; c < 4; c++) {
        const int row = g + 8 * (c / 2), column = 2 * t + c % 2;
        for (int k = 0; k < 16; k++)
            addends[k] = warp.a[turn][row % 8 * 4 + k % 8 / 2][2 * (row / 8 + 2 * (k / 8)) + k % 2] *
                         warp.b[turn][column * 4 + k % 8 / 2][2 * (k / 8) + k % 2];
        addends[16] = *out[c];
        *out[c] = emulated::cut_sum(addends);
    }
}
