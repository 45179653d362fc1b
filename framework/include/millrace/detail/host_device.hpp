// Marks functions that device code calls too: a formula is written once, for the processor and for a kernel. nvcc and C++17 suffice.
#pragma once

#ifdef __CUDACC__
#define MILLRACE_HOST_DEVICE __host__ __device__
#else
#define MILLRACE_HOST_DEVICE
#endif
