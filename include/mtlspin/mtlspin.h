/* libmtlspin: which peers may talk to a program over TLS.
   SPDX-License-Identifier: MIT */
#ifndef MTLSPIN_MTLSPIN_H
#define MTLSPIN_MTLSPIN_H

/* Conventions, once for all headers.

   Results:   a call returns a status (MTLSPIN_OK is 0) or NULL, and fills in an optional struct mtlspin_error. Questions
              about a peer return a verdict, of which zero is the refusal. errno means nothing, nothing is printed, nothing
              aborts, and OpenSSL's error queue is left as it was found.
   Arguments: pointers must not be NULL unless the comment permits it; a NULL that is not permitted is
              MTLSPIN_ERR_ARGUMENT or MTLSPIN_DENY. Text is UTF-8 and terminated by a zero byte.
   Ownership: "copied", "borrowed until …", "new reference, release with …". Release functions ignore NULL.
   Time:      signed seconds since 1970-01-01T00:00:00Z.
   Structs with a `size` field are started from their …_INIT macro, so that later versions can add to them. */

#include <mtlspin/audit.h>
#include <mtlspin/builder.h>
#include <mtlspin/codes.h>
#include <mtlspin/context.h>
#include <mtlspin/decision.h>
#include <mtlspin/error.h>
#include <mtlspin/evaluate.h>
#include <mtlspin/moment.h>
#include <mtlspin/name.h>
#include <mtlspin/pin.h>
#include <mtlspin/policy.h>
#include <mtlspin/scan.h>
#include <mtlspin/stats.h>
#include <mtlspin/sweep.h>
#include <mtlspin/text.h>
#include <mtlspin/verifier.h>
#include <mtlspin/version.h>
#include <mtlspin/watch.h>

#endif
