target_sources(millrace_pipelines PRIVATE
  check_verb.cpp
  checked_config.cpp
  command_line.cpp
  devices_page.cpp
  download.cpp
  elf_reader.cpp
  fetch.cpp
  fetched_file.cpp
  graph_picture.cpp
  memory_bound.cpp
  plan.cpp
  plugin_loader.cpp
  process_facts.cpp
  progress_line.cpp
  progress_text.cpp
  run_json.cpp
  run_verb.cpp
  show.cpp
  stages_page.cpp
  stop_signals.cpp
  terminal.cpp
  verbs.cpp
)
target_compile_definitions(millrace_pipelines PRIVATE
  MILLRACE_PLUGIN_FOLDER_FROM_BIN="../${CMAKE_INSTALL_LIBDIR}/millrace/plugins"
  $<$<BOOL:${CURL_FOUND}>:MILLRACE_HAS_CURL>)
if(CURL_FOUND)
  target_link_libraries(millrace_pipelines PRIVATE CURL::libcurl)
endif()
