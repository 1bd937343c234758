#include "command.h"

int
check_command(int argc, char **argv)
{
    (void)argc;
    return trouble(argv[0], "not written yet");
}
