# What the CUDA object is made of. The tests make another of the same sources, for a card that is emulated.
set(MILLRACE_CUDA_KERNELS elementwise.cu reductions.cu)
list(TRANSFORM MILLRACE_CUDA_KERNELS PREPEND "${CMAKE_SOURCE_DIR}/framework/cuda/")
set(MILLRACE_CUDA_SOURCES
  card_clock.cpp
  checks.cpp
  cuda_allocator.cpp
  cuda_device.cpp
  evaluation_step.cpp
  matmul.cpp
  object.cpp
  rank_sums.cpp
  row_gather.cpp
  slab_map.cpp
  step_layout.cpp
  step_memory.cpp
  step_order.cpp
  step_plan.cpp
  step_program.cpp
  time_account.cpp
  train_step.cpp
  ../nn/optimizer.cpp)
list(TRANSFORM MILLRACE_CUDA_SOURCES PREPEND "${CMAKE_SOURCE_DIR}/framework/cuda/")
