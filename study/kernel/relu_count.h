/* The step under hinge by counting bits, where the processor counts them in whole vectors (AVX-512 VPOPCNTDQ).
 *
 * Under hinge the slopes of a batch are 0, or 1 / rows up to sign. The sum of slope times input over the rows where a
 * neuron is active is therefore (2 plus - all) / rows: `all` such rows, of which `plus` have a positive product. A neuron
 * has one bit a row, so that is an AND, a count, a conversion and a product for a vector of neurons, where relu_step.h has
 * a multiply-add for each row. Where `rows` is a power of two both sums are exact, so results do not depend on the way.
 */

/* Rows with a slope from which counting is faster. */
#define COUNT_FROM 6

/* Notes the signs of the batch seen where counting pays; sets `slopes` to 0 elsewhere. */
static void NAME(mark)(const struct pack *pack, struct pass *s, int64_t start, int64_t rows) {
    s->slopes = 0;
    if (pack->loss != HINGE || rows > 32 || rows & (rows - 1) || s->count < COUNT_FROM) return;
    uint32_t slopes = 0, *plus = s->plus, bias = 0;
    s->size = 1 / (REAL)rows;
    memset(plus, 0, 4 * s->quads * sizeof *plus);
    for (int64_t a = 0; a < s->count; a++) {
        int64_t r = s->sloped[a];
        const uint8_t *inputs = s->inputs + NAME(row)(s, start + r) * s->quads;
        uint32_t turned = s->slope[a] < 0 ? 15 : 0;
        if (s->slope[a] != s->size && s->slope[a] != -s->size) return; /* NaN, which must spread */
        for (int64_t q = 0; q < s->quads; q++)
            for (int bit = 0; bit < 4; bit++) plus[4 * q + bit] |= ((inputs[q] ^ turned) >> bit & 1) << r;
        bias |= (uint32_t)!turned << r;
        slopes |= 1u << r;
    }
    plus[s->n] = bias;
    s->slopes = slopes;
}

/* The gradient, before the factor u, of the weights of a vector of neurons at one input. */
INLINE vec NAME(counted)(ints on, ints all, uint32_t plus, REAL size) {
    ints positive = (ints)POPCOUNT(on & (INT)plus);
    return __builtin_convertvector(positive + positive - all, vec) * size;
}

/* One step of one block: as `learn`, from the bits that `mark` noted. */
INLINE void NAME(learn_by_counting)(const int V, struct block b, const struct pass *s) {
    const int64_t n = s->n;
    const REAL learning_rate = s->learning_rate, rate_decay = s->rate_decay, size = s->size;
    vec pull[WIDE], along[WIDE] = {{0}};
    ints on[WIDE], all[WIDE];
    UNROLL for (int v = 0; v < V; v++) {
        on[v] = b.active[v] & (INT)s->slopes;
        all[v] = (ints)POPCOUNT(on[v]);
        pull[v] = learning_rate * ((vec *)b.outgoing)[v];
        NAME(update)(NAME(column)(b.weights, n, v, n), NAME(counted)(on[v], all[v], s->plus[n], size), pull[v],
                     rate_decay, &along[v]);
    }
    for (int64_t i = 0; i < n; i++)
        UNROLL for (int v = 0; v < V; v++)
            NAME(update)(NAME(column)(b.weights, n, v, i), NAME(counted)(on[v], all[v], s->plus[i], size), pull[v],
                         rate_decay, &along[v]);
    UNROLL for (int v = 0; v < V; v++) {
        vec *u = (vec *)b.outgoing + v, old = *u;
        *u = old - rate_decay * old - learning_rate * along[v];
    }
}
