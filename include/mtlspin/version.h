/* libmtlspin: version and calling conventions.
   SPDX-License-Identifier: MIT */
#ifndef MTLSPIN_VERSION_H
#define MTLSPIN_VERSION_H

#define MTLSPIN_VERSION_MAJOR 0
#define MTLSPIN_VERSION_MINOR 5
#define MTLSPIN_VERSION_PATCH 0
#define MTLSPIN_VERSION "0.5.0"

/* Marks what the shared library exports. */
#if defined(__GNUC__)
#define MTLSPIN_API __attribute__((visibility("default")))
#define MTLSPIN_MUST_CHECK __attribute__((warn_unused_result))
#define MTLSPIN_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define MTLSPIN_API
#define MTLSPIN_MUST_CHECK
#define MTLSPIN_PRINTF(text, first)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library that is running, for example "0.5.0"; a program was compiled against MTLSPIN_VERSION.
   Static text. Thread-safe. Since: 0.1.0 */
MTLSPIN_API const char *mtlspin_version(void);

#ifdef __cplusplus
}
#endif

#endif
