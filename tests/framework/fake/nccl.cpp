// Stands for libnccl.so.2: it tells a version, or that it cannot.
extern "C" __attribute__((visibility("default"))) int ncclGetVersion(int* version) {
  *version = FAKE_VERSION;
  return FAKE_VERSION == 0 ? 1 : 0;
}
