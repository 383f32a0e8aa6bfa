/* The fused kernel on a GPU: an epoch, and a reading, of every network of a pack in one launch each.
 *
 * One block trains one network for the whole epoch, with the weights in its shared memory (SHARED). A network too wide
 * for that is shared by CLUSTER blocks: each has some of its neurons, and they add their parts of f(x) through each
 * other's shared memory. Where that has no room either, the same code leaves the weights in global memory, which the
 * second-level cache holds. No block sees another network, so a member's numbers cannot depend on its neighbors.
 *
 * The ideas are those of relu_step.h. A warp owns every WARPS-th tile of 16 neurons and visits it once a step, to learn
 * from batch i and to look at batch i + 1. No activation is stored, only one bit for each neuron and row, because the
 * gradient of u follows from that of W (du = w . g). Products run on the tensor cores: see fragments.cuh. Only the
 * scores of 32 rows leave a warp, so a step has one barrier; its buffers alternate.
 *
 * A lane has one row of 32. Batches of more rows (MANY) are looked at and learned from 32 rows at a time; gradients and
 * activity bits then wait in global memory until the last 32.
 *
 * Compiled for one shape, with -D: KT, tiles of 16 columns that hold n + 1; LOSS, the index of the loss; WARPS; CLUSTER;
 * SHARED; MANY; HELD, whether the operands of a visit stay in registers. With -DEMULATE it is C++ for a CPU
 * (tests/support/emulate.h).
 */
#ifdef EMULATE
#include "emulate.h"
#else
#define SHARED_ROOM extern __shared__ float4 room[]
#endif
#include "relu_tiles.cuh"

#if CLUSTER > 1 && !defined(EMULATE)
#define CLUSTERED __cluster_dims__(CLUSTER, 1, 1)
#else
#define CLUSTERED
#endif

/* T networks of a pack and their rows; study/kernel/cuda_relu.py has the same fields. */
struct pack {
    const u32 *words[2];          /* [T, N, XW] training and test rows, a bit an input, set for +1 and for the ones */
    const signed char *labels[2]; /* [T, N] */
    const long long *order;       /* [T, N] training rows of the pass; NULL: as they lie */
    const int *allowed;           /* [2, T] wrong rows after which a reading may stop, -1: no row; NULL: reads all */
    float *weights;               /* [T, tiles, NT, 32, 4] times SCALE, in fragments */
    float *outgoing;              /* [T, tiles, 16] */
    const float *rate, *decay;    /* [T] */
    int *learned;                 /* [T] rows with a slope in the pass */
    double *found;                /* [T, 7] wrong rows, sum of losses, any active of both sets of rows; squared norm */
    u32 *activity;                /* MANY: [T CLUSTER, ceil(batch / 32), most, 32] */
    float *gradients;             /* MANY: like weights */
    float *slopes;                /* MANY: [T CLUSTER, N] */
    int rows[2], bits, batch, tiles, members;
};

/* The words of a row; zeros where no row is there. */
static __device__ __forceinline__ void fetch(const struct pack &s, int set, long long row, bool live, u32 x[XW]) {
    EACH for (int v = 0; v < XW; v++) x[v] = live ? s.words[set][row * XW + v] : 0;
}

/* Where row i of a pass lies among the rows of all members, the first of which is at `base`. */
static __device__ __forceinline__ long long row_at(const long long *order, int i, bool live, long long base) {
    return base + (live ? (order ? order[i] : i) : 0);
}

/* Where a pass is: the 32 rows that a visit looks at and those that it learns from, by their first row in the order.
 *
 * `from` is the first row of the batch in progress. Rows of the batch before are learned from when `learn` < `from`: the
 * last 32 of a batch, with which its update is complete. */
struct visit {
    int from, look, learn; /* look, learn: -1 for none */
};

static __device__ __forceinline__ struct visit visit_after(struct visit v, int batch, int rows) {
    const int end = rows - v.from < batch ? rows : v.from + batch;
    if (MANY && v.look >= 0 && v.look + 32 < end) return {v.from, v.look + 32, -1};
    const int learn = v.look >= 0 ? v.from : v.learn + 32;
    if (MANY && learn + 32 < end) return {v.from, -1, learn};
    return {v.from + batch, v.from + batch < rows ? v.from + batch : -1, learn};
}

/* Rows as columns: bit r of word i is bit i of row r, for the gradient of the next visit. */
static __device__ __forceinline__ void transpose(const u32 x[XW], u32 columns[16 * KT]) {
    EACH for (int v = 0; v < XW; v++)
        for (int i = threadIdx.x >> 5; i < 32 && 32 * v + i < 16 * KT; i += WARPS) {
            const u32 column = __ballot_sync(ALL, x[v] >> i & 1);
            if ((threadIdx.x & 31) == 0) columns[32 * v + i] = column;
        }
}

/* Where things lie in the shared memory of a block. `shared_bytes` of study/kernel/cuda_relu.py has the same sizes. */
struct home {
    float *scores; /* [2, WARPS, 32] */
    float *total;  /* [2, 32] of this block, for the others of its cluster */
    u32 *columns;  /* [2, 16 KT] inputs of 32 rows, a word a column */
    u32 *operands; /* [OPERAND_WORDS] */
    struct tiles t;
};

static __device__ __forceinline__ struct home home_of(const struct pack &s, float4 *room) {
    struct home a;
    const long long member = blockIdx.x / CLUSTER;
    const int most = (s.tiles + CLUSTER - 1) / CLUSTER, first = blockIdx.x % CLUSTER * most;
    const long long tile = member * s.tiles + first;
    a.t.most = most, a.t.count = s.tiles - first < most ? s.tiles - first : most;
    a.scores = (float *)room, a.total = a.scores + 2 * WARPS * 32;
    a.columns = (u32 *)(a.total + 2 * 32), a.operands = a.columns + 2 * 16 * KT;
    a.t.u = (float *)(a.operands + OPERAND_WORDS), a.t.bits = (u32 *)(a.t.u + most * 16);
    a.t.w = SHARED ? (float4 *)(a.t.bits + (MANY ? 0 : most * 32)) : (float4 *)s.weights + tile * NT * 32;
    a.t.grads = MANY ? (float4 *)s.gradients + tile * NT * 32 : 0;
    if (MANY) a.t.bits = s.activity + (long long)blockIdx.x * ((s.batch + 31) / 32) * most * 32;
    return a;
}

/* Copies the network's weights between global memory and the block's shared memory, all threads together. */
static __device__ __forceinline__ void move_weights(const struct pack &s, const struct tiles &t, bool inward) {
    const long long member = blockIdx.x / CLUSTER, tile = member * s.tiles + blockIdx.x % CLUSTER * t.most;
    float4 *const w = (float4 *)s.weights + tile * NT * 32;
    float *const u = s.outgoing + tile * 16;
    for (int i = threadIdx.x; i < t.count * 16; i += 32 * WARPS) inward ? t.u[i] = u[i] : u[i] = t.u[i];
    for (int i = threadIdx.x; SHARED && i < t.count * NT * 32; i += 32 * WARPS)
        inward ? t.w[i] = w[i] : w[i] = t.w[i];
}

/* f of row `lane`, summed over the warps of a block and the blocks of a cluster, always in one order. */
static __device__ __forceinline__ float whole_score(const struct home &a, int buffer) {
    const int lane = threadIdx.x & 31;
    float sum = 0;
    for (int i = 0; i < WARPS; i++) sum += a.scores[(buffer * WARPS + i) * 32 + lane];
    if (CLUSTER == 1) return sum;
    if (threadIdx.x < 32) a.total[buffer * 32 + lane] = sum;
    cluster_barrier();
    sum = 0;
    for (int i = 0; i < CLUSTER; i++) sum += remote(a.total + buffer * 32 + lane, i);
    return sum;
}

extern "C" __global__ void CLUSTERED __launch_bounds__(32 * WARPS, 1) relu_epoch(struct pack s) {
    SHARED_ROOM;
    const struct home a = home_of(s, room);
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, N = s.rows[0];
    const long long member = blockIdx.x / CLUSTER;
    const long long *order = s.order ? s.order + member * N : 0;
    float *const slopes = MANY ? s.slopes + (long long)blockIdx.x * N : 0;
    struct operands o = operands_in(a.operands);
    move_weights(s, a.t, true);
    __syncthreads();

    struct task todo = {0};
    todo.rate = s.rate[member], todo.fade = todo.rate * s.decay[member];
    float slope = 0; /* of row `lane` of the 32 looked at last, times the rows of its batch */
    int learned = 0, looks = 0, seen = -1;
    struct visit v = {0, 0, -1};
    for (int count = 0;; count++) {
        const struct visit next = visit_after(v, s.batch, N);
        const int end = N - v.from < s.batch ? N : v.from + s.batch; /* of the batch in progress */
        todo.looks = v.look >= 0, todo.learns = v.learn >= 0, todo.ends = todo.learns && v.learn < v.from;
        const int begun = todo.ends ? v.from - s.batch : v.from; /* the first row of the batch learned from */
        const int stop = N - begun < s.batch ? N : begun + s.batch; /* the end of that batch */
        todo.more = v.learn > begun, todo.each = 1.0f / (float)(stop - begun);
        todo.looked = (v.look - v.from) / 32, todo.learned = (v.learn - begun) / 32;

        const bool live = todo.looks && v.look + lane < end;
        u32 x[XW];
        const long long row = row_at(order, v.look + lane, live, member * N);
        fetch(s, 0, row, live, x);
        const float y = live ? (float)s.labels[0][row] : 0.0f;
        float known = slope; /* of the rows learned from */
        if (MANY && v.learn != seen) known = todo.learns && v.learn + lane < stop ? slopes[v.learn + lane] : 0;
        make_operands(o, x, known, a.columns + (~count & 1) * 16 * KT, s.bits, todo.looks, todo.learns);
        if (!HELD) __syncthreads();
        float f[4][2] = {{0}};
        if (todo.looks && todo.learns) visit_tiles<true, true>(a.t, todo, o, f);
        else if (todo.looks) visit_tiles<true, false>(a.t, todo, o, f);
        else visit_tiles<false, true>(a.t, todo, o, f);
        if (todo.ends && !todo.looks) break; /* the same for all threads */

        if (MANY && next.learn != v.look) {
            const bool there = next.learn >= 0 && next.learn + lane < end;
            fetch(s, 0, row_at(order, next.learn + lane, there, member * N), there, x);
        }
        transpose(x, a.columns + (count & 1) * 16 * KT);
        if (todo.looks) a.scores[((looks & 1) * WARPS + warp) * 32 + lane] = score_of_row(f, lane);
        __syncthreads();
        if (todo.looks) {
            const float margin = whole_score(a, looks++ & 1) * y;
            slope = live ? slope_at(margin) * y : 0.0f;
            learned += slope != 0; /* a NaN counts */
            seen = v.look;
            if (MANY && warp == 0 && live) slopes[v.look + lane] = slope;
        }
        v = next;
    }
    if (CLUSTER > 1) cluster_barrier(); /* no block ends while another reads its shared memory */
    else __syncthreads();
    move_weights(s, a.t, false);
    EACH for (int far = 1; far < 32; far *= 2) learned += __shfl_xor_sync(ALL, learned, far);
    if (threadIdx.x == 0 && blockIdx.x % CLUSTER == 0) s.learned[member] = learned;
}

/* Wider rows would not fit the registers of a reading: their operands are made for each tile anew. */
#define READS_HELD (KT <= 8)

/* What a warp finds on 32 rows. */
struct glimpse {
    int wrong;
    double loss; /* the sum, in every lane */
    bool active;
};

static __device__ __forceinline__ struct glimpse look_through(const struct pack &s, int set, long long member, int first) {
    const int lane = threadIdx.x & 31, g = lane >> 2;
    const bool live = first + lane < s.rows[set];
    const long long row = member * s.rows[set] + (live ? first + lane : 0);
    const float4 *w = (const float4 *)s.weights + member * s.tiles * NT * 32;
    const float *u = s.outgoing + member * s.tiles * 16;
    u32 x[XW], inputs[KT][4][2], active = 0;
    fetch(s, set, row, live, x);
    EACH for (int k = 0; READS_HELD && k < KT; k++)
        EACH for (int i = 0; i < 4; i++) inputs_of(x, lane, k, i, inputs[k][i]);
    float f[4][2] = {{0}};
    for (int m = 0; m < s.tiles; m++) {
        float4 h[4], pair[2];
        EACH for (int i = 0; i < 4; i++) h[i] = make_float4(0, 0, 0, 0);
        EACH for (int k = 0; k < KT; k++) {
            EACH for (int e = 0; e < 2; e++) pair[e] = w[(m * NT + 2 * k + e) * 32 + lane];
            EACH for (int i = 0; !READS_HELD && i < 4; i++) inputs_of(x, lane, k, i, inputs[k][i]);
            add_products(pair, inputs[k], h);
        }
        active |= add_scores(h, u[m * 16 + g] / SCALE, u[m * 16 + g + 8] / SCALE, f);
    }
    EACH for (int i = 0; i < 4; i++)
        EACH for (int e = 0; e < 2; e++) /* rows that are not there count for nothing */
            if (first + 8 * i + 2 * (lane & 3) + e >= s.rows[set]) active &= ~(3u << (2 * i + 16 * e));
    const float margin = score_of_row(f, lane) * (live ? (float)s.labels[set][row] : 0.0f);
    double loss = live ? loss_at((double)margin) : 0;
    EACH for (int far = 1; far < 32; far *= 2) loss += __shfl_xor_sync(ALL, loss, far);
    return {__popc(__ballot_sync(ALL, live && !(margin > 0))), loss, __ballot_sync(ALL, active != 0) != 0};
}

/* The sum over a block of a number of each warp, in the order of the warps; for all threads. */
static __device__ __forceinline__ double over_warps(double *slots, double value) {
    __syncthreads();
    if ((threadIdx.x & 31) == 0) slots[threadIdx.x >> 5] = value;
    __syncthreads();
    double sum = 0;
    for (int i = 0; i < WARPS; i++) sum += slots[i];
    return sum;
}

/* A reading, or a glance, which stops when more rows are wrong than allowed: a block for each member. */
extern "C" __global__ void __launch_bounds__(32 * WARPS, 1) relu_read(struct pack s) {
    SHARED_ROOM;
    double *slots = (double *)room; /* [WARPS] */
    const int warp = threadIdx.x >> 5;
    const long long member = blockIdx.x;
    double *found = s.found + member * 7;
    for (int set = 0; set < 2; set++) {
        const int allowed = s.allowed ? s.allowed[set * s.members + member] : s.rows[set];
        double wrong = 0, loss = 0, active = 0;
        for (int first = 0; first < s.rows[set] && wrong <= allowed; first += 32 * WARPS) {
            struct glimpse seen = {0, 0, false};
            if (first + 32 * warp < s.rows[set]) seen = look_through(s, set, member, first + 32 * warp);
            wrong += over_warps(slots, seen.wrong);
            loss += over_warps(slots, seen.loss);
            active += over_warps(slots, seen.active);
        }
        if (threadIdx.x == 0) found[3 * set] = wrong, found[3 * set + 1] = loss, found[3 * set + 2] = active;
    }
    const float4 *w = (const float4 *)s.weights + member * s.tiles * NT * 32;
    const float *u = s.outgoing + member * s.tiles * 16;
    double squares = 0;
    for (int i = threadIdx.x; i < s.tiles * NT * 32; i += 32 * WARPS) {
        const double x = w[i].x, y = w[i].y, z = w[i].z, v = w[i].w;
        squares += (x * x + y * y + (z * z + v * v)) / (SCALE * SCALE);
    }
    for (int i = threadIdx.x; i < s.tiles * 16; i += 32 * WARPS) squares += (double)u[i] * u[i];
    EACH for (int far = 1; far < 32; far *= 2) squares += __shfl_xor_sync(ALL, squares, far);
    squares = over_warps(slots, squares);
    if (threadIdx.x == 0) found[6] = squares;
}
