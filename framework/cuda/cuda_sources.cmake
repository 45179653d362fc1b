# What the CUDA object is made of. The tests make another of the same sources, for a GPU that is emulated.
set(MILLRACE_CUDA_KERNELS kernels/elementwise.cu kernels/reductions.cu)
list(TRANSFORM MILLRACE_CUDA_KERNELS PREPEND "${CMAKE_SOURCE_DIR}/framework/cuda/")
set(MILLRACE_CUDA_SOURCES
  device/gpu_clock.cpp
  runtime/checks.cpp
  device/cuda_allocator.cpp
  device/cuda_device.cpp
  device/cuda_event.cpp
  step/evaluation_step.cpp
  kernels/matmul.cpp
  backend_entry.cpp
  step/rank_support.cpp
  kernels/row_gather.cpp
  device/slab_map.cpp
  step/step_factory.cpp
  step/step_layout.cpp
  step/step_memory.cpp
  step/step_order.cpp
  step/step_plan.cpp
  step/step_program.cpp
  device/time_account.cpp
  step/trained_layers.cpp
  step/train_step.cpp
  ../nn/optimizer.cpp)
list(TRANSFORM MILLRACE_CUDA_SOURCES PREPEND "${CMAKE_SOURCE_DIR}/framework/cuda/")
