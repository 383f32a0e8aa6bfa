/* Tiles of 16 neurons on the tensor cores: operands made of bits, products of 32 rows, and sums over neurons.
 *
 * mma.m16n8k16 multiplies a 16 x 16 by a 16 x 8 matrix of halves and adds floats. A warp holds each matrix in
 * fragments: lane 4 g + t has rows g and g + 8 and pairs of columns at 2 t. Two neighboring results have the layout of
 * one left operand, so a lane keeps the same four weights of a tile in gradient, update and look.
 *
 * Products are exact enough. Inputs are signs, exact in half precision. 32 w is the sum of two halves, which differs
 * from w by 2^-23 of w for |w| from 0.005 to 2,047. Below the difference is at most 1e-9. Above the halves are infinite:
 * the network has diverged. A hinge slope times the rows of its batch is 0, 1 or -1, so a hinge gradient is one exact
 * product. Other slopes are the sum of two halves, too.
 *
 * Source: the PTX manual, "Matrix fragments for mma.m16n8k16".
 */
typedef unsigned int u32;
#define NT (2 * KT)              /* tiles of 8 columns */
#define XW ((16 * KT + 31) / 32) /* words of a row with its column of ones */
#define ALL 0xffffffffu
#define SCALE 32.0f   /* of the weights as the kernel is given them: halves would lose bits of small ones */
#define LIFT 2048.0f  /* of what a half leaves of a slope, for the same reason */
#define EACH _Pragma("unroll")

#ifdef EMULATE
#define PIN(x)
#else
/* Keeps an operand in its register: the compiler would make it anew for every tile. */
#define PIN(x) asm volatile("" : "+r"(x))

static __device__ __forceinline__ void mma(float4 &d, const u32 a[4], const u32 b[2]) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d.x), "+f"(d.y), "+f"(d.z), "+f"(d.w)
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

/* Two floats as halves, the first in the low 16 bits. */
static __device__ __forceinline__ u32 halves(float low, float high) {
    u32 packed;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
    return packed;
}

static __device__ __forceinline__ void floats(u32 packed, float &low, float &high) {
    asm("{.reg .f16 a, b; mov.b32 {a, b}, %2; cvt.f32.f16 %0, a; cvt.f32.f16 %1, b;}"
        : "=f"(low), "=f"(high) : "r"(packed));
}

static __device__ __forceinline__ void cluster_barrier() {
#if CLUSTER > 1
    asm volatile("barrier.cluster.arrive.release.aligned;\nbarrier.cluster.wait.acquire.aligned;" ::: "memory");
#endif
}

/* A number at the same place in the shared memory of another block of the cluster. */
static __device__ __forceinline__ float remote(const float *mine, int rank) {
    float value = *mine;
#if CLUSTER > 1
    u32 at = (u32)__cvta_generic_to_shared(mine), there;
    asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(there) : "r"(at), "r"(rank));
    asm volatile("ld.shared::cluster.f32 %0, [%1];" : "=f"(value) : "r"(there));
#endif
    return value;
}
#endif

/* Bits 0 and 1 of v as flips of the signs of two halves. */
static __device__ __forceinline__ u32 flips(u32 v) { return (v & 1) << 15 ^ (v & 2) << 30; }

/* What the halves of two floats leave of these, as halves again. */
static __device__ __forceinline__ u32 left_over(u32 packed, float low, float high, float lift) {
    float p, q;
    floats(packed, p, q);
    return halves((low - p) * lift, (high - q) * lift);
}

/* ---- looking: h = W x ---- */

/* 16 inputs of 8 rows, column tile k and rows 8 i to 8 i + 7, as a right operand; lane r has the words x of row r. */
static __device__ __forceinline__ void inputs_of(const u32 x[XW], int lane, int k, int i, u32 out[2]) {
    const u32 word = __shfl_sync(ALL, x[k / 2], 8 * i + lane / 4), sixteen = word >> (16 * (k & 1) + 2 * (lane & 3));
    out[0] = 0xBC00BC00u ^ flips(sixteen); /* 0xBC00 is -1 */
    out[1] = 0xBC00BC00u ^ flips(sixteen >> 8);
}

/* Adds the products of 16 columns of a tile's weights with 32 rows to h; h[i] is of rows 8 i + 2 t and the next. */
static __device__ __forceinline__ void add_products(const float4 w[2], const u32 inputs[4][2], float4 h[4]) {
    u32 whole[4], rest[4];
    EACH for (int j = 0; j < 2; j++) {
        whole[2 * j] = halves(w[j].x, w[j].y);
        whole[2 * j + 1] = halves(w[j].z, w[j].w);
        rest[2 * j] = left_over(whole[2 * j], w[j].x, w[j].y, 1);
        rest[2 * j + 1] = left_over(whole[2 * j + 1], w[j].z, w[j].w, 1);
    }
    EACH for (int i = 0; i < 4; i++) mma(h[i], whole, inputs[i]);
    EACH for (int i = 0; i < 4; i++) mma(h[i], rest, inputs[i]);
}

/* Adds relu(h) u of neurons g and g + 8 to f of this lane's 8 rows; returns one bit for each that is active.
 *
 * Bit 4 e + i... of row 8 i + 2 t + e: 2 i + 16 e for neuron g and the next bit for neuron g + 8. A NaN is active, so
 * that it passes. */
static __device__ __forceinline__ u32 add_scores(const float4 h[4], float u0, float u8, float f[4][2]) {
    u32 active = 0;
    EACH for (int i = 0; i < 4; i++) {
        const bool x = !(h[i].x <= 0), y = !(h[i].y <= 0), z = !(h[i].z <= 0), w = !(h[i].w <= 0);
        f[i][0] = fmaf(x ? h[i].x : 0.0f, u0, fmaf(z ? h[i].z : 0.0f, u8, f[i][0]));
        f[i][1] = fmaf(y ? h[i].y : 0.0f, u0, fmaf(w ? h[i].w : 0.0f, u8, f[i][1]));
        active |= (x ? 1u << 2 * i : 0) | (y ? 1u << (2 * i + 16) : 0);
        active |= (z ? 2u << 2 * i : 0) | (w ? 2u << (2 * i + 16) : 0);
    }
    return active;
}

/* f of row `lane` of 32, summed over the eight lanes that have the same rows. */
static __device__ __forceinline__ float score_of_row(float f[4][2], int lane) {
    float mine = 0;
    EACH for (int i = 0; i < 4; i++)
        EACH for (int e = 0; e < 2; e++) {
            EACH for (int far = 4; far < 32; far *= 2) f[i][e] += __shfl_xor_sync(ALL, f[i][e], far);
            const float sum = __shfl_sync(ALL, f[i][e], lane % 8 / 2);
            if (lane / 8 == i && lane % 2 == e) mine = sum;
        }
    return mine;
}

/* ---- learning: G = (active slopes)^T X ---- */

/* Slopes of 16 of 32 rows, as the halves that `slopes_times_inputs` multiplies with signs. */
struct slopes {
    u32 whole[2], rest[2];
};

/* Slopes of rows 16 k to 16 k + 15; lane r has that of row r, times the rows of the batch. */
static __device__ __forceinline__ struct slopes sixteen_slopes(float slope, int lane, int k) {
    struct slopes s;
    EACH for (int e = 0; e < 2; e++) {
        const int row = 16 * k + 8 * e + 2 * (lane & 3);
        const float low = __shfl_sync(ALL, slope, row), high = __shfl_sync(ALL, slope, row + 1);
        s.whole[e] = halves(low, high);
        s.rest[e] = LOSS ? left_over(s.whole[e], low, high, LIFT) : 0;
    }
    return s;
}

/* Slopes of 16 rows times 8 inputs of each, as a right operand; bit r of `column` is set where row r has +1. */
static __device__ __forceinline__ void slopes_times_inputs(const u32 slope[2], u32 column, int row, bool there, u32 out[2]) {
    const u32 minus = ~column >> row;
    out[0] = there ? slope[0] ^ flips(minus) : 0;
    out[1] = there ? slope[1] ^ flips(minus >> 8) : 0;
}

/* Who is active on rows 16 k to 16 k + 15, as a left operand of ones: from the bits of `add_scores`. */
static __device__ __forceinline__ void activity_of(u32 active, int k, u32 out[4]) {
    EACH for (int i = 0; i < 4; i++) out[i] = (active >> (4 * k + i) & 0x10001u) * 0x3C00u; /* 0x3C00 is 1 */
}

static __device__ __forceinline__ float slope_at(float margin) {
#if LOSS == 0
    return margin >= 1 ? 0.0f : margin * 0 - 1; /* not -(margin < 1): NaN stays NaN */
#elif LOSS == 1
    return -1 / (1 + expf(margin));
#else
    return -2 * (1 - margin);
#endif
}

static __device__ __forceinline__ double loss_at(double margin) {
#if LOSS == 0
    return 1 - margin < 0 ? 0 : 1 - margin;
#elif LOSS == 1
    return (margin > 0 ? 0 : -margin) + log1p(exp(-fabs(margin)));
#else
    return (1 - margin) * (1 - margin);
#endif
}
