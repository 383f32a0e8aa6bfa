/* The reading of one network, for one number type and one instruction set: relu_step.h includes this file.
 *
 * A reading counts the right rows and sums the loss; a glance stops once enough rows are wrong. Both look at the
 * training and the test rows of a network in one call, by tables (see relu_step.h).
 */

/* What a reading or a glance has seen of one part of a member's rows. */
struct part {
    const uint8_t *inputs; /* [N, quads] */
    const int8_t *labels;  /* [N] */
    uint32_t *ranks;       /* [N] or NULL, as in struct rows */
    int64_t count, allowed; /* N; the part is done once more rows than this are wrong and a neuron was active */
    int64_t looked, wrong; /* rows looked at before this round; how many of them are wrong */
    int64_t start, rows;   /* the part's rows of this round, among all rows of the round */
    double loss;           /* summed over the rows looked at */
    ints alive;            /* bits in some lane once a neuron was active */
};

/* Whether any lane has any bit. */
static int NAME(nonzero)(ints bits) {
    INT some = 0;
    for (int lane = 0; lane < LANES; lane++) some |= bits[lane];
    return some != 0;
}

/* The 16 sums of quad q with vector v of neurons. The bias is part of quad 0. */
INLINE void NAME(tabulate)(const REAL *weights, int64_t n, int64_t v, int64_t q, vec *sums) {
    vec sum[16];
    sum[0] = q ? (vec){0} : *NAME(column)(weights, n, v, n);
    UNROLL for (int bit = 0; bit < 4; bit++) {
        vec w = 4 * q + bit < n ? *NAME(column)(weights, n, v, 4 * q + bit) : (vec){0};
        UNROLL for (int c = 0; c < 8; c++)
            if (c < 1 << bit) sum[c + (1 << bit)] = sum[c] + w, sum[c] -= w;
    }
    UNROLL for (int c = 0; c < 16; c++) sums[c] = sum[c];
}

/* The forward pass of R rows through V vectors of neurons with outgoing weights u, by tables. Adds to the scores, and
 * sets bits in `alive` where a neuron is active. */
INLINE void NAME(lookup)(const int R, const int V, const struct pass *s, const vec *u, int64_t row, ints *alive) {
    const int64_t quads = s->quads;
    const uint16_t *x = s->offsets + row * quads;
    const char *table = (const char *)s->table;
    vec sum[4][WIDE] = {{{0}}};
    for (int64_t q = 0; q < quads; q++, table += V * 16 * sizeof(vec))
        UNROLL for (int r = 0; r < R; r++)
            UNROLL for (int k = 0; k < V; k++)
                sum[r][k] += *(const vec *)(table + x[r * quads + q] + k * 16 * sizeof(vec));
    UNROLL for (int r = 0; r < R; r++) {
        vec f = s->scores[row + r];
        UNROLL for (int k = 0; k < V; k++) {
            vec a = (vec)((ints)sum[r][k] & ~(sum[r][k] <= 0));
            f += a * u[k];
            *alive |= (ints)a;
        }
        s->scores[row + r] = f;
    }
}

/* The forward pass of a round's rows of both parts through V vectors of neurons: tabulates once, then looks up. */
INLINE void NAME(consult)(const int V, const struct pass *s, int64_t v, struct part parts[2]) {
    vec u[WIDE]; /* held in registers: loaded for each row, as they may alias the scores, they cost 10% */
    UNROLL for (int k = 0; k < V; k++) u[k] = ((const vec *)s->outgoing)[v + k];
    for (int64_t q = 0; q < s->quads; q++)
        UNROLL for (int k = 0; k < V; k++) NAME(tabulate)(s->weights, s->n, v + k, q, s->table + (q * V + k) * 16);
    for (struct part *p = parts; p < parts + 2; p++) {
        int64_t r = p->start, end = p->start + p->rows;
        ints alive = p->alive;
        for (; r + 4 <= end; r += 4) NAME(lookup)(4, V, s, u, r, &alive);
        for (; r < end; r++) NAME(lookup)(1, V, s, u, r, &alive);
        p->alive = alive;
    }
}

/* How many rows of a part this round looks at, where there is room for so many. */
static int64_t NAME(helping)(const struct part *p, int64_t room) {
    int64_t least = p->looked ? p->looked : (p->allowed + 1) * 9 / 8, unread = p->count - p->looked, rows = room;
    if (p->allowed < 0 || (p->wrong > p->allowed && NAME(nonzero)(p->alive))) return 0;
    if (p->ranks && least < rows) rows = least < FEW_ROWS ? FEW_ROWS : least;
    rows = rows < room ? rows : room;
    return rows < unread ? rows : unread;
}

/* The byte offsets in the table of a part's rows of this round. */
static void NAME(locate)(const struct pass *s, const struct part *p) {
    const int64_t quads = s->quads;
    uint16_t *offsets = s->offsets + p->start * quads;
    const uint8_t *inputs = p->inputs + p->looked * quads;
    if (!p->ranks)
        byte_offsets(inputs, p->rows * quads, sizeof(vec), offsets);
    else
        for (int64_t r = 0; r < p->rows; r++)
            byte_offsets(p->inputs + p->ranks[p->looked + r] * quads, quads, sizeof(vec), offsets + r * quads);
}

/* Counts the wrong rows of a part in this round, sums their loss, and moves wrong rows to the front of the ranks. */
static void NAME(tally)(const struct pass *s, struct part *p, int64_t kind, int losses) {
    uint32_t *ranks = p->ranks;
    int64_t looked = p->looked, wrong = p->wrong;
    double loss = p->loss;
    for (int64_t r = p->start; r < p->start + p->rows; r++, looked++) {
        int64_t row = ranks ? ranks[looked] : looked;
        REAL margin = s->sums[r] * p->labels[row];
        int misses = !(margin > 0); /* not margin <= 0: NaN is wrong. No branch: it is mispredicted often */
        if (losses) loss += loss_at(kind, margin);
        if (ranks) {
            uint32_t first = ranks[wrong];
            ranks[looked] = misses ? first : (uint32_t)row;
            ranks[wrong] = misses ? (uint32_t)row : first;
        }
        wrong += misses;
    }
    p->looked = looked, p->wrong = wrong, p->loss = loss;
}

/* Writes what was found of a part of member i. Right rows that were read swap with unread rows, so that the next
 * glance meets unread rows after the wrong ones. */
static void NAME(report)(const struct rows *rows, const struct part *p, int64_t i) {
    if (p->ranks)
        for (int64_t a = p->wrong, b = p->count - 1; a < p->looked && b >= p->looked; a++, b--) {
            uint32_t rank = p->ranks[a];
            p->ranks[a] = p->ranks[b], p->ranks[b] = rank;
        }
    rows->correct[i] = p->looked - p->wrong;
    rows->used[i] = p->looked;
    rows->any_active[i] = NAME(nonzero)(p->alive);
    if (rows->mean_loss) rows->mean_loss[i] = p->loss / (double)p->looked;
}

/* A part of the rows of member i before a reading or a glance. */
static struct part NAME(begun)(const struct rows *rows, int64_t i, int64_t quads) {
    int64_t N = rows->count, slot = rows->slots[i];
    return (struct part){.inputs = rows->inputs + slot * N * quads, .labels = rows->labels + slot * N, .count = N,
                         .ranks = rows->ranks ? rows->ranks + slot * N : NULL,
                         .allowed = rows->allowed ? rows->allowed[i] : N};
}

/* The sum of squares, in float64 and in a fixed order; `count` is a multiple of GROUP. */
static double NAME(squares)(const REAL *numbers, int64_t count) {
    double sums[GROUP] = {0}, sum = 0;
    for (int64_t i = 0; i < count; i += GROUP)
        for (int lane = 0; lane < GROUP; lane++) sums[lane] += (double)numbers[i + lane] * (double)numbers[i + lane];
    for (int lane = 0; lane < GROUP; lane++) sum += sums[lane];
    return sum;
}

/* A reading of member i on both parts, or a glance at it, which has `allowed` and `ranks`. In each round rows of both
 * parts share the tables. */
static void NAME(read)(const struct pack *pack, int64_t i, struct pass *s) {
    const struct rows *rows[2] = {&pack->train, &pack->test};
    struct part parts[2];
    for (int k = 0; k < 2; k++) parts[k] = NAME(begun)(rows[k], i, s->quads);
    for (;;) {
        int64_t total = 0, vectors = s->width / LANES, v = 0;
        for (struct part *p = parts; p < parts + 2; total += p++->rows) {
            p->start = total, p->rows = NAME(helping)(p, READ_ROWS - total);
            NAME(locate)(s, p);
        }
        if (!total) break;
        memset(s->scores, 0, total * sizeof(vec));
        for (; v + WIDE <= vectors; v += WIDE) NAME(consult)(WIDE, s, v, parts);
        switch (vectors - v) {
#if WIDE > 2
            case 3: NAME(consult)(3, s, v, parts); break;
            case 2: NAME(consult)(2, s, v, parts); break;
#endif
            case 1: NAME(consult)(1, s, v, parts);
        }
        NAME(sum_scores)(s, total);
        for (int k = 0; k < 2; k++) NAME(tally)(s, &parts[k], pack->loss, rows[k]->mean_loss != NULL);
    }
    for (int k = 0; k < 2; k++) NAME(report)(rows[k], &parts[k], i);
    if (pack->weight_norm)
        pack->weight_norm[i] =
            sqrt(NAME(squares)(s->weights, s->width * (s->n + 1)) + NAME(squares)(s->outgoing, s->width));
}

