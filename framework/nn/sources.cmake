# Sources of nn and its rooms, part of millrace_framework.
target_sources(millrace_framework PRIVATE
  nn/checkpoint/checkpoint_digest.cpp
  nn/checkpoint/checkpoint_header.cpp
  nn/checkpoint/checkpoint_metadata.cpp
  nn/checkpoint/checkpoint_names.cpp
  nn/checkpoint/checkpoint_reader.cpp
  nn/checkpoint/checkpoint_writer.cpp
  nn/checkpoint/initial_weights.cpp
  nn/checkpoint/kept_checkpoints.cpp
  nn/checkpoint/model_tensors.cpp
  nn/checkpoint/model_weights.cpp
  nn/checkpoint/trainer_tensors.cpp
  nn/descriptors.cpp
  nn/initializers.cpp
  nn/metric_sums.cpp
  nn/model.cpp
  nn/optimizer.cpp
  nn/snapshot.cpp
  nn/step_factories.cpp
  nn/target_check.cpp
  nn/use/loaded_model.cpp
  nn/use/model_use_text.cpp
  nn/use/predictor.cpp
  nn/use/row_preparer.cpp
  nn/cpu/pass/backward.cpp
  nn/cpu/pass/batch_pass.cpp
  nn/cpu/kernels/elementwise.cpp
  nn/cpu/evaluation_step.cpp
  nn/cpu/pass/forward.cpp
  nn/cpu/kernels/gemm.cpp
  nn/cpu/pass/gradient_pass.cpp
  nn/cpu/gradient_reduction.cpp
  nn/cpu/pass/gradient_tree.cpp
  nn/cpu/kernels/kernels.cpp
  nn/cpu/kernels/onednn_library.cpp
  nn/cpu/pass/nonzero_columns.cpp
  nn/cpu/kernels/parallel.cpp
  nn/cpu/reduction_deviation.cpp
  nn/cpu/pass/shards.cpp
  nn/cpu/step_factory.cpp
  nn/cpu/train_layout.cpp
  nn/cpu/pass/train_pass.cpp
  nn/cpu/train_step.cpp
  nn/cpu/trained_weights.cpp)
# Roots do not set errno, so that they vectorize; selects may be computed on both sides. Neither changes a bit.
set_source_files_properties(nn/cpu/pass/backward.cpp nn/cpu/kernels/elementwise.cpp nn/cpu/pass/forward.cpp
  PROPERTIES COMPILE_OPTIONS "-fno-math-errno;-fno-trapping-math")
