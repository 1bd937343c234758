#include "suite.h"
#include <stdio.h>
#include <stdlib.h>

#ifdef NDEBUG
#error "tests without assertions test nothing"
#endif

int
run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int run = srunner_ntests_run(runner), failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    if (run == 0)
        puts("no test was run");
    return run > 0 && failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
