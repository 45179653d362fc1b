/* The C entry point of a plugin and the note that is read before any of its code runs. The only C header. */
#ifndef MILLRACE_PLUGIN_H
#define MILLRACE_PLUGIN_H

#include <stdint.h>

#define MILLRACE_VERSION "0.1.0"
#define MILLRACE_PLUGIN_API_VERSION 2
/* 1: the version is not closed yet. A plugin is then good for the very headers that it was built with (decision 0067); once it is 0, decision
 * 0031 says what may change without raising the version. */
#define MILLRACE_PLUGIN_API_IS_DRAFT 1
#define MILLRACE_PLUGIN_MAGIC 0x4d4c5243u /* "MLRC" */
#define MILLRACE_NOTE_SECTION ".note.millrace"

#ifdef __cplusplus
extern "C" {
#endif

/* Lies in section .note.millrace of every plugin; plain data, read from the file. */
typedef struct millrace_plugin_note {
  uint32_t magic;
  uint32_t api_version;
  char compiler[48];         /* "g++ 12.2.0" */
  char standard_library[32]; /* "libstdc++ 20220819" */
  char sanitizer[16];        /* "none", "address", "undefined", "thread" */
  char version[16];          /* of the Millrace it was built against */
} millrace_plugin_note;

/* What the entry point returns; static, never freed. */
typedef struct millrace_plugin {
  uint32_t api_version;
  const char* name;
  const char* version;
  const char* license;
  /* `registry` is a millrace::StageRegistry*. Throws millrace::Error on a duplicate name. */
  void (*register_stages)(void* registry);
} millrace_plugin;

/* Every plugin exports this function. */
const millrace_plugin* millrace_plugin_entry(void);

#ifdef __cplusplus
}
#endif
#endif
