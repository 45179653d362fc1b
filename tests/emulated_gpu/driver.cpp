// Stands for libcuda.so.1, which only has to be there.
extern "C" __attribute__((visibility("default"))) int cuInit(unsigned) { return 0; }
