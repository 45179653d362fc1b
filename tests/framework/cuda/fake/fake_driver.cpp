// Stands for libcuda.so.1: it is there, and nobody calls it.
extern "C" __attribute__((visibility("default"))) int cuInit(unsigned) { return 100; }
