/* The kernel for one number type and one instruction set: an epoch of one network, and a reading of the network.
 *
 * relu_step.c includes this file once for each pair, so it has no header guard. Before each inclusion it defines:
 * REAL, a number type; INT, an integer type of the same size; ISA, a suffix for names; VECTOR_BYTES; and WIDE, the
 * vectors of neurons in a block. WIDE is such that 4 WIDE sums and as many operands fit the registers.
 *
 * Neurons lie in groups of 16, their weights in [group][n + 1][16] with the bias as the last column. A block of
 * neurons is therefore a few streams of whole vectors, which stay in the first-level cache while a batch passes.
 * Three ideas make the kernel fast.
 *  - Learning from batch i and looking at batch i + 1 share one visit to a block. The weights therefore cross from
 *    the second-level cache once a step.
 *  - No activation is stored, only one bit for each neuron and row: whether the neuron is active there. The gradient
 *    of u follows from that of W. Let s_r be the slope of the loss in f(x_r), and g the sum of s_r x_r over the rows
 *    where a neuron is active. Then dW = u g and du = sum_r s_r relu(w x_r) = w . g.
 *    Under hinge most rows soon have slope zero. Such a row costs its forward pass only.
 *  - Inputs are signs, so four of them (a quad) have only 16 different sums with a neuron's weights. A reading
 *    tabulates these sums once for many rows, then adds one number where the forward pass of a step multiplies and
 *    adds four: 2.3 times as fast on 256 rows. On a batch of 32 rows the tables do not pay.
 */
#define NAME(name) PASTE(name, REAL, ISA)
#define LANES ((int)(VECTOR_BYTES / sizeof(REAL)))
#define vec NAME(vector)
#define ints NAME(integers)
#define block NAME(block_of)
#define pass NAME(pass_of)
#define part NAME(part_of)

/* Vectors are aligned like a single number: an array's address can change the speed but not the result. */
typedef REAL vec __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(REAL)), may_alias));
typedef INT ints __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(REAL)), may_alias));

/* V vectors of neurons. V is a separate argument wherever the compiler must know it. */
struct block {
    REAL *weights, *outgoing;
    ints *active; /* [ceil(B / 32), V] one bit for each row of the batch looked at last */
};

/* One member's pass over its rows. */
struct pass {
    int64_t n, quads, width, words; /* words = ceil(B / 32), the bits of a batch */
    const uint8_t *inputs;          /* [N, quads] */
    const int8_t *labels;           /* [N] */
    const uint64_t *order;          /* [N] row numbers in the low halves; NULL: rows in their stored order */
    REAL *weights, *outgoing;       /* [p / GROUP, n + 1, GROUP] and [p] */
    REAL learning_rate;
    REAL rate_decay;                /* learning_rate x weight_decay: the share of a weight that one step removes */
    REAL *seen, *coming;            /* [B, 4 quads] the batch to learn from, the batch to look at */
    vec *scores;                    /* [B] f(x) of the batch to look at, not yet summed over lanes */
    REAL *sums;                     /* [B] f(x) of that batch; it and `scores` have room for whole vectors of rows */
    ints *active;                   /* [p, words] */
    vec *into;                      /* [B, WIDE] slopes into a block, zero where a neuron is inactive */
    int64_t *sloped, count;         /* [B] rows of the batch seen whose slope is not zero, and their count */
    REAL *slope;                    /* [B] the slopes of these rows */
    uint32_t slopes, *plus;         /* one bit for each row of the batch seen: see relu_count.h */
    REAL size;                      /* likewise */
    uint16_t *offsets;              /* [B, quads] byte offsets in the table for the rows of a reading */
    vec *table;                     /* [quads, WIDE, 16] all sums of a quad with WIDE vectors of neurons */
    uint64_t *tickets, *spare;      /* [N + 1] scratch for drawing the order */
    uint32_t *next;                 /* [1 << telling_bits(N)] likewise */
};

/* The weights of vector v of neurons in column i. */
static inline vec *NAME(column)(const REAL *weights, int64_t n, int64_t v, int64_t i) {
    int64_t lane = v * LANES;
    return (vec *)(weights + lane / GROUP * GROUP * (n + 1) + i * GROUP + lane % GROUP);
}

/* The index in the member's data of row r of the pass. */
static inline int64_t NAME(row)(const struct pass *s, int64_t r) {
    return s->order ? (int64_t)(uint32_t)s->order[r] : r;
}

/* ---- the step ---- */

/* The forward pass of R rows through a block. Sums stay in registers. Bit `bit` + r notes who is active on row r. */
INLINE void NAME(forward)(const int R, const int V, const struct pass *s, struct block b, int64_t row, int bit) {
    const int64_t n = s->n, pitch = 4 * s->quads;
    const REAL *x = s->coming + row * pitch;
    vec sum[4][WIDE], w[WIDE], f[4];
    UNROLL for (int r = 0; r < R; r++)
        UNROLL for (int v = 0; v < V; v++) sum[r][v] = *NAME(column)(b.weights, n, v, n);
    for (int64_t i = 0; i < n; i++) {
        UNROLL for (int v = 0; v < V; v++) w[v] = *NAME(column)(b.weights, n, v, i);
        UNROLL for (int r = 0; r < R; r++)
            UNROLL for (int v = 0; v < V; v++) sum[r][v] += w[v] * x[r * pitch + i];
    }
    UNROLL for (int r = 0; r < R; r++) f[r] = s->scores[row + r];
    UNROLL for (int v = 0; v < V; v++) {
        vec u = ((vec *)b.outgoing)[v];
        ints word = b.active[v];
        UNROLL for (int r = 0; r < R; r++) {
            ints on = ~(sum[r][v] <= 0); /* not sum > 0: NaN must count as active */
            f[r] += (vec)((ints)sum[r][v] & on) * u;
            word |= on & (INT)(1u << (bit + r));
        }
        b.active[v] = word;
    }
    UNROLL for (int r = 0; r < R; r++) s->scores[row + r] = f[r];
}

/* The forward pass of a batch through one block: adds to the scores and notes active neurons. */
INLINE void NAME(look)(const int V, struct block b, const struct pass *s, int64_t rows) {
    for (int64_t start = 0; start < rows; start += 32, b.active += V) {
        int r = 0, end = rows - start < 32 ? (int)(rows - start) : 32;
        memset(b.active, 0, V * sizeof(ints));
        for (; r + 4 <= end; r += 4) NAME(forward)(4, V, s, b, start + r, r);
        for (; r < end; r++) NAME(forward)(1, V, s, b, start + r, r);
    }
}

/* One step for a vector of weights whose gradient, times the learning rate, is pull g. Adds w . g to `along`. */
INLINE void NAME(update)(vec *w, vec g, vec pull, REAL rate_decay, vec *along) {
    vec old = *w;
    *along += old * g;
    *w = old - rate_decay * old - pull * g;
}

/* Gradient and update of I columns of a block. */
INLINE void NAME(columns)(const int I, const int V, int64_t i, struct block b, const struct pass *s,
                          const vec *pull, vec *along) {
    const int64_t n = s->n, pitch = 4 * s->quads, count = s->count;
    const REAL *x = s->seen + i, rate_decay = s->rate_decay;
    const vec *into = s->into;
    vec g[4][WIDE] = {{{0}}};
    for (int64_t a = 0; a < count; a++, into += V, x += pitch)
        UNROLL for (int c = 0; c < I; c++)
            UNROLL for (int v = 0; v < V; v++) g[c][v] += into[v] * x[c];
    UNROLL for (int c = 0; c < I; c++)
        UNROLL for (int v = 0; v < V; v++)
            NAME(update)(NAME(column)(b.weights, n, v, i + c), g[c][v], pull[v], rate_decay, &along[v]);
}

#ifdef POPCOUNT
#include "relu_count.h"
#endif

/* One step of one block, from the rows of the batch seen that have a slope. */
INLINE void NAME(learn)(const int V, struct block b, const struct pass *s) {
#ifdef POPCOUNT
    if (s->slopes) {
        NAME(learn_by_counting)(V, b, s);
        return;
    }
#endif
    const int64_t n = s->n;
    const REAL learning_rate = s->learning_rate, rate_decay = s->rate_decay;
    vec pull[WIDE], along[WIDE] = {{0}}, bias[WIDE] = {{0}};
    for (int64_t a = 0; a < s->count; a++) {
        union { REAL real; INT bits; } slope = {s->slope[a]};
        int64_t r = s->sloped[a];
        UNROLL for (int v = 0; v < V; v++) {
            ints on = (b.active[r / 32 * V + v] & (INT)(1u << r % 32)) != 0;
            bias[v] += s->into[a * V + v] = (vec)(on & slope.bits);
        }
    }
    UNROLL for (int v = 0; v < V; v++) {
        pull[v] = learning_rate * ((vec *)b.outgoing)[v];
        NAME(update)(NAME(column)(b.weights, n, v, n), bias[v], pull[v], rate_decay, &along[v]);
    }
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) NAME(columns)(4, V, i, b, s, pull, along);
    if (i + 2 <= n) NAME(columns)(2, V, i, b, s, pull, along), i += 2;
    if (i < n) NAME(columns)(1, V, i, b, s, pull, along);
    UNROLL for (int v = 0; v < V; v++) {
        vec *u = (vec *)b.outgoing + v, old = *u;
        *u = old - rate_decay * old - learning_rate * along[v];
    }
}

/* Visits all blocks: each learns from the batch seen (where `learns`), then looks at the coming batch. */
static void NAME(sweep)(const struct pass *s, int learns, int64_t rows) {
    int64_t vectors = s->width / LANES;
    memset(s->scores, 0, rows * sizeof(vec));
    for (int64_t v = 0; v < vectors; v += WIDE) {
        struct block b = {(REAL *)NAME(column)(s->weights, s->n, v, 0), s->outgoing + v * LANES,
                          s->active + v * s->words};
#define VISIT(V) if (learns) NAME(learn)(V, b, s); NAME(look)(V, b, s, rows); break
        switch (vectors - v) {
            case 1: VISIT(1);
#if WIDE > 2
            case 2: VISIT(2);
            case 3: VISIT(3);
#endif
            default: VISIT(WIDE);
        }
#undef VISIT
    }
}

/* f(x) of the first `rows` rows looked at: each the sum over lanes, always in the same order. LANES rows at a time:
 * after the turn of `half`, a lane with that bit belongs to a later row than its neighbor without it. */
static void NAME(sum_scores)(const struct pass *s, int64_t rows) {
    ints lane;
    UNROLL for (int i = 0; i < LANES; i++) lane[i] = i;
    for (int64_t start = 0; start < rows; start += LANES) {
        vec f[LANES];
        UNROLL for (int r = 0; r < LANES; r++) f[r] = s->scores[start + r];
        UNROLL for (int half = LANES / 2; half; half /= 2) {
            ints later = ((lane & half) != 0) & LANES, own = lane | later, other = (lane ^ half) | later;
            UNROLL for (int r = 0; r < half; r++)
                f[r] = __builtin_shuffle(f[r], f[r + half], own) + __builtin_shuffle(f[r], f[r + half], other);
        }
        *(vec *)(s->sums + start) = f[0];
    }
}

/* The order of this epoch: streams.orders(streams.fold(key, ORDER, epoch), N). */
static const uint64_t *NAME(draw)(const uint32_t *member_key, int64_t epoch, int64_t N, const struct pass *s) {
    uint32_t key[2], word[2];
    threefry(member_key, ORDER, (uint32_t)epoch, key);
    for (int64_t i = 0; i < N; i += 2) {
        threefry(key, (uint32_t)(i / 2), 0, word);
        s->tickets[i] = (uint64_t)word[0] << 32 | (uint64_t)i;
        s->tickets[i + 1] = (uint64_t)word[1] << 32 | (uint64_t)(i + 1);
    }
    sort_tickets(s->tickets, s->spare, s->next, N); /* by word, then by row: as a stable sort */
    return s->spare;
}

/* One epoch of one member: weights are updated in place; counts go to `pack`. */
static void NAME(epoch)(const struct pack *pack, int64_t t, struct pass *s) {
    static const REAL SIGNS[16][4] = {
        {-1, -1, -1, -1}, {1, -1, -1, -1}, {-1, 1, -1, -1}, {1, 1, -1, -1},
        {-1, -1, 1, -1},  {1, -1, 1, -1},  {-1, 1, 1, -1},  {1, 1, 1, -1},
        {-1, -1, -1, 1},  {1, -1, -1, 1},  {-1, 1, -1, 1},  {1, 1, -1, 1},
        {-1, -1, 1, 1},   {1, -1, 1, 1},   {-1, 1, 1, 1},   {1, 1, 1, 1}};
    const int64_t N = pack->train.count, B = pack->batch, quads = s->quads, pitch = 4 * quads;
    if (pack->keys) s->order = NAME(draw)(pack->keys + 2 * t, pack->epoch, N, s);
    s->learning_rate = (REAL)pack->learning_rate[t];
    s->rate_decay = (REAL)(pack->learning_rate[t] * pack->weight_decay[t]);
    int64_t correct = 0, learned = 0;
    for (int64_t start = 0, rows = B; rows; start += B) { /* the last turn only learns */
        rows = start >= N ? 0 : N - start < B ? N - start : B;
        for (int64_t r = 0; r < rows; r++)
            for (int64_t q = 0; q < quads; q++)
                memcpy(s->coming + r * pitch + 4 * q, SIGNS[s->inputs[NAME(row)(s, start + r) * quads + q]],
                       sizeof *SIGNS);
        NAME(sweep)(s, start > 0, rows);
        NAME(sum_scores)(s, rows);
        s->count = 0;
        for (int64_t r = 0; r < rows; r++) {
            REAL y = s->labels[NAME(row)(s, start + r)], margin = s->sums[r] * y;
            REAL slope = (REAL)slope_at(pack->loss, margin) * y / (REAL)rows;
            correct += margin > 0;
            if (slope == 0) continue; /* false for NaN, which must spread */
            memmove(s->coming + s->count * pitch, s->coming + r * pitch, pitch * sizeof(REAL));
            s->sloped[s->count] = r;
            s->slope[s->count++] = slope;
        }
        learned += s->count;
#ifdef POPCOUNT
        NAME(mark)(pack, s, start, rows);
#endif
        REAL *seen = s->coming;
        s->coming = s->seen, s->seen = seen;
    }
    pack->train.correct[t] = correct;
    pack->train.used[t] = learned;
}

#include "relu_read.h"

/* An epoch or a reading of every member of a pack. Returns -1 where memory is short. */
static int NAME(run)(const struct pack *pack, int reads) {
    const int64_t N = pack->train.count, n = pack->bits, p = pack->width, B = reads ? READ_ROWS : pack->batch;
    const int64_t words = (B + 31) / 32, quads = (n + 3) / 4, tickets = pack->keys && !reads ? N + 1 : 0;
    struct pass s = {.n = n, .quads = quads, .width = p, .words = words};
    struct { void *at; size_t bytes; } parts[] = {
        {&s.seen, B * 4 * quads * sizeof(REAL)}, {&s.coming, B * 4 * quads * sizeof(REAL)},
        {&s.scores, (B + LANES) * sizeof(vec)},  {&s.sums, (B + LANES) * sizeof(REAL)},
        {&s.active, p * words * sizeof(INT)},
        {&s.into, B * WIDE * sizeof(vec)},       {&s.sloped, B * sizeof(int64_t)},
        {&s.plus, (4 * quads + 1) * sizeof(uint32_t)},
        {&s.slope, B * sizeof(REAL)},            {&s.offsets, B * quads * sizeof(uint16_t)},
        {&s.table, quads * 16 * WIDE * sizeof(vec)}, {&s.tickets, tickets * sizeof(uint64_t)},
        {&s.spare, tickets * sizeof(uint64_t)},  {&s.next, tickets ? sizeof(uint32_t) << telling_bits(N) : 0}};
    const int count = sizeof parts / sizeof *parts;
    size_t total = 64;
    for (int i = 0; i < count; i++) total += (parts[i].bytes + 63) / 64 * 64;
    char *room = malloc(total), *next = room + (64 - (uintptr_t)room % 64);
    if (!room) return -1;
    for (int i = 0; i < count; next += (parts[i++].bytes + 63) / 64 * 64) memcpy(parts[i].at, &next, sizeof next);
    for (int64_t i = 0; i < pack->members; i++) {
        const int64_t incoming = p * (n + 1), held = pack->held[i], slot = pack->train.slots[i];
        if (reads) {
            s.weights = (REAL *)pack->weights + held * incoming;
            s.outgoing = (REAL *)pack->outgoing + held * p;
            NAME(read)(pack, i, &s);
            continue;
        }
        s.weights = memcpy((REAL *)pack->weights_after + i * incoming, (REAL *)pack->weights + held * incoming,
                           incoming * sizeof(REAL));
        s.outgoing = memcpy((REAL *)pack->outgoing_after + i * p, (REAL *)pack->outgoing + held * p, p * sizeof(REAL));
        s.inputs = pack->train.inputs + slot * N * quads;
        s.labels = pack->train.labels + slot * N;
        NAME(epoch)(pack, i, &s);
    }
    free(room);
    return 0;
}

/* The most that a core can do: 12 fused multiply-adds in flight, all operands in registers. Returns operations. */
static int64_t NAME(peak)(int64_t rounds) {
    vec sum[12], half = (vec){0} + (REAL)0.5;
    UNROLL for (int i = 0; i < 12; i++) sum[i] = half * (REAL)(i + 3); /* never 1, which would stay 1 */
    for (int64_t round = 0; round < rounds; round++)
        UNROLL for (int i = 0; i < 12; i++) sum[i] = sum[i] * half + half;
    UNROLL for (int i = 1; i < 12; i++) sum[0] += sum[i];
    volatile REAL result = sum[0][0]; /* a result that is used: the compiler cannot drop the loop */
    (void)result;
    return rounds * 12 * 2 * LANES;
}

#undef NAME
#undef LANES
#undef vec
#undef ints
#undef block
#undef pass
#undef part
#undef REAL
#undef INT
