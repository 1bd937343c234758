/* What libmtlspin adds to a server's handshake.

     bench-handshake count KIND VERSION KEY SIDE HANDSHAKES POLICY    does handshakes, to be counted by callgrind
     bench-handshake time  KIND VERSION KEY HANDSHAKES POLICY         plain and guarded in turn: nanoseconds, medians

   KIND: full or resumed. VERSION: 1.2 or 1.3. KEY: p256 or rsa. SIDE: plain (OpenSSL checks the same chain, and nobody asks
   for pins) or guarded. What counts is what happens in server_step: handshake, and for the guarded side mtlspin_check. */
#include "server_side.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
compare(const void *left, const void *right)
{
    const double *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

static double
median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare);
    return values[count / 2];
}

static int
measure(struct sides *sides, bool resumed, size_t count)
{
    double *plain = calloc(count, sizeof *plain), *guarded = calloc(count, sizeof *guarded);
    if (plain == NULL || guarded == NULL)
        die("out of memory");
    for (size_t i = 0; i < count; i++) { /* which one is first changes, too */
        for (size_t turn = 0; turn < 2; turn++) {
            bool guard = (i + turn) % 2 == 0;
            (guard ? guarded : plain)[i] = shake(guard ? &sides->guarded : &sides->plain, resumed);
        }
    }
    printf("%.0f %.0f\n", median(plain, count), median(guarded, count));
    free(plain);
    free(guarded);
    return 0;
}

int
main(int argc, char **argv)
{
    bool time = argc == 7 && strcmp(argv[1], "time") == 0;
    if (!time && (argc != 8 || strcmp(argv[1], "count") != 0))
        die("usage: see the top of the source");
    bool resumed = strcmp(argv[2], "resumed") == 0;
    int version = strcmp(argv[3], "1.2") == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
    size_t count = strtoul(argv[argc - 2], NULL, 10);
    struct sides sides;
    sides_make(&sides, version, strcmp(argv[4], "rsa") == 0, argv[argc - 1]);
    struct side *side = !time && strcmp(argv[5], "plain") == 0 ? &sides.plain : &sides.guarded;
    if (time)
        (void)measure(&sides, resumed, count);
    for (size_t i = 0; !time && i < count; i++)
        (void)shake(side, resumed);
    sides_free(&sides);
    return 0;
}
