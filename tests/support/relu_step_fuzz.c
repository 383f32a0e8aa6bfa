/* Odd shapes through every version of the kernel, for the sanitizers: arrays are exactly as large as the kernel says.
 *
 * Each shape is an epoch and a reading in both number types. In double the versions must agree to rounding. */
#include <stdio.h>

#include "../../study/kernel/relu_step.c"

static uint64_t state = 1;
static int64_t draw(int64_t low, int64_t high) { /* inclusive */
    state = state * 6364136223846793005u + 1442695040888963407u;
    return low + (int64_t)((state >> 33) % (uint64_t)(high - low + 1));
}

static void fill(int doubles, void *to, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        double value = (double)draw(-1000, 1000) / 3000;
        if (doubles) ((double *)to)[i] = value;
        else ((float *)to)[i] = (float)value;
    }
}

int main(int argc, char **argv) {
    int shapes = argc > 1 ? atoi(argv[1]) : 100;
    for (int shape = 0; shape < shapes; shape++) {
        int64_t T = draw(1, 3), N = draw(1, 70), n = draw(1, draw(0, 1) ? 9 : 70), p = GROUP * draw(1, 9);
        int64_t B = draw(1, draw(0, 1) ? 5 : 80), quads = (n + 3) / 4;
        int64_t loss = draw(0, 2), ordered = draw(0, 1);
        uint8_t *inputs = malloc(T * N * quads), *active = malloc(T);
        int8_t *labels = malloc(T * N);
        uint32_t *keys = malloc(T * 8);
        double *learning_rate = malloc(T * 8), *weight_decay = malloc(T * 8), *mean_loss = malloc(T * 8), *norm = malloc(T * 8), expected = 0;
        int64_t *correct = malloc(2 * T * 8), *used = malloc(2 * T * 8), *allowed = malloc(2 * T * 8);
        int64_t *order = malloc(2 * T * 8); /* where networks are: turned around before the epoch, in order after it */
        uint32_t *ranks = malloc(2 * T * N * 4);
        for (int64_t i = 0; i < T * N * quads; i++) inputs[i] = (uint8_t)draw(0, 15);
        for (int64_t i = 0; i < T * N; i++) labels[i] = (int8_t)(2 * draw(0, 1) - 1);
        for (int64_t i = 0; i < 2 * T; i++) keys[i] = (uint32_t)draw(0, 0x7fffffff);
        for (int64_t t = 0; t < T; t++) learning_rate[t] = 0.001, weight_decay[t] = 0.01;
        for (int64_t t = 0; t < T; t++) order[t] = T - 1 - t, order[T + t] = t;
        uint64_t weights_seed = state;
        for (int doubles = 0; doubles < 2; doubles++) {
            size_t real = doubles ? 8 : 4;
            void *weights = malloc(T * p * (n + 1) * real), *outgoing = malloc(T * p * real);
            void *weights_after = malloc(T * p * (n + 1) * real), *outgoing_after = malloc(T * p * real);
            for (int version = 0, first = 1; !relu_version(version) || *relu_version(version); version++) {
                if (!relu_version(version)) continue;
                state = weights_seed;
                fill(doubles, weights, T * p * (n + 1));
                fill(doubles, outgoing, T * p);
                struct rows rows = {.count = N, .inputs = inputs, .labels = labels, .slots = order, .correct = correct,
                                    .used = used, .any_active = active};
                struct pack pack = {.members = T, .batch = B, .bits = n, .width = p, .epoch = 3, .loss = loss,
                                    .held = order, .keys = ordered ? keys : NULL, .learning_rate = learning_rate,
                                    .weight_decay = weight_decay, .weights = weights, .outgoing = outgoing,
                                    .weights_after = weights_after, .outgoing_after = outgoing_after, .train = rows};
                if (relu_run(&pack, version, doubles, 0)) return 1;
                pack.weights = weights_after, pack.outgoing = outgoing_after, pack.held = order + T;
                pack.weight_norm = norm, pack.test = pack.train, pack.train.mean_loss = mean_loss;
                pack.test.correct = correct + T, pack.test.used = used + T;
                if (relu_run(&pack, version, doubles, 1)) return 1;
                double loss_here = mean_loss[T - 1];
                int64_t right = correct[T - 1];
                if (right != correct[2 * T - 1]) return printf("two parts with the same rows differ\n"), 1;
                for (int64_t r = 0; r < 2 * T * N; r++) ranks[r] = (uint32_t)(r % N);
                pack.train.ranks = ranks, pack.test.ranks = ranks + T * N;
                pack.train.allowed = allowed, pack.test.allowed = allowed + T, pack.train.mean_loss = NULL;
                for (int64_t limit = -1; limit <= N; limit += 1 + N / 3) { /* glances */
                    for (int64_t t = 0; t < T; t++) allowed[t] = limit, allowed[T + t] = N - limit;
                    if (relu_run(&pack, version, doubles, 1)) return 1;
                    for (int part = 0; part < 2; part++) {
                        int64_t t = (part + 1) * T - 1, wrong = used[t] - correct[t], most = allowed[t];
                        if (most >= 0 && (wrong > most) != (N - right > most)) return printf("a glance is wrong\n"), 1;
                    }
                }
                if (first) expected = loss_here;
                if (doubles && !(fabs(loss_here - expected) <= 1e-10 * (1 + fabs(expected)))) {
                    printf("n %ld p %ld N %ld B %ld: %s finds %g, not %g\n", (long)n, (long)p, (long)N, (long)B,
                           relu_version(version), loss_here, expected);
                    fflush(stdout);
                    return 1;
                }
                first = 0;
            }
            free(weights), free(outgoing), free(weights_after), free(outgoing_after);
        }
        free(inputs), free(active), free(labels), free(keys), free(learning_rate), free(weight_decay), free(mean_loss), free(correct), free(used), free(norm), free(allowed), free(order), free(ranks);
    }
    printf("%d shapes\n", shapes);
    return 0;
}
