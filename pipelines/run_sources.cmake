target_sources(millrace_pipelines PRIVATE
  conservation.cpp
  epoch_gate.cpp
  graph_builder.cpp
  input_front.cpp
  node_adapter.cpp
  node_clock.cpp
  output_check.cpp
  packet_hold.cpp
  permit_ledger.cpp
  run_history.cpp
  run_state.cpp
  runner.cpp
  serial_adapter.cpp
  source_adapter.cpp
  stop_state.cpp
  transform_adapter.cpp
)
