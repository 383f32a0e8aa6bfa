/* A CUDA driver without a GPU: what study/kernel/gpu.py calls. Code is the path of an emulated kernel's library. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include <map>
#include <string>

typedef int (*launcher)(unsigned, unsigned, unsigned, void **);
static std::map<int, int> attributes; /* of the device, by their numbers in the driver */
static std::map<void *, int> rooms;   /* shared memory that each kernel was granted */
static size_t memory;
static long launches;
static const int INVALID = 1, NOT_FOUND = 500, LAUNCH_FAILED = 719;

extern "C" {
void stub_attribute(int number, int value) { attributes[number] = value; }
void stub_memory(size_t bytes) { memory = bytes, attributes.clear(); }
long stub_launches() { return launches; }

int cuInit(unsigned) { return 0; }
int cuDeviceGetCount(int *count) { return *count = memory > 0, 0; }
int cuDeviceGet(int *device, int ordinal) { return *device = ordinal, 0; }
int cuDeviceTotalMem_v2(size_t *bytes, int) { return *bytes = memory, 0; }
int cuDeviceGetAttribute(int *value, int number, int) {
    if (!attributes.count(number)) return INVALID;
    return *value = attributes[number], 0;
}
int cuModuleLoadData(void **module, const void *code) {
    *module = dlopen((const char *)code, RTLD_NOW | RTLD_LOCAL);
    return *module ? 0 : NOT_FOUND;
}
int cuModuleGetFunction(void **function, void *module, const char *name) {
    *function = dlsym(module, (std::string("launch_") + name).c_str());
    return *function ? 0 : NOT_FOUND;
}
int cuFuncSetAttribute(void *function, int attribute, int value) {
    if (attribute != 8 || value > attributes[97]) return INVALID; /* more shared memory than a block may have */
    return rooms[function] = value, 0;
}
int cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned tx, unsigned ty, unsigned tz,
                   unsigned shared, void *, void **arguments, void **) {
    if (gy * gz * ty * tz != 1 || tx % 32 || tx > 1024 || !gx) return INVALID;
    if (shared > 48 * 1024 && (int)shared > rooms[function]) return INVALID;
    launches++;
    return ((launcher)function)(gx, tx, shared, arguments) ? LAUNCH_FAILED : 0;
}
}
