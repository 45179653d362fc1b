# Options that take one of a few words: any other word would count as the last of them without a sound.
foreach(option MILLRACE_SANITIZER MILLRACE_WITH_CURL MILLRACE_WITH_MPI MILLRACE_WITH_CUDA)
  get_property(choices CACHE ${option} PROPERTY STRINGS)
  if(NOT "${${option}}" IN_LIST choices)
    list(JOIN choices ", " choices)
    message(FATAL_ERROR "${option} is `${${option}}`; it takes one of: ${choices}. Set it with -D${option}=...")
  endif()
endforeach()
