/* Writes a policy that other measurements load.

     bench-rules COUNT mix|bare|labelled|options FILE

   What the forms are: rules.h. The clients with whom bench-handshake and others connect are allowed in all of them. */
#include "bench.h"
#include "rules.h"
#include <string.h>

int
main(int argc, char **argv)
{
    static const char *const forms[] = { "mix", "bare", "labelled", "options" };
    struct rules rules = { .count = number(argc, argv, 1, 0), .clients = rules_clients };
    if (argc != 4)
        die("usage: bench-rules COUNT mix|bare|labelled|options FILE");
    for (int i = 0; i < 4; i++) {
        if (strcmp(argv[2], forms[i]) != 0)
            continue;
        rules.form = (enum rules_form)i;
        rules_write(&rules, argv[3]);
        return 0;
    }
    die("the form is mix, bare, labelled or options");
}
