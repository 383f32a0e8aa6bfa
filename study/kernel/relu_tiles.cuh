/* A visit to the tiles of a warp: what 32 rows that are learned from, and 32 rows that are looked at, do to the weights.
 *
 * The operands of a visit are the same for every tile, so they are made once. Columns pass one pair of tiles at a time:
 * weights of 16 columns are loaded, updated and looked at before the next 16, so registers do not grow with n.
 */
#include "fragments.cuh"

/* The tiles of one block: all of a network, or those that a block of a cluster has. */
struct tiles {
    int count, most;  /* of this block (0 or less: none), and of the block that has most */
    float4 *w;        /* [count, NT, 32] weights times SCALE, in fragments */
    float4 *grads;    /* MANY: likewise, gradients of a batch so far */
    float *u;         /* [most, 16] in shared memory */
    u32 *bits;        /* [ceil(batch / 32), most, 32] who was active, as add_scores has it; unless MANY [most, 32] */
};

/* What a visit does, the same for all threads of a block. */
struct task {
    bool looks, learns, more, ends; /* `more`: gradients wait from rows before; `ends`: a batch's update is complete */
    int looked, learned;            /* where in `bits` are the 32 rows looked at, and those learned from */
    float rate, fade, each;         /* learning rate, times weight decay; 1 / rows of the batch */
};

/* The operands of a visit: inputs of the rows looked at, slopes times inputs of the rows learned from.
 *
 * HELD: each lane keeps its own in registers. Otherwise the warps of a block share them in shared memory. */
#if HELD
struct operands {
    u32 inputs[KT][4][2], slopes[2][NT][2], rest[LOSS ? 2 : 1][LOSS ? NT : 1][2];
};
#define OPERAND_WORDS 0
#define EACH_COLUMN EACH
#else
struct operands {
    u32 *inputs, *slopes, *rest; /* [KT, 4, 32, 2], [2, NT, 32, 2] and, unless the loss is hinge, as many again */
};
#define EACH_COLUMN _Pragma("unroll 1")
#define OPERAND_WORDS ((LOSS ? 3 : 2) * KT * 256)
#endif

static __device__ __forceinline__ struct operands operands_in(u32 *room) {
    struct operands o;
#if !HELD
    o.inputs = room, o.slopes = room + KT * 256, o.rest = o.slopes + (LOSS ? KT * 256 : 0);
#endif
    return o;
}

/* An operand of two words: at [i][j] of an array [.][count]. */
static __device__ __forceinline__ void put(u32 *shared, int i, int count, int j, const u32 in[2]) {
    ((uint2 *)shared)[(i * count + j) * 32 + (threadIdx.x & 31)] = make_uint2(in[0], in[1]);
}
static __device__ __forceinline__ void get(const u32 *shared, int i, int count, int j, u32 out[2]) {
    const uint2 found = ((const uint2 *)shared)[(i * count + j) * 32 + (threadIdx.x & 31)];
    out[0] = found.x, out[1] = found.y;
}

/* Makes the operands of a visit; not HELD: the caller has a barrier after it. */
static __device__ __forceinline__ void make_operands(struct operands &o, const u32 x[XW], float slope, const u32 *columns,
                                                     int bits, bool looks, bool learns) {
    const int lane = threadIdx.x & 31, g = lane >> 2;
#if HELD
    EACH for (int k = 0; k < KT; k++)
        EACH for (int i = 0; i < 4; i++) {
            inputs_of(x, lane, k, i, o.inputs[k][i]);
            PIN(o.inputs[k][i][0]); PIN(o.inputs[k][i][1]);
        }
    EACH for (int k = 0; k < 2; k++) {
        const struct slopes s = sixteen_slopes(slope, lane, k);
        const int row = 16 * k + 2 * (lane & 3);
        EACH for (int j = 0; j < NT; j++) {
            const bool there = learns && 8 * j + g <= bits;
            const u32 column = there ? columns[8 * j + g] : 0;
            slopes_times_inputs(s.whole, column, row, there, o.slopes[k][j]);
            PIN(o.slopes[k][j][0]); PIN(o.slopes[k][j][1]);
            if (LOSS) slopes_times_inputs(s.rest, column, row, there, o.rest[k][LOSS ? j : 0]);
        }
    }
#else
    const int warp = threadIdx.x >> 5;
    u32 made[2];
    EACH for (int k = 0; k < KT; k++)
        if (looks && k % WARPS == warp)
            EACH for (int i = 0; i < 4; i++) inputs_of(x, lane, k, i, made), put(o.inputs, k, 4, i, made);
    if (!learns) return;
    EACH for (int k = 0; k < 2; k++) {
        const struct slopes s = sixteen_slopes(slope, lane, k);
        const int row = 16 * k + 2 * (lane & 3);
        for (int j = warp; j < NT; j += WARPS) {
            const bool there = 8 * j + g <= bits;
            slopes_times_inputs(s.whole, columns[8 * j + g], row, there, made), put(o.slopes, k, NT, j, made);
            if (LOSS) slopes_times_inputs(s.rest, columns[8 * j + g], row, there, made), put(o.rest, k, NT, j, made);
        }
    }
#endif
}

/* The gradient of 8 columns, j, of a tile on 32 rows, times the rows of the batch. */
static __device__ __forceinline__ float4 gradient_of(const struct operands &o, const u32 active[2][4], int j) {
    float4 sum = make_float4(0, 0, 0, 0), rest = make_float4(0, 0, 0, 0);
    u32 made[2];
    EACH for (int k = 0; k < 2; k++) {
#if HELD
        mma(sum, active[k], o.slopes[k][j]);
        if (LOSS) mma(rest, active[k], o.rest[LOSS ? k : 0][LOSS ? j : 0]);
#else
        get(o.slopes, k, NT, j, made), mma(sum, active[k], made);
        if (LOSS) get(o.rest, k, NT, j, made), mma(rest, active[k], made);
#endif
    }
    if (LOSS) {
        sum.x += rest.x * (1 / LIFT), sum.y += rest.y * (1 / LIFT);
        sum.z += rest.z * (1 / LIFT), sum.w += rest.w * (1 / LIFT);
    }
    return sum;
}

/* Adds the products of columns 16 k to 16 k + 15 with the rows looked at. */
static __device__ __forceinline__ void look_at(const struct operands &o, const float4 w[2], int k, float4 h[4]) {
#if HELD
    add_products(w, o.inputs[k], h);
#else
    u32 inputs[4][2];
    EACH for (int i = 0; i < 4; i++) get(o.inputs, k, 4, i, inputs[i]);
    add_products(w, inputs, h);
#endif
}

/* Rates of the update of a tile's neurons g and g + 8. */
struct update {
    float fade, pull0, pull8; /* the share of a weight that decays; learning rate x u / rows of the batch */
};

/* Updates 4 weights, and adds w . g of the two neurons to `along`. */
static __device__ __forceinline__ void learn_from(float4 &w, float4 g, const struct update &by, float along[2]) {
    along[0] = fmaf(w.x, g.x, fmaf(w.y, g.y, along[0]));
    along[1] = fmaf(w.z, g.z, fmaf(w.w, g.w, along[1]));
    w.x = fmaf(-by.pull0, g.x, fmaf(-by.fade, w.x, w.x)), w.y = fmaf(-by.pull0, g.y, fmaf(-by.fade, w.y, w.y));
    w.z = fmaf(-by.pull8, g.z, fmaf(-by.fade, w.z, w.z)), w.w = fmaf(-by.pull8, g.w, fmaf(-by.fade, w.w, w.w));
}

static __device__ __forceinline__ float4 sum_of(float4 a, float4 b) {
    return make_float4(a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w);
}

/* Updates u of neurons g and g + 8 of a tile; each lane has a part of w . g. */
static __device__ __forceinline__ void learn_outgoing(float *u, const struct task &todo, float along[2], float &u0, float &u8) {
    const int lane = threadIdx.x & 31;
    EACH for (int e = 0; e < 2; e++)
        EACH for (int far = 1; far < 4; far *= 2) along[e] += __shfl_xor_sync(ALL, along[e], far);
    u0 = fmaf(-todo.rate * (todo.each / SCALE), along[0], fmaf(-todo.fade, u0, u0));
    u8 = fmaf(-todo.rate * (todo.each / SCALE), along[1], fmaf(-todo.fade, u8, u8));
    __syncwarp(); /* every lane has read u */
    if ((lane & 3) == 0) u[lane >> 2] = u0, u[(lane >> 2) + 8] = u8;
}

/* Visits the tiles of this warp; adds the scores of the rows looked at to f. LOOKS and LEARNS are those of the task: known
 * to the compiler, they leave no branch between the products of a tile. */
template <bool LOOKS, bool LEARNS>
static __device__ __forceinline__ void visit_tiles(const struct tiles &t, const struct task &todo, const struct operands &o,
                                                   float f[4][2]) {
    const int lane = threadIdx.x & 31, g = lane >> 2;
    const bool ends = LEARNS && (!MANY || todo.ends);
    for (int m = threadIdx.x >> 5; m < t.count; m += WARPS) {
        float u0 = t.u[m * 16 + g], u8 = t.u[m * 16 + g + 8], along[2] = {0, 0};
        const struct update by = {todo.fade, todo.rate * u0 * (todo.each * SCALE), todo.rate * u8 * (todo.each * SCALE)};
        u32 active[2][4] = {{0}};
        if (LEARNS) {
            const u32 was = t.bits[(todo.learned * t.most + m) * 32 + lane];
            activity_of(was, 0, active[0]), activity_of(was, 1, active[1]);
        }
        float4 h[4], pair[2];
        EACH for (int i = 0; i < 4; i++) h[i] = make_float4(0, 0, 0, 0);
        EACH_COLUMN for (int k = 0; k < KT; k++) {
            EACH for (int e = 0; e < 2; e++) {
                const int at = (m * NT + 2 * k + e) * 32 + lane;
                pair[e] = t.w[at];
                if (!LEARNS) continue;
                float4 grad = gradient_of(o, active, 2 * k + e);
                if (MANY && todo.more) grad = sum_of(t.grads[at], grad);
                if (MANY && !ends) t.grads[at] = grad;
                else learn_from(pair[e], grad, by, along), t.w[at] = pair[e];
            }
            if (LOOKS) look_at(o, pair, k, h);
        }
        if (ends) learn_outgoing(t.u + m * 16, todo, along, u0, u8);
        if (LOOKS) t.bits[(todo.looked * t.most + m) * 32 + lane] = add_scores(h, u0 / SCALE, u8 / SCALE, f);
    }
}
