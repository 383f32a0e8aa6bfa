/* One source of study/kernel for a CPU. -DSOURCE names it, -DKERNELS lists K(kernel, blocks of a cluster). */
#define EMULATE
#include SOURCE

template <class... A, size_t... I>
static void called(void (*kernel)(A...), void **arguments, std::index_sequence<I...>) {
    kernel(*(A *)arguments[I]...);
}
template <class... A>
static void called(void (*kernel)(A...), void **arguments) {
    called(kernel, arguments, std::index_sequence_for<A...>());
}

/* A launch of each kernel, as stub_cuda.cpp calls it: 0, or 1 where it cannot be or does not end. */
#define K(name, size)                                                                                 \
    extern "C" int launch_##name(unsigned grid, unsigned threads, unsigned shared, void **arguments) { \
        emulated::arguments = arguments;                                                              \
        emulated::entry = [](void **given) { called(name, given); };                                  \
        return grid % (size) || !emulated::launch(grid, size, threads, shared);                       \
    }
KERNELS
